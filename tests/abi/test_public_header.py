# SPDX-License-Identifier: MIT
"""leakshim.h: a program that includes it runs with and without the library, and what it says is in the report.
"""

import os

from cases import Case
from given import Given
from processes import names_of, wait_for
from sandbox import Sandbox

ANSWERS = ("version", "active", "tokens differ", "verdict", "total", "directories", "the next leak", "its site",
           "its test", "the end of all leaks", "report", "reap of nothing", "enter", "verdict of the outer scope",
           "keep_pid at once", "keep_path", "keep_path of nothing", "keep_path of no name",
           "keep_path of no text", "keep_fd", "keep_fd of nothing", "keep_fd of -1", "keep_pid", "keep_pid of nothing")
NOTHING = [f"{answer} 0" for answer in ANSWERS]
ZERO = ("of nothing", "of no name", "of no text", "of -1", "of all leaks")
RECORDED = ["version 100"] + [f"{answer} {0 if answer.endswith(ZERO) else 1}" for answer in ANSWERS[1:]]
MADE = {"outer", "inner", "kept", "plain"}


class PublicHeader(Case):
    def run_program(self, sandbox, mode=None, **more):
        ended = sandbox.run([Given.program], mode, **more)
        self.assertEqual((ended.status, ended.own_stderr), (0, b""))
        return ended.stdout.decode().splitlines()

    def left_in(self, sandbox):
        return {os.path.basename(os.fsdecode(path)) for path in sandbox.left_over()}

    def test_without_the_library_every_call_does_nothing(self):
        with Sandbox() as sandbox:
            self.assertEqual(self.run_program(sandbox), NOTHING)
            self.assertEqual(self.left_in(sandbox), MADE)
            self.assertEqual(len(sandbox.survivors()), 1)

    def test_with_the_library_off_every_call_does_nothing_but_the_version(self):
        with Sandbox() as sandbox:
            self.assertEqual(self.run_program(sandbox, "off"), ["version 100"] + NOTHING[1:])

    def test_with_the_library_every_call_is_answered(self):
        with Sandbox() as sandbox:
            self.assertEqual(self.run_program(sandbox, "report"), RECORDED)

    def test_what_is_made_in_a_scope_bears_its_name(self):
        with Sandbox() as sandbox:
            self.run_program(sandbox, "report")
            tests = {os.path.basename(one["path"]): one["test"] for one in sandbox.report()[0]["records"]
                     if one["kind"] == "temp_dir"}
            self.assertEqual(tests, {"outer": "the outer scope", "inner": "the inner scope", "kept": None,
                                     "plain": None})

    def test_what_is_marked_is_reported_as_kept_and_stays(self):
        with Sandbox() as sandbox:
            self.run_program(sandbox, "reap")
            self.assertEqual(self.left_in(sandbox), {"kept"})
            kept = [os.path.basename(Given.program)[:15]]  # and nothing else, once the guard has ended
            left = wait_for(lambda: names_of(sandbox.survivors()), lambda names: names == kept)
            self.assertEqual(left, kept)
            states = {one["kind"]: one["state"] for one in sandbox.report()[0]["records"]
                      if one["kind"] == "process" or one.get("path", "").endswith("/kept")}
            self.assertEqual(states, {"process": "kept", "temp_dir": "kept"})
