#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library for aarch64: built from the same meson files by a cross compiler, held to the same promises, and run.

The tools are left out, whose libraries nobody has for another machine: a project is made that consists of this one's
`shim` alone. What runs is a small program under qemu-aarch64, with and without the shim. Exit status 77 where there is
no cross compiler.

usage: test_aarch64.py SOURCE BUILD MESON REPORTER [TEST]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "preload"))

from sandbox import Sandbox, end_on_sigterm  # noqa: E402
import test_library  # noqa: E402

SOURCE = BUILD = MESON = REPORTER = None
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
        run(MESON, "setup", "--cross-file", str(BUILD / "cross.ini"), str(build), str(project))
    run("ninja", "-C", str(build), "-j", "2")
    return build / "shim" / "libleakshim.so"


class OnAarch64(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = build_library()
        cls.libc = pathlib.Path(run(COMPILER, "-print-file-name=libc.so.6"))
        cls.program = BUILD / "foreign_work"
        run(COMPILER, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", str(HERE / "foreign_work.c"), "-o",
            str(cls.program))

    def emulate(self, sandbox, mode=None):
        """Runs the program as another machine's; the shim is loaded into it, not into the emulator."""
        command = [EMULATOR, "-L", str(self.libc.resolve().parent.parent), str(self.program), "/bin/true"]
        more = {}
        if mode is not None:
            command[1:1] = ["-E", f"LD_PRELOAD={self.library}", "-E", f"LEAKSHIM={mode}"]
            more = {"LEAKSHIM_DIR": str(sandbox.ledger)}
        ended = sandbox.run(command, None, **more)
        # A shell that libc itself starts is the emulator's, and can't load what is made for another machine.
        noise = [line for line in ended.own_stderr.splitlines() if b"from LD_PRELOAD cannot be preloaded" not in line]
        return ended.status, ended.stdout, noise

    def test_it_is_to_the_dynamic_linker_what_the_native_one_is(self):
        test_library.prepare(self.library, self.libc, SOURCE / "shim/hooks/hooks.inc", SOURCE / "shim/leakshim.h")
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(test_library.Library)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        self.assertGreater(result.testsRun, 10)
        self.assertTrue(result.wasSuccessful())

    def test_the_ledger_has_the_same_layout(self):
        run(COMPILER_CXX, "-std=c++20", "-DLEAKSHIM_LAYOUT_ONLY", "-fsyntax-only", f"-I{SOURCE}/shim/base",
            f"-I{SOURCE}/shim/ledger", str(HERE / "layout_test.cc"))

    @unittest.skipIf(shutil.which(EMULATOR) is None, "no emulator")
    def test_a_program_behaves_the_same_and_what_it_leaves_is_reported(self):
        with Sandbox(None, REPORTER) as sandbox:
            bare = self.emulate(sandbox)
            self.assertEqual((bare[0], bare[2]), (7, []))
            self.assertEqual(list(sandbox.left_over()), [os.fsencode(sandbox.tmp / "left")])
        with Sandbox(None, REPORTER) as sandbox:
            self.assertEqual(self.emulate(sandbox, "report"), bare)
            errors = [(one["kind"], one["path"], one["state"]) for one in sandbox.report()[0]["records"]
                      if one["degree"] == "error"]
            self.assertEqual(errors, [("temp_dir", str(sandbox.tmp / "left"), "leaked")])
        with Sandbox(None, REPORTER) as sandbox:
            self.assertEqual(self.emulate(sandbox, "reap"), bare)
            self.assertEqual(list(sandbox.left_over()), [])


def main():
    global SOURCE, BUILD, MESON, REPORTER
    SOURCE, BUILD = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    MESON, REPORTER = sys.argv[3], str(pathlib.Path(sys.argv[4]).resolve())
    if shutil.which(COMPILER_CXX) is None:
        print(f"skipped: there is no {COMPILER_CXX} here")
        return 77
    end_on_sigterm()
    names = [f"OnAarch64.{name}" for name in sys.argv[5:]]
    result = unittest.main(argv=sys.argv[:1] + names, exit=False, verbosity=2).result
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
