# SPDX-License-Identifier: MIT
"""What the tests of leakshim-run share: a sandbox that runs commands with and without it, and terminals.

usage of each test: test_*.py BUILD_DIRECTORY_FILES... [TEST], as main() has it.
"""

import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))

from sandbox import PATIENCE, Ended, Sandbox, end_on_sigterm, is_ours, names_of, stat_fields, wait_for  # noqa: E402,F401

LIBRARY = REPORTER = RUN = COUNTER = DAEMON = CLONER = None
PYTHON = "/usr/bin/python3"


class World(Sandbox):
    """A sandbox whose `tool()` runs a command under leakshim-run, and `start()` starts one without waiting."""

    def __init__(self):
        super().__init__(LIBRARY, REPORTER)
        self.started = []

    def __exit__(self, *what):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        super().__exit__(*what)

    def variables(self, **more):
        return self.environment(None, **{"LEAKSHIM_DIR": str(self.ledger), **more})

    def tool(self, *words, ci=True, **more):
        """Runs leakshim-run with these options and this command to its end."""
        return self.run([str(RUN), *map(str, words)], None, ci, LEAKSHIM_DIR=str(self.ledger), **more)

    def start(self, command, prepare=None, **more):
        """Starts a command in a session (setsid) of its own, with its output in files."""
        out, err = self.base / "stdout", self.base / "stderr"
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            process = subprocess.Popen([str(word) for word in command], cwd=self.cwd, env=self.variables(**more),
                                       stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, preexec_fn=prepare,
                                       start_new_session=True)
        self.started.append(process)
        return process

    def start_tool(self, *words, **more):
        return self.start([RUN, *words], **more)

    def stderr(self):
        return (self.base / "stderr").read_bytes()


def lines_of(path):
    """The lines of a file that may not be there yet."""
    try:
        return pathlib.Path(path).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []


def wait_for_line(test, path, line, times=1):
    """Waits until `line` is there so often; all lines then."""
    seen = wait_for(lambda: lines_of(path), lambda lines: lines.count(line) >= times)
    test.assertGreaterEqual(seen.count(line), times, f"{path} has {seen}")
    return seen


def wait_until_ready(test, path):
    """Waits for the first line of counter.c, and returns its pid."""
    seen = wait_for(lambda: lines_of(path), bool)
    test.assertTrue(seen, f"{path} stayed empty")
    return int(seen[0].split()[1])


def state_of(pid):
    fields = stat_fields(pid)
    return fields[0] if fields else None


def wait_for_state(test, pid, states):
    seen = wait_for(lambda: state_of(pid), lambda state: state in states)
    test.assertIn(seen, states)


def children_of(pid):
    """The pids of all direct children."""
    found = []
    for name in os.listdir("/proc"):
        fields = stat_fields(int(name)) if name.isdigit() else None
        if fields and int(fields[1]) == pid:
            found.append(int(name))
    return found


class Terminal:
    """A pseudo-terminal with a shell on it."""

    def __init__(self, world, command, **more):
        self.master, slave = pty.openpty()
        settings = termios.tcgetattr(slave)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        variables = world.variables(PS1="ready> ", TERM="dumb", HISTFILE="", **more)
        self.shell = subprocess.Popen([str(word) for word in command], cwd=world.cwd, env=variables, stdin=slave,
                                      stdout=slave, stderr=slave, start_new_session=True,
                                      preexec_fn=lambda: __import__("fcntl").ioctl(0, termios.TIOCSCTTY, 0))
        world.started.append(self.shell)
        os.close(slave)
        self.seen = b""

    def close(self):
        os.close(self.master)

    def write(self, data):
        os.write(self.master, data)

    def read(self):
        """Takes in what has been written so far."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 4096)
            except OSError:  # nobody has the terminal open any more
                return self.seen
            if not data:
                break
            self.seen += data
        return self.seen

    def wait_for(self, test, text, after=0):
        """Waits until `text` stands behind the first `after` bytes; the position behind it."""
        seen = wait_for(self.read, lambda seen: text in seen[after:])
        test.assertIn(text, seen[after:])
        return seen.index(text, after) + len(text)


def main(test_class):
    global LIBRARY, REPORTER, RUN, COUNTER, DAEMON, CLONER
    paths = [pathlib.Path(argument).resolve() for argument in sys.argv[1:7]]
    LIBRARY, REPORTER, RUN, COUNTER, DAEMON, CLONER = paths
    end_on_sigterm()
    names = [f"{test_class.__name__}.{name}" for name in sys.argv[7:]]
    run = unittest.main(module=test_class.__module__, argv=sys.argv[:1] + names, exit=False, verbosity=2).result
    if not run.wasSuccessful():
        return 1
    return 77 if run.testsRun == len(run.skipped) else 0
