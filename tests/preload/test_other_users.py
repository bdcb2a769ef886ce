# SPDX-License-Identifier: MIT
"""A run of root whose children give up their rights: what they leave goes too, with their own rights and no more.
"""

import json
import os
import shutil
import subprocess

from cases import Case
from processes import wait_for
from sandbox import Sandbox


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


class OtherUsers(Case):
    def setUp(self):
        self.needs_root()
        self.uid, self.own = self.somebody_else()

    def world(self):
        """A sandbox that others may enter, with what they need in it."""
        sandbox = Sandbox()
        sandbox.share(sandbox.guard, sandbox.reporter)
        sandbox.reporter = sandbox.base / "leakshim-report"
        os.chmod(sandbox.tmp, 0o1777)
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
                with self.world() as sandbox:
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
        with self.world() as sandbox:
            script = (f"setpriv --reuid={self.uid} --regid={self.uid} --clear-groups sh -c '{LEAVE}' sh service\n"
                      f'sleep 2; pgrep -u {self.uid} -c sleep; test -e "$TMPDIR/left-service/file" && echo is there')
            ended = sandbox.run(["sh", "-c", script], "reap")
            self.assertEqual((ended.status, ended.stdout), (0, b"1\nis there\n"), ended.stderr)
            self.assertEqual(wait_for(lambda: self.of_the_user(sandbox), lambda left: left == (0, 0)), (0, 0))

    def test_a_forged_root_is_followed_by_nobody(self):
        with self.world() as sandbox, subprocess.Popen(["sleep", "60"]) as innocent:
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
