# SPDX-License-Identifier: MIT
"""Children in the moments in which their parent and they may both write them down, or neither (births.c).

Each has one record while it lives and none when it was waited for, is found however its parent ended, and who has got its
number meanwhile is left alone.
"""

import json
import os
import socket
import subprocess
import unittest

from cases import Case
from given import Given
from processes import wait_for
from survival import Field

MANY = 40
NOBODY = 65534
FEW = 8  # processes of the run itself


class Births(Case):
    def processes_after(self, act, mode="reap"):
        """Those on record while the run still goes on, and how many there ever were."""
        with Field() as field:
            script = f'{Given.births} {act} {MANY} && "{Given.report}" --json "$LEAKSHIM_SESSION"'
            done = field.run(["sh", "-c", script], mode)
            self.assertEqual((done.status, done.stderr), (0, b""))
            report = json.loads(done.stdout)
            self.assertFalse(any(report["counters"]["dropped"].values()))
            kinds = [record["kind"] for record in report["records"]]
            return kinds.count("process"), report["counters"]["processes"]

    def check_counts(self, act):
        there, ever = self.processes_after(act)
        self.assertIn(ever, range(MANY, MANY + FEW))
        self.assertLessEqual(there, FEW)

    def test_children_that_do_nothing_count_and_leave_nothing(self):
        self.check_counts("idle")

    def test_children_that_work_count_once_and_leave_nothing(self):
        self.check_counts("workers")

    def test_children_that_are_faster_than_their_parent_count_once_and_leave_nothing(self):
        self.check_counts("faster")

    def test_children_that_are_waited_for_before_their_parent_knows_them_leave_nothing(self):
        self.check_counts("waited")

    def test_a_child_whose_parent_is_killed_before_it_knows_it_is_found(self):
        with Field() as field:
            bare = field.run([Given.births, "killed"])
            self.assertEqual((bare.status, len(field.survivors())), (0, 1))
            field.end_survivors()
            self.assertEqual(field.run([Given.births, "killed"], "reap").status, 0)
            self.assertEqual(wait_for(field.survivors, lambda pids: not pids), [])
            report, _ = field.report()
            self.assertEqual([record["kind"] for record in report["records"]], ["process"])

    def test_a_child_that_was_left_alone_is_known_when_the_run_is_over(self):
        with Field() as field:
            command = ["python3", "-S", "-c", "import os, time; os.fork() or time.sleep(100)"]
            self.assertEqual(field.run(command, "report").status, 0)
            (left,) = field.survivors()
            _, text, _ = field.ask()
            self.assertIn(f"\n  kill {left}\n", text)
            subprocess.run(["kill", str(left)], check=True)
            self.assertEqual(wait_for(field.survivors, lambda pids: not pids), [])
            self.assertNotIn(f"kill {left}", field.ask()[1])

    def check_that_it_goes(self, act, **more):
        """One process is left without the shim; none with it."""
        with Field() as field:
            field.share(Given.births, field.guard)
            if "user" in more:
                field.give_to(more["user"])
            command = [field.base / "births", act]
            self.assertEqual((field.run(command, **more).status, len(field.survivors())), (0, 1))
            field.end_survivors()
            self.assertEqual(field.run(command, "reap", **more).status, 0)
            self.assertEqual(wait_for(field.survivors, lambda pids: not pids), [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_a_child_that_nobody_may_look_into_goes(self):
        self.check_that_it_goes("hidden", user=NOBODY)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_a_child_that_has_become_another_user_goes(self):
        self.check_that_it_goes("disguised")

    def test_children_in_another_pid_namespace_are_known_by_the_pids_that_are_ours(self):
        with Field() as field:
            bare = field.run([Given.births, "namespace"])
            if bare.status == 77:
                self.skipTest("no new pid namespace may be made here")
            self.assertEqual((bare.status, len(field.survivors())), (0, 3))
            field.end_survivors()
            ended = field.run([Given.births, "namespace"], "reap")
            self.assertEqual(ended.status, 0)
            self.assertEqual(wait_for(field.survivors, lambda pids: not pids), [])
            report, _ = field.report()
            found = sorted(record["pid"] for record in report["records"] if record["kind"] == "process")
            self.assertEqual(found, sorted(map(int, ended.stdout.split())))

    def test_who_got_the_number_of_a_child_before_its_parent_knew_it_lives_on(self):
        with Field() as field:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                bearer = field.start([Given.births, "bearer"], stdin=theirs, stdout=subprocess.PIPE)
                ended = field.run([Given.births, "reused"], "reap", stdin=ours)
                gave = field.end(bearer)
            if gave.status == 77:
                self.skipTest("nobody may choose the number of a process here")
            self.assertEqual((gave.status, ended.status, ended.stderr), (0, 0, b""))
            # The guard may need a moment more than its root.
            innocent = [int(gave.stdout)]
            self.assertEqual(wait_for(field.survivors, lambda pids: pids == innocent), innocent)
