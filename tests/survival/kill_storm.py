# SPDX-License-Identifier: MIT
"""A kill storm: SIGKILL at random instants, to random processes of a busy session and to its guard.

usage: run.py kill_storm.py NAME=PATH... -- [ROUNDS] [--seed N] [--keep DIRECTORY]

Each round starts a busy run (busy.py; some under leakshim-run), kills some of its processes at random instants, perhaps
its guard, then its root, and perhaps the guard at work or the user's next session while it sweeps. Then the next
session comes. Afterwards nothing of the run may be there but what the report calls unresolved (its maker was killed
between the call and its record), every ledger must be readable, and a bystander with processes, trees, sockets and IPC
objects must have all that he had. What each round does follows from the seed, the instants do not quite: what went
wrong is printed with its evidence, and kept where DIRECTORY says. Exit status 0 only if nothing went wrong.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import random
import signal
import subprocess
import time

from given import Given
from ipc import IPC_KINDS, ipc_key
from processes import PATIENCE, kill_by_pidfd, names_of, wait_for
from survival import Field

ROUNDS_A_FIELD = 3  # the bystander lives for two minutes
DEADLINE = "deadline=10m"  # on a busy machine too everything is to be reaped
BUSY = pathlib.Path(__file__).resolve().with_name("busy.py")


def is_guard(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("leakshim-guard")
    except (FileNotFoundError, ProcessLookupError):
        return False


class Round:
    """One round of the storm in a field."""

    def __init__(self, field, seed, number):
        self.field, self.number = field, number
        self.random = random.Random(f"{seed} {number}")
        self.unresolved = 0
        self.killed_sweeper = False

    def guards(self):
        return [pid for pid in self.field.survivors() if is_guard(pid)]

    def sometimes(self, chance):
        return self.random.random() < chance

    def wait_a_moment(self, most):
        time.sleep(self.random.random() * most)

    def kill_guards(self):
        for pid in self.guards():
            kill_by_pidfd(pid)

    def play(self):
        """What went wrong, in words."""
        command = ["/usr/bin/python3", "-B", "-S", BUSY, self.field.tag, str(ipc_key("leak", self.field.tag))]
        if self.sometimes(0.25):
            root = self.field.start([Given.run, "--reap", "-o", DEADLINE, "--", *command],
                                    LEAKSHIM_DIR=str(self.field.ledger))
        else:
            root = self.field.start(command, "reap", LEAKSHIM_OPTIONS=DEADLINE)
        ready = self.field.cwd / "ready"
        wait_for(lambda: ready.exists() or root.poll() is not None, bool)
        if not ready.exists():
            return f"the run did not come up: {(self.field.base / 'stderr').read_bytes()}"
        ready.unlink(missing_ok=True)
        for _ in range(self.random.randint(1, 4)):
            self.wait_a_moment(0.02)
            pids = sorted(self.field.survivors())
            if pids:
                kill_by_pidfd(self.random.choice(pids))
        if self.sometimes(0.5):
            self.kill_guards()
        root.kill()
        root.wait()
        if self.sometimes(0.4):
            self.wait_a_moment(0.3)
            self.kill_guards()
        return self.sweep()

    def kill_a_sweeper(self):
        """The next session is killed too, at work perhaps."""
        sweeper = self.field.start(["true"], "reap")
        self.wait_a_moment(0.1)
        sweeper.kill()
        self.killed_sweeper = sweeper.wait() != 0

    def sweep(self):
        """The user's next session. What is left, harmed or unreadable then, in words."""
        if self.sometimes(0.3):
            self.kill_a_sweeper()
        if wait_for(self.guards, lambda pids: not pids):
            return "a guard stays"
        for name in ("stdout", "stderr"):  # which the run's processes may still write to
            (self.field.base / name).unlink()
        ended = self.field.run(["true"], "reap")
        if ended.status != 0 or ended.own_stderr:
            return f"the next session ended with {ended.status} and said {ended.stderr}"
        unreadable = self.read_ledgers()
        if unreadable:
            return unreadable
        left = self.unexpected()
        if left:
            return f"left are {left}"
        return self.field.bystander_is_whole()

    def read_ledgers(self):
        """Takes in what each session's report calls unresolved; what can't be read, in words."""
        self.said = set()
        for ledger in self.field.ledgers():
            with open(ledger, "rb") as file:
                unfinished = not any(file.read(8))
            if unfinished and self.killed_sweeper:
                ledger.unlink()  # its maker died over it, before there was a session
                continue
            done = subprocess.run([Given.report, "--json", "--session", ledger.stem], capture_output=True,
                                  env=self.field.environment(LEAKSHIM_DIR=str(self.field.ledger)), timeout=PATIENCE,
                                  check=False)
            if done.returncode not in (0, 1):
                return f"leakshim-report ends with {done.returncode} on {ledger.name}: {done.stderr}"
            for record in json.loads(done.stdout)["records"]:
                if record["state"] == "unresolved":
                    self.said |= {record.get("path", ""), record["kind"]}
        return ""

    def unexpected(self):
        """What is there and is not said to be unresolved."""
        left = {os.fsdecode(path) for path in self.field.left_over() if b"/cwd/" not in path}
        left |= {kind for kind, word in self.field.ipc_left() if word == "leak"}
        # mkdtemp(3) was asked by a template.
        known = {thing for thing in left for name in self.said
                 if fnmatch.fnmatchcase(thing, name.replace("XXXXXX", "??????"))}
        self.unresolved += len(known)
        for path in known - set(IPC_KINDS):
            subprocess.run(["rm", "-rf", "--", path], check=True)
        return sorted(left - known) + names_of(self.field.survivors())

    def evidence(self, keep):
        """Prints what the log says of the last sessions, and keeps their ledgers."""
        for ledger in self.field.ledgers():
            log = ledger.with_suffix(".log")
            if log.exists():
                lines = log.read_text(encoding="utf-8").splitlines()
                print(f"  {log.name}: {len(lines)} lines, the last ones:", *lines[-3:], sep="\n    ")
        if keep is not None:
            place = pathlib.Path(keep) / f"round-{self.number}"
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", "--sparse=always", self.field.ledger, place], check=False)
            print(f"  kept in {place}")


