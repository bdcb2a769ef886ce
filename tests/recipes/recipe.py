# SPDX-License-Identifier: MIT
"""The README's recipes, word by word: taken out of it, and run by a shell in a small project that really leaks.

What is not a shell's is filled in as the README says: `$PRELOAD` by `leakshim-run --print-preload`, `<prefix>` by the
place where leakshim lies.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

from cases import Case
from given import Given
from processes import PATIENCE, ports_held_by
from sandbox import Sandbox

# Leaves a temporary directory, and a process that listens at a port; nobody waits for its output.
LEAVE = """\
import os, socket, tempfile, time
tempfile.mkdtemp()
port = socket.socket()
port.bind(("127.0.0.1", 0))
port.listen()
if os.fork() == 0:
    for stream in range(3):
        os.dup2(os.open("/dev/null", os.O_RDWR), stream)
    time.sleep(1000)
"""


def section(title):
    """The lines of a recipe's block, without its indentation."""
    text = pathlib.Path(Given.readme).read_text(encoding="utf-8")
    found = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise AssertionError(f"the README has no recipe for {title}")
    return textwrap.dedent("\n".join(line for line in found[1].splitlines() if line.startswith("    "))).splitlines()


def bare(line):
    """The command of a line, without leakshim."""
    for with_it in (r'--wrapper "leakshim-run --fail"', r"leakshim-run --fail( --private-tmp)? ", r"\bLEAKSHIM=\S+ ",
                    r"\bLD_PRELOAD=\S+ ", r"PYTHONPATH=\S+ ", r"-p leakshim_pytest"):
        line = re.sub(with_it, "", line)
    return line


class Project(Sandbox):
    """A project's directory, and leakshim as it is installed: `cwd`, and `prefix`."""

    def __init__(self, files):
        super().__init__()
        self.prefix = self.base / "prefix"
        for folder, sources in {"tools": [Given.report, Given.run, Given.reap], "share/leakshim/python": [Given.plugin],
                                "shim": [self.library, self.guard]}.items():
            (self.prefix / folder).mkdir(parents=True)
            for source in sources:
                # By the name alone a tool would look for the library beside its target, and find it as well.
                os.symlink(source, self.prefix / folder / pathlib.Path(source).name)
        for name, text in {"leave.py": LEAVE, **files}.items():
            (self.cwd / name).parent.mkdir(parents=True, exist_ok=True)
            (self.cwd / name).write_text(text, encoding="utf-8")

    def shell(self, line, **more):
        """A line as somebody types it: what subprocess.run says, both streams as one."""
        line = line.replace("<prefix>", str(self.prefix))
        path = [str(self.prefix / "tools"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        for program in ("cargo", "go", "node"):
            found = shutil.which(program)
            if found:
                path.append(os.path.dirname(found))
        # The prefix lies where things are temporary: what Python compiled there would be a finding.
        variables = self.environment_of_tools(
            PYTHONDONTWRITEBYTECODE="1", PATH=":".join(path), GOFLAGS="-mod=mod",
            RUSTUP_HOME=os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup")), **more)
        if "$PRELOAD" in line:
            variables["PRELOAD"] = self.shell("leakshim-run --print-preload").stdout.strip()
        # Its output goes to a file: what is left may hold a pipe open.
        with open(self.base / "said", "w+b") as said:
            done = subprocess.run(["sh", "-c", line], cwd=self.cwd, env=variables, stdin=subprocess.DEVNULL, stdout=said,
                                  stderr=subprocess.STDOUT, timeout=4 * PATIENCE, check=False)
            said.seek(0)
            done.stdout = said.read().decode("utf-8", "replace")
        return done

    def left(self):
        """(Processes that listen, names in TMPDIR) that are left."""
        return ports_held_by(self.survivors()), os.listdir(self.tmp)


class RecipeTest(Case):
    """A test case that holds a recipe to what it says."""

    def leaks(self, project, line):
        """The command alone is well, and leaves something; which is taken away then."""
        done = project.shell(bare(line))
        self.assertEqual(done.returncode, 0, done.stdout)
        ports, names = project.left()
        self.assertEqual((ports, len(names)), (1, 1), done.stdout)
        project.end_survivors()
        for name in os.listdir(project.tmp):
            shutil.rmtree(project.tmp / name)

    def holds(self, project, line, status=24, test=None):
        """The line ends with `status`, nothing is left, and the report names the test that left it (None: unasked).

        Where nothing is left without it, it ends with 0, and finds nothing.
        """
        self.leaks(project, line)
        done = project.shell(line)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertEqual((project.wait_for_survivors(0), project.left()), ([], (0, [])), done.stdout)
        if test is not None:
            report = json.loads(project.shell("leakshim-report --json").stdout)
            found = {(record["kind"], record["state"]) for record in report["records"]
                     if record["degree"] == "error" and test in (record["test"] or "")}
            self.assertLessEqual({("process", "reaped"), ("temp_dir", "reaped")}, found, report["records"])
        (project.cwd / "leave.py").write_text("", encoding="ascii")
        tidy = project.shell(line)
        self.assertEqual((tidy.returncode, re.findall("leakshim: .*error.*", tidy.stdout)), (0, []), tidy.stdout)
        (project.cwd / "leave.py").write_text(LEAVE, encoding="ascii")
        return done.stdout
