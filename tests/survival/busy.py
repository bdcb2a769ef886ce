# SPDX-License-Identifier: MIT
"""A busy run for the kill storm: it makes and removes trees, sockets and IPC objects in several processes until it is killed.

usage: busy.py TAG KEY; a file `ready` appears in the working directory when the run is under way. Ends by itself after
half a minute.
"""

import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import time

LIFETIME = 30  # s
CHILDREN = 14  # shells, of two or three processes each
LIBC = ctypes.CDLL(None)
IPC_CREAT_EXCL, IPC_RMID = 0o3000, 0
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


def make_ipc(tag, key):
    """Makes shared memory by name and a semaphore by key, and removes them again."""
    name = f"/leak-{tag}".encode()
    os.close(LIBC.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    LIBC.shm_unlink(name)
    LIBC.semctl(LIBC.semget(key, 1, IPC_CREAT_EXCL | 0o600), 0, IPC_RMID)


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
        make_ipc(sys.argv[1], int(sys.argv[2]))
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
