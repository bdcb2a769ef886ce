# SPDX-License-Identifier: MIT
"""Runs programs that nobody here wrote bare and under the shim, and compares what came of them, test by test.

Each suite runs bare, then in report and in reap mode. Where any outcome or the exit status differs, all of them run
again (--repeat) and only what differs every time from what is ever seen bare is a difference; the rest is said to be
flaky. Exit status: 0 no difference, 1 some, 77 nothing could be run.
"""

import argparse
import fnmatch
import os
import pwd
import time

from sandbox import Sandbox
from suites import all_suites


class Run:
    """What came of one run of a suite."""

    def __init__(self, status, outcomes, ours, seconds):
        self.status, self.outcomes, self.ours, self.seconds = status, outcomes, ours, seconds

    def differences(self, other):
        """{what: (here, there)} of all in which two runs differ."""
        names = sorted(self.outcomes.keys() | other.outcomes.keys())
        found = {name: (self.outcomes.get(name, "not run"), other.outcomes.get(name, "not run")) for name in names}
        found["exit status"] = (self.status, other.status)
        return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


class Stage(Sandbox):
    """Where one run takes place: directories that belong to its user, and a library that this user can read."""

    def __init__(self, user):
        super().__init__()
        self.user = user
        if user is not None:
            self.share(*filter(os.path.exists, [self.guard]))
            self.give_to(pwd.getpwnam(user).pw_uid)

    def perform(self, suite, mode, patience):
        """Runs a suite; its outcomes lie in `home`."""
        began = time.monotonic()
        ended = self.end(self.start(suite.command_in(self.home), mode, USER=self.user or "root",
                                    user=pwd.getpwnam(self.user).pw_uid if self.user else None), patience)
        seconds = time.monotonic() - began
        texts = [self.plain(text) for text in (ended.stdout, ended.own_stderr)]
        ours = [line.decode(errors="replace").rstrip() for line in ended.our_stderr.splitlines()]
        return Run(ended.status, suite.outcomes(self.home, *texts), ours, seconds)

    def plain(self, text):
        """Text without what names this very run."""
        return text.decode(errors="replace").replace(str(self.base), "{base}")


class Bench:
    def __init__(self, options):
        self.options = options
        self.differences = self.runs = 0

    def perform(self, suite, mode, user):
        with Stage(user) as stage:
            return stage.perform(suite, mode, self.options.patience)

    def compare(self, suite, user):
        """Runs a suite in all modes, and prints its line of the table and each difference."""
        bare = self.perform(suite, None, user)
        row = [f"{suite.name} ({user or 'root'})", str(len(bare.outcomes)), f"{bare.seconds:.1f}"]
        news = []
        for mode in self.options.modes:
            run = self.perform(suite, mode, user)
            real, flaky = self.judge(suite, mode, user, bare, run)
            row.append(f"{len(real)}, {len(flaky)} flaky ({run.seconds:.1f} s, {len(run.ours)} lines of ours)")
            news += [f"    DIFFERENT in {mode}: {what}: bare {pair[0]!r}, now {pair[1]!r}" for what, pair in real.items()]
            news += [f"    flaky in {mode}: {what}: {pair[0]!r} and {pair[1]!r}" for what, pair in flaky.items()]
            self.differences += len(real)
            if self.options.show:
                news += [f"    {line}" for line in run.ours]
        self.runs += 1
        print(" | ".join(row), flush=True)
        for line in news:
            print(line, flush=True)

    def judge(self, suite, mode, user, bare, run):
        """(real differences, flaky ones): what differs is looked at again, side by side."""
        found = bare.differences(run)
        bares, runs = [bare], [run]
        for _ in range(self.options.repeat - 1 if found else 0):
            bares.append(self.perform(suite, None, user))
            runs.append(self.perform(suite, mode, user))

        def seen(all_of_them, what):
            return {one.status if what == "exit status" else one.outcomes.get(what, "not run") for one in all_of_them}

        real = {what: pair for what, pair in found.items() if not seen(bares, what) & seen(runs, what)}
        return real, {what: pair for what, pair in found.items() if what not in real}


def main(words):
    parser = argparse.ArgumentParser(prog="transparency", description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help="names or patterns of suites; all without any")
    parser.add_argument("--list", action="store_true", help="print the suites and why one can't be run")
    parser.add_argument("--mode", action="append", dest="modes", choices=("report", "reap"), help="only this mode")
    parser.add_argument("--user", choices=("root", "nobody", "both"), default="both", help="as whom, when run by root")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side before a difference counts")
    parser.add_argument("--patience", type=int, default=900, help="seconds until a run is given up")
    parser.add_argument("--show", action="store_true", help="print what leakshim said, too")
    options = parser.parse_args(words)
    options.modes = options.modes or ["report", "reap"]
    suites = [suite for suite in all_suites()
              if (not options.suites and not suite.short)
              or any(fnmatch.fnmatch(suite.name, pattern) for pattern in options.suites)]
    if not suites:
        parser.error(f"no suite is called {' or '.join(options.suites)}; --list prints them")
    bench = Bench(options)
    users = {"both": ["nobody", None], "root": [None], "nobody": ["nobody"]}[options.user]
    if os.geteuid() != 0:
        users = [None]
    if not options.list:
        print(" | ".join(["suite", "tests", "bare, s", *(f"differences in {mode}" for mode in options.modes)]))
    for suite in suites:
        if suite.missing or options.list:
            print(f"{suite.name}: {'not run: ' + suite.missing if suite.missing else 'can be run'}")
            continue
        for user in users:
            if not (suite.never_root and user is None and os.geteuid() == 0):
                bench.compare(suite, user)
    if options.list:
        return 0
    print(f"{bench.differences} differences in {bench.runs} runs of suites")
    return 77 if bench.runs == 0 else 1 if bench.differences else 0
