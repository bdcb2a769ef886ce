# SPDX-License-Identifier: MIT
"""A private world for one run of a program that leaks: directories, environment, and what is left afterwards.

The harness makes itself the subreaper of all that it starts, so that whatever a run leaves becomes its child: found
without a guess, ended by pidfd, and nobody else's. Everything else lies under one directory or bears the run's tag.
Nothing here may touch what another test made: tests run side by side.
"""

import ctypes
import glob
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import uuid

from expectations import ipc_key

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 60  # seconds until something that must happen soon is called a failure; nothing waits for it to pass
IPC_WORDS = ("leak", "brief", "absent", "wrong", "theirs")
SYSV_TABLES = {"sysv_shm": ("shm", "shmid"), "sysv_sem": ("sem", "semid"), "sysv_msg": ("msg", "msqid")}


class Ended:
    """How a program ended, and what it wrote."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr

    @property
    def own_stderr(self):
        """stderr without what the shim says at the end."""
        return b"".join(line for line in self.stderr.splitlines(True) if not is_ours(line))

    @property
    def our_stderr(self):
        return b"".join(line for line in self.stderr.splitlines(True) if is_ours(line))


def is_ours(line):
    return line.startswith((b"leakshim: ", b"SUMMARY: leakshim:"))


class Sandbox:
    """One run's world: `tmp` ($TMPDIR), `cwd`, `home` and `ledger`, none of them below another.

    Use it with `with`: leaving it ends what still runs and removes everything, leaked or not.
    """

    def __init__(self, library=None, reporter=None):
        self.library, self.reporter = library, reporter
        self.tag = uuid.uuid4().hex[:12]
        # Short, since socket paths are.
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lsv-"))
        self.tmp, self.cwd = self.base / "tmp", self.base / "cwd"
        self.home, self.ledger = self.base / "home", self.base / "ledger"
        for directory in (self.tmp, self.cwd, self.home, self.ledger):
            directory.mkdir(mode=0o700)
        self.bystander = self.base / "bystander"
        self.spared = {}
        if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for handle in self.spared.values():
            os.close(handle)
        self.spared = {}
        self.end_survivors()
        self._remove_ipc()
        remove_tree(self.base)

    @property
    def places(self):
        """The values of the placeholders in an expectation."""
        return {"tmp": os.fsencode(self.tmp), "cwd": os.fsencode(self.cwd), "home": os.fsencode(self.home),
                "tag": self.tag.encode()}

    def environment(self, mode=None, ci=True, **more):
        """A small, fixed environment; `mode` is the value of LEAKSHIM, None means without the shim."""
        values = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TMPDIR": str(self.tmp),
                  "HOME": str(self.home)}
        if ci:
            values["CI"] = "1"
        if mode is not None:
            values.update(LD_PRELOAD=str(self.library), LEAKSHIM=mode, LEAKSHIM_DIR=str(self.ledger))
        values.update(more)
        return values

    def run(self, command, mode=None, ci=True, **more):
        """Runs `command` to its end, not to that of its children: its output goes to files that nobody waits for."""
        out, err = self.base / "stdout", self.base / "stderr"
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            process = subprocess.Popen(command, cwd=self.cwd, env=self.environment(mode, ci, **more),
                                       stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = "still running after a minute"
        return Ended(status, out.read_bytes(), err.read_bytes())

    def run_bystander(self, command, **more):
        """Runs a command that is no part of any run: no shim, `bystander` as directory and TMPDIR.

        Whatever it leaves in the background is spared from now on.
        """
        self.bystander.mkdir(exist_ok=True)
        environment = self.environment(**{"TMPDIR": str(self.bystander), **more})
        # No pipe: what goes into the background would hold it open.
        done = subprocess.run(command, cwd=self.bystander, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        for pid in self.survivors():
            self.spared[pid] = os.pidfd_open(pid)
        return done.returncode

    def bystanders_alive(self):
        """True if every process that was spared still runs."""
        return not select.select(list(self.spared.values()), [], [], 0)[0]

    def report(self):
        """The newest session as leakshim-report shows it: (its JSON, its exit status)."""
        command = [str(self.reporter), "--json"]
        done = subprocess.run(command, env=self.environment(LEAKSHIM_DIR=str(self.ledger)), cwd=self.cwd,
                              capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode not in (0, 1):
            raise AssertionError(f"leakshim-report ended with {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout), done.returncode

    # What runs

    def survivors(self):
        """The pids of all that descends from this process, but for bystanders and the dead."""
        children = {}
        for pid, (parent, state) in process_table().items():
            children.setdefault(parent, []).append((pid, state))
        found, todo = [], [os.getpid()]
        while todo:
            parent = todo.pop()
            for pid, state in children.get(parent, ()):
                if pid in self.spared:
                    continue
                todo.append(pid)
                if state not in "ZX":
                    found.append(pid)
                elif parent == os.getpid():
                    collect(pid)
        return found

    def wait_for_survivors(self, count):
        """Waits until exactly `count` processes are left; says how many there are in the end."""
        return wait_for(self.survivors, lambda pids: len(pids) == count, patience=15)

    def end_survivors(self):
        """Ends all that descends from this process, and what it starts meanwhile."""
        def end_all():
            pids = self.survivors()
            for pid in pids:
                kill_by_pidfd(pid)
            return pids
        if wait_for(end_all, lambda pids: not pids):
            raise AssertionError("a process could not be ended")

    # What lies about

    def left_over(self, known=()):
        """{path: lstat} of the topmost things in tmp, cwd and home; only directories in `known` are looked into."""
        found = {}
        todo = [os.fsencode(directory) for directory in (self.tmp, self.cwd, self.home)]
        while todo:
            for entry in os.scandir(todo.pop()):
                found[entry.path] = entry.stat(follow_symlinks=False)
                if entry.path in known and entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
        return found

    def ipc_left(self):
        """{(kind, word)} of the objects that bear this run's tag."""
        found = set()
        for word in IPC_WORDS:
            if os.path.exists(f"/dev/shm/{word}-{self.tag}"):
                found.add(("posix_shm", word))
            if os.path.exists(f"/dev/shm/sem.{word}-{self.tag}"):
                found.add(("named_semaphore", word))
            queue = LIBC.mq_open(f"/{word}-{self.tag}".encode(), os.O_RDONLY)
            if queue >= 0:
                os.close(queue)
                found.add(("message_queue", word))
        for kind, ids in self._sysv_ids().items():
            found.update((kind, word) for word in ids)
        return found

    def make_ipc(self, kind, word):
        """Makes an object as one that was there before."""
        name, key = f"{word}-{self.tag}", ipc_key(word, self.tag)
        if kind == "posix_shm":
            pathlib.Path(f"/dev/shm/{name}").touch(mode=0o600)
        elif kind == "named_semaphore":
            LIBC.sem_open.restype = ctypes.c_void_p
            made = LIBC.sem_open(f"/{name}".encode(), os.O_CREAT | os.O_EXCL, 0o600, 1)
            assert made, "sem_open"
        elif kind == "message_queue":
            queue = LIBC.mq_open(f"/{name}".encode(), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, None)
            assert queue >= 0, "mq_open"
            os.close(queue)
        else:
            create = 0o3600  # IPC_CREAT | IPC_EXCL and the mode
            made = {"sysv_shm": lambda: LIBC.shmget(key, ctypes.c_size_t(4096), create),
                    "sysv_sem": lambda: LIBC.semget(key, 1, create),
                    "sysv_msg": lambda: LIBC.msgget(key, create)}[kind]()
            assert made >= 0, kind

    def _sysv_ids(self):
        """{kind: {word: id}} of this run's System V objects."""
        words = {ipc_key(word, self.tag): word for word in IPC_WORDS}
        found = {}
        for kind, (table, column) in SYSV_TABLES.items():
            lines = pathlib.Path(f"/proc/sysvipc/{table}").read_text(encoding="ascii").splitlines()
            where = lines[0].split().index(column)
            ids = [(int(line.split()[0]) & 0xFFFFFFFF, int(line.split()[where])) for line in lines[1:]]
            found[kind] = {words[key]: number for key, number in ids if key in words}
        return found

    def _remove_ipc(self):
        for path in glob.glob(f"/dev/shm/*-{self.tag}-*"):  # suites that run several processes add a pid
            os.unlink(path)
        for kind, word in self.ipc_left():
            if kind == "posix_shm":
                os.unlink(f"/dev/shm/{word}-{self.tag}")
            elif kind == "named_semaphore":
                os.unlink(f"/dev/shm/sem.{word}-{self.tag}")
            elif kind == "message_queue":
                LIBC.mq_unlink(f"/{word}-{self.tag}".encode())
        for number in self._sysv_ids()["sysv_shm"].values():
            LIBC.shmctl(number, 0, None)
        for number in self._sysv_ids()["sysv_sem"].values():
            LIBC.semctl(number, 0, 0)
        for number in self._sysv_ids()["sysv_msg"].values():
            LIBC.msgctl(number, 0, None)


