#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program built with a sanitizer leaks something of everything: it ends as without the shim, nobody complains about
us, and the report is the same as for the plain build.

usage: test_sanitizers.py LIBRARY REPORTER VICTIM_SOURCE COMPILER SANITIZER
Exit status 77 where the compiler is absent or has no such sanitizer.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))

from expectations import Victim, Wanted  # noqa: E402
from sandbox import end_on_sigterm  # noqa: E402

from watched import WatchedHarness, build  # noqa: E402

# ASan as a library (gcc's) wants to be the first of all that is loaded, before any preload, ours or another's.
WAYS = {
    ("gcc", "address"): {"told that it need not come first": ([], {"ASAN_OPTIONS": "verify_asan_link_order=0"}),
                         "preloaded before us": ([], {"LD_PRELOAD": "libasan.so.8:{library}"}),
                         "linked in": (["-static-libasan"], {})},
}
PLAIN = {"": ([], {})}
# The runtime's own: linked into the program, clang's TSan starts a thread through the hooks that never ends.
OF_THE_RUNTIME = {("clang", "thread"): ["warning thread"]}


def variables_for(more):
    """A preload among them is for runs with the shim alone."""
    return lambda preloaded: {name: value for name, value in more.items() if preloaded or name != "LD_PRELOAD"}


def complaints(options, victim, program, more):
    harness = WatchedHarness(options, victim, program, variables_for(more))
    yield from harness.complaints()
    if b"Sanitizer" in harness.bare.stderr:
        yield f"it complains without us: {harness.bare.stderr!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("compiler")
    parser.add_argument("sanitizer")
    options = parser.parse_args()
    for name in ("library", "report", "source"):
        setattr(options, name, getattr(options, name).resolve())
    end_on_sigterm()
    if shutil.which(options.compiler) is None:
        print(f"there is no {options.compiler} here")
        return 77
    victim = Victim(options.source)
    victim.possible += map(Wanted, OF_THE_RUNTIME.get((options.compiler, options.sanitizer), []))
    found = []
    with tempfile.TemporaryDirectory(prefix="lsv-") as directory:
        for way, (flags, variables) in WAYS.get((options.compiler, options.sanitizer), PLAIN).items():
            program = str(pathlib.Path(directory) / "victim")
            if not build(options.compiler, options.source, program, f"-fsanitize={options.sanitizer}",
                         "-fno-sanitize-recover=all", *flags):
                return 77
            for sentence in complaints(options, victim, program, variables):
                found.append(f"{way or options.sanitizer}: {sentence}")
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
