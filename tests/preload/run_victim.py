# SPDX-License-Identifier: MIT
"""Runs one victim in all its harnesses and says in a sentence for each what was not as it should be.

Three builds of the same source (plain; called inside another library's constructor; with FORTIFY and 64-bit offsets)
run bare, then preloaded in `report` and in `reap` mode. The plain build also runs in `reap` mode as at a desk (temporary
files and directories are kept) and with `fail`. With --without-shim only the bare part is done. Exit status 0 if all is
well.
"""

import pathlib

from expectations import Victim
from given import Given
from victims import Harness


def complaints(victim, without_shim):
    """(harness and mode, sentence) for all that is wrong."""
    builds = {"plain": Given.plain, "inside a constructor": Given.constructor, "fortified": Given.fortified}
    for build, program in builds.items():
        if build == "inside a constructor" and victim.not_in_constructor:
            print(f"not run {build}: {victim.not_in_constructor}")
            continue
        harness = Harness(victim, program)
        modes = {"bare": harness.run_bare}
        if not without_shim:
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


def main(words):
    victim = Victim(Given.source)
    found = list(complaints(victim, "--without-shim" in words))
    for where, sentence in found:
        print(f"{pathlib.Path(Given.source).stem}, {where}: {sentence}")
    return 1 if found else 0
