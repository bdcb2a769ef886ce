# SPDX-License-Identifier: MIT
"""The library for aarch64: built from the same meson files by a cross compiler, held to the same promises, and run.

The tools are left out, whose libraries nobody has for another machine: a project is made that consists of this one's
`shim` alone. What runs is a small program, and victims, under qemu-aarch64, with and without the shim. Exit status 77
where there is no cross compiler.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest
import unittest.mock

import test_library
from cases import Case
from expectations import Victim
from files import remove_tree
from given import Given
from sandbox import Sandbox
from victims import Harness

HERE = pathlib.Path(__file__).resolve().parent
SOURCE, BUILD = pathlib.Path(Given.source), pathlib.Path(Given.build)
COMPILER, COMPILER_CXX, EMULATOR = "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++", "qemu-aarch64"

CROSS_FILE = f"""[binaries]
c = '{COMPILER}'
cpp = '{COMPILER_CXX}'
ar = 'aarch64-linux-gnu-gcc-ar'
strip = 'aarch64-linux-gnu-strip'
[properties]
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
"""

# Victims that have to do with the machine: its assembly, its numbers of system calls, how threads and signals end a
# call. Not those that execute something, which would be the emulator's, or that the emulator itself answers otherwise.
VICTIMS = """
vfork_child_closing_fds_leaves_parents_records vfork_child_that_cannot_exec_ends_nothing
syscall_makes_and_releases_as_the_named_calls_do syscall_exit_group_ends_the_session syscall_starts_processes_too
a_cancelled_call_leaves_what_it_had_done abort_survived_by_a_handler_goes_on quick_exit_ends_the_session
clone_with_a_stack_left_running exit_from_a_second_thread_ends_the_session last_pthread_exit_ends_the_session
calls_on_a_tiny_stack close_range_closes_many every_kind_of_dup_makes_a_descriptor every_name_of_open_is_closed_again
every_way_to_create_a_temporary_file pointers_that_lead_nowhere_are_refused_as_ever special_descriptors_left_open
system_v_objects_left_behind the_host_keeps_its_masks_and_handlers without_a_descriptor_left_every_call_says_so
""".split()


def run(*command, **more):
    """Runs a command of the build; its output is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')}")
    return done.stdout.decode().strip()


def build_library():
    """The library in BUILD, made or brought up to date."""
    project, build = BUILD / "project", BUILD / "build"
    project.mkdir(parents=True, exist_ok=True)
    top = (SOURCE / "meson.build").read_text(encoding="utf-8")
    alone = "".join(line for line in top.splitlines(True) if line not in ("subdir('tools')\n", "subdir('tests')\n"))
    (project / "meson.build").write_text(alone, encoding="utf-8")
    if not (project / "shim").is_symlink():
        (project / "shim").symlink_to(SOURCE / "shim")
    (BUILD / "cross.ini").write_text(CROSS_FILE, encoding="utf-8")
    if not (build / "build.ninja").exists():
        shutil.rmtree(build, ignore_errors=True)
        run(Given.meson, "setup", "--cross-file", str(BUILD / "cross.ini"), str(build), str(project))
    run("ninja", "-C", str(build), "-j", "2")
    return build / "shim" / "libleakshim.so"


def emulated(libc, command, library=None, mode=None):
    """A command line for the emulator; the shim is loaded into the program, not into the emulator."""
    preload = [] if mode is None else ["-E", f"LD_PRELOAD={library}", "-E", f"LEAKSHIM={mode}"]
    return [EMULATOR, "-L", str(libc.resolve().parent.parent), *preload, *command]


class EmulatedSandbox(Sandbox):
    def __init__(self, library, libc):
        super().__init__(library)
        self.libc = libc

    def run(self, command, mode=None, ci=True, **more):
        line = emulated(self.libc, command, self.library, mode)
        return super().run(line, None, ci, **{**more, **({"LEAKSHIM_DIR": str(self.ledger)} if mode else {})})


