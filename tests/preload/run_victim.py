#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs one victim in all its harnesses and says in a sentence for each what was not as it should be.

Three builds of the same source (plain; called inside another library's constructor; with FORTIFY and 64-bit offsets)
run bare, then preloaded. The bare run comes first and must show that the victim leaks what it says; then
  - in `report` mode the host must behave the same, the ledger must hold what the victim's comment expects, and whatever
    leaked must still be there;
  - in `reap` mode with CI=1 the host must behave the same and nothing may be left, while all that is not the run's is
    untouched.
The plain build also runs in `reap` mode as at a desk (temporary files and directories are kept) and with `fail`.
With --without-shim only the bare part is done. Exit status 0 if all is well.
"""

import argparse
import os
import pathlib
import stat
import sys

from expectations import SYSV_KINDS, Victim, disagreements, pattern_of
from sandbox import Sandbox, end_on_sigterm, identity, make_before, ports_held_by

FILE_TYPES = {"temp_dir": stat.S_ISDIR, "temp_file": stat.S_ISREG, "fifo": stat.S_ISFIFO,
              "unix_socket": stat.S_ISSOCK, "link": lambda mode: stat.S_ISLNK(mode) or stat.S_ISREG(mode),
              "device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode)}
IPC_KINDS = {"posix_shm", "named_semaphore", "message_queue"} | SYSV_KINDS
KEPT_AT_A_DESK = {"temp_dir", "temp_file"}
STATUS_OF_A_LEAKY_RUN = 24


class World:
    """A sandbox with what a victim wants to find in it, and the checks on what is left afterwards."""

    def __init__(self, victim, sandbox):
        self.victim, self.sandbox = victim, sandbox
        self.before = {}
        for kind, what in victim.before:
            if kind in IPC_KINDS:
                sandbox.make_ipc(kind, what)
            else:
                make_before(kind, self._path(what))
        moves = {self._path(source): self._path(target) for source, target in victim.moved}
        for kind, what in victim.before:
            if kind not in IPC_KINDS:
                path = self._path(what)
                self.before[moves.get(path, path)] = identity(path)
        self.ipc_before = {(kind, what) for kind, what in victim.before if kind in IPC_KINDS}
        self.stays = {self._path(path) for path in victim.stays}

    def _path(self, text):
        for name, value in self.sandbox.places.items():
            text = text.replace("{" + name + "}", os.fsdecode(value))
        return os.fsencode(text)

    def untouched(self):
        """Sentences on what was there before and is not as it was."""
        for path, was in self.before.items():
            if not os.path.lexists(path):
                yield f"what was there before is gone: {path}"
            elif identity(path) != was:
                yield f"what was there before has changed: {path}"
        for path in self.stays:
            if not os.path.lexists(path):
                yield f"what the run may keep is gone: {path}"
        for kind, word in self.ipc_before - self.sandbox.ipc_left():
            yield f"what was there before is gone: {kind} {word}"

    def leaks_are_there(self, wanted_errors):
        """Sentences on where the world differs from exactly these leaks beside what may be there."""
        yield from self.untouched()
        yield from self._paths_are(wanted_errors)
        ipc = self.sandbox.ipc_left() - self.ipc_before
        for wanted in wanted_errors:
            if wanted.kinds[0] in IPC_KINDS:
                word = wanted.attributes.get("key") or wanted.attributes["named"].strip("/").removesuffix("-{tag}")
                if (wanted.kinds[0], word) in ipc:
                    ipc.remove((wanted.kinds[0], word))
                else:
                    yield f"not left behind: {wanted.text}"
        yield from (f"left behind, though nobody expects it: {kind} {word}" for kind, word in ipc)
        expected = sum(wanted.kinds[0] == "process" for wanted in wanted_errors)
        pids = self.sandbox.wait_for_survivors(expected)
        if len(pids) != expected:
            yield f"{len(pids)} processes are left, {expected} are expected"
        ports = sum(wanted.kinds[0] == "listening_port" for wanted in wanted_errors)
        if ports_held_by(pids) != ports:
            yield f"{ports_held_by(pids)} ports are held by what is left, {ports} are expected"

    def _paths_are(self, wanted_errors):
        left = self.sandbox.left_over(self.before)
        for path in list(left):
            if path in self.before or path in self.stays:
                del left[path]
        for wanted in wanted_errors:
            if "path" not in wanted.attributes:
                continue
            pattern = pattern_of(wanted.attributes["path"], self.sandbox.places)
            found = [path for path, about in left.items() if pattern.fullmatch(path)
                     and any(FILE_TYPES[kind](about.st_mode) for kind in wanted.kinds)]
            if found:
                del left[found[0]]
            else:
                yield f"not left behind: {wanted.text}"
        yield from (f"left behind, though nobody expects it: {path}" for path in left)


class Harness:
    """One build of the victim, run in one mode after the other, each in a new sandbox."""

    def __init__(self, options, victim, program):
        self.options, self.victim, self.program = options, victim, program
        self.bare = None

    def sandbox(self):
        return Sandbox(self.options.library, self.options.report)

    def run_bare(self):
        """The reference: what the host does without the shim, and that it leaks what it says."""
        with self.sandbox() as sandbox:
            world = World(self.victim, sandbox)
            self.bare = sandbox.run([self.program, sandbox.tag])
            if self.bare.status != self.victim.status:
                yield f"ended with {self.bare.status}, its comment says {self.victim.status}"
            yield from world.leaks_are_there(self.victim.errors)
        with self.sandbox() as sandbox:
            World(self.victim, sandbox)
            again = sandbox.run([self.program, sandbox.tag])
            if (again.status, again.stdout, again.stderr) != (self.bare.status, self.bare.stdout, self.bare.stderr):
                yield f"two bare runs differ, so that nothing can be compared: {self.bare.stdout!r}, {again.stdout!r}"

    def run_reporting(self):
        with self.sandbox() as sandbox:
            world = World(self.victim, sandbox)
            ended = sandbox.run([self.program, sandbox.tag], "report")
            yield from self.behaves_the_same(ended)
            yield from self.ledger_agrees(sandbox, {"error": ("error", "leaked")})
            yield from world.leaks_are_there(self.victim.errors)

    def run_reaping(self):
        with self.sandbox() as sandbox:
            world = World(self.victim, sandbox)
            ended = sandbox.run([self.program, sandbox.tag], "reap")
            yield from world.leaks_are_there([])
            yield from self.behaves_the_same(ended)
            yield from self.ledger_agrees(sandbox, {"error": ("error", "reaped")})

    def run_at_a_desk(self):
        """Without CI temporary trees are kept for whoever looks into the failed test; all else goes as ever."""
        kept = [wanted for wanted in self.victim.errors if set(wanted.kinds) & KEPT_AT_A_DESK]
        if not kept or any(wanted.kinds[0] not in KEPT_AT_A_DESK and "path" in wanted.attributes
                           for wanted in self.victim.errors + self.victim.possible):
            return
        with self.sandbox() as sandbox:
            world = World(self.victim, sandbox)
            ended = sandbox.run([self.program, sandbox.tag], "reap", ci=False)
            yield from world.leaks_are_there(kept)
            yield from self.behaves_the_same(ended)
            yield from self.ledger_agrees(sandbox, {"error": ("error", "reaped"), "kept": ("note", "kept")})

    def run_failing(self):
        """With `fail` a leak turns the status 0 into 24, and nothing turns any other."""
        with self.sandbox() as sandbox:
            World(self.victim, sandbox)
            ended = sandbox.run([self.program, sandbox.tag], "report,fail")
            leaky = self.victim.status == 0 and self.victim.errors
            expected = STATUS_OF_A_LEAKY_RUN if leaky else self.victim.status
            if ended.status != expected and self.victim.errors_are_certain:
                yield f"ended with {ended.status}, {expected} is expected"
            if ended.stdout != self.bare.stdout:
                yield f"stdout is {ended.stdout!r}, bare it is {self.bare.stdout!r}"

    def behaves_the_same(self, ended):
        if ended.status != self.bare.status:
            yield f"ended with {ended.status}, bare with {self.bare.status}"
        if ended.stdout != self.bare.stdout:
            yield f"stdout is {ended.stdout!r}, bare it is {self.bare.stdout!r}"
        if ended.own_stderr != self.bare.stderr:
            yield f"stderr is {ended.own_stderr!r}, bare it is {self.bare.stderr!r}"
        if self.victim.errors and b"SUMMARY: leakshim:" not in ended.our_stderr:
            yield "something leaked, and stderr has no summary"
        if not self.victim.expected and not self.victim.possible and ended.our_stderr:
            yield f"nothing leaked, yet stderr says {ended.our_stderr!r}"

    def ledger_agrees(self, sandbox, outcome):
        """Compares the report with the comment; `outcome` holds degree and state of a leak, and of a kept one."""
        report, status = sandbox.report()
        records, session = report["records"], report["session"]

        def kept(wanted):
            return "kept" in outcome and set(wanted.kinds) & KEPT_AT_A_DESK

        def degree_of(wanted):
            if wanted.degree != "error":
                return wanted.degree
            return outcome["kept" if kept(wanted) else "error"][0]

        yield from disagreements(self.victim, records, sandbox.places, degree_of)
        allowed = {state for _, state in outcome.values()}
        for record in records:
            # A port goes with its holder, so either word is right for it.
            if record["degree"] == "error" and record["kind"] != "listening_port" and record["state"] not in allowed:
                yield f"the state of {record['kind']} {record.get('path', '')} is {record['state']}"
        if report["schema"] != "leakshim.report/1":
            yield f"the schema is {report['schema']}"
        degraded = set(report["counters"]["degraded"]) - {self.victim.degraded}
        if any(report["counters"]["dropped"].values()) or degraded:
            yield f"records were dropped: {report['counters']}"
        if session["state"] != "ended" or session["root"]["cwd"] != str(sandbox.cwd):
            yield f"the session is {session['state']} in {session['root']['cwd']}"
        if self.victim.status >= 0 and session["exit_status"] != self.victim.status:
            yield f"the session ended with {session['exit_status']}"
        if (status == 1) != any(record["degree"] == "error" for record in records):
            yield f"leakshim-report ended with {status}"


def complaints(options, victim):
    """(harness and mode, sentence) for all that is wrong."""
    builds = {"plain": options.plain, "inside a constructor": options.constructor, "fortified": options.fortified}
    for build, program in builds.items():
        if build == "inside a constructor" and victim.not_in_constructor:
            print(f"not run {build}: {victim.not_in_constructor}")
            continue
        harness = Harness(options, victim, program)
        modes = {"bare": harness.run_bare}
        if not options.without_shim:
            modes.update({"in report mode": harness.run_reporting, "in reap mode": harness.run_reaping})
            if build == "plain":
                modes.update({"at a desk": harness.run_at_a_desk, "with fail": harness.run_failing})
        for mode, run in modes.items():
            count = 0
            try:
                for sentence in run():
                    count += 1
                    yield f"{build}, {mode}", sentence
            except Exception as problem:  # whatever it is, it belongs to this harness and the others go on
                count += 1
                yield f"{build}, {mode}", f"{type(problem).__name__}: {problem}"
            print(f"{'FAILED' if count else 'ok'}: {build}, {mode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--plain", required=True)
    parser.add_argument("--constructor", required=True)
    parser.add_argument("--fortified", required=True)
    parser.add_argument("--without-shim", action="store_true")
    options = parser.parse_args()
    if not options.without_shim and not (options.library and options.report):
        parser.error("--library and --report are needed")
    for name in ("library", "report"):
        if getattr(options, name):
            setattr(options, name, getattr(options, name).resolve())
    for name in ("plain", "constructor", "fortified"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    end_on_sigterm()
    found = list(complaints(options, Victim(options.source)))
    for where, sentence in found:
        print(f"{options.source.stem}, {where}: {sentence}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
