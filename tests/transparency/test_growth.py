# SPDX-License-Identifier: MIT
"""What leaves nothing behind leaves nothing in the ledger either, however often it is done."""

from cases import Case
from given import Given

ROOM = 160 * 1024  # a ledger with next to nothing in it has some 60 KiB


class Growth(Case):
    def stays_small(self, act, **more):
        sandbox = self.new_sandbox()
        ended = sandbox.run([Given.program, act], "report", **more)
        self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (0, b"failures 0\n", b""))
        kinds = [one["kind"] for one in sandbox.report()[0]["records"] if one["kind"] != "thread"]
        self.assertEqual(kinds, ["socket"])
        (ledger,) = sandbox.ledgers()
        self.assertLess(ledger.stat().st_blocks * 512, ROOM)

    def test_what_destructors_of_threads_open_and_close_takes_no_room(self):
        self.stays_small("keys")
        self.stays_small("exits")

    def test_what_threads_of_libc_open_and_close_takes_no_room(self):
        self.stays_small("timers")

    def test_what_vfork_children_open_takes_no_room(self):
        self.stays_small("vforks", LEAKSHIM_OPTIONS="stacks=fp")
