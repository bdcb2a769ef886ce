#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runners that know nothing of leakshim: what they say anyhow is enough to name the test.

usage: test_runners.py LIBRARY REPORTER MESON LIBTEST_LIKE [TEST]
"""

import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))

from sandbox import Sandbox, end_on_sigterm  # noqa: E402

LIBRARY = REPORTER = MESON = LIBTEST = None


class Runners(unittest.TestCase):
    def names_after(self, sandbox, command):
        """{name of the directory: its test} after a run of `command`."""
        ended = sandbox.run(command, "report")
        self.assertEqual(ended.status, 0, (ended.stdout + ended.stderr).decode())
        return {os.path.basename(one["path"]): one["test"] for one in sandbox.report()[0]["records"]
                if one["kind"] == "temp_dir" and os.path.dirname(one["path"]) == str(sandbox.tmp)}

    def test_meson_runs_each_test_as_a_child(self):
        with Sandbox(LIBRARY, REPORTER) as sandbox:
            (sandbox.cwd / "meson.build").write_text(
                "project('tests')\n" + "".join(
                    f"test('{name}', find_program('sh'), args: ['-c', 'mkdir {sandbox.tmp}/{name}; exit 0'])\n"
                    for name in ("one", "two")), encoding="ascii")
            self.assertEqual(sandbox.run([MESON, "setup", "build"]).status, 0)
            tests = self.names_after(sandbox, [MESON, "test", "-C", "build", "--no-rebuild"])
            for name in ("one", "two"):
                self.assertIn(f"sh -c mkdir {sandbox.tmp}/{name}; exit 0", tests[name])

    @unittest.skipUnless(shutil.which("ctest"), "no ctest here")
    def test_ctest_runs_each_test_as_a_child(self):
        with Sandbox(LIBRARY, REPORTER) as sandbox:
            (sandbox.cwd / "CTestTestfile.cmake").write_text(
                "".join(f'add_test({name} "sh" "-c" "mkdir {sandbox.tmp}/{name}; exit 0")\n' for name in ("one", "two")),
                encoding="ascii")
            tests = self.names_after(sandbox, ["ctest"])
            for name in ("one", "two"):
                self.assertIn(f"sh -c mkdir {sandbox.tmp}/{name}; exit 0", tests[name])

    @unittest.skipUnless(shutil.which("bats"), "no bats here")
    def test_bats_names_its_tests_in_the_environment(self):
        with Sandbox(LIBRARY, REPORTER) as sandbox:
            (sandbox.cwd / "a.bats").write_text(
                "@test 'one' { mkdir $TMPDIR/one; }\n@test 'two' { mkdir $TMPDIR/two; }\n", encoding="ascii")
            tests = self.names_after(sandbox, ["bats", "a.bats"])
            self.assertEqual({name: tests[name] for name in ("one", "two")}, {"one": "test_one", "two": "test_two"})

    def test_cargo_names_the_thread_of_each_test(self):
        with Sandbox(LIBRARY, REPORTER) as sandbox:
            (sandbox.cwd / "deps").mkdir()
            program = shutil.copy(LIBTEST, sandbox.cwd / "deps" / "suite-0123456789abcdef")
            self.assertEqual(self.names_after(sandbox, [str(program)]),
                             {"tests::a": "tests::a", "inner": "tests::a", "tests::b": "tests::b"})
        with Sandbox(LIBRARY, REPORTER) as sandbox:  # any other program's threads bear names of another kind
            self.assertEqual(set(self.names_after(sandbox, [LIBTEST]).values()), {None})


def main():
    global LIBRARY, REPORTER, MESON, LIBTEST
    LIBRARY, REPORTER, MESON, LIBTEST = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:5])
    end_on_sigterm()
    names = [f"Runners.{name}" for name in sys.argv[5:]]
    run = unittest.main(argv=sys.argv[:1] + names, exit=False, verbosity=2).result
    if run.skipped and not run.testsRun - len(run.skipped):
        return 77
    return 0 if run.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
