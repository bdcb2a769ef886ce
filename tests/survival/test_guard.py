# SPDX-License-Identifier: MIT
"""The guard itself: nobody in the run notices it, a person in `ps` understands it, and it never stays behind."""

import os
import pathlib
import select
import signal
import subprocess

from cases import Case
from processes import PATIENCE, process_table, stat_fields, wait_for
from survival import Field

# What a host sees of its own surroundings: children of any kind, signals that are pending, descriptors.
LOOK = (
    "import os, signal, sys, time\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})\n"
    "time.sleep(0.05)\n"
    "__WALL = 0x40000000\n"
    "for flags in (0, os.WNOHANG, __WALL):\n"
    "    try: print('child', os.waitpid(-1, flags))\n"
    "    except ChildProcessError: print('no child')\n"
    "print(sorted(signal.sigpending()), sorted(os.listdir('/proc/self/fd')))\n"
    "print(open('/proc/self/task/%d/children' % os.getpid()).read().split())\n")


def guards(field):
    """The pids of the guards of this field's sessions: their program, with a ledger of ours as argument."""
    found = []
    for pid in process_table():
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0] == b"leakshim-guard" and len(words) > 1 and words[1].startswith(os.fsencode(field.ledger)):
            found.append(pid)
    return found


class Guard(Case):
    def start_waiting(self, field, **more):
        """A run that waits to be ended; (its process, the pid of its guard)."""
        process = field.start(field.casualty("waits"), "reap", **more)
        field.wait_until_ready()
        found = wait_for(lambda: guards(field), lambda pids: len(pids) == 1)
        self.assertEqual(len(found), 1)
        return process, found[0]

    def assert_no_guard(self, field):
        self.assertEqual(wait_for(lambda: guards(field), lambda pids: not pids), [])

    def test_the_host_cannot_notice_its_guard(self):
        with Field() as field:
            command = ["/usr/bin/python3", "-c", LOOK]
            bare, watched = field.run(command), field.run(command, "reap")
            self.assertEqual(bare.stdout.count(b"no child"), 3)
            self.assertEqual((watched.status, watched.stdout, watched.stderr), (0, bare.stdout, b""))
            self.assert_no_guard(field)

    def test_a_guard_holds_nothing_of_the_hosts(self):
        with Field() as field:
            process, guard = self.start_waiting(field)
            about = pathlib.Path(f"/proc/{guard}")
            # In a session and a group of its own, with neither environment nor directory of anybody's.
            ids = stat_fields(guard)
            self.assertEqual(ids[2], ids[3])
            self.assertNotEqual(os.getsid(guard), os.getsid(process.pid))
            self.assertEqual((about / "environ").read_bytes(), b"")
            self.assertEqual(os.readlink(about / "cwd"), "/")
            targets = {os.readlink(entry.path) for entry in os.scandir(about / "fd")}
            self.assertLessEqual({target for target in targets if not target.startswith("anon_inode:")}, {"/dev/null"})
            # And a person understands it.
            words = (about / "cmdline").read_text(encoding="utf-8").split("\0")
            self.assertEqual((about / "comm").read_text(encoding="ascii").strip(), "leakshim-guard")
            self.assertIn(str(process.pid), words[2])
            self.assertIn("casualty", words[2])
            process.kill()
            self.assertEqual(field.wait_until_clean(), [])
            self.assert_no_guard(field)

    def test_a_pipe_that_the_host_closes_is_closed(self):
        with Field() as field:
            reading, writing = os.pipe()
            # It was open when the guard was started; root and guard live on.
            program = f"import os, sys; os.close({writing}); sys.stdin.read()"
            child = subprocess.Popen(["/usr/bin/python3", "-S", "-c", program], stdin=subprocess.PIPE,
                                     pass_fds=[writing], env=field.environment("reap"), cwd=field.cwd)
            field.started.append(child)
            os.close(writing)
            self.assertEqual(select.select([reading], [], [], PATIENCE)[0], [reading])
            self.assertEqual(os.read(reading, 1), b"")
            os.close(reading)
            self.assertEqual(len(guards(field)), 1)
            child.stdin.close()
            child.wait()
            self.assert_no_guard(field)

    def test_a_guard_ends_with_a_run_that_ends_well(self):
        with Field() as field:
            self.assertEqual(field.run(["true"], "reap").status, 0)
            self.assert_no_guard(field)

    # Whatever becomes of the ledger

    def check_ledger_lost(self, lose):
        with Field() as field:
            process, _ = self.start_waiting(field)
            (ledger,) = field.ledgers()
            lose(ledger)
            process.kill()
            process.wait()
            self.assert_no_guard(field)
            # One that is ending has no command line any more, and a name still.
            return wait_for(field.left, lambda left: "leakshim-guard" not in left)

    def test_a_guard_reaps_when_the_ledgers_name_is_gone(self):
        self.assertEqual(self.check_ledger_lost(lambda ledger: ledger.unlink()), [])

    def test_a_guard_ends_when_the_ledger_is_overwritten_with_noise(self):
        def overwrite(ledger):
            with open(ledger, "r+b") as file:
                file.write(os.urandom(1 << 18))
        # Nothing can be known of what was left, and nothing is done.
        self.assertTrue(self.check_ledger_lost(overwrite))

    def test_a_guard_ends_when_the_ledger_is_cut(self):
        for size in (0, 100, 4096, 40000):
            with self.subTest(size):
                self.check_ledger_lost(lambda ledger, size=size: os.truncate(ledger, size))

    def test_a_guard_that_is_killed_is_done_without(self):
        with Field() as field:
            process, guard = self.start_waiting(field)
            os.kill(guard, signal.SIGKILL)
            self.assert_no_guard(field)
            process.kill()
            process.wait()
            self.assertEqual(field.left(), field.everything())
            self.assertEqual(field.run(["true"], "reap").status, 0)
            self.assertEqual(field.wait_until_clean(), [])

    def test_a_guard_is_deaf_to_polite_signals(self):
        with Field() as field:
            process, guard = self.start_waiting(field)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
                os.kill(guard, number)
            process.kill()
            process.wait()
            self.assertEqual(field.wait_until_clean(), [])
            self.assert_no_guard(field)
