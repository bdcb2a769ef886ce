# SPDX-License-Identifier: MIT
"""Many threads, processes, descriptors and signals at once: no deadlock, and the ledger holds what the program says.

usage: run.py test_crowds.py library=PATH report=PATH crowd=PROGRAM -- [--large] [ACT…]
       run.py test_crowds.py library=PATH report=PATH crowd=SOURCE -- [--large] --tsan=COMPILER [ACT…]

--large takes numbers that are no load for a big machine, and minutes on a small one. With --tsan the crowd is built here,
by that compiler and with its ThreadSanitizer, which has to be silent: it keeps books of all threads, processes and
descriptors of the host, and stands between it and us. Exit status 77 where the compiler has none.
"""

import pathlib
import re
import shutil
import sys
import tempfile

from given import Given
from sandbox import Sandbox
from watched import build

# Act: how often in the suite, with --large, and both under TSan, which takes 35 ms for a fork among threads.
ACTS = {
    "fork_while_threads_open_sockets": (60, 2000, 15, 400),
    "vfork_and_spawn_in_threads": (15, 200, 5, 200),
    "hold_many_descriptors": (20000, 200000, 20000, 200000),
    "start_many_threads": (1000, 3000, 500, 3000),
    "start_many_processes": (300, 10000, 60, 10000),
    "work_in_a_storm_of_signals": (40, 1000, 10, 1000),
}
# Linked into the program, clang's starts a thread of its own through the hooks, which never ends.
THREADS_OF_THE_RUNTIME = {"clang": 1}


def complaints(crowd, act, times, threads):
    """Sentences on what is not as it should be; `threads` may be left at the end."""
    command = [crowd, act, str(times)]
    with Sandbox() as sandbox:
        bare = sandbox.run(command)
    if b"FATAL: ThreadSanitizer" in bare.stderr:  # it can't run on every kernel
        print(bare.stderr.decode(errors="replace"))
        sys.exit(77)
    held = re.fullmatch(rb"holds (\d+) sockets, failures 0\n", bare.stdout)
    if bare.status != 0 or not held:
        yield f"bare it ended with {bare.status}: {bare.stdout!r} {bare.stderr!r}"
        return
    for mode in ("report", "reap"):
        with Sandbox() as sandbox:
            ended = sandbox.run(command, mode)
            if (ended.status, ended.stdout, ended.own_stderr) != (bare.status, bare.stdout, bare.stderr):
                yield f"in {mode} mode it ended with {ended.status}: {ended.stdout!r} {ended.own_stderr[-500:]!r}"
                continue
            report, _ = sandbox.report()
            kinds = sorted({record["kind"] for record in report["records"]})
            sockets = sum(record["kind"] == "socket" for record in report["records"])
            if sockets != int(held[1]):
                yield f"in {mode} mode {sockets} sockets are in the report, {int(held[1])} are held"
            left = sum(record["kind"] == "thread" for record in report["records"])
            if not set(kinds) <= {"socket", "thread"} or left > threads:
                yield f"in {mode} mode there are records of {kinds}"
            if any(report["counters"]["dropped"].values()) or report["counters"]["degraded"]:
                yield f"in {mode} mode something was dropped: {report['counters']}"


def perform(crowd, acts, column, threads=0):
    """Does the acts and says how often there was something to complain of."""
    found = 0
    for act in acts:
        for sentence in complaints(str(crowd), act, ACTS[act][column], threads):
            print(f"{act}: {sentence}")
            found += 1
    return found


def main(words):
    compiler = next((word.partition("=")[2] for word in words if word.startswith("--tsan=")), None)
    acts = [word for word in words if not word.startswith("--")] or list(ACTS)
    column = ("--large" in words) + (0 if compiler is None else 2)
    if compiler is None:
        return 1 if perform(Given.crowd, acts, column) else 0
    with tempfile.TemporaryDirectory(prefix="lsv-") as directory:
        program = pathlib.Path(directory) / "crowd"
        if not (shutil.which(compiler) and build(compiler, Given.crowd, program, "-fsanitize=thread", "-ldl")):
            print(f"there is no {compiler} with a ThreadSanitizer here")
            return 77
        return 1 if perform(program, acts, column, THREADS_OF_THE_RUNTIME.get(compiler, 0)) else 0