def wait_for(look, good, patience=PATIENCE):
    """Looks again and again until what it sees is good, or patience is over; returns the last sight."""
    deadline = time.monotonic() + patience
    seen = look()
    while not good(seen) and time.monotonic() < deadline:
        time.sleep(0.005)
        seen = look()
    return seen


def end_on_sigterm():
    """Makes a test runner's SIGTERM end this process by way of every `with`, so that no daemon is left."""
    def leave(*_):
        raise SystemExit(1)
    signal.signal(signal.SIGTERM, leave)


def names_of(pids):
    """The sorted names (comm) of processes."""
    names = []
    for pid in pids:
        try:
            names.append(pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sorted(names)


def process_table():
    """{pid: (parent, state)} of all processes."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields:
                table[int(name)] = (int(fields[1]), fields[0])
    return table


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on, or None if there is no such process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def collect(pid):
    """Takes a dead child's status, so that it is gone."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def kill_by_pidfd(pid):
    """Sends SIGKILL to the very process that bears this pid now, not to one that takes the number meanwhile."""
    before = stat_fields(pid)
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        now = stat_fields(pid)
        if before and now and before[19] == now[19]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def listening_inodes():
    """The socket inodes of all TCP listeners of this network namespace."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in pathlib.Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    found.add(int(fields[9]))
    return found


def ports_held_by(pids):
    """How many TCP listeners the processes hold."""
    held = set()
    for pid in pids:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            target = os.readlink(entry.path)
            if target.startswith("socket:["):
                held.add(int(target[8:-1]))
    return len(held & listening_inodes())


def remove_tree(path):
    """Removes a tree of any depth and of any modes; a link is removed as a link."""
    for directory, names, _ in os.walk(path):
        for name in names:
            below = os.path.join(directory, name)
            if not os.path.islink(below) and len(below) < 4000:
                os.chmod(below, 0o700)
    shutil.rmtree(path)


def make_before(kind, path):
    """Makes a file, directory or socket file as one that was there before."""
    if kind == "dir":
        os.mkdir(path, 0o750)
    elif kind == "file":
        with open(path, "wb") as file:
            # Nobody could make the same file again: an inode number may come back at once.
            file.write(b"was here before " + uuid.uuid4().hex.encode() + b"\n")
        os.chmod(path, 0o640)
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)


def identity(path):
    """What must not change of a thing that was there before."""
    about = os.lstat(path)
    content = pathlib.Path(os.fsdecode(path)).read_bytes() if stat.S_ISREG(about.st_mode) else None
    return about.st_dev, about.st_ino, about.st_mode, content
