# SPDX-License-Identifier: MIT
"""The main job, shown and checked: runs a suite of real leaks without the shim, with it at a desk, and with it in CI,
each time next to bystanders, and asks the report. scripts/demo builds what this needs and starts it.

Prints a line for each check and ends with a summary; exit status 0 only when every check held. All that it makes lies
in a directory of its own under /tmp, or is known by pid or id, and is removed at the end, also after Ctrl-C.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import inventory
from bystanders import Crowd
from programs import reap_children
from reports import Reporter, false_accusations, judge

HERE = pathlib.Path(__file__).resolve().parent
SUITE = "test_leaky_suite.py"
PYTEST = "/usr/bin/pytest"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def print_quoted(lines):
    for line in lines:
        print("  |", line, flush=True)


class Tally:
    """Prints checks as they are made and counts them."""

    def __init__(self):
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._good, self._bad, self._plain = ("\033[32m", "\033[31m", "\033[0m") if colour else ("", "", "")
        self.held = self.broken = 0

    def check(self, what, holds, why=""):
        if holds:
            self.held += 1
            print(f"  {self._good}ok{self._plain}      {what}", flush=True)
        else:
            self.broken += 1
            print(f"  {self._bad}NOT ok{self._plain}  {what}{': ' + why if why else ''}", flush=True)

    def summary(self, seconds):
        print(f"\nSUMMARY: demo: {self.held} checks held, {self.broken} did not, {seconds:.0f} s")


class Run:
    """One run of the suite: what it left (known while it still runs), how it ended, and what it printed."""

    def __init__(self, scratch, number):
        self.manifest = inventory.Manifest(scratch / f"left-by-run-{number}")
        self.manifest.path.touch()  # a file that was there before is none that the suite made
        self.stdout, self.stderr = scratch / f"stdout-{number}", scratch / f"stderr-{number}"
        self.status = self.session = None

    @property
    def things(self):
        return self.manifest.things()

    def verdict(self):
        """What pytest printed, without its running times."""
        return re.sub(r"=*([^=\n]*) in [\d.]+s[^\n]*", r"\1", self.stdout.read_text(errors="replace"))


class Demo:
    def __init__(self, library, report, tally):
        self.tally = tally
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="leakshim-demo.", dir="/tmp"))
        self.library = library
        if re.search(r"[\s:]", library):  # ld.so would see two names
            (self.scratch / "lib").symlink_to(os.path.dirname(library))
            self.library = str(self.scratch / "lib" / os.path.basename(library))
        self.name = self.scratch.name.replace(".", "-")
        self.tmpdir, self.tmux, self.ledger = (self.scratch / name for name in ("tmp", "tmux", "ledger"))
        for directory in (self.tmpdir, self.tmux, self.ledger, self.scratch / "home"):
            directory.mkdir(mode=0o700)
        self.reporter = Reporter(report, self.ledger)
        self.crowd = Crowd()
        self.runs = []
        self.tree_before = set()
        self.plain = None  # the run without the shim, with which the others are compared

    # What happens in the world.

    def environment(self):
        """That of the suite: the developer's, without what would make two developers see two demos."""
        foreign = ("LEAKSHIM", "PYTEST", "TMUX", "LD_PRELOAD", "PYTHONPATH")
        kept = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith(foreign)}
        return {**kept, "HOME": str(self.scratch / "home"), "TMPDIR": str(self.tmpdir), "TMUX_TMPDIR": str(self.tmux),
                "LEAKSHIM_DIR": str(self.ledger), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1",
                "PYTEST_ADDOPTS": "-p no:cacheprovider", "DEMO_NAME": self.name,
                "DEMO_PRECIOUS": str(self.scratch / "precious")}

    def run_suite(self, **settings):
        """Runs the suite with the settings in its environment. Its output goes into files: a daemon that inherits a
        pipe would make us wait for it."""
        run = Run(self.scratch, len(self.runs) + 1)
        self.runs.append(run)
        print("  $", *(f"{key}={value}" for key, value in settings.items()), "pytest", SUITE, flush=True)
        environment = {**self.environment(), **settings, "DEMO_MANIFEST": str(run.manifest.path)}
        with open(run.stdout, "wb") as out, open(run.stderr, "wb") as err:
            child = subprocess.Popen([PYTEST, SUITE], cwd=HERE, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=err)
            try:
                run.status = child.wait(timeout=60)
            except subprocess.TimeoutExpired:
                print("  | still running after a minute, and killed")
            finally:
                child.kill()
                child.wait()
        print_quoted(run.stdout.read_text(errors="replace").splitlines()[-1:])
        print_quoted(run.stderr.read_text(errors="replace").splitlines())
        return run

    def tree(self):
        """Every path where the suite may make temporary things."""
        return {os.path.join(base, name) for top in (self.tmpdir, self.tmux)
                for base, directories, files in os.walk(top) for name in directories + files}

    def remove(self, things):
        for thing in things:
            try:
                thing.remove()
            except OSError as error:
                print(f"could not remove {thing.what}: {error}", file=sys.stderr)
        reap_children()

    def clean_up(self):
        everything = [thing for run in self.runs for thing in run.things] + self.crowd.things
        self.remove(everything)
        shutil.rmtree(self.scratch, ignore_errors=True)
        rest = [thing.what for thing in everything if thing.exists()] + [str(self.scratch)] * self.scratch.exists()
        print("\n5. Cleaning up")
        self.tally.check("nothing of the demo itself is left", not rest, ", ".join(rest))

    def processes_of(self, run):
        """The pids of those who have the run in their environment, whoever their parent is by now."""
        mark, found = b"DEMO_MANIFEST=" + os.fsencode(run.manifest.path), []
        for entry in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in entry.read_bytes().split(b"\0"):
                    found.append(entry.parent.name)
            except OSError:
                continue  # ended meanwhile, or another user's
        return found

    # What is shown and checked.

    def show_everything(self):
        print("\n0. Bystanders: they look like the leaks, and were there before")
        self.crowd.gather(self.scratch, self.tmpdir, self.name)
        self.tree_before = self.tree()
        self.check_bystanders("there")
        self.show_plain()
        desk = self.show_shim("2. With the shim, at a desk: temporary trees are kept for whoever debugs")
        ci = self.show_shim("3. With the shim, in CI: temporary trees go too", CI="1")
        self.show_report([desk, ci])

    def show_plain(self):
        print("\n1. Without the shim: the suite passes, and leaves all this behind")
        run = self.plain = self.run_suite()
        self.tally.check("the suite passes", run.status == 0 and run.things, run.verdict())
        for thing in run.things:
            if thing.ends_with_run:
                there = thing.tid in run.manifest.running_at_exit()
                self.tally.check(f"still running at the end: {thing.what}", there)
            else:
                self.tally.check(f"left behind: {thing.what}", thing.exists(), "it is gone by itself")
        hurt = [bystander.what for bystander in self.crowd.bystanders if not bystander.is_untouched()]
        self.tally.check("the suite itself hurts no bystander", not hurt, ", ".join(hurt))
        self.remove(run.things)
        rest = [thing.what for thing in run.things if thing.exists()] + sorted(self.tree() - self.tree_before)
        self.tally.check("all of it removed again, for the next run", not rest, ", ".join(rest))

    def show_shim(self, title, **settings):
        print("\n" + title)
        ci = "CI" in settings
        run = self.run_suite(**settings, LD_PRELOAD=self.library)
        self.tally.check("the suite passes as without the shim", run.status == self.plain.status, str(run.status))
        self.tally.check("it prints on standard output what it printed without the shim",
                         run.verdict() == self.plain.verdict(), run.verdict())
        same = [thing.what for thing in run.things] == [thing.what for thing in self.plain.things]
        self.tally.check("it leaks the same things", same)
        kept = [thing for thing in run.things if thing.kept_at_desk and not ci]
        for thing in run.things:
            if thing in kept:
                self.tally.check(f"kept: {thing.what}", thing.exists(), "it is gone")
            elif not thing.ends_with_run:
                self.tally.check(f"gone: {thing.what}", not thing.exists(), "it is still there")
        self.tally.check("no other process of the run is left", not (pids := self.processes_of(run)), str(pids))
        extra = {path for path in self.tree() - self.tree_before
                 if not any(path == thing.path or path.startswith(thing.path + "/") for thing in kept)}
        self.tally.check("no other file of the run is left", not extra, ", ".join(sorted(extra)))
        self.check_bystanders()
        self.check_report(run, kept, ci)
        self.remove(run.things)
        return run

    def check_bystanders(self, word="untouched"):
        for bystander in self.crowd.bystanders:
            self.tally.check(f"{word}: {bystander.what}", bystander.is_untouched())

    def check_report(self, run, kept, ci):
        status, report = self.reporter.newest()
        run.session = report.get("session", {}).get("id")
        self.tally.check("leakshim-report --json ends with 1, for leaks", status == 1, str(status))
        self.tally.check("its schema is leakshim.report/1", report.get("schema") == "leakshim.report/1")
        self.tally.check("it is about this run", report.get("session", {}).get("ci") is ci
                         and report["session"].get("exit_status") == run.status, str(report.get("session")))
        for thing in run.things:
            wrong = judge(thing, report, ci)
            if wrong is None:
                continue
            self.tally.check(f"reported: {thing.what}, by {thing.test.partition('::')[2]}", not wrong, wrong)
        lies = false_accusations(run.things, report)
        self.tally.check("nothing else is called a leak", report and not lies, str(lies))
        text = run.stderr.read_text(errors="replace") + self.reporter.run()[1]
        unlisted = [thing.path for thing in kept if thing.path not in text]
        if kept:
            self.tally.check("what was kept is listed with its path", not unlisted, ", ".join(unlisted))

    def show_report(self, runs):
        print("\n4. The report of the newest session, at any time later\n  $ leakshim-report")
        status, text = self.reporter.run()
        print_quoted(text.splitlines())
        self.tally.check("it ends with 1, for leaks", status == 1, str(status))
        last_line = text.rstrip().rpartition("\n")[2]
        self.tally.check("its last line is the summary", last_line.startswith("SUMMARY: leakshim:"), last_line)
        tests = {thing.test for thing in runs[-1].things}
        self.tally.check("it names every test that leaked", tests and all(test in text for test in tests),
                         ", ".join(test for test in tests if test not in text))
        listed = self.reporter.run("--list")[1]
        known = all(run.session and run.session in listed for run in runs)
        self.tally.check("leakshim-report --list knows both sessions", known, listed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--library", required=True, help="libleakshim.so, with its path")
    parser.add_argument("--report", required=True, help="leakshim-report, with its path")
    arguments = parser.parse_args()
    for path in (arguments.library, arguments.report):
        if not os.path.isfile(path):
            parser.error(f"{path} is not there; scripts/demo builds it")
    for number in SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    started, tally = time.monotonic(), Tally()
    demo = Demo(os.path.abspath(arguments.library), os.path.abspath(arguments.report), tally)
    try:
        demo.show_everything()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        tally.check("the demo comes to its end", False, f"{type(error).__name__}: {error}")
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # cleaning up is short, and must not stop half-way
        demo.clean_up()
        tally.summary(time.monotonic() - started)
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
