# SPDX-License-Identifier: MIT
"""A thread that is cancelled while it starts a process: the ledger counts as many births as there were.

One too many would have the end of each such session wait for a child that never was; one too few would hide another.
"""

import pathlib
import re
import sys

from cases import Case
from given import Given
from sandbox import Sandbox


def word_of(ledger, field):
    """A number of the ledger's header, at the place that tests/abi holds it to."""
    place = re.search(rf"^FIELD\(Header, {field}, (\d+), 4\)", pathlib.Path(Given.layout).read_text(encoding="utf-8"), re.MULTILINE)
    with open(ledger, "rb") as file:  # sparse, and huge
        file.seek(int(place[1]))
        return int.from_bytes(file.read(4), sys.byteorder)


class CancelledChildren(Case):
    def births_and_arrivals(self, way, outcome):
        """Of the session of a run that came out as it does without the shim."""
        with Sandbox() as sandbox:
            bare = sandbox.run([Given.program, way])
            self.assertEqual((bare.status, bare.stdout), (0, outcome), bare.stderr)
            now = sandbox.run([Given.program, way], "reap")
            self.assertEqual((now.status, now.stdout, now.own_stderr), (bare.status, bare.stdout, bare.stderr))
            (ledger,) = sandbox.ledgers()
            return word_of(ledger, "births"), word_of(ledger, "arrivals")

    def test_a_shell_that_was_killed_before_it_began_is_waited_for_by_nobody(self):
        births, arrivals = self.births_and_arrivals("system-at-once", b"cancelled, 0 left to be waited for\n")
        self.assertEqual(births, arrivals)

    def test_a_shell_that_was_killed_while_it_ran_was_born_and_has_come(self):
        counts = self.births_and_arrivals("system-that-waits", b"cancelled, 0 left to be waited for\n")
        self.assertEqual(counts, (1, 1))

    def test_the_shell_that_libc_starts_to_see_whether_there_is_one_is_a_birth(self):
        births, arrivals = self.births_and_arrivals("system-without-a-command", b"returned, 0 left to be waited for\n")
        self.assertEqual(births, arrivals)

    def test_a_thread_cancelled_before_forkpty_forks_has_no_child(self):
        counts = self.births_and_arrivals("forkpty-before-the-fork", b"cancelled, 0 left to be waited for\n")
        self.assertEqual(counts, (0, 0))

    def test_a_thread_cancelled_after_forkpty_has_forked_has_a_child(self):
        counts = self.births_and_arrivals("forkpty-after-the-fork", b"cancelled, 1 left to be waited for\n")
        self.assertEqual(counts, (1, 1))

    def test_a_fork_cancelled_on_both_sides_was_a_birth(self):
        counts = self.births_and_arrivals("forkpty-on-both-sides", b"cancelled, 1 left to be waited for\n")
        self.assertEqual(counts, (1, 1))