class Storm:
    def __init__(self, options):
        self.options = options
        self.bad = self.unresolved = self.played = 0

    def play(self):
        try:
            while self.played < self.options.rounds:
                self.play_some(min(self.played + ROUNDS_A_FIELD, self.options.rounds))
        finally:  # also when it is ended before its time
            print(f"kill-storm: seed {self.options.seed}: {self.played} rounds, {self.bad} went wrong, "
                  f"{self.unresolved} things unresolved", flush=True)
        return self.bad == 0

    def play_some(self, until):
        """Rounds in one field, up to the first that goes wrong."""
        with Field() as field:
            field.add_bystander()
            while self.played < until:
                one = Round(field, self.options.seed, self.played)
                self.played += 1
                wrong = one.play()
                self.unresolved += one.unresolved
                if not wrong and one.field.ipc_left() & {(kind, "leak") for kind in IPC_KINDS}:
                    return  # unresolved, and in the way of another run
                if wrong:
                    self.bad += 1
                    print(f"kill-storm: round {one.number}: {wrong}", flush=True)
                    one.evidence(self.options.keep)
                    return


def main(words):
    parser = argparse.ArgumentParser(prog="kill-storm")
    parser.add_argument("rounds", nargs="?", type=int, default=1000, metavar="ROUNDS")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the time, if not given")
    parser.add_argument("--keep", metavar="DIRECTORY", help="for the ledgers of rounds that go wrong")
    options = parser.parse_args(words)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return 0 if Storm(options).play() else 1
