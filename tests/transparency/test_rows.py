# SPDX-License-Identifier: MIT
"""Each row of the hook table is to the calling thread what it is in libc: cancellation points, signal masks, signals.

rows.c tries all of them, each where it succeeds and where it fails; here its output with the shim is compared with that
without, line by line. What libc does is not written down anywhere: the bare run says it.
"""

import signal

from cases import Case
from given import Given
from hook_table import names_of_rows
from sandbox import Sandbox

# mkdtemp asks for random bytes now and then, and that is a cancellation point: libc throws dice.
BY_CHANCE = {("cancelled", "mkdtemp\tgood")}


class Rows(Case):
    def perform(self, act, mode=None):
        """{row and case: what came of it}."""
        with Sandbox() as sandbox:
            ended = sandbox.run([Given.rows, sandbox.tag, act], mode)
            self.assertEqual(ended.status, 0, ended.stderr)
            self.assertNotIn(b"can't prepare", ended.stderr)
            lines = ended.stdout.decode().splitlines()
            seen = dict(line.split(": ", 1) for line in lines)
            self.assertEqual(len(seen), len(lines))
            return seen

    def compare(self, act, mode):
        """What came of it, the same in both."""
        bare, now = self.perform(act), self.perform(act, mode)
        for what in sorted(bare):
            if (act, what) not in BY_CHANCE:
                with self.subTest(what):
                    self.assertEqual(now.get(what), bare[what])
        # What this libc does not have the library exports all the same; nobody can have been linked to it.
        return bare

    def test_every_row_of_the_hook_table_is_tried(self):
        with Sandbox() as sandbox:
            listed = sandbox.run([Given.rows, sandbox.tag, "list"]).stdout.decode().split("\n")
        tried = {line.partition(" ")[2] for line in listed if line.startswith("row ")}
        table = set(names_of_rows(Given.hooks))
        self.assertGreater(len(table), 150)
        self.assertEqual(sorted(table - tried), [], "write a line in tests/transparency/rows.inc")
        self.assertEqual(sorted(tried - table), [])

    def test_a_pending_cancellation_is_acted_upon_by_the_same_calls(self):
        seen = self.compare("cancelled", "report")
        for row in ("close\tgood", "open\tgood", "accept\tbad", "waitpid\tgood", "system\tgood", "mkstemp\tgood"):
            self.assertIn("cancelled;", seen[row], row)
        for row in ("dup\tgood", "mkdir\tgood", "fork\tgood", "rename\tbad", "posix_spawn\tgood"):
            self.assertIn("returned", seen[row], row)

    def test_a_call_that_waits_is_cancelled_as_ever(self):
        for what, outcome in self.compare("cancelled-while-waiting", "reap").items():
            self.assertIn("cleaned up; cancelled;", outcome, what)

    def test_signal_masks_and_pending_signals_stay_as_they_are(self):
        seen = self.compare("masked", "reap")
        kept = [what for what, outcome in seen.items() if "mask 1, pending 1, environment 1," in outcome]
        # All but those that don't come back, go on in another process, or change the environment.
        self.assertGreater(len(kept), len(seen) - 35)
        # What was executed got both: 64 + 3, as an exit status.
        self.assertIn(f"status {67 << 8}", seen["execve\tgood"])

    def test_a_signal_interrupts_a_call_or_does_not_as_ever(self):
        seen = self.compare("interrupted", "reap")
        self.assertIn("returned -1, EINTR; handled 1,", seen["accept\twaiting"])
        self.assertIn("returned 0, 0; handled 3,", seen["pthread_join\twaiting"])

    def test_a_call_that_a_signal_interrupted_is_restarted_as_ever(self):
        seen = self.compare("restarted", "reap")
        self.assertIn("returned 1, 0; handled 3,", seen["waitpid\twaiting"])

    def test_exceptions_and_cancellation_unwind_through_hooks(self):
        for way, status, line in (("cancel", 0, b"cancelled"), ("exit", 0, b"outer destroyed"),
                                  ("throw", 0, b"caught: out of a handler"), ("escape", -signal.SIGABRT, b""),
                                  ("leave", 0, b"caught: out of a handler\n" * 2 + b"outer destroyed\n")):
            with self.subTest(way), Sandbox() as sandbox:
                bare = sandbox.run([Given.unwinding, way])
                self.assertEqual(bare.status, status)
                self.assertIn(line, bare.stdout)
                now = sandbox.run([Given.unwinding, way], "reap")
                self.assertEqual((now.status, now.stdout, now.own_stderr), (bare.status, bare.stdout, bare.stderr))
