# SPDX-License-Identifier: MIT
"""Hosts that are out of the ordinary, with and without the shim: other preloads beside it, programs of 32 bits or with
capabilities, plugins that are loaded past every preload. What they do is the same, and what can't be seen is counted.
"""

import glob
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import unittest

from cases import Case
from expectations import Victim
from given import Given
from processes import PATIENCE, wait_for
from sandbox import Sandbox
from watched import Watched, WatchedHarness, build

HERE = pathlib.Path(__file__).resolve().parent
LIBC_OF_32_BITS, LINKER_OF_32_BITS = "/lib32/libc.so.6", "/lib/ld-linux.so.2"
STATUS = 7  # of every host here
LD_SO = b"ERROR: ld.so: object '%s' from LD_PRELOAD cannot be preloaded (wrong ELF class: ELFCLASS64): ignored.\n"


class Hosts(Case):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="lsv-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        os.chmod(self.directory, 0o755)

    def built(self, source, name, *flags):
        program = self.directory / name
        self.assertTrue(build("gcc", source, program, *flags))
        return program

    # Other preloads

    def beside(self, other):
        """One leak of each kind, in a program that has another preload as well: before ours, and behind it."""
        program = self.built(Given.source, "victim")
        for order in (f"{other}:{{library}}", f"{{library}}:{other}"):
            def variables(preloaded, order=order):
                return {"LD_PRELOAD": order if preloaded else str(other)}
            with self.subTest(order):
                harness = WatchedHarness(Victim(Given.source), program, variables)
                self.assertEqual(list(harness.complaints()), [])
                self.assertEqual(harness.bare.stderr, b"")
                with Watched(variables) as sandbox:
                    maps = sandbox.run(["cat", "/proc/self/maps"], "report").stdout
                    self.assertIn(os.path.realpath(other).encode(), maps)
                    self.assertIn(Given.library.encode(), maps)

    def allocator(self, name):
        found = [path for path in glob.glob("/usr/lib/*/" + name) if "-linux-gnu" in path]
        if not found:
            self.skipTest(f"there is no {name} here")
        self.beside(found[0])

    def test_jemalloc_beside_ours_changes_nothing(self):
        self.allocator("libjemalloc.so.2")

    def test_tcmalloc_beside_ours_changes_nothing(self):
        self.allocator("libtcmalloc_minimal.so.4")

    def test_a_preload_of_somebody_else_beside_ours_changes_nothing(self):
        other = self.built(HERE / "hosts/somebodys_preload.c", "somebodys_preload.so", "-shared", "-fPIC", "-O2")
        self.beside(other)
        # Its own doings are seen all the same.
        ask = ["/usr/bin/python3", "-c", "import ctypes; libc = ctypes.CDLL(None)\n"
                                         "print(libc.time(None), libc.somebodys_calls() > 9)"]
        for order in (f"{other}:{Given.library}", f"{Given.library}:{other}"):
            with Sandbox() as sandbox:
                self.assertEqual(sandbox.run(ask, "report", LD_PRELOAD=order).stdout, b"86400 True\n")

    # Programs that the library can't be loaded into

    def of_32_bits(self):
        if not (os.path.exists(LIBC_OF_32_BITS) and os.path.exists(LINKER_OF_32_BITS)):
            self.skipTest("there is no libc of 32 bits here")
        return self.built(HERE / "hosts/plain_host.c", "of_32_bits", "-m32", "-DALONE", "-ffreestanding", "-fno-pic",
                          "-no-pie", "-fno-stack-protector", "-nostdlib", LIBC_OF_32_BITS,
                          f"-Wl,--dynamic-linker={LINKER_OF_32_BITS}")

    def bare(self, command):
        with Sandbox() as sandbox:
            ended = sandbox.run(command)
            self.assertEqual((ended.status, ended.stderr), (STATUS, b""))
            self.assertEqual([path.name for path in sandbox.tmp.iterdir()], ["of-32-bits"])
            self.assertIn(b"32 bits, secure 0, mkdir 0", ended.stdout)
            return ended

    def test_a_run_starts_programs_of_32_bits_without_a_sound(self):
        program = str(self.of_32_bits())
        ways = {"sh": ["sh", "-c", f"{program}; exit {STATUS}"], "exec": ["sh", "-c", f"exec {program}"],
                "python": ["/usr/bin/python3", "-c", f"import subprocess; exit(subprocess.call(['{program}']))"],
                "perl": ["perl", "-e", f"exit(system('{program}') >> 8)"]}
        for way, command in ways.items():
            with self.subTest(way), Sandbox() as sandbox:
                bare, ended = self.bare(command), sandbox.run(command, "reap")
                self.assertEqual((ended.status, ended.stdout, ended.stderr), (STATUS, bare.stdout, b""))
                self.assertEqual(sandbox.report()[0]["counters"]["blind"]["foreign_class"], 1)

    def test_leakshim_run_starts_a_program_of_32_bits_without_a_sound(self):
        program = str(self.of_32_bits())
        with Sandbox() as sandbox:
            bare = self.bare([program])
            ended = sandbox.run([Given.run, program], None, LEAKSHIM_DIR=str(sandbox.ledger))
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (STATUS, bare.stdout, b""))
            self.assertEqual(sandbox.report()[0]["counters"]["blind"]["foreign_class"], 1)

    def test_of_a_root_of_32_bits_the_dynamic_linker_alone_speaks(self):
        program = str(self.of_32_bits())
        with Sandbox() as sandbox:
            bare, ended = self.bare([program]), sandbox.run([program], "reap")
            self.assertEqual((ended.status, ended.stdout), (STATUS, bare.stdout))
            self.assertEqual(ended.stderr, LD_SO % os.fsencode(Given.library))
            self.assertEqual(os.listdir(sandbox.ledger), [])

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setcap"), "needs root and setcap")
    def test_a_program_with_capabilities_is_left_alone_and_counted(self):
        program = self.built(HERE / "hosts/plain_host.c", "capable", "-fno-builtin")
        if subprocess.run(["setcap", "cap_net_raw+ep", program], check=False).returncode != 0:
            self.skipTest("this file system has no capabilities")
        uid, _ = self.somebody_else()
        for command in ([str(program)], ["sh", "-c", f"{program}; {program} second; exit 7"]):
            with self.subTest(command):
                bare, _ = self.as_user(uid, command, None)
                self.assertIn(b"secure 1, mkdir 0", bare.stdout)
                ended, report = self.as_user(uid, command, "reap")
                self.assertEqual((ended.status, ended.stdout, ended.stderr), (STATUS, bare.stdout, b""))
                # As the root it is nobody's: no session ever began.
                self.assertEqual(report and report["counters"]["blind"]["setid"], 2 if len(command) > 1 else None)

    def as_user(self, uid, command, mode):
        """How a command of another user ends, and his report if he has one."""
        with Sandbox() as sandbox:
            sandbox.share(sandbox.guard, sandbox.reporter)
            sandbox.give_to(uid)
            reporter = sandbox.base / "leakshim-report"
            switch = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "env"]
            values = [f"{name}={value}" for name, value in sandbox.environment(mode).items()]
            ended = sandbox.run([*switch, "-i", *values, *command])
            self.assertEqual(ended.status, STATUS, ended.stderr)
            if not os.listdir(sandbox.ledger):
                return ended, None
            shown = subprocess.run([*switch, f"LEAKSHIM_DIR={sandbox.ledger}", reporter, "--json"],
                                   stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
            return ended, json.loads(shown.stdout)

    # A host that confines itself

    @unittest.skipUnless(platform.machine() == "x86_64", "knows which calls libc makes on x86-64 only")
    def test_a_host_that_confines_itself_is_not_killed_for_calls_of_ours(self):
        host = str(self.built(HERE / "hosts/confined.c", "confined"))
        for how in ("prctl", "seccomp", "strict", "programs"):
            left = ["before"] if how == "strict" else ["after", "before"]
            with self.subTest(how):
                with Sandbox() as sandbox:
                    bare = sandbox.run([host, how])
                    self.assertEqual((bare.status, bare.stderr), (STATUS, b""), bare.stdout)
                    self.assertEqual(sorted(os.listdir(sandbox.tmp)), left)
                for mode in ("report", "reap"):
                    with Sandbox() as sandbox:
                        ended = sandbox.run([host, how], mode)
                        self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (STATUS, bare.stdout, b""))
                        # It is the guard that ends such a run; what was made under the filter nobody knows of.
                        last = left if mode == "report" else left[:-1]
                        seen = wait_for(lambda: sorted(os.listdir(sandbox.tmp)), lambda names: names == last)
                        self.assertEqual(seen, last)

    def test_a_child_that_confines_itself_is_not_killed_for_calls_of_ours(self):
        host = str(self.built(HERE / "hosts/confined.c", "confined"))
        command = ["sh", "-c", f"{host} prctl; exit $?"]
        with Sandbox() as sandbox:
            bare = sandbox.run(command)
        with Sandbox() as sandbox:
            ended = sandbox.run(command, "reap")
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (STATUS, bare.stdout, b""))
            report = sandbox.report()[0]
            self.assertEqual(report["counters"]["left_ledger"], 1)
            self.assertEqual([os.path.basename(record["path"]) for record in report["records"]], ["before"])

    def test_vfork_children_that_confine_themselves_leave_their_parent_alone(self):
        host = str(self.built(HERE / "hosts/confined_child.c", "confined_child"))
        for how in ("prctl", "syscall"):
            with self.subTest(how):
                with Sandbox() as sandbox:
                    bare = sandbox.run([host, how])
                    self.assertEqual((bare.status, bare.stderr), (STATUS, b""), bare.stdout)
                    self.assertEqual(bare.stdout, b"a program 1024\nnone 512\nstrict 1280\nafterwards 768\n")
                with Sandbox() as sandbox:
                    ended = sandbox.run([host, how], "reap")
                    self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (STATUS, bare.stdout, b""))
                    self.assertEqual(list(sandbox.left_over()), [])
                    report = sandbox.report()[0]
                    self.assertEqual(report["counters"]["left_ledger"], 3)
                    self.assertEqual(sorted(os.path.basename(record.get("path") or record["kind"])
                                            for record in report["records"]), ["after", "before", "socket"])

    def test_pointers_that_lead_nowhere_are_refused_where_we_may_not_ask_for_them(self):
        host = str(self.built(HERE / "hosts/without_vm_readv.c", "without_vm_readv"))
        victim = self.built(HERE.parent / "victims/pointers_that_lead_nowhere_are_refused_as_ever.c", "victim")
        with Sandbox() as sandbox:
            bare = sandbox.run([host, str(victim), sandbox.tag])
            self.assertEqual((bare.status, bare.stderr), (0, b""))
        with Sandbox() as sandbox:
            ended = sandbox.run([host, str(victim), sandbox.tag], "report")
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (0, bare.stdout, b""))

    # Before libc, and what /proc tells of us

    def test_hooks_work_before_libc_is_initialised(self):
        host = str(self.built(HERE / "hosts/first_of_all.c", "first_of_all"))
        with Sandbox() as sandbox:
            bare = sandbox.run([host])
            self.assertEqual(bare.status, STATUS)
            self.assertIn(b"environment 0, mkdir 0, again -1 (File exists), socket 1, close 0, child 5", bare.stdout)
        with Sandbox() as sandbox:
            ended = sandbox.run([host], "reap")
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (STATUS, bare.stdout, b""))
            self.assertEqual(list(sandbox.left_over()), [])
            records = sandbox.report()[0]["records"]
            self.assertIn(("temp_dir", "reaped"), [(record["kind"], record["state"]) for record in records])

    def test_proc_shows_nothing_of_us_but_memory(self):
        own = "import os\nfor name in ('status', 'limits', 'cmdline', 'comm', 'cgroup', 'loginuid', 'oom_score_adj', " \
              "'coredump_filter', 'timerslack_ns', 'personality'):\n" \
              "  print(open(f'/proc/self/{name}', errors='replace').read())\n" \
              "print(len(os.listdir('/proc/self/task')), sorted(os.listdir('/proc/self/fd')))\n" \
              "print([open(f'/proc/self/task/{t}/children').read() for t in os.listdir('/proc/self/task')])"
        command = ["/usr/bin/python3", "-c", own]

        def seen(sandbox, mode):
            ended = sandbox.run(command, mode)
            self.assertEqual((ended.status, ended.own_stderr), (0, b""))
            lines = ended.stdout.decode().splitlines()
            # Numbers of this very process or of the whole machine, and memory, which README speaks of.
            mine = ("Pid:", "Tgid:", "NSpid:", "NStgid:", "NSpgid:", "Ngid:", "SigQ:", "Vm", "Rss", "HugetlbPages",
                    "voluntary_ctxt", "nonvoluntary_ctxt")
            return [line for line in lines if not line.startswith(mine)]

        with Sandbox() as sandbox:
            bare = seen(sandbox, None)
            self.assertIn("Threads:\t1", bare)
        for mode in ("report", "reap"):
            with Sandbox() as sandbox:
                self.assertEqual(seen(sandbox, mode), bare)

    def test_limits_of_memory_count_hardly_more_than_a_mib_and_a_half_of_ours(self):
        own = "print(open('/proc/self/status').read())"

        def sizes(mode, *command):
            with Sandbox() as sandbox:
                lines = sandbox.run(command, mode).stdout.decode().splitlines()
                return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}

        for command in (["cat", "/proc/self/status"], ["/usr/bin/python3", "-c", own], ["sh", "-c", "cat /proc/$$/status"]):
            bare, now = sizes(None, *command), sizes("report", *command)
            more = {name: now[name] - bare[name] for name in bare}
            # What RLIMIT_AS, _DATA, _STACK and _MEMLOCK count, in KiB: a MiB of ledger, and ourselves.
            self.assertLessEqual(more["VmSize"], 1024 + 576, command)
            self.assertLessEqual(more["VmData"], 256, command)
            self.assertEqual((more["VmStk"], more["VmLck"], more["VmPin"], more["VmSwap"]), (0, 0, 0, 0), command)

    # Plugins

    def test_a_plugin_works_the_same_however_it_is_loaded(self):
        host = self.built(HERE / "hosts/loads_plugins.c", "loads_plugins", "-ldl")
        plugin = self.built(HERE / "hosts/plugin.c", "plugin.so", "-shared", "-fPIC")
        # What the plugin makes is seen where it calls through the hooks, and only there; the host's is always.
        for how, seen in (("plain", {"of-the-host", "of-the-plugin"}), ("deepbind", {"of-the-host"}),
                          ("dlmopen", {"of-the-host"})):
            with self.subTest(how):
                command = [str(host), how, str(plugin)]
                with Sandbox() as sandbox:
                    bare = sandbox.run(command)
                    self.assertEqual((bare.status, bare.stderr), (STATUS, b""), bare.stdout)
                    self.assertIn(b"plugin 1\nmkdir 0\nnext descriptor 1\nclose 0\nclose again -1\n", bare.stdout)
                with Sandbox() as sandbox:
                    ended = sandbox.run(command, "reap")
                    self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (STATUS, bare.stdout, b""))
                    records = sandbox.report()[0]["records"]
                    self.assertEqual({os.path.basename(record["path"]) for record in records
                                      if record["kind"] == "temp_dir"}, seen)
                    self.assertEqual({path.name for path in sandbox.tmp.iterdir()},
                                     {"of-the-host", "of-the-plugin"} - seen)
