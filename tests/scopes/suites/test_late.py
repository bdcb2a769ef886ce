# SPDX-License-Identifier: MIT
"""What is made late, when the next test runs already, belongs to the test that started its maker."""

import os
import subprocess
import sys
import threading
import time

import pytest

GO, DONE = threading.Event(), threading.Event()
TMP = os.environ["TMPDIR"]
CHILD = """
import os, sys, time
while not os.path.exists(sys.argv[1]): time.sleep(0.002)
os.mkdir(sys.argv[2])
time.sleep(600)
"""


def make_late():
    GO.wait()
    os.mkdir(TMP + "/late-by-thread")
    DONE.set()


@pytest.mark.leakshim(allow=["thread"])
def test_starts_a_thread():
    threading.Thread(target=make_late, daemon=True).start()


def test_is_tidy_while_the_thread_makes_a_directory():
    GO.set()
    assert DONE.wait(60)


@pytest.mark.leakshim(allow=["process"])
def test_starts_a_child(kept):
    kept.append(subprocess.Popen([sys.executable, "-c", CHILD, TMP + "/go", TMP + "/late-by-child"]))


def test_is_tidy_while_the_child_makes_a_directory():
    with open(TMP + "/go", "wb"):
        pass
    deadline = time.monotonic() + 60
    while not os.path.isdir(TMP + "/late-by-child") and time.monotonic() < deadline:
        time.sleep(0.002)
    os.unlink(TMP + "/go")
    assert os.path.isdir(TMP + "/late-by-child")
