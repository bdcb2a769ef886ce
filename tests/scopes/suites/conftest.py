# SPDX-License-Identifier: MIT
"""Fixtures of the planted suites: some tidy, some not."""

import pickle
import os
import socket
import subprocess

import pytest
from _pytest.runner import runtestprotocol

KEPT = []  # what a test leaves must stay alive, or Python closes it


@pytest.fixture
def kept():
    return KEPT


@pytest.fixture(scope="session")
def daemon():
    """Runs for all tests, and is ended at the session's end: nobody's leak."""
    process = subprocess.Popen(["sleep", "600"])
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield process
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def untidy():
    """Leaves a socket in its teardown, and a process from its setup."""
    KEPT.append(subprocess.Popen(["sleep", "600"]))
    yield
    KEPT.append(socket.socket())


def pytest_addoption(parser):
    parser.addoption("--fork-each", action="store_true", help="run each test in a child, as pytest-forked does")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    if not item.config.getoption("--fork-each"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        reports = [report._to_json() for report in runtestprotocol(item, log=False, nextitem=nextitem)]
        with os.fdopen(theirs, "wb") as to:
            pickle.dump(reports, to)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as said:
        reports = pickle.load(said)
    os.waitpid(child, 0)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=pytest.TestReport._from_json(report))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
