# SPDX-License-Identifier: MIT
"""Processes of this machine as /proc shows them, and waiting for what must happen soon.

Whatever is looked at may end meanwhile: that is no error anywhere here.
"""

import os
import pathlib
import random
import signal
import socket
import time

PATIENCE = 60  # seconds until something that must happen soon is called a failure; nothing waits for it to pass


def wait_for(look, good, patience=PATIENCE):
    """Looks again and again until what it sees is good, or patience (in seconds) is over; returns the last sight."""
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


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on, or None if there is no such process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def state_of(pid):
    """The letter of a process's state, as proc(5) has it, or None if there is no such process."""
    fields = stat_fields(pid)
    return fields[0] if fields else None


def lives(pid):
    """True if a process is there and has not ended yet."""
    return state_of(pid) not in (None, "Z", "X")


def process_table():
    """{pid: (parent, state)} of all processes."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields:
                table[int(name)] = (int(fields[1]), fields[0])
    return table


def children_of(pid):
    """The pids of all direct children."""
    return [child for child, (parent, _) in process_table().items() if parent == pid]


def names_of(pids):
    """The sorted names (comm) of processes."""
    names = []
    for pid in pids:
        try:
            names.append(pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sorted(names)


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


def answers(port):
    """True if somebody listens at this TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    """A port below the ephemeral range, where no other test gets one by asking the kernel for any."""
    while answers(port := random.randrange(20000, 30000)):
        pass
    return port


def ports_held_by(pids):
    """How many TCP listeners the processes hold; each of them must be there, and ours to look into."""
    held = set()
    for pid in pids:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            target = os.readlink(entry.path)
            if target.startswith("socket:["):
                held.add(int(target[8:-1]))
    return len(held & listening_inodes())
