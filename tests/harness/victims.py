# SPDX-License-Identifier: MIT
"""One victim in one build after the other: what it leaves, and what is not as its comment says.

The bare run comes first and must show that the victim leaks what it says; then
  - in `report` mode the host must behave the same, the ledger must hold what the victim's comment expects, and whatever
    leaked must still be there;
  - in `reap` mode with CI=1 the host must behave the same and nothing may be left, while all that is not the run's is
    untouched.
"""

import os
import stat

from expectations import disagreements, pattern_of
from files import identity, make_before
from ipc import IPC_KINDS
from processes import ports_held_by
from sandbox import Sandbox

FILE_TYPES = {"temp_dir": stat.S_ISDIR, "temp_file": stat.S_ISREG, "fifo": stat.S_ISFIFO,
              "unix_socket": stat.S_ISSOCK, "link": lambda mode: stat.S_ISLNK(mode) or stat.S_ISREG(mode),
              "device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode)}
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
    """One build of the victim, run in one mode after the other, each in a new sandbox.

    What runs yields sentences on what is not as it should be.
    """

    def __init__(self, victim, program):
        self.victim, self.program = victim, program
        self.bare = None

    def sandbox(self):
        """A new one, for one run."""
        return Sandbox()

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
        """In report mode all is on record, and all is still there."""
        with self.sandbox() as sandbox:
            world = World(self.victim, sandbox)
            ended = sandbox.run([self.program, sandbox.tag], "report")
            yield from self.behaves_the_same(ended)
            yield from self.ledger_agrees(sandbox, {"error": ("error", "leaked")})
            yield from world.leaks_are_there(self.victim.errors)

    def run_reaping(self):
        """In reap mode nothing is left."""
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
        """Sentences on where a run differs from the bare one."""
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
