#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What SIGKILL leaves between a call and its record: never reaped, and never unsaid."""

import os
import signal
import sys

import survival
from survival import Field, SurvivalTest, Tools

# Each makes something called `fatal` in the temporary directory, and is killed when it is made (deadly.c).
CALLS = {
    "temp_dir": "os.mkdir(tmp + '/fatal')",
    "a renamed temp_dir": "os.mkdir(tmp + '/before'); os.rename(tmp + '/before', tmp + '/fatal')",
    "unix_socket": "socket.socket(socket.AF_UNIX).bind(tmp + '/fatal')",
    "posix_shm": "ctypes.CDLL(None).shm_open(('/fatal-' + sys.argv[1]).encode(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)",
}


class Unresolved(SurvivalTest):
    def test_what_was_made_in_the_moment_of_its_makers_death_is_said_and_left_alone(self):
        for kind, call in CALLS.items():
            with self.subTest(kind), Field() as field:
                shared = f"/dev/shm/fatal-{field.tag}"
                self.addCleanup(lambda path=shared: os.path.exists(path) and os.unlink(path))
                where = shared if kind == "posix_shm" else str(field.tmp / "fatal")
                program = f"import ctypes, os, socket, sys; tmp = os.environ['TMPDIR']; {call}"
                ended = field.run(["/usr/bin/python3", "-S", "-c", program, field.tag], "reap",
                                  LD_PRELOAD=f"{Tools.library} {Tools.deadly}", LEAKSHIM_OPTIONS="guard=0")
                self.assertEqual(ended.status, -signal.SIGKILL, ended.stderr)
                self.assertEqual(field.run(["true"], "reap").status, 0)
                self.assertTrue(os.path.lexists(where))
                (ledger,) = field.ledgers()
                records = field.report(ledger.stem)[0]["records"]
                (one,) = [record for record in records if record["state"] == "unresolved"]
                self.assertEqual((one["kind"], one["degree"]), (kind.split()[-1], "note"))
                self.assertIn("fatal", one.get("path", one.get("name", "")))


if __name__ == "__main__":
    sys.exit(survival.main(Unresolved))
