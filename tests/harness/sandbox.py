# SPDX-License-Identifier: MIT
"""One run of a program that leaks: directories, environment, and what is left afterwards.

The harness makes itself the subreaper of all that it starts, so that whatever a run leaves becomes its child: found
without a guess, ended by pidfd, and nobody else's. Everything else lies under one directory or bears the run's tag.
Nothing here may touch what another test made: tests run side by side.
"""

import ctypes
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import uuid

from files import remove_tree
from given import Given
from ipc import LIBC, ipc_of, make_ipc, remove_ipc
from processes import PATIENCE, collect, kill_by_pidfd, process_table, wait_for

PR_SET_CHILD_SUBREAPER = 36
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # of all that runs in a sandbox


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
        """What the shim says at the end."""
        return b"".join(line for line in self.stderr.splitlines(True) if is_ours(line))


def is_ours(line):
    """True if a line of stderr is the shim's."""
    return line.startswith((b"leakshim: ", b"SUMMARY: leakshim:"))


class Sandbox:
    """One run's world: `tmp` ($TMPDIR), `cwd`, `home` and `ledger`, none of them below another.

    Use it with `with`: leaving it ends what still runs and removes everything, leaked or not.
    """

    def __init__(self, library=None, reporter=None):
        """The library to preload and leakshim-report are the given ones, unless others are named."""
        self.library, self.reporter = library or Given.library, reporter or Given.report
        self.tag = uuid.uuid4().hex[:12]
        # Short, since socket paths are.
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="lsv-"))
        self.tmp, self.cwd = self.base / "tmp", self.base / "cwd"
        self.home, self.ledger = self.base / "home", self.base / "ledger"
        for directory in (self.tmp, self.cwd, self.home, self.ledger):
            directory.mkdir(mode=0o700)
        self.bystander = self.base / "bystander"
        self.started, self.spared = [], {}
        if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        for handle in self.spared.values():
            os.close(handle)
        self.spared = {}
        self.end_survivors()
        remove_ipc(self.tag)
        remove_tree(self.base)

    @property
    def guard(self):
        """The path of leakshim-guard, which lies beside the library."""
        return os.path.join(os.path.dirname(self.library), "leakshim-guard")

    @property
    def places(self):
        """The values of the placeholders in an expectation."""
        return {"tmp": os.fsencode(self.tmp), "cwd": os.fsencode(self.cwd), "home": os.fsencode(self.home),
                "tag": self.tag.encode()}

    # Other users

    def share(self, *files):
        """Lets others look in, and gives them copies of the library and of these files: a build directory may be private.

        The copies lie in `base`, where those that are there already stay; `library` is one of them from now on.
        """
        os.chmod(self.base, 0o755)
        for file in map(pathlib.Path, (self.library, *files)):
            if file.parent != self.base:
                shutil.copy(file, self.base)
        self.library = str(self.base / os.path.basename(self.library))

    def give_to(self, user):
        """Makes a uid the owner of all the directories that a run works in."""
        for directory in (self.tmp, self.cwd, self.home, self.ledger):
            os.chown(directory, user, user)

    # What is run

    def environment(self, mode=None, ci=True, **more):
        """A small, fixed environment; `mode` is the value of LEAKSHIM, None means without the shim."""
        values = {"PATH": PATH, "LANG": "C.UTF-8", "TMPDIR": str(self.tmp), "HOME": str(self.home)}
        if ci:
            values["CI"] = "1"
        if mode is not None:
            values.update(LD_PRELOAD=str(self.library), LEAKSHIM=mode, LEAKSHIM_DIR=str(self.ledger))
        values.update(more)
        return values

    def environment_of_tools(self, ci=True, **more):
        """That of leakshim-report and leakshim-run: nothing is preloaded, and the ledgers are this sandbox's."""
        return self.environment(None, ci, **{"LEAKSHIM_DIR": str(self.ledger), **more})

    def start(self, command, mode=None, ci=True, *, setsid=True, stdin=subprocess.DEVNULL, stdout=None, stderr=None,
              prepare=None, user=None, **more):
        """Starts `command`: its Popen, which ends with the sandbox. `more` are variables of its environment.

        In a session (setsid) of its own; as the uid `user`, with no other groups; after `prepare()` in its process.
        Its output goes to files of the sandbox, which nobody waits for, unless streams are given.
        """
        rights = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        with open(self.base / "stdout", "wb") as out, open(self.base / "stderr", "wb") as err:
            process = subprocess.Popen([os.fspath(word) for word in command], cwd=self.cwd, stdin=stdin,
                                       stdout=stdout or out, stderr=stderr or err, preexec_fn=prepare,
                                       env=self.environment(mode, ci, **more), start_new_session=setsid, **rights)
        self.started.append(process)
        return process

    def end(self, process, patience=PATIENCE):
        """Waits for what start() started, not for its children: how it ended, and what it wrote.

        The status of one that outlives our patience (in seconds) is a sentence.
        """
        try:
            out, err = process.communicate(timeout=patience)  # which only waits where there is no pipe
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            status = f"still running after {patience} s"
        return Ended(status, (self.base / "stdout").read_bytes() if out is None else out,
                     (self.base / "stderr").read_bytes() if err is None else err)

    def run(self, command, mode=None, ci=True, patience=PATIENCE, **more):
        """Runs `command` to its end, not to that of its children; `more` is what start() takes."""
        return self.end(self.start(command, mode, ci, setsid=False, **more), patience)

    def run_bystander(self, command, **more):
        """Runs a command that is no part of any run: no shim, `bystander` as directory and TMPDIR.

        Whatever it leaves in the background is spared from now on. Returns its exit status.
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

    def ask(self, *words):
        """Runs leakshim-report with these options: (exit status, standard output, standard error)."""
        done = subprocess.run([self.reporter, *map(str, words)], cwd=self.cwd, env=self.environment_of_tools(),
                              capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def report(self, *which):
        """The newest session, or the one that these options name, from leakshim-report: (its JSON, the exit status).

        Raises AssertionError where there is none to be shown.
        """
        status, out, err = self.ask("--json", *which)
        if status not in (0, 1):
            raise AssertionError(f"leakshim-report ended with {status}: {err}")
        return json.loads(out), status

    def ledgers(self):
        """The paths of the ledgers that are there."""
        return sorted(self.ledger.glob("*.ledger"))

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
        """Waits until exactly `count` processes are left; says which there are in the end."""
        return wait_for(self.survivors, lambda pids: len(pids) == count, patience=15)

    def end_survivors(self):
        """Ends all that descends from this process, and what it starts meanwhile; AssertionError where that fails."""
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
                try:
                    found[entry.path] = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # somebody is reaping
                    continue
                if entry.path in known and entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
        return found

    def ipc_left(self):
        """{(kind, word)} of the objects that bear this run's tag."""
        return ipc_of(self.tag)

    def make_ipc(self, kind, word):
        """Makes an object as one that was there before."""
        make_ipc(kind, word, self.tag)
