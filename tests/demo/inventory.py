# SPDX-License-Identifier: MIT
"""The things that the demo's suite leaves behind: is one still there, which record names it, how does it go away.

The suite writes each thing it leaves into a manifest, and the demo reads it back, so that every later check is about
exactly that process, path or id. Nothing here ever looks for a victim by name, and what is removed was recognised just
before: the demo must not hurt anybody either.
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import stat
import time

import _posixshmem  # what multiprocessing.shared_memory calls, without its tracker, which would tidy up behind us

IPC_CREAT, IPC_EXCL, IPC_RMID = 0o1000, 0o2000, 0  # <sys/ipc.h>

libc = ctypes.CDLL(None, use_errno=True)


def wait_for(condition, what, seconds=10.0):
    """Returns the first true answer of condition(); raises when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.01)
    return answer


def start_time(pid):
    """When the living process started, in clock ticks since boot; None when it is dead or a zombie (proc(5))."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclasses.dataclass(kw_only=True)
class Thing:
    """One thing left behind. `kind` is the kind of its record in leakshim.report/1, `test` the test that made it."""

    what: str
    test: str = ""
    kind = ""
    kept_at_desk = False  # temporary trees stay outside CI, for whoever debugs the test
    ends_with_run = False  # lives no longer than the program that ran the tests
    owner_tidies = False  # its daemon removes it when asked politely to end, so there may be nothing left to report


@dataclasses.dataclass(kw_only=True)
class Process(Thing):
    pid: int
    started: int = 0
    kind = "process"

    def __post_init__(self):
        self.started = self.started or start_time(self.pid) or 0

    def exists(self):
        return self.started != 0 and start_time(self.pid) == self.started

    def remove(self):
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.exists():  # asked with the pidfd in hand: from here on it can't become somebody else
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                select.select([pidfd], [], [], 5.0)
        finally:
            os.close(pidfd)

    def named_by(self, record):
        return self.pid == (record.get("process") or record).get("pid")


@dataclasses.dataclass(kw_only=True)
class Port(Thing):
    """A TCP port that something listens on at 127.0.0.1."""

    port: int
    kind = "listening_port"

    def exists(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def remove(self):
        """Goes with its holder, which is a thing of its own."""

    def named_by(self, record):
        return self.port == record.get("port")


@dataclasses.dataclass(kw_only=True)
class Named(Thing):
    """Anything with a path. It counts as there while anything has its name, but only the very same is removed."""

    path: str
    inode: tuple = ()

    def __post_init__(self):
        if not self.inode:
            self.inode = self._inode_now()
        self.inode = tuple(self.inode)

    def _inode_now(self):
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return ()
        return status.st_dev, status.st_ino

    def exists(self):
        return os.path.lexists(self.path)

    def remove(self):
        if not self.inode or self._inode_now() != self.inode:
            return
        if stat.S_ISDIR(os.lstat(self.path).st_mode):
            shutil.rmtree(self.path)
        else:
            os.unlink(self.path)

    def named_by(self, record):
        return self.path == record.get("path")


class Directory(Named):
    kind = "temp_dir"
    kept_at_desk = True


class File(Named):
    kind = "temp_file"
    kept_at_desk = True


class DaemonFile(File):
    kept_at_desk = False
    owner_tidies = True


class SocketFile(Named):
    kind = "unix_socket"


class DaemonSocketFile(SocketFile):
    owner_tidies = True


@dataclasses.dataclass(kw_only=True)
class SharedMemory(Thing):
    """POSIX shared memory; the name begins with a slash, as for shm_open(3)."""

    name: str
    kind = "posix_shm"

    @classmethod
    def create(cls, what, name, content):
        fd = _posixshmem.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
        os.write(fd, content)
        os.close(fd)
        return cls(what=what, name=name)

    def exists(self):
        return os.path.exists("/dev/shm" + self.name)

    def remove(self):
        if self.exists():
            _posixshmem.shm_unlink(self.name)

    def named_by(self, record):
        return self.name in (record.get("name"), (record.get("path") or "").removeprefix("/dev/shm"))


@dataclasses.dataclass(kw_only=True)
class Queue(Thing):
    """A System V message queue; its id holds a sequence number, so it is never another queue's soon after."""

    ipc_id: int
    kind = "sysv_msg"

    @classmethod
    def create(cls, what, key):
        ipc_id = libc.msgget(key, IPC_CREAT | IPC_EXCL | 0o600)
        if ipc_id < 0:
            raise OSError(ctypes.get_errno(), "msgget")
        return cls(what=what, ipc_id=ipc_id)

    def row(self):
        """Its line in the kernel's list without the times, or None."""
        for line in pathlib.Path("/proc/sysvipc/msg").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1]) == self.ipc_id:
                return fields[:5]
        return None

    def exists(self):
        return self.row() is not None

    def remove(self):
        libc.msgctl(self.ipc_id, IPC_RMID, None)

    def named_by(self, record):
        return self.ipc_id == record.get("ipc_id")


@dataclasses.dataclass(kw_only=True)
class Thread(Thing):
    """A thread of the program that runs the tests; that it still ran at the very end only that program can tell."""

    pid: int
    tid: int
    kind = "thread"
    ends_with_run = True

    def exists(self):
        return os.path.exists(f"/proc/{self.pid}/task/{self.tid}")

    def remove(self):
        """Nobody can end a single thread of another program; it ends with that."""

    def named_by(self, record):
        return self.tid == record.get("tid")


_CLASSES = {c.__name__: c for c in (Process, Port, Directory, File, DaemonFile, SocketFile, DaemonSocketFile,
                                    SharedMemory, Queue, Thread)}


class Manifest:
    """The list of what one run left behind, a JSON object a line. The demo makes the file, the suite adds to it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def add(self, thing):
        self._append({"left": type(thing).__name__, **dataclasses.asdict(thing)})

    def add_running_at_exit(self, tid):
        self._append({"running_at_exit": tid})

    def _append(self, entry):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _entries(self):
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        # The writer may have been killed in the middle of the last line.
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def things(self):
        return [_CLASSES[entry.pop("left")](**entry) for entry in self._entries() if "left" in entry]

    def running_at_exit(self):
        return {entry["running_at_exit"] for entry in self._entries() if "running_at_exit" in entry}
