# SPDX-License-Identifier: MIT
"""What the hostile tests share: a host that is run bare and under the shim, and what must not differ between the two.

The host is host.c: a list of acts, a line on stdout for each, status 7. Whatever is wrong with settings, file systems,
limits or ledgers, its output and status stay what they are without the shim, and the shim says at most one sentence.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))

from sandbox import PATIENCE, Ended, Sandbox, end_on_sigterm, is_ours, wait_for  # noqa: E402,F401

LIBRARY = REPORTER = HOST = None
NOBODY = 65534
STATUS = 7  # of every host that is not told otherwise
WORK = ["work=20", "shell=:"]
SUMMARY = b"SUMMARY: leakshim: "
APART = ["unshare", "--mount", "--propagation", "private"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


def can_be_apart():
    """True if this kernel and user may have a mount namespace of their own."""
    return subprocess.run([*APART, "mount", "-t", "tmpfs", "leakshim-test", "/dev/shm"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


class World(Sandbox):
    """A sandbox that can start its program in stranger ways than Sandbox.run does.

    It lies in memory, where thousands of directories cost no time, unless it is `apart`: for a program that will have
    another /dev/shm.
    """

    def __init__(self, apart=False):
        tempfile.tempdir = "/dev/shm" if not apart and os.access("/dev/shm", os.W_OK) else None
        super().__init__(LIBRARY, REPORTER)

    def start(self, command, mode=None, prepare=None, user=None, stdin=subprocess.DEVNULL, stderr=None, pipes=False,
              **more):
        """Runs a command to its end.

        `prepare` runs in the child just before exec; `user` is the uid to run as. Output goes to files, which no
        process left behind can hold open, or with `pipes` through pipes, for a host that may write no file. With
        `stderr` given, nobody reads that.
        """
        out, err = self.base / "stdout", self.base / "stderr"
        options = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        with open(out, "w+b") as stdout, open(err, "w+b") as other:
            process = subprocess.Popen(command, cwd=self.cwd, env=self.environment(mode, **more), stdin=stdin,
                                       stdout=subprocess.PIPE if pipes else stdout,
                                       stderr=stderr or (subprocess.PIPE if pipes else other), preexec_fn=prepare,
                                       **options)
            try:
                # Without pipes this only waits.
                said = process.communicate(timeout=PATIENCE)
                status = process.returncode
            except subprocess.TimeoutExpired:
                process.kill()
                said = process.communicate()
                status = "still running after a minute"
            stdout.write(said[0] or b"")
            other.write(said[1] or b"")
        return Ended(status, out.read_bytes(), err.read_bytes())

    def start_apart(self, setup, acts, mode="report", user=None, **more):
        """Runs the host in a mount namespace of its own, with its own empty /dev/shm, after the shell lines `setup`.

        The ledger goes to where it goes by default. Afterwards, still in there, the reporter prints what it finds:
        returns (Ended, its JSON or None, {path: mode and owner} of what is below /dev/shm). What is left in $TMPDIR is
        then in `self.left`.
        """
        host = HOST if user is None else self.give_to(user)
        switch = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        preload = ["env"] + ([] if mode is None else [f"LD_PRELOAD={self.library}", f"LEAKSHIM={mode}"])
        script = "\n".join([
            "mount -t tmpfs -o mode=1777 leakshim-test /dev/shm || exit 90",
            f"mount -t tmpfs -o mode=1777 leakshim-test {self.tmp} || exit 90", setup,
            shlex.join([*switch, *preload, host, *acts]), "status=$?",
            f"{shlex.join([*switch, str(self.reporter), '--json'])} >{self.base}/json 2>{self.base}/complaint",
            f"find /dev/shm/ -mindepth 1 -printf '%P %m %U\\n' >{self.base}/files",
            f"ls -A {self.tmp} >{self.base}/left", "exit $status"])
        ended = self.start([*APART, "sh", "-c", script], None, **more)
        self.left = (self.base / "left").read_text(encoding="utf-8").split()
        text = (self.base / "json").read_bytes()
        lines = (self.base / "files").read_text(encoding="utf-8").splitlines()
        files = {line.split(" ")[0]: tuple(line.split(" ")[1:]) for line in lines}
        return ended, json.loads(text) if text else None, files

    def give_to(self, user):
        """Lets another user work in this world; the library goes with it, since a build directory may be private."""
        for name in ("libleakshim.so", "leakshim-report", "host"):
            shutil.copy({"libleakshim.so": LIBRARY, "leakshim-report": REPORTER, "host": HOST}[name], self.base / name)
        self.library, self.reporter = self.base / "libleakshim.so", self.base / "leakshim-report"
        os.chmod(self.base, 0o755)
        for directory in (self.tmp, self.cwd, self.home, self.ledger):
            os.chown(directory, user, user)
        return str(self.base / "host")


class HostileTest(unittest.TestCase):
    """Assertions on a host under the shim."""

    def bare(self, acts, **more):
        """How the host ends without the shim: the yardstick."""
        with World() as world:
            ended = world.start([HOST, *acts], **more)
            self.assertEqual(ended.status, STATUS)
            return ended

    def assert_unharmed(self, ended, bare, said=()):
        """The host ended as without the shim; what the shim said is one sentence for each text in `said`.

        `said` is None where a report is to be expected.
        """
        self.assertEqual((ended.status, ended.stdout), (bare.status, bare.stdout))
        self.assertEqual(b"".join(line for line in ended.stderr.splitlines(True) if not is_ours(line)), bare.stderr)
        if said is not None:
            self.assert_said(ended.our_stderr, said)

    def assert_said(self, text, said):
        lines = text.decode().splitlines()
        self.assertEqual(len(lines), len(said), text)
        for line, words in zip(lines, said):
            self.assertTrue(line.startswith("leakshim: "), line)
            for word in (words,) if isinstance(words, str) else words:
                self.assertIn(word, line)
            self.assertLess(len(line), 1100, "a sentence, not a page")

    def check(self, said=(), acts=WORK, mode="report", **more):
        """Runs the host both ways in worlds of their own; `more` are variables of the second."""
        bare = self.bare(acts)
        with World() as world:
            ended = world.start([HOST, *acts], mode, **more)
            self.assert_unharmed(ended, bare, said)
            return os.listdir(world.ledger)


def main(case):
    """usage of every test here: LIBRARY REPORTER HOST [TEST]"""
    global LIBRARY, REPORTER, HOST
    LIBRARY, REPORTER, HOST = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:4])
    end_on_sigterm()
    names = [f"{case.__name__}.{name}" for name in sys.argv[4:]] or [case.__name__]
    result = unittest.main(module=sys.modules[case.__module__], argv=sys.argv[:1] + names, exit=False,
                           verbosity=2).result
    if result.skipped and result.testsRun == len(result.skipped):
        return 77
    return 0 if result.wasSuccessful() else 1
