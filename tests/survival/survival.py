# SPDX-License-Identifier: MIT
"""What the tests of survival share: a sandbox whose run may end in any way, and what must be gone afterwards.

A run leaves one of everything (casualty.c). A bystander leaves the very same in a place of its own, before. Afterwards
nothing of the run may be there, and all of the bystander.
"""

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))

from ipc import remove_ipc  # noqa: E402
from sandbox import (PATIENCE, Ended, Sandbox, end_on_sigterm, identity, kill_by_pidfd, names_of,  # noqa: E402,F401
                     process_table, stat_fields, wait_for)

KILLED = -signal.SIGKILL
IPC_KINDS = ("posix_shm", "named_semaphore", "message_queue", "sysv_shm", "sysv_sem", "sysv_msg")
PLACES = {"tree", "file", "own.sock", "daemon.sock"}


def is_socket(path):
    return stat.S_ISSOCK(os.lstat(path).st_mode)


class Tools:
    """Paths of what is tested and of its victims, from the command line: NAME=PATH each."""


class Field(Sandbox):
    """A sandbox that can end a run from outside, and that knows what a casualty leaves."""

    def __init__(self):
        super().__init__(Tools.library, Tools.report)
        self.started = []

    def __exit__(self, *what):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        super().__exit__(*what)

    def casualty(self, way, program="", word="leak"):
        return [Tools.casualty, self.tag, word, way, *([str(program)] if program else [])]

    def add_bystander(self):
        """Somebody who left the same things before, in a place of his own."""
        self.run_bystander(self.casualty("killed", word="theirs"))
        self.theirs = {path: identity(path) for path in self.below(self.bystander)}
        assert {(kind, "theirs") for kind in IPC_KINDS} == self.ipc_left()
        assert len(self.spared) == 2, self.spared

    @staticmethod
    def below(directory):
        return sorted(os.path.join(top, name) for top, dirs, files in os.walk(directory) for name in dirs + files)

    def bystander_is_whole(self):
        """"" when the bystander has all that he had, else what he misses."""
        if not self.bystanders_alive():
            return "a process of the bystander's is dead"
        now = {path: identity(path) for path in self.below(self.bystander)}
        if now != self.theirs:
            return f"of the bystander's things there are {sorted(now)}"
        missing = {(kind, "theirs") for kind in IPC_KINDS} - self.ipc_left()
        return f"the bystander misses {missing}" if missing else ""

    def left(self):
        """All that is still there of the run, in words."""
        found = [os.fsdecode(os.path.basename(path)) for path in self.left_over() if b"/cwd/" not in path]
        found += [kind for kind, word in self.ipc_left() if word == "leak"]
        return sorted(found + names_of(self.survivors()))

    def clear(self):
        """Removes what a run without the shim left, so that the same command can leave it again."""
        self.end_survivors()
        remove_ipc(self.tag)
        for path in self.left_over():
            subprocess.run(["rm", "-rf", "--", path], check=True)

    def wait_until_clean(self):
        """Waits until nothing of the run is left; what is left when patience is over."""
        return wait_for(self.left, lambda left: not left)

    def wait_until_clean_but(self, *names):
        """Waits until nothing but these is left in TMPDIR; what is left when patience is over."""
        return wait_for(lambda: sorted(os.listdir(self.tmp)), lambda left: left == sorted(names))

    def wait_until_left(self, names):
        """Waits until just these processes are left, bystanders apart; which are left when patience is over."""
        return wait_for(lambda: names_of(self.survivors()), lambda left: left == names)

    def wait_until_ready(self):
        """Waits for the casualty to have left everything: (its pid, its parent's)."""
        sign = self.cwd / "ready"
        wait_for(sign.exists, bool)
        pids = tuple(map(int, sign.read_text(encoding="ascii").split()))
        sign.unlink()
        return pids

    def start(self, command, mode=None, **more):
        """Starts a command in a session (setsid) of its own, with its output in files."""
        out, err = self.base / "stdout", self.base / "stderr"
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            process = subprocess.Popen(list(map(str, command)), cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=stdout,
                                       stderr=stderr, env=self.environment(mode, **more), start_new_session=True)
        self.started.append(process)
        return process

    def end(self, process):
        """Waits for what start() started: how it ended, and what it wrote."""
        status = process.wait(PATIENCE)
        return Ended(status, (self.base / "stdout").read_bytes(), (self.base / "stderr").read_bytes())

    def everything(self):
        """What left() shows when a casualty has left everything."""
        return sorted([*PLACES, *IPC_KINDS, "casualty", "casualty"])

    def report(self, session=None):
        """A session as leakshim-report shows it, the newest without its id: (its JSON, the tool's exit status)."""
        if session is None:
            return super().report()
        done = subprocess.run([Tools.report, "--json", "--session", session], cwd=self.cwd, capture_output=True,
                              env=self.environment(LEAKSHIM_DIR=str(self.ledger)), timeout=PATIENCE, check=False)
        assert done.returncode in (0, 1), (session, done.returncode, done.stderr)
        return json.loads(done.stdout), done.returncode

    def ledgers(self):
        return sorted(path for path in self.ledger.iterdir() if path.suffix == ".ledger")


class SurvivalTest(unittest.TestCase):
    maxDiff = None

    def needs(self, program):
        if not os.path.exists(program):
            self.skipTest(f"{program} is not installed")


def read_tools(words):
    """Takes in NAME=PATH each."""
    for word in words:
        name, _, path = word.partition("=")
        setattr(Tools, name, str(pathlib.Path(path).resolve()))


def main(*cases):
    """usage of every test here: NAME=PATH... -- [TEST]"""
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    read_tools(words[:split])
    end_on_sigterm()
    names = [f"{case.__name__}.{name}" for case in cases for name in words[split + 1:] if hasattr(case, name)]
    run = unittest.main(module="__main__", argv=sys.argv[:1] + names, exit=False, verbosity=2).result
    if not run.wasSuccessful():
        return 1
    return 77 if run.testsRun == len(run.skipped) else 0
