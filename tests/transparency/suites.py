# SPDX-License-Identifier: MIT
"""The programs that nobody here wrote, and how each tells what came of its tests.

A suite runs in a directory of its own and leaves {name: outcome}: for CPython's tests one entry a test, for a scenario
(a script in scenarios/ that uses some program in many ways) one a line of its output.
"""

import os
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = HERE / "scenarios"
PYTHON = "/usr/bin/python3"
CPYTHON_TESTS = pathlib.Path("/usr/lib/python3.11/test")

PYTHON_MODULES = [
    "test_posix", "test_os", "test_signal", "test_selectors", "test_pty", "test_fcntl", "test_mmap", "test_resource",
    "test_shutil", "test_pathlib", "test_tempfile", "test_threading", "test_faulthandler", "test_subprocess",
    "test_socket", "test_asyncio", "test_concurrent_futures", "test_multiprocessing_fork", "test_multiprocessing_spawn",
    "test_multiprocessing_forkserver",
]
# What stands for a module that takes minutes: `cpython.short.MODULE`, which runs only when it is asked for by name.
SHORT_FORMS = {
    "test_asyncio": ["test_unix_events", "test_server", "test_subprocess.SubprocessThreadedWatcherTests"],
    "test_multiprocessing_forkserver": ["WithProcessesTestProcess", "WithProcessesTestSharedMemory",
                                        "WithProcessesTestPool", "TestForkAwareThreadLock"],
}


class Suite:
    """One thing to run. `missing` is a plain sentence where it can't be, `short` stands for another that is whole."""

    short = False

    def __init__(self, name, command, needs=(), never_root=False):
        self.name, self.command, self.never_root = name, command, never_root
        absent = [program for program in needs if not (shutil.which(program) or os.path.exists(program))]
        self.missing = f"there is no {absent[0]} here" if absent else None

    def outcomes(self, directory, stdout, stderr):
        """{name: outcome}: the lines of what it printed, on either stream, each stream in its own order."""
        lines = [(f"line {n}", line) for n, line in enumerate(stdout.splitlines(), 1)]
        return dict(lines + [(f"stderr line {n}", line) for n, line in enumerate(stderr.splitlines(), 1)])


class PythonSuite(Suite):
    def __init__(self, module, parts=None):
        missing = [] if (CPYTHON_TESTS / "test_posix.py").exists() else ["libpython3.11-testsuite"]
        self.short = parts is not None
        super().__init__(f"cpython.short.{module}" if self.short else f"cpython.{module}", None, missing)
        self.names = [f"test.{module}.{part}" for part in parts] if parts else [f"test.{module}"]

    def command_in(self, directory):
        return [PYTHON, str(HERE / "python_tests.py"), str(directory / "outcomes"), *self.names]

    def outcomes(self, directory, stdout, stderr):
        path = directory / "outcomes"
        found = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            outcome, name, detail = line.split("\t", 2)
            # A test may say "subtest failed" any number of times before it says how it ended.
            number = sum(other.split(" #")[0] == name for other in found)
            why = f": {detail}" if outcome == "skip" else ""
            found[f"{name} #{number}" if number else name] = outcome + why
        return found


class Scenario(Suite):
    def __init__(self, name, interpreter, script, needs, never_root=False):
        super().__init__(name, None, needs, never_root)
        self.line = [*interpreter, str(SCENARIOS / script)]

    def command_in(self, directory):
        return self.line


def all_suites():
    suites = [
        Scenario("dash", ["dash"], "shell.sh", ["dash"]),
        Scenario("bash", ["bash"], "shell.sh", ["bash"]),
        Scenario("bash.jobs", ["bash"], "bash_jobs.sh", ["bash"]),
        Scenario("perl", ["perl"], "processes.pl", ["perl"]),
        Scenario("node", ["node"], "processes.js", ["node"]),
        Scenario("java", ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1"], "Processes.java", ["java", "javac"]),
        Scenario("git", ["bash"], "git.sh", ["git"]),
        Scenario("make", ["bash"], "make.sh", ["make", "gcc"]),
        Scenario("gcc", ["bash"], "gcc.sh", ["gcc", "g++"]),
        Scenario("tmux", ["bash"], "tmux.sh", ["tmux"]),
        Scenario("redis", ["bash"], "redis.sh", ["redis-server", "redis-cli"]),
        Scenario("postgres", ["bash"], "postgres.sh", ["pg_ctlcluster"], never_root=True),
    ]
    suites += [PythonSuite(module) for module in PYTHON_MODULES]
    return suites + [PythonSuite(module, parts) for module, parts in SHORT_FORMS.items()]
