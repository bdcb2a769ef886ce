# SPDX-License-Identifier: MIT
"""Innocents of the hard kind: all that they start is on its way out when they end, and nothing waits for it."""

import concurrent.futures
import subprocess
import sys
import threading
import time

import pytest

ROUNDS = range(6)


@pytest.mark.parametrize("_", ROUNDS)
def test_detached_threads_that_end_by_themselves(_):
    for _ in range(8):
        threading.Thread(target=time.sleep, args=(0.002,)).start()


@pytest.mark.parametrize("_", ROUNDS)
def test_a_child_that_was_killed_and_not_waited_for(_):
    subprocess.Popen(["sleep", "600"]).kill()


@pytest.mark.parametrize("_", ROUNDS)
def test_a_child_that_was_asked_to_end(_):
    child = subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    child.stdin.close()


@pytest.mark.parametrize("_", ROUNDS)
def test_a_shell_whose_children_end_after_it(_):
    subprocess.run(["sh", "-c", "(sleep 0.01; :) & (:) & exit 0"], check=True)


@pytest.mark.parametrize("_", ROUNDS)
def test_a_pool_that_is_not_waited_for(_):
    pool = concurrent.futures.ThreadPoolExecutor(4)
    for _ in range(8):
        pool.submit(time.sleep, 0.001)
    pool.shutdown(wait=False)
