# SPDX-License-Identifier: MIT
"""The harness of the victims for hosts that need something more in their environment."""

import subprocess

from sandbox import Sandbox
from victims import Harness

STRICT = ["-std=gnu11", "-O1", "-g", "-D_GNU_SOURCE", "-Wno-unused-result", "-pthread"]


def build(compiler, source, program, *flags):
    """True if the program could be built; otherwise the compiler says why."""
    done = subprocess.run([compiler, *STRICT, str(source), "-o", str(program), *flags], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    print(done.stderr.decode(errors="replace"), end="")
    return done.returncode == 0


class Watched(Sandbox):
    """A sandbox whose programs get some variables more: `variables(preloaded)`, with {library} for ours."""

    def __init__(self, variables):
        super().__init__()
        self.variables = variables

    def environment(self, mode=None, ci=True, **more):
        values = {name: value.format(library=self.library) for name, value in self.variables(mode is not None).items()}
        return super().environment(mode, ci, **{**values, **more})


class WatchedHarness(Harness):
    """One build of a victim in such a sandbox."""

    def __init__(self, victim, program, variables):
        super().__init__(victim, str(program))
        self.variables = variables

    def sandbox(self):
        return Watched(self.variables)

    def complaints(self):
        """Sentences on what is not as it should be, bare, in report and in reap mode."""
        for run in (self.run_bare, self.run_reporting, self.run_reaping):
            yield from run()
