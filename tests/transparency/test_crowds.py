#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many threads, processes, descriptors and signals at once: no deadlock, and the ledger holds what the program says.

usage: test_crowds.py LIBRARY REPORTER CROWD [--large|--small] [ACT…]

--large takes numbers that are no load for a big machine, and minutes on a small one; --small is for a crowd under TSan.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "preload"))

from sandbox import Sandbox, end_on_sigterm  # noqa: E402

# Act: how often in the suite, and with --large. With --small each is done five times.
ACTS = {
    "fork_while_threads_open_sockets": (60, 2000),
    "vfork_and_spawn_in_threads": (15, 200),
    "hold_many_descriptors": (20000, 200000),
    "start_many_threads": (1000, 3000),
    "start_many_processes": (300, 10000),
    "work_in_a_storm_of_signals": (40, 1000),
}


def complaints(library, reporter, crowd, act, times):
    """Sentences on what is not as it should be."""
    command = [crowd, act, str(times)]
    with Sandbox(library, reporter) as sandbox:
        bare = sandbox.run(command)
    if b"FATAL: ThreadSanitizer" in bare.stderr:  # it can't run on every kernel
        print(bare.stderr.decode(errors="replace"))
        sys.exit(77)
    held = re.fullmatch(rb"holds (\d+) sockets, failures 0\n", bare.stdout)
    if bare.status != 0 or not held:
        yield f"bare it ended with {bare.status}: {bare.stdout!r} {bare.stderr!r}"
        return
    for mode in ("report", "reap"):
        with Sandbox(library, reporter) as sandbox:
            ended = sandbox.run(command, mode)
            if (ended.status, ended.stdout, ended.own_stderr) != (bare.status, bare.stdout, bare.stderr):
                yield f"in {mode} mode it ended with {ended.status}: {ended.stdout!r} {ended.own_stderr[-500:]!r}"
                continue
            report, _ = sandbox.report()
            kinds = sorted({record["kind"] for record in report["records"]})
            sockets = sum(record["kind"] == "socket" for record in report["records"])
            if sockets != int(held[1]):
                yield f"in {mode} mode {sockets} sockets are in the report, {int(held[1])} are held"
            if kinds not in ([], ["socket"]):
                yield f"in {mode} mode there are records of {kinds}"
            if any(report["counters"]["dropped"].values()) or report["counters"]["degraded"]:
                yield f"in {mode} mode something was dropped: {report['counters']}"


def main():
    library, reporter, crowd = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    words = sys.argv[4:]
    size = 1 if "--large" in words else 0
    end_on_sigterm()
    found = 0
    for act in [word for word in words if not word.startswith("--")] or ACTS:
        times = 5 if "--small" in words else ACTS[act][size]
        for sentence in complaints(library, reporter, str(crowd), act, times):
            print(f"{act}: {sentence}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
