# SPDX-License-Identifier: MIT
"""What every test case here can do: say what it needs, and become somebody else."""

import os
import pathlib
import random
import shutil
import unittest

from sandbox import Sandbox

# User namespaces may be forbidden; root needs none.
OWN_MOUNTS = ["unshare", "--mount", "--propagation", "private"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


class Case(unittest.TestCase):
    """A test case whose differences are shown whole."""

    maxDiff = None
    path = None  # where needs() looks for programs; the PATH of this process, if None

    def needs(self, *programs):
        """Skips the test where one of these programs, names or paths, is not there."""
        for program in programs:
            if shutil.which(program, path=self.path) is None:
                self.skipTest(f"there is no {program} here")

    def needs_root(self):
        """Skips the test where it is not root who runs it."""
        if os.geteuid() != 0:
            self.skipTest("only root can do this")

    def new_sandbox(self):
        """A sandbox that is left when the test is over."""
        sandbox = Sandbox().__enter__()
        self.addCleanup(sandbox.__exit__)
        return sandbox

    def somebody_else(self):
        """A uid that is nobody's, and the directory of its ledgers, which goes with the test if it is made."""
        uid = random.randrange(200000, 2000000000)
        own = pathlib.Path(f"/dev/shm/leakshim-{uid}")
        self.addCleanup(shutil.rmtree, own, True)
        return uid, own
