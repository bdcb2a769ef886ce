# SPDX-License-Identifier: MIT
"""What the tests of leakshim-run share: a sandbox that runs commands with and without it, and terminals."""

import os
import pathlib
import pty
import select
import subprocess
import termios

from given import Given
from processes import state_of, wait_for
from sandbox import Sandbox

PYTHON = "/usr/bin/python3"


class World(Sandbox):
    """A sandbox whose `tool()` runs a command under leakshim-run, and `start_tool()` does without waiting."""

    def tool(self, *words, ci=True, **more):
        """Runs leakshim-run with these options and this command to its end."""
        return self.run([Given.run, *map(str, words)], None, ci, **{"LEAKSHIM_DIR": str(self.ledger), **more})

    def start_tool(self, *words, **more):
        """Starts leakshim-run with these options and this command, in a session (setsid) of its own."""
        return self.start([Given.run, *map(str, words)], LEAKSHIM_DIR=str(self.ledger), **more)


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


def wait_for_state(test, pid, states):
    """Waits until a process is in one of these states."""
    seen = wait_for(lambda: state_of(pid), lambda state: state in states)
    test.assertIn(seen, states)


class Terminal:
    """A pseudo-terminal with a shell on it."""

    def __init__(self, world, command, **more):
        self.master, slave = pty.openpty()
        settings = termios.tcgetattr(slave)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        variables = world.environment_of_tools(PS1="ready> ", TERM="dumb", HISTFILE="", **more)
        self.shell = subprocess.Popen([str(word) for word in command], cwd=world.cwd, env=variables, stdin=slave,
                                      stdout=slave, stderr=slave, start_new_session=True,
                                      preexec_fn=lambda: __import__("fcntl").ioctl(0, termios.TIOCSCTTY, 0))
        world.started.append(self.shell)
        os.close(slave)
        self.seen = b""

    def close(self):
        """Hangs up."""
        os.close(self.master)

    def write(self, data):
        """Types it."""
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
