#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A run of root whose children give up their rights: what they leave goes too, with their own rights and no more.

usage: test_other_users.py LIBRARY REPORTER [TEST]; exit status 77 when it is not root who runs this.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import unittest

from sandbox import Sandbox, end_on_sigterm, wait_for

LIBRARY = REPORTER = None

# Becomes another user in each of the usual ways, and leaves a directory, a file in it and a process.
LEAVE = ('umask 022; mkdir "$TMPDIR/left-$1" && echo x > "$TMPDIR/left-$1/file" && mktemp -d > /dev/null; '
         'sleep 120 > /dev/null 2>&1 & exit 0')
WAYS = {
    "setpriv": 'setpriv --reuid={uid} --regid={uid} --clear-groups sh -c \'{leave}\' sh setpriv',
    "subprocess": '/usr/bin/python3 -c \'import subprocess, os; subprocess.run(["sh", "-c", os.environ["SCRIPT"], "sh", '
                  '"subprocess"], user={uid}, group={uid}, extra_groups=[])\'',
    "fork": '/usr/bin/python3 -c \'import os\npid = os.fork()\nif pid == 0:\n  os.setgroups([]); os.setgid({uid}); '
            'os.setuid({uid})\n  os.execvp("sh", ["sh", "-c", os.environ["SCRIPT"], "sh", "fork"])\nos.waitpid(pid, 0)\'',
}


class OtherUsers(unittest.TestCase):
    def setUp(self):
        if os.getuid() != 0:
            self.skipTest("only root can become somebody else")
        self.uid = random.randrange(200000, 2000000000)
        self.own = pathlib.Path(f"/dev/shm/leakshim-{self.uid}")
        self.addCleanup(shutil.rmtree, self.own, True)

    def world(self, library=None, reporter=None):
        """A sandbox that others may enter, with copies of what they need: a build directory may be private."""
        sandbox = Sandbox(library, reporter)
        os.chmod(sandbox.base, 0o755)
        os.chmod(sandbox.tmp, 0o1777)
        if library is not None:
            for needed in (library, library.with_name("leakshim-guard"), reporter):
                shutil.copy(needed, sandbox.base / needed.name)
            sandbox.library, sandbox.reporter = sandbox.base / library.name, sandbox.base / reporter.name
        return sandbox

    def command(self, way):
        return ["sh", "-c", WAYS[way].format(uid=self.uid, leave=LEAVE)]

    def of_the_user(self, sandbox):
        """What the other user has in TMPDIR, and the processes of his that still run."""
        names = [path for path in sandbox.tmp.iterdir() if is_of(self.uid, path)]
        processes = [pid for pid in sandbox.survivors() if is_of(self.uid, f"/proc/{pid}")]
        return len(names), len(processes)

    def leaks(self, way):
        with self.world() as sandbox:
            ended = sandbox.run(self.command(way), SCRIPT=LEAVE)
            self.assertEqual(ended.status, 0, ended.stderr)
            self.assertEqual(wait_for(lambda: self.of_the_user(sandbox), lambda left: left == (2, 1)), (2, 1))

    def test_what_another_user_leaves_goes_with_his_rights(self):
        for way in WAYS:
            with self.subTest(way):
                self.leaks(way)
                with self.world(LIBRARY, REPORTER) as sandbox:
                    bystander = sandbox.tmp / "bystander"
                    bystander.mkdir()
                    os.chown(bystander, self.uid, self.uid)
                    ended = sandbox.run(self.command(way), "reap", SCRIPT=LEAVE)
                    self.assertEqual((ended.status, ended.own_stderr), (0, b""), ended.stderr)
                    self.assertEqual(wait_for(lambda: self.of_the_user(sandbox), lambda left: left == (1, 0)), (1, 0))
                    self.assertTrue(bystander.is_dir())
                    wait_for(lambda: sandbox.survivors(), lambda pids: not pids)
                    self.assertEqual(sandbox.survivors(), [])
                    report = self.report_of_the_user(sandbox)
                    kinds = sorted(record["kind"] for record in report["records"] if record["state"] == "reaped")
                    self.assertEqual(kinds.count("temp_dir"), 2, report["records"])
                    self.assertEqual(report["session"]["ended_by"], "guard")
                    shutil.rmtree(self.own)

    def report_of_the_user(self, sandbox):
        def ended():
            done = subprocess.run([sandbox.reporter, "--json"], env=sandbox.environment(), user=self.uid, group=self.uid,
                                  extra_groups=[], capture_output=True, timeout=60, check=False)
            report = json.loads(done.stdout) if done.returncode in (0, 1) else None
            return report if report and report["session"]["state"] == "ended" else None
        return wait_for(ended, lambda report: report is not None)

    def test_what_runs_on_for_the_test_is_not_ended_with_the_command_that_started_it(self):
        # `su postgres -c 'pg_ctl start'` ends at once: the server is for the test that comes then.
        with self.world(LIBRARY, REPORTER) as sandbox:
            script = (f"setpriv --reuid={self.uid} --regid={self.uid} --clear-groups sh -c '{LEAVE}' sh service\n"
                      f'sleep 2; pgrep -u {self.uid} -c sleep; test -e "$TMPDIR/left-service/file" && echo is there')
            ended = sandbox.run(["sh", "-c", script], "reap")
            self.assertEqual((ended.status, ended.stdout), (0, b"1\nis there\n"), ended.stderr)
            self.assertEqual(wait_for(lambda: self.of_the_user(sandbox), lambda left: left == (0, 0)), (0, 0))

    def test_a_forged_root_is_followed_by_nobody(self):
        with self.world(LIBRARY, REPORTER) as sandbox, subprocess.Popen(["sleep", "60"]) as innocent:
            foreign = sandbox.ledger / f"{innocent.pid:08x}{'0' * 24}.ledger"
            foreign.write_bytes(b"")
            ended = sandbox.run(["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "sh", "-c",
                                 LEAVE, "sh", "forged"], "reap", LEAKSHIM_SESSION=str(foreign))
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            self.assertFalse(self.own.exists())
            innocent.kill()


def is_of(uid, path):
    try:
        return os.lstat(path).st_uid == uid
    except OSError:
        return False


def main():
    global LIBRARY, REPORTER
    LIBRARY, REPORTER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    end_on_sigterm()
    result = unittest.main(argv=sys.argv[:1] + [f"OtherUsers.{name}" for name in sys.argv[3:]], verbosity=2,
                           exit=False).result
    if result.skipped and len(result.skipped) == result.testsRun:
        return 77
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
