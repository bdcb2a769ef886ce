# SPDX-License-Identifier: MIT
"""What the hostile tests share: a host that is run bare and under the shim, and what must not differ between the two.

The host is host.c: a list of acts, a line on stdout for each, status 7. Whatever is wrong with settings, file systems,
limits or ledgers, its output and status stay what they are without the shim, and the shim says at most one sentence.
"""

import json
import os
import shlex
import subprocess
import tempfile

from cases import OWN_MOUNTS, Case
from given import Given
from sandbox import Sandbox

NOBODY = 65534
STATUS = 7  # of every host that is not told otherwise
WORK = ["work=20", "shell=:"]
SUMMARY = b"SUMMARY: leakshim: "
THROUGH_PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}  # for a host that may write no file


def can_be_apart():
    """True if this kernel and user may have a mount namespace of their own."""
    return subprocess.run([*OWN_MOUNTS, "mount", "-t", "tmpfs", "leakshim-test", "/dev/shm"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


class World(Sandbox):
    """A sandbox that can run its program in stranger ways than others do.

    It lies in memory, where thousands of directories cost no time, unless it is `apart`: for a program that will have
    another /dev/shm.
    """

    def __init__(self, apart=False):
        tempfile.tempdir = "/dev/shm" if not apart and os.access("/dev/shm", os.W_OK) else None
        super().__init__()

    def run_apart(self, setup, acts, mode="report", user=None, **more):
        """Runs the host in a mount namespace of its own, with its own empty /dev/shm, after the shell lines `setup`.

        The ledger goes to where it goes by default. Afterwards, still in there, the reporter prints what it finds:
        returns (Ended, its JSON or None, {path: mode and owner} of what is below /dev/shm). What is left in $TMPDIR is
        then in `self.left`.
        """
        host = Given.host if user is None else self.move_to(user)
        switch = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        preload = ["env"] + ([] if mode is None else [f"LD_PRELOAD={self.library}", f"LEAKSHIM={mode}"])
        script = "\n".join([
            "mount -t tmpfs -o mode=1777 leakshim-test /dev/shm || exit 90",
            f"mount -t tmpfs -o mode=1777 leakshim-test {self.tmp} || exit 90", setup,
            shlex.join([*switch, *preload, host, *acts]), "status=$?",
            f"{shlex.join([*switch, str(self.reporter), '--json'])} >{self.base}/json 2>{self.base}/complaint",
            f"find /dev/shm/ -mindepth 1 -printf '%P %m %U\\n' >{self.base}/files",
            f"ls -A {self.tmp} >{self.base}/left", "exit $status"])
        ended = self.run([*OWN_MOUNTS, "sh", "-c", script], None, **more)
        self.left = (self.base / "left").read_text(encoding="utf-8").split()
        text = (self.base / "json").read_bytes()
        lines = (self.base / "files").read_text(encoding="utf-8").splitlines()
        files = {line.split(" ")[0]: tuple(line.split(" ")[1:]) for line in lines}
        return ended, json.loads(text) if text else None, files

    def move_to(self, user):
        """Lets another user work in this world, with what he needs in it; the path of his host."""
        self.share(self.reporter, Given.host)
        self.reporter = str(self.base / "leakshim-report")
        self.give_to(user)
        return str(self.base / "host")


class HostileTest(Case):
    """Assertions on a host under the shim."""

    def bare(self, acts, **more):
        """How the host ends without the shim: the yardstick."""
        with World() as world:
            ended = world.run([Given.host, *acts], **more)
            self.assertEqual(ended.status, STATUS)
            return ended

    def assert_unharmed(self, ended, bare, said=()):
        """The host ended as without the shim; what the shim said is one sentence for each text in `said`.

        `said` is None where a report is to be expected.
        """
        self.assertEqual((ended.status, ended.stdout), (bare.status, bare.stdout))
        self.assertEqual(ended.own_stderr, bare.stderr)
        if said is not None:
            self.assert_said(ended.our_stderr, said)

    def assert_said(self, text, said):
        """What the shim said is one sentence for each text (or each tuple of texts) in `said`."""
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
            ended = world.run([Given.host, *acts], mode, **more)
            self.assert_unharmed(ended, bare, said)
            return os.listdir(world.ledger)
