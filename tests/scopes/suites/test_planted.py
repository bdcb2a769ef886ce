# SPDX-License-Identifier: MIT
"""test_leaves_KIND leaves one thing of that kind, and nothing else that is not named in ALSO; all others are tidy."""

import asyncio
import ctypes
import multiprocessing
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

NEVER = threading.Event()


def test_is_tidy_with_everything(tmp_path):
    with socket.socket() as server, open(tmp_path / "file", "w", encoding="ascii") as file:
        server.bind(("127.0.0.1", 0))
        server.listen()
        file.write("x")
    threads = [threading.Thread(target=time.sleep, args=(0.001,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subprocess.run(["true"], check=True)
    with tempfile.TemporaryDirectory() as directory:
        assert os.path.isdir(directory)
    asyncio.run(asyncio.sleep(0))


def test_leaves_socket(kept):
    kept.append(socket.socket())


def test_is_tidy_after_a_socket():
    socket.socket().close()


def test_leaves_listening_port(kept):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    kept.append(server)


def test_leaves_pipe():
    ends = os.pipe()
    os.close(ends[0])


def test_leaves_epoll(kept):
    kept.append(select.epoll())


def test_leaves_file(kept):
    kept.append(open("/dev/zero", "rb"))


def test_leaves_thread():
    threading.Thread(target=NEVER.wait, name="never", daemon=True).start()


def test_is_tidy_while_an_older_thread_runs():
    pass


def test_leaves_process(kept):
    kept.append(subprocess.Popen(["sleep", "600"]))


def test_leaves_process_by_way_of_a_shell():
    subprocess.run(["sh", "-c", "setsid sleep 600 & exit 0"], check=True)


def sleep_and_exit():
    try:
        time.sleep(600)
    finally:
        os._exit(1)  # and not on through pytest, as a copy of it


def test_leaves_process_that_was_forked_and_executed_nothing():
    if os.fork() == 0:
        sleep_and_exit()


def test_leaves_process_that_was_forked_twice_and_has_a_session_of_its_own():
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            sleep_and_exit()
        os._exit(0)
    os.waitpid(child, 0)


def test_leaves_process_of_multiprocessing(kept):
    kept.append(multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,), daemon=True))
    kept[-1].start()


def test_leaves_temp_dir():
    tempfile.mkdtemp()


def test_leaves_temp_dir_by_way_of_a_child():
    subprocess.run(["mkdir", os.environ["TMPDIR"] + "/by-a-child"], check=True)


def test_leaves_temp_file():
    descriptor, _ = tempfile.mkstemp()
    os.close(descriptor)


def test_leaves_unix_socket():
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.environ["TMPDIR"] + "/s")


def test_leaves_posix_shm():
    libc = ctypes.CDLL(None)
    descriptor = libc.shm_open(f"/leak-{os.environ['RUN_TAG']}-{os.getpid()}".encode(), os.O_CREAT | os.O_RDWR, 0o600)
    assert descriptor >= 0
    os.close(descriptor)


async def forever():
    await asyncio.get_running_loop().create_future()


def test_leaves_task(kept):
    loop = asyncio.new_event_loop()

    async def main():
        kept.append(asyncio.ensure_future(forever()))

    loop.run_until_complete(main())
    loop.close()


def test_is_tidy_with_a_daemon_of_the_session(daemon):
    assert daemon.poll() is None


def test_is_tidy_with_the_same_daemon(daemon, untidy):
    assert daemon.poll() is None


@pytest.mark.leakshim(allow=["socket", "thread:tokenizer-*"])
def test_is_tidy_with_what_is_allowed(kept):
    kept.append(socket.socket())
    threading.Thread(target=NEVER.wait, name="tokenizer-0", daemon=True).start()


def test_is_tidy_with_a_thread_on_the_ignore_list():
    threading.Thread(target=NEVER.wait, name="known-0", daemon=True).start()


@pytest.mark.leakshim("off")
def test_is_tidy_when_off(kept):
    kept.append(socket.socket())


@pytest.mark.parametrize("name", ["a b", "[c]::d", "ä"])
def test_leaves_socket_under_any_name(name, kept):
    kept.append(socket.socket())


def test_fails_by_itself_and_keeps_its_directory():
    tempfile.mkdtemp(prefix="evidence-")
    assert sys is None
