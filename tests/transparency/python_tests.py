# SPDX-License-Identifier: MIT
"""Runs modules of CPython's own tests, one after the other in one process, and writes one line a test into a file.

    python3 python_tests.py OUTCOMES MODULE-OR-TEST…

A line is `outcome name`; a module that can't be loaded is a line, too. What the tests print goes where it goes: their
child processes print as well, so nobody can tell outcomes from that. Nothing is kept open on the file.
"""

import os
import sys
import unittest
from unittest import mock  # noqa: F401  (tests expect it to be loaded, as under the usual runner)

# No "network": tests that ask a server of python.org for something would be a test of that server.
RESOURCES = ["audio", "cpu", "curses", "largefile", "subprocess", "walltime"]
# What hangs on some machines whoever runs it: VSOCK wants a hypervisor that answers.
LEFT_OUT = ("VSOCK",)


class Outcomes(unittest.TestResult):
    """Counts nothing and prints nothing: writes down how each test and subtest ended."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def write(self, outcome, test, detail=""):
        last = detail.strip().splitlines()[-1:] or [""]
        line = f"{outcome}\t{test.id()}\t{last[0]}\n".encode("utf-8", "backslashreplace")
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)

    def startTest(self, test):
        super().startTest(test)
        print(f"--- {test.id()}", file=sys.stderr, flush=True)

    def addSuccess(self, test):
        self.write("ok", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.write("error", test, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.write("failure", test, self.failures[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.write("skip", test, reason)

    def addExpectedFailure(self, test, err):
        self.write("expected failure", test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.write("unexpected success", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            bad = self.failures if issubclass(err[0], test.failureException) else self.errors
            self.write("subtest failed", test, bad[-1][1])


def wanted(suite):
    """The tests of a suite without what is left out."""
    if not isinstance(suite, unittest.TestSuite):
        return None if any(word in suite.id() for word in LEFT_OUT) else suite
    return type(suite)(test for test in map(wanted, suite) if test is not None)


def main():
    path, names = sys.argv[1], sys.argv[2:]
    from test import support
    support.use_resources = RESOURCES
    support.verbose = 0
    outcomes = Outcomes(path)
    loader = unittest.TestLoader()
    for name in names:
        try:
            suite = loader.loadTestsFromName(name)
        except unittest.SkipTest as reason:
            print(f"{name}: {reason}", file=sys.stderr)
            continue
        wanted(suite).run(outcomes)
        support.reap_children()
    sys.exit(0 if outcomes.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