class EmulatedHarness(Harness):
    def __init__(self, libc, library, victim, program):
        super().__init__(victim, str(program))
        self.libc, self.library = libc, library
        # The guard that lies beside the library is for the other machine, too.
        self.victim.degraded = self.victim.degraded or "no_guard"

    def sandbox(self):
        return EmulatedSandbox(self.library, self.libc)


@unittest.skipIf(shutil.which(COMPILER_CXX) is None, f"there is no {COMPILER_CXX} here")
class OnAarch64(Case):
    @classmethod
    def setUpClass(cls):
        cls.library = build_library()
        cls.libc = pathlib.Path(run(COMPILER, "-print-file-name=libc.so.6"))
        cls.program = BUILD / "foreign_work"
        run(COMPILER, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", str(HERE / "foreign_work.c"), "-o",
            str(cls.program))

    def emulate(self, sandbox, mode=None):
        """Runs the program as another machine's."""
        command = emulated(self.libc, [str(self.program), "/bin/true"], self.library, mode)
        more = {} if mode is None else {"LEAKSHIM_DIR": str(sandbox.ledger)}
        ended = sandbox.run(command, None, **more)
        # The emulator has been seen to die of a damaged heap on a busy machine, bare: one such death is not ours.
        if ended.status == -signal.SIGSEGV and b"corrupted" in ended.stderr:
            print(f"the emulator died: {ended.stderr!r}", file=sys.stderr)
            for directory in (sandbox.tmp, sandbox.ledger):
                remove_tree(directory)
                directory.mkdir(mode=0o700)
            ended = sandbox.run(command, None, **more)
        # A shell that libc itself starts is the emulator's, and can't load what is made for another machine.
        noise = [line for line in ended.own_stderr.splitlines() if b"from LD_PRELOAD cannot be preloaded" not in line]
        return ended.status, ended.stdout, noise

    def test_it_is_to_the_dynamic_linker_what_the_native_one_is(self):
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(test_library.Library)
        with unittest.mock.patch.multiple(Given, library=str(self.library), libc=str(self.libc), create=True):
            result = unittest.TextTestRunner(verbosity=2).run(suite)
        self.assertGreater(result.testsRun, 10)
        self.assertTrue(result.wasSuccessful())

    def test_the_ledger_has_the_same_layout(self):
        run(COMPILER_CXX, "-std=c++20", "-DLEAKSHIM_LAYOUT_ONLY", "-fsyntax-only", f"-I{SOURCE}/shim/base",
            f"-I{SOURCE}/shim/ledger", str(HERE / "layout_test.cc"))

    @unittest.skipIf(shutil.which(EMULATOR) is None, "no emulator")
    def test_a_program_behaves_the_same_and_what_it_leaves_is_reported(self):
        with Sandbox() as sandbox:
            bare = self.emulate(sandbox)
            self.assertEqual((bare[0], bare[2]), (7, []))
            self.assertEqual(list(sandbox.left_over()), [os.fsencode(sandbox.tmp / "left")])
        with Sandbox() as sandbox:
            self.assertEqual(self.emulate(sandbox, "report"), bare)
            errors = [(one["kind"], one["path"], one["state"]) for one in sandbox.report()[0]["records"]
                      if one["degree"] == "error"]
            self.assertEqual(errors, [("temp_dir", str(sandbox.tmp / "left"), "leaked")])
        with Sandbox() as sandbox:
            self.assertEqual(self.emulate(sandbox, "reap"), bare)
            self.assertEqual(list(sandbox.left_over()), [])

    @unittest.skipIf(shutil.which(EMULATOR) is None, "no emulator")
    def test_victims_behave_the_same_and_the_ledger_holds_what_they_say(self):
        for name in VICTIMS:
            source, program = SOURCE / "tests/victims" / f"{name}.c", BUILD / name
            run(COMPILER, "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-w", "-O1", "-pthread", str(source), "-o", str(program))
            harness = EmulatedHarness(self.libc, self.library, Victim(source), program)
            with self.subTest(name):
                for mode in (harness.run_bare, harness.run_reporting, harness.run_reaping):
                    self.assertEqual(list(mode()), [], mode.__name__)
