# SPDX-License-Identifier: MIT
"""A suite as suites are: every test passes, and every test leaves something behind. scripts/demo runs it.

Each test says in the manifest what it leaves, for the demo to look at afterwards. Nothing here knows of leakshim.
"""

import atexit
import os
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import pytest

import inventory
import programs

if "DEMO_MANIFEST" not in os.environ:
    pytest.skip("leaks for real, so only scripts/demo runs it", allow_module_level=True)

manifest = inventory.Manifest(os.environ["DEMO_MANIFEST"])


def left_behind(*things):
    for thing in things:
        thing.test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0]
        manifest.add(thing)


def test_tmux_server_is_never_killed():
    left_behind(*programs.start_tmux(os.environ["TMUX_TMPDIR"]))


def test_redis_goes_to_the_background():
    left_behind(*programs.start_redis(tempfile.gettempdir()))


def test_child_ignores_polite_signals():
    left_behind(*programs.start_port_holder())


def test_mkdtemp_without_rmtree():
    path = tempfile.mkdtemp(prefix="leaky-")
    os.makedirs(f"{path}/deep/er")
    with open(f"{path}/deep/er/data", "w", encoding="utf-8") as file:
        file.write("made by the test\n")
    os.symlink(os.environ["DEMO_PRECIOUS"], f"{path}/link-to-somebody-elses")
    left_behind(inventory.Directory(what="directory of tempfile.mkdtemp", path=path))


def test_mkstemp_without_unlink():
    fd, path = tempfile.mkstemp(prefix="leaky-")
    os.close(fd)
    left_behind(inventory.File(what="file of tempfile.mkstemp", path=path))


def test_mktemp_in_a_shell():
    path = subprocess.check_output(["sh", "-c", "mktemp -d -t leaky-XXXXXX"], text=True).strip()
    left_behind(inventory.Directory(what="directory of mktemp -d", path=path))


def test_writes_into_a_cache_that_was_there():
    cache = f"{tempfile.gettempdir()}/cache"
    os.makedirs(cache, exist_ok=True)
    path = f"{cache}/entry-of-the-test"
    with open(path, "w", encoding="utf-8") as file:
        file.write("made by the test\n")
    left_behind(inventory.File(what="file in a cache of others", path=path))


def test_socket_file_outlives_its_server():
    path = f"{tempfile.gettempdir()}/gone.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
    left_behind(inventory.SocketFile(what="socket file without a server", path=path))


def test_shared_memory_without_unlink():
    name = f"/{os.environ['DEMO_NAME']}-frames"
    left_behind(inventory.SharedMemory.create("POSIX shared memory", name, b"made by the test"))


def test_message_queue_without_removal():
    left_behind(inventory.Queue.create("System V queue", uuid.uuid4().int & 0x7FFFFFFF))


def test_poller_thread_never_ends():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    thing = inventory.Thread(what="thread that never ends", pid=os.getpid(), tid=thread.native_id)
    left_behind(thing)
    # What a test can't see any more: that the thread is still there when the program ends.
    atexit.register(lambda: thing.exists() and manifest.add_running_at_exit(thing.tid))
