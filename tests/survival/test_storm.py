# SPDX-License-Identifier: MIT
"""What SIGKILL leaves between a call and its record: never reaped, and never unsaid."""

import ctypes
import os
import signal

from cases import Case
from given import Given
from survival import Field

# Each makes something called `fatal` in the temporary directory, and is killed when it is made (deadly.c).
CALLS = {
    "temp_dir": "os.mkdir(tmp + '/fatal')",
    "a renamed temp_dir": "os.mkdir(tmp + '/before'); os.rename(tmp + '/before', tmp + '/fatal')",
    "unix_socket": "socket.socket(socket.AF_UNIX).bind(tmp + '/fatal')",
    "posix_shm": "ctypes.CDLL(None).shm_open(('/fatal-' + sys.argv[1]).encode(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)",
    "sysv_sem": "ctypes.CDLL(None).semget(int(sys.argv[2]), 1, 0o3600)",
}
FATAL_KEYS = 0x4F000000


def semaphores_by_key():
    with open("/proc/sysvipc/sem", encoding="ascii") as table:
        return {int(line.split()[0]): int(line.split()[1]) for line in list(table)[1:]}


class Unresolved(Case):
    def remove(self, shared, key):
        if os.path.exists(shared):
            os.unlink(shared)
        if key in semaphores_by_key():
            ctypes.CDLL(None).semctl(semaphores_by_key()[key], 0, 0)

    def test_what_was_made_in_the_moment_of_its_makers_death_is_said_and_left_alone(self):
        for kind, call in CALLS.items():
            with self.subTest(kind), Field() as field:
                shared, key = f"/dev/shm/fatal-{field.tag}", FATAL_KEYS | os.getpid()
                self.addCleanup(self.remove, shared, key)
                program = f"import ctypes, os, socket, sys; tmp = os.environ['TMPDIR']; {call}"
                ended = field.run(["/usr/bin/python3", "-S", "-c", program, field.tag, str(key)], "reap",
                                  LD_PRELOAD=f"{Given.library} {Given.deadly}", LEAKSHIM_OPTIONS="guard=0")
                self.assertEqual(ended.status, -signal.SIGKILL, ended.stderr)
                self.assertEqual(field.run(["true"], "reap").status, 0)
                there = {"posix_shm": lambda: os.path.exists(shared), "sysv_sem": lambda: key in semaphores_by_key()}
                self.assertTrue(there.get(kind, lambda: os.path.lexists(field.tmp / "fatal"))())
                (ledger,) = field.ledgers()
                records = field.report("--session", ledger.stem)[0]["records"]
                (one,) = [record for record in records if record["state"] == "unresolved"]
                self.assertEqual((one["kind"], one["degree"]), (kind.split()[-1], "note"))
                if kind == "sysv_sem":
                    self.assertEqual((one["ipc_id"], one["key"]), (None, key))
                else:
                    self.assertIn("fatal", one.get("path", one.get("name", "")))
