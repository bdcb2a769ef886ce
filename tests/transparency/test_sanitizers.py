# SPDX-License-Identifier: MIT
"""A program built with a sanitizer leaks something of everything: it ends as without the shim, nobody complains about
us, and the report is the same as for the plain build.

usage: run.py test_sanitizers.py library=PATH report=PATH source=PATH -- COMPILER SANITIZER
Exit status 77 where the compiler is absent or has no such sanitizer.
"""

import pathlib
import shutil
import tempfile

from expectations import Victim, Wanted
from given import Given
from watched import WatchedHarness, build

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


def complaints(victim, program, more):
    harness = WatchedHarness(victim, program, variables_for(more))
    yield from harness.complaints()
    if b"Sanitizer" in harness.bare.stderr:
        yield f"it complains without us: {harness.bare.stderr!r}"


def main(words):
    compiler, sanitizer = words
    if shutil.which(compiler) is None:
        print(f"there is no {compiler} here")
        return 77
    victim = Victim(Given.source)
    victim.possible += map(Wanted, OF_THE_RUNTIME.get((compiler, sanitizer), []))
    found = []
    with tempfile.TemporaryDirectory(prefix="lsv-") as directory:
        for way, (flags, variables) in WAYS.get((compiler, sanitizer), PLAIN).items():
            program = str(pathlib.Path(directory) / "victim")
            if not build(compiler, Given.source, program, f"-fsanitize={sanitizer}",
                         "-fno-sanitize-recover=all", *flags):
                return 77
            for sentence in complaints(victim, program, variables):
                found.append(f"{way or sanitizer}: {sentence}")
    for sentence in found:
        print(sentence)
    return 1 if found else 0
