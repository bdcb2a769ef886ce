# SPDX-License-Identifier: MIT
"""The System V and POSIX IPC objects of a run, which bear its tag: what is there, and its making and removal.

Nothing else is ever touched: each object's name, or key, is made of a word of IPC_WORDS and of the tag.
"""

import ctypes
import glob
import os
import pathlib

LIBC = ctypes.CDLL(None, use_errno=True)
POSIX_KINDS = ("posix_shm", "named_semaphore", "message_queue")
SYSV_TABLES = {"sysv_shm": ("shm", "shmid"), "sysv_sem": ("sem", "semid"), "sysv_msg": ("msg", "msqid")}
IPC_KINDS = (*POSIX_KINDS, *SYSV_TABLES)
IPC_WORDS = ("leak", "brief", "absent", "wrong", "theirs")


def ipc_key(word, tag):
    """The System V key of `word` in the run with that tag, as victim.h computes it."""
    hashed = 2166136261
    for byte in f"{word}-{tag}".encode():
        hashed = ((hashed ^ byte) * 16777619) & 0xFFFFFFFF
    return (hashed & 0x7FFFFFFE) | 1


def ipc_of(tag):
    """{(kind, word)} of the objects of a run that are there."""
    found = set()
    for word in IPC_WORDS:
        if os.path.exists(f"/dev/shm/{word}-{tag}"):
            found.add(("posix_shm", word))
        if os.path.exists(f"/dev/shm/sem.{word}-{tag}"):
            found.add(("named_semaphore", word))
        queue = LIBC.mq_open(f"/{word}-{tag}".encode(), os.O_RDONLY)
        if queue >= 0:
            os.close(queue)
            found.add(("message_queue", word))
    for kind, ids in _sysv_ids(tag).items():
        found.update((kind, word) for word in ids)
    return found


def make_ipc(kind, word, tag):
    """Makes an object as one that was there before. Raises AssertionError where that fails."""
    name, key = f"{word}-{tag}", ipc_key(word, tag)
    if kind == "posix_shm":
        pathlib.Path(f"/dev/shm/{name}").touch(mode=0o600)
    elif kind == "named_semaphore":
        LIBC.sem_open.restype = ctypes.c_void_p
        made = LIBC.sem_open(f"/{name}".encode(), os.O_CREAT | os.O_EXCL, 0o600, 1)
        assert made, "sem_open"
    elif kind == "message_queue":
        small = (ctypes.c_long * 8)(0, 1, 16)  # struct mq_attr: one message of 16 bytes, as SMALL_QUEUE in victim.h
        queue = LIBC.mq_open(f"/{name}".encode(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, small)
        assert queue >= 0, "mq_open"
        os.close(queue)
    else:
        create = 0o3600  # IPC_CREAT | IPC_EXCL and the mode
        made = {"sysv_shm": lambda: LIBC.shmget(key, ctypes.c_size_t(4096), create),
                "sysv_sem": lambda: LIBC.semget(key, 1, create),
                "sysv_msg": lambda: LIBC.msgget(key, create)}[kind]()
        assert made >= 0, kind


def remove_ipc(tag):
    """Removes all objects of a run, also those with a pid behind the tag, of suites that run several processes."""
    for path in glob.glob(f"/dev/shm/*-{tag}-*"):
        os.unlink(path)
    for kind, word in ipc_of(tag):
        if kind == "posix_shm":
            os.unlink(f"/dev/shm/{word}-{tag}")
        elif kind == "named_semaphore":
            os.unlink(f"/dev/shm/sem.{word}-{tag}")
        elif kind == "message_queue":
            LIBC.mq_unlink(f"/{word}-{tag}".encode())
    removals = {"sysv_shm": lambda number: LIBC.shmctl(number, 0, None),
                "sysv_sem": lambda number: LIBC.semctl(number, 0, 0),
                "sysv_msg": lambda number: LIBC.msgctl(number, 0, None)}
    for kind, ids in _sysv_ids(tag).items():
        for number in ids.values():
            removals[kind](number)


def _sysv_ids(tag):
    """{kind: {word: id}} of the System V objects of a run."""
    words = {ipc_key(word, tag): word for word in IPC_WORDS}
    found = {}
    for kind, (table, column) in SYSV_TABLES.items():
        lines = pathlib.Path(f"/proc/sysvipc/{table}").read_text(encoding="ascii").splitlines()
        where = lines[0].split().index(column)
        ids = [(int(line.split()[0]) & 0xFFFFFFFF, int(line.split()[where])) for line in lines[1:]]
        found[kind] = {words[key]: number for key, number in ids if key in words}
    return found
