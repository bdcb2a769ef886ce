# SPDX-License-Identifier: MIT
"""A busy run for the kill storm: it makes and removes one of everything, in several processes, until it is killed.

usage: busy.py TAG; a file `ready` appears in the working directory when the run is under way. Ends by itself after
half a minute.
"""

import ctypes
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "preload"))

from expectations import ipc_key  # noqa: E402

LIFETIME = 30  # s
CHILDREN = 14  # shells, of two or three processes each
CREATE = 0o3600  # IPC_CREAT | IPC_EXCL and the mode
LIBC = ctypes.CDLL(None)
# Each way to leave a directory: by a child of a shell, by the shell before it becomes another program, by an orphan.
WAYS = ('sleep 100 & mkdir "$TMPDIR"/$$; exec sleep 100',
        'trap "" TERM; mktemp -d >/dev/null; sleep 100; sleep 100',
        '(sleep 0.01; mkdir "$TMPDIR"/late-$$; exec sleep 100) & exit 0')


def make_paths(number):
    place = tempfile.mkdtemp(prefix="d-")
    with open(os.path.join(place, "file"), "w", encoding="ascii"):
        pass
    descriptor, name = tempfile.mkstemp(prefix="f-")
    os.close(descriptor)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.join(place, "s"))
        server.listen()
    if number % 3 == 0:
        os.unlink(name)
        os.rename(place, place + "-moved")


def make_ipc(tag):
    """Makes one of each, and removes it again."""
    key, name = ipc_key("leak", tag), f"/leak-{tag}".encode()
    os.close(LIBC.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    semaphores = LIBC.semget(key, 1, CREATE)
    memory = LIBC.shmget(key, ctypes.c_size_t(4096), CREATE)
    LIBC.shm_unlink(name)
    LIBC.semctl(semaphores, 0, 0)
    LIBC.shmctl(memory, 0, None)


def fork_a_worker():
    """A child without exec, with a port, that makes a directory of its own now and then."""
    if os.fork() != 0:
        return
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        for _ in range(LIFETIME * 100):
            os.rmdir(tempfile.mkdtemp(prefix="w-"))
            time.sleep(0.01)
    os._exit(0)


def main():
    end = time.monotonic() + LIFETIME
    number = 0
    while time.monotonic() < end:
        number += 1
        make_ipc(sys.argv[1])
        if number > 200:
            time.sleep(0.1)
            continue
        make_paths(number)
        if number <= CHILDREN:
            subprocess.Popen(["sh", "-c", WAYS[number % len(WAYS)]], start_new_session=number % 2 == 0)
        if number == 3:
            fork_a_worker()
        if number == 4:
            with open("ready", "w", encoding="ascii"):
                pass


if __name__ == "__main__":
    main()
