# SPDX-License-Identifier: MIT
"""What this project came from, in small: each leaves what its title says."""

import multiprocessing
import queue
import sqlite3
import subprocess
import threading
import time


class Connection(threading.Thread):
    """As aiosqlite has it: a thread for each connection, alive until somebody closes it."""

    def __init__(self, path):
        super().__init__(name="connection")
        self.orders, self.ready, self.path = queue.Queue(), threading.Event(), path

    def run(self):
        database = sqlite3.connect(self.path)
        database.execute("create table t (x)")
        self.ready.set()
        self.orders.get()
        database.close()


def test_leaves_thread_of_a_connection_never_closed(tmp_path):
    connection = Connection(tmp_path / "a.db")
    connection.start()
    assert connection.ready.wait(60)


def test_is_tidy_with_a_connection_that_is_closed(tmp_path):
    connection = Connection(tmp_path / "b.db")
    connection.start()
    connection.orders.put(None)
    connection.join()


def test_leaves_process_of_a_worker_never_joined():
    multiprocessing.get_context("fork").Process(name="worker", target=time.sleep, args=(600,)).start()


def test_leaves_process_of_a_batch_reader_never_ended(kept, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    kept.append(subprocess.Popen(["git", "-C", str(tmp_path), "cat-file", "--batch"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE))


def test_is_tidy_with_a_batch_reader_that_is_ended(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with subprocess.Popen(["git", "-C", str(tmp_path), "cat-file", "--batch"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as reader:
        reader.stdin.close()
