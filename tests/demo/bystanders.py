# SPDX-License-Identifier: MIT
"""Innocents that were there before the suite ran, and that look like what it leaves: same programs, same command lines,
same socket names, same prefixes in the same directory. None of them may be touched, ever."""

import ctypes
import dataclasses
import os
import pathlib
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable

import inventory
import programs


@dataclasses.dataclass
class Bystander:
    """`probe` looks at the bystander as its owner would and answers something that must not change."""

    what: str
    probe: Callable
    before: object = None

    def __post_init__(self):
        self.before = self.probe()
        if not self.before:
            raise RuntimeError(f"{self.what}: not there before anything ran")

    def is_untouched(self):
        try:
            return self.probe() == self.before
        except (OSError, ValueError, subprocess.SubprocessError):
            return False


def process_probe(process):
    return lambda: inventory.start_time(process.pid)


def file_probe(path):
    """Unchanged means all of its inode: a chmod, an unlink of one of its names or a write shows in the times too."""
    def probe():
        status = os.lstat(path)
        content = pathlib.Path(path).read_bytes() if os.path.isfile(path) else b""
        return status.st_dev, status.st_ino, status.st_mode, status.st_nlink, status.st_ctime_ns, content
    return probe


def directory_probe(path):
    """A directory in which others work has new times all day; what must stay is itself."""
    def probe():
        status = os.lstat(path)
        return status.st_dev, status.st_ino, status.st_mode, status.st_uid
    return probe


def redis_probe(path):
    def probe():
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(path)
            client.sendall(b"PING\r\n")
            return client.recv(64) == b"+PONG\r\n"
    return probe


class Crowd:
    """All bystanders. `things` is what has to be removed when the demo is over, in that order; what lies in the
    demo's own directory goes with that."""

    def __init__(self):
        self.bystanders = []
        self.things = []

    def gather(self, scratch, tmpdir, name):
        self._start_programs(scratch)
        self._make_files(scratch, tmpdir)
        self._make_ipc(name)

    def _watch(self, what, probe):
        self.bystanders.append(Bystander(what, probe))

    def _start_programs(self, scratch):
        tmux_dir = scratch / "other-tmux"
        tmux_dir.mkdir()
        server, pane, tmux_socket, _ = tmux = programs.start_tmux(str(tmux_dir))
        self.things += tmux
        self._watch("another tmux server on the same socket name", process_probe(server))
        self._watch("its pane", process_probe(pane))
        self._watch("its socket", file_probe(tmux_socket.path))
        self._watch("its session answers",
                    lambda: programs.tmux(str(tmux_dir), "display-message", "-p", "-t", "demo", "#{pid}").strip()
                    == str(server.pid))

        redis_dir = scratch / "other-redis"
        redis_dir.mkdir()
        process, port, redis_socket, pid_file = redis = programs.start_redis(str(redis_dir))
        self.things += redis
        self._watch("another redis server", process_probe(process))
        self._watch("its port", port.exists)
        self._watch("its socket answers", redis_probe(redis_socket.path))
        self._watch("its pid file", file_probe(pid_file.path))

        process, port = holder = programs.start_port_holder()
        self.things += holder
        self._watch("another child with the same command line", process_probe(process))
        self._watch("its port", port.exists)

    def _make_files(self, scratch, tmpdir):
        old = pathlib.Path(tempfile.mkdtemp(prefix="leaky-", dir=tmpdir))
        (old / "notes").write_text("from an earlier run\n")
        self._watch("an older directory with the same prefix", file_probe(old))
        self._watch("the file in it", file_probe(old / "notes"))

        fd, path = tempfile.mkstemp(prefix="leaky-", dir=tmpdir)
        os.close(fd)
        self._watch("an older file with the same prefix", file_probe(path))

        cache = tmpdir / "cache"
        cache.mkdir()
        (cache / "entry-of-others").write_text("took a day to compute\n")
        self._watch("the cache into which a test writes", directory_probe(cache))
        self._watch("what others have in that cache", file_probe(cache / "entry-of-others"))

        precious = scratch / "precious"
        precious.mkdir()
        (precious / "thesis").write_text("the only copy\n")
        self._watch("a directory to which a leaked symlink points", file_probe(precious))
        self._watch("the file in that directory", file_probe(precious / "thesis"))

    def _make_ipc(self, name):
        memory = inventory.SharedMemory.create("shared memory of others", f"/{name}-frames2", b"not yours")
        self.things.append(memory)
        self._watch("shared memory of nearly the same name", file_probe("/dev/shm" + memory.name))

        queue = inventory.Queue.create("queue of others", uuid.uuid4().int & 0x7FFFFFFF)
        self.things.append(queue)
        message = ctypes.create_string_buffer(b"\x01\0\0\0\0\0\0\0hello")  # a long, the type, then the text: msgop(2)
        inventory.libc.msgsnd(queue.ipc_id, message, 5, 0)
        self._watch("another System V queue with a message in it", queue.row)
