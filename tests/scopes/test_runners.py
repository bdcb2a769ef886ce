# SPDX-License-Identifier: MIT
"""Runners that know nothing of leakshim: what they say anyhow is enough to name the test.
"""

import os
import shutil
import unittest

from cases import Case
from given import Given
from sandbox import Sandbox


class Runners(Case):
    def names_after(self, sandbox, command):
        """{name of the directory: its test} after a run of `command`."""
        ended = sandbox.run(command, "report")
        self.assertEqual(ended.status, 0, (ended.stdout + ended.stderr).decode())
        return {os.path.basename(one["path"]): one["test"] for one in sandbox.report()[0]["records"]
                if one["kind"] == "temp_dir" and os.path.dirname(one["path"]) == str(sandbox.tmp)}

    def test_meson_runs_each_test_as_a_child(self):
        with Sandbox() as sandbox:
            (sandbox.cwd / "meson.build").write_text(
                "project('tests')\n" + "".join(
                    f"test('{name}', find_program('sh'), args: ['-c', 'mkdir {sandbox.tmp}/{name}; exit 0'])\n"
                    for name in ("one", "two")), encoding="ascii")
            self.assertEqual(sandbox.run([Given.meson, "setup", "build"]).status, 0)
            tests = self.names_after(sandbox, [Given.meson, "test", "-C", "build", "--no-rebuild"])
            for name in ("one", "two"):
                self.assertIn(f"sh -c mkdir {sandbox.tmp}/{name}; exit 0", tests[name])

    @unittest.skipUnless(shutil.which("ctest"), "no ctest here")
    def test_ctest_runs_each_test_as_a_child(self):
        with Sandbox() as sandbox:
            (sandbox.cwd / "CTestTestfile.cmake").write_text(
                "".join(f'add_test({name} "sh" "-c" "mkdir {sandbox.tmp}/{name}; exit 0")\n' for name in ("one", "two")),
                encoding="ascii")
            tests = self.names_after(sandbox, ["ctest"])
            for name in ("one", "two"):
                self.assertIn(f"sh -c mkdir {sandbox.tmp}/{name}; exit 0", tests[name])

    @unittest.skipUnless(shutil.which("bats"), "no bats here")
    def test_bats_names_its_tests_in_the_environment(self):
        with Sandbox() as sandbox:
            (sandbox.cwd / "a.bats").write_text(
                "@test 'one' { mkdir $TMPDIR/one; }\n@test 'two' { mkdir $TMPDIR/two; }\n", encoding="ascii")
            tests = self.names_after(sandbox, ["bats", "a.bats"])
            self.assertEqual({name: tests[name] for name in ("one", "two")}, {"one": "test_one", "two": "test_two"})

    def test_cargo_names_the_thread_of_each_test(self):
        with Sandbox() as sandbox:
            (sandbox.cwd / "deps").mkdir()
            program = shutil.copy(Given.libtest, sandbox.cwd / "deps" / "suite-0123456789abcdef")
            self.assertEqual(self.names_after(sandbox, [str(program)]),
                             {"tests::a": "tests::a", "inner": "tests::a", "tests::b": "tests::b"})
        with Sandbox() as sandbox:  # any other program's threads bear names of another kind
            self.assertEqual(set(self.names_after(sandbox, [Given.libtest]).values()), {None})
