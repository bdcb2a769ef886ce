#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a test file, which finds the modules of this folder, and those beside it, by their names.

usage: run.py FILE [NAME=VALUE...] [--] [WORD...]

Each NAME=VALUE is in Given. A file with a `main(words)` is a program: that is called, and says the exit status. Any other
has test cases, of which the tests are run that the words name, or all of them. Exit status 0 if all passed, 1 if one did
not or none was there, 77 if all were skipped.
"""

import importlib
import pathlib
import signal
import sys
import unittest

from given import take_in
from processes import end_on_sigterm


def cases_of(module):
    """The test cases that a module has itself; not those that it imports."""
    return [one for one in vars(module).values()
            if isinstance(one, type) and issubclass(one, unittest.TestCase) and one.__module__ == module.__name__]


def run_cases(cases, names):
    """Runs the tests of these names, or all; returns the exit status."""
    unknown = [name for name in names if not any(hasattr(case, name) for case in cases)]
    if unknown:
        print(f"there is no {' and no '.join(unknown)}", file=sys.stderr)
        return 1
    suite = unittest.TestSuite()
    for case in cases:
        suite.addTests(map(case, [name for name in names if hasattr(case, name)] if names
                           else unittest.defaultTestLoader.getTestCaseNames(case)))
    done = unittest.TextTestRunner(verbosity=2, warnings="default").run(suite)
    if not done.wasSuccessful() or done.testsRun == 0:
        return 1
    return 77 if done.testsRun == len(done.skipped) else 0


def main():
    file = pathlib.Path(sys.argv[1]).resolve()
    words = take_in(sys.argv[2:])
    sys.path.insert(0, str(file.parent))
    end_on_sigterm()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and by all that is run from here
    module = importlib.import_module(file.stem)
    return module.main(words) if hasattr(module, "main") else run_cases(cases_of(module), words)


if __name__ == "__main__":
    sys.exit(main())
