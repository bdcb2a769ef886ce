# SPDX-License-Identifier: MIT
"""Instructions that one pair of calls takes, counted by callgrind (exact, the same in every run).

Counted is user space only, from the first turn to the last, and the difference between two runs of different length,
so that what is done once does not count. Of a fork, what its child executes from the fork until its end is added.
"""
import os
import re
import shutil
import statistics
import subprocess

# Few turns each: what is counted is the same in every turn but for the odd new page of records.
TURNS = {"fork+exit+wait": (4, 16), "pthread_create+join": (20, 84), "mkdtemp+rmdir": (100, 604),
         "mkstemp+unlink+close": (100, 604)}
USUAL_TURNS = (200, 1208)


def available():
    return shutil.which("valgrind") is not None


def _collected(loops, pair, turns, environment, option="--zero-before=before_turns", more=()):
    """Instructions of the program itself, and of each process that it forked."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", option, loops, pair, str(turns), *more]
    process = subprocess.Popen(command, env=environment, cwd="/", stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    text = process.communicate()[1]
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text}")
    counts = {int(pid): int(count) for pid, count in re.findall(r"==(\d+)== Collected : (\d+)", text)}
    return counts.pop(process.pid), list(counts.values())


def instructions(loops, pair, preload, ledgers, directory, options="", more=()):
    """Instructions of one turn of `pair`; `preload` is the path of a library, or empty; `options` as ":key=value";
    `more`: further arguments of the loops."""
    environment = {"PATH": "/usr/bin:/bin", "BENCH_DIR": directory, "LEAKSHIM_DIR": ledgers, "LEAKSHIM": "reap",
                   "LEAKSHIM_OPTIONS": f"guard=0{options}", "BENCH_COUNTS": "1"}
    if preload:
        environment["LD_PRELOAD"] = preload
    few, many = TURNS.get(pair, USUAL_TURNS)
    counts = [_collected(loops, pair, turns, environment, more=more)[0] for turns in (few, many)]
    count = (counts[1] - counts[0]) / (many - few)
    if pair.startswith("fork"):
        children = _collected(loops, pair, few, environment, "--zero-before=_Fork")[1]
        count += statistics.median(children)
    return count


def added(loops, pair, preload, ledgers, directory):
    """What `preload` adds to one turn of `pair`."""
    bare, with_it = (instructions(loops, pair, which, ledgers, directory) for which in ("", preload))
    return with_it - bare


def clean_directory(under="/dev/shm"):
    """A directory for a run, as a context manager."""
    import tempfile
    return tempfile.TemporaryDirectory(prefix="leakshim-bench-", dir=under if os.path.isdir(under) else None)
