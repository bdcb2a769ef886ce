# SPDX-License-Identifier: MIT
"""What libc starts a shell for, system(3) and popen(3): the environment is the host's alone, the scope is known all the
same, and nothing is left in the ledger."""

from cases import Case
from given import Given
from sandbox import Sandbox


class Shells(Case):
    def under_the_shim(self, act, mode="reap", **more):
        """The sandbox of a run that came out as it does without the shim."""
        bare = self.new_sandbox().run([Given.program, act], **more)
        self.assertEqual((bare.status, bare.stderr), (0, b""))
        sandbox = self.new_sandbox()
        ended = sandbox.run([Given.program, act], mode, **more)
        self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (0, bare.stdout, b""))
        return sandbox

    def test_what_another_thread_changes_while_a_command_runs_stays_changed(self):
        self.under_the_shim("change")
        self.under_the_shim("change-alone")

    def test_what_another_thread_adds_while_a_command_runs_harms_nobody(self):
        self.under_the_shim("add")
        self.under_the_shim("add-alone")

    def test_what_a_command_leaves_belongs_to_the_test_that_ran_it(self):
        # Its own environment may name another test, of whoever started it; what it is told counts.
        for more in ({}, {"LEAKSHIM_SCOPE": "4096"}):
            with self.subTest(more):
                sandbox = self.under_the_shim("tests", **more)
                records = sandbox.report()[0]["records"]
                found = {one["path"].rpartition("/")[2]: one["test"] for one in records if one["kind"] == "temp_dir"}
                self.assertEqual(found, {"a": "t.py::test_a", "b": "t.py::test_b", "b-too": "t.py::test_b",
                                         "b-below": "t.py::test_b", "none": None})

    def test_shells_that_were_waited_for_are_not_kept(self):
        sandbox = self.under_the_shim("many", "report")
        (ledger,) = sandbox.ledgers()
        self.assertLess(ledger.stat().st_blocks * 512, 200 * 1024)
