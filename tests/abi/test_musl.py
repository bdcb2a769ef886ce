# SPDX-License-Identifier: MIT
"""Programs of another libc: musl takes `libc.so.6` in NEEDED for itself, so the library is loaded into them as well.

Exit status 77 where there is no musl-gcc.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import elf
import test_library
from cases import Case
from given import Given
from hook_table import read_rows
from sandbox import Sandbox

HERE = pathlib.Path(__file__).resolve().parent
STATUS_OF_A_LEAKY_RUN = 24

WAYS_OUT = """
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int status = atoi(argv[argc - 1]);
    if (chdir(getenv("TMPDIR")) != 0 || mkdir("left", 0700) != 0) return 99;
    if (strcmp(argv[1], "quick_exit") == 0) quick_exit(status);
    if (strcmp(argv[1], "_exit") == 0) _exit(status);
    return status;
}
"""


@unittest.skipIf(shutil.which("musl-gcc") is None, "there is no musl-gcc")
class OnMusl(Case):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="lsm-")
        cls.addClassCleanup(cls.work.cleanup)
        cls.program = os.path.join(cls.work.name, "foreign_work")
        cls.ways_out = os.path.join(cls.work.name, "ways_out")
        cls.compile(cls.program, str(HERE / "foreign_work.c"))
        cls.compile(cls.ways_out, "-xc", "-", text=WAYS_OUT)

    @staticmethod
    def compile(target, *sources, text=None):
        subprocess.run(["musl-gcc", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", target, *sources],
                       input=text, text=True, check=True)

    def test_the_library_is_really_loaded(self):
        self.assertEqual(elf.Elf(self.program).needed, ["libc.so"])
        with Sandbox() as sandbox:
            sandbox.run([self.program, "/bin/true"], "report")
            self.assertEqual(sandbox.report()[0]["session"]["root"]["command"], [self.program, "/bin/true"])

    def test_nothing_is_looked_up_in_vain_at_the_start(self):
        rows = read_rows(Given.hooks)
        libc = elf.Elf(elf.Elf(self.program).interpreter())  # musl is its own dynamic linker
        exports = {symbol.name for symbol in libc.exports()}
        self.assertEqual([name for kind, name, _ in rows if kind == "HOOK" and name not in exports], [])
        self.assertLessEqual(set(test_library.ALLOWED), exports)

    def test_a_program_behaves_the_same_and_what_it_leaves_is_reported(self):
        # The programs that it executes are one of each libc.
        for other in ("/bin/true", self.ways_out):
            command = [self.program, other]
            with self.subTest(executes=other):
                with Sandbox() as sandbox:
                    bare = sandbox.run(command)
                    self.assertEqual((bare.status, bare.stderr), (7, b""))
                    self.assertEqual(list(sandbox.left_over()), [os.fsencode(sandbox.tmp / "left")])
                with Sandbox() as sandbox:
                    ended = sandbox.run(command, "report")
                    self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (7, bare.stdout, b""))
                    errors = [(one["kind"], one["path"]) for one in sandbox.report()[0]["records"]
                              if one["degree"] == "error"]
                    self.assertEqual(errors, [("temp_dir", str(sandbox.tmp / "left"))])
                with Sandbox() as sandbox:
                    ended = sandbox.run(command, "reap,fail")
                    self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (7, bare.stdout, b""))
                    self.assertEqual(list(sandbox.left_over()), [])

    def test_every_way_out_ends_the_session(self):
        for way in ("return", "_exit", "quick_exit"):
            for status in (0, 5):
                with self.subTest(way=way, status=status), Sandbox() as sandbox:
                    ended = sandbox.run([self.ways_out, way, str(status)], "reap,fail")
                    # After a return musl tells nobody the status, so it is left as it is and not made up.
                    known = way != "return"
                    wanted = STATUS_OF_A_LEAKY_RUN if known and status == 0 else status
                    self.assertEqual((ended.status, ended.own_stderr), (wanted, b""))
                    self.assertEqual(list(sandbox.left_over()), [])
                    self.assertEqual(sandbox.report()[0]["session"]["exit_status"], wanted if known else None)
