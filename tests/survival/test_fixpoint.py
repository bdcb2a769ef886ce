# SPDX-License-Identifier: MIT
"""Processes that come again when they are ended (unruly.c): all gone at the end of the run, however it ends.

The victims bound themselves, in number and in time, so that a failing test leaves a machine that works.
"""

import fcntl
import signal

from cases import Case
from given import Given
from processes import names_of, wait_for
from survival import Field


class Fixpoint(Case):
    def unruly(self, field, kind):
        return [Given.unruly, kind, str(field.cwd / "lock")]

    @staticmethod
    def lives(file):
        """True while one of those that hold the lock lives: nothing else tells it of who hops from pid to pid."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False

    def assert_gone(self, field):
        with open(field.cwd / "lock", "rb") as lock:
            self.assertFalse(wait_for(lambda: self.lives(lock), lambda lives: not lives))
        self.assertEqual(names_of(wait_for(field.survivors, lambda pids: not pids)), [])
        self.assertTrue(field.bystanders_alive())

    def leaks_without_the_shim(self, field, kind):
        """With a bystander beside it from the beginning, one that runs the same program."""
        field.run_bystander([Given.unruly, "supervisor", str(field.base / "theirs")])
        self.assertTrue(field.spared)
        self.assertEqual(field.run(self.unruly(field, kind)).status, 5)
        with open(field.cwd / "lock", "rb") as lock:
            self.assertTrue(self.lives(lock), "nothing leaked without the shim")
            (field.cwd / "lock").unlink()
            field.end_survivors()
            self.assertFalse(wait_for(lambda: self.lives(lock), lambda lives: not lives))

    def check_end(self, kind):
        with Field() as field:
            self.leaks_without_the_shim(field, kind)
            self.assertEqual(field.run(self.unruly(field, kind), "reap").status, 5)
            self.assert_gone(field)

    def check_guard(self, kind):
        with Field() as field:
            self.leaks_without_the_shim(field, kind)
            process = field.start(["sh", "-c", '"$@"; kill -9 $$', "sh", *self.unruly(field, kind)], "reap")
            self.assertEqual(field.end(process).status, -signal.SIGKILL)
            self.assert_gone(field)

    def check_run(self, kind):
        with Field() as field:
            self.leaks_without_the_shim(field, kind)
            process = field.start([Given.run, "--", *self.unruly(field, kind)], LEAKSHIM_DIR=str(field.ledger))
            self.assertEqual(field.end(process).status, 5)
            with open(field.cwd / "lock", "rb") as lock:
                self.assertFalse(self.lives(lock))  # it reaps before it ends
            self.assert_gone(field)

    def however_it_ends(self, kind):
        for check in (self.check_end, self.check_guard, self.check_run):
            with self.subTest(check.__name__):
                check(kind)

    def test_what_multiplies_when_it_is_ended_is_gone_however_the_run_ends(self):
        self.however_it_ends("bomb")

    def test_what_is_restarted_by_supervisors_of_supervisors_is_gone_however_the_run_ends(self):
        self.however_it_ends("supervisor")

    def test_what_hops_from_pid_to_pid_is_gone_after_its_root_was_killed_and_after_leakshim_run(self):
        for check in (self.check_guard, self.check_run):
            with self.subTest(check.__name__):
                check("hopper")
