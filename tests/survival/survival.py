# SPDX-License-Identifier: MIT
"""What the tests of survival share: a sandbox whose run may end in any way, and what must be gone afterwards.

A run leaves one of everything (casualty.c). A bystander leaves the very same in a place of its own, before. Afterwards
nothing of the run may be there, and all of the bystander.
"""

import os
import signal
import stat
import subprocess

from files import identity
from given import Given
from ipc import IPC_KINDS, remove_ipc
from processes import names_of, wait_for
from sandbox import Sandbox

KILLED = -signal.SIGKILL
PLACES = {"tree", "file", "own.sock", "daemon.sock"}


def is_socket(path):
    """True if a socket file lies there, itself and not by a link."""
    return stat.S_ISSOCK(os.lstat(path).st_mode)


class Field(Sandbox):
    """A sandbox that can end a run from outside, and that knows what a casualty leaves."""

    def casualty(self, way, program="", word="leak"):
        """The command of a casualty that ends in this way; `word` is that of its IPC objects."""
        return [Given.casualty, self.tag, word, way, *([str(program)] if program else [])]

    def add_bystander(self):
        """Somebody who left the same things before, in a place of his own."""
        self.run_bystander(self.casualty("killed", word="theirs"))
        self.theirs = {path: identity(path) for path in self.below(self.bystander)}
        assert {(kind, "theirs") for kind in IPC_KINDS} == self.ipc_left()
        assert len(self.spared) == 2, self.spared

    @staticmethod
    def below(directory):
        """The paths of all that lies below a directory."""
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

    def everything(self):
        """What left() shows when a casualty has left everything."""
        return sorted([*PLACES, *IPC_KINDS, "casualty", "casualty"])
