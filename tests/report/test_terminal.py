# SPDX-License-Identifier: MIT
"""The text report as a terminal shows it: tmux, wide and narrow, with three leaks and with ten thousand, in colour.

A run under the shim makes the leaks; a private tmux server of each test's own shows the report, and what is on its
screen then is looked at.

    test_terminal.py library=PATH report=PATH [test_NAME]     # skipped (77) where there is no tmux
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

try:
    import pytest
except ImportError:
    sys.exit(77)

LIBRARY, TOOL = (os.environ.get(f"TERMINAL_TEST_{name}", "") for name in ("LIBRARY", "REPORT"))
PATIENCE = 150  # seconds, on a machine that does much else

THREE = """
import os, socket, subprocess, sys, tempfile
os.environ["PYTEST_CURRENT_TEST"] = "test_three.py::test_leaks (call)"
tree = tempfile.mkdtemp(prefix="it is left-")
for i in range(40):
    open(os.path.join(tree, str(i)), "w").close()
subprocess.Popen(["sleep", "600"])
server = socket.socket(socket.AF_UNIX)
server.bind(os.path.join(tempfile.gettempdir(), "a.sock"))
"""
MANY = """
import os, socket, tempfile
top = tempfile.gettempdir()
for i in range(10000):
    if i % 200 == 0:
        os.environ["PYTEST_CURRENT_TEST"] = f"test_many.py::test_{i // 200:02} (call)"
    name = os.path.join(top, f"many-{i}")
    if i % 10 < 5:
        os.mkdir(name)
    elif i % 10 < 8:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    else:
        os.mkfifo(name)
"""


@pytest.fixture(name="session")
def fixture_session(tmp_path):
    """Runs a script under the shim; a function of the script that returns the directory of its ledger."""
    scratch = pathlib.Path("/dev/shm") / f"leakshim-terminal-{os.getpid()}"
    shutil.rmtree(scratch, ignore_errors=True)

    def run(script):
        for name in ("ledgers", "tmp"):
            (scratch / name).mkdir(mode=0o700, parents=True)
        subprocess.run([sys.executable, "-c", script], check=True, timeout=300, cwd=tmp_path, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(scratch / "tmp"),
                            "LEAKSHIM_DIR": str(scratch / "ledgers"), "LD_PRELOAD": LIBRARY})
        return scratch / "ledgers"

    yield run
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(name="screen")
def fixture_screen(tmp_path):
    """Shows the report in a terminal of so many columns and lines; what is seen, line by line. With `colours` the lines
    hold the escapes. `whole`: what has scrolled off the top, too."""
    servers = []  # one for each terminal: the socket of one that was just ended still takes calls

    def tmux(*words):
        return subprocess.run(["tmux", "-S", servers[-1], "-f", "/dev/null", *words], check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}).stdout

    def show(ledgers, columns, lines, colours=False, whole=False, options=""):
        command = f"env -u NO_COLOR LEAKSHIM_DIR='{ledgers}' LC_ALL=C.UTF-8 '{TOOL}' {options}; printf THE-END; read -r _"
        servers.append(str(tmp_path / f"tmux-{len(servers)}"))
        tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), command)
        deadline = time.monotonic() + PATIENCE
        while "THE-END" not in (seen := tmux("capture-pane", "-p", *(["-e"] if colours else []), *(["-S", "-"] if whole else []))):
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        tmux("kill-server")
        return seen.split("THE-END")[0].splitlines()

    yield show
    for server in servers:
        subprocess.run(["tmux", "-S", server, "kill-server"], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_three_leaks_say_what_where_why_and_what_to_do(session, screen, columns):
    text = "\n".join(screen(session(THREE), columns, 60))
    joined = re.sub(r"\s+", " ", text.replace("│", " "))
    assert "test_three.py::test_leaks" in text
    for part in ("sleep 600", "ended on SIGTERM", "41 inodes", "fix: end it where the test ends", "fix: remove it where",
                 "fix: unlink it where", "leakshim-reap --session", "SUMMARY: leakshim: 2 errors (2 reaped), 0 warnings, 1 kept"):
        assert part in joined, text
    assert re.search(r"^  rm -rf -- '/dev/shm/", text, re.M), text
    assert re.search(r" rule: process:sleep \*;test=test_three\.py::test_leaks", text, re.M), text
    assert text.count("rule: ") == 3 and "LEAKSHIM_RULES" in text, text


@pytest.mark.parametrize("size", [(60, 30), (80, 24), (200, 50)])
def test_ten_thousand_leaks_fit_on_the_screen(session, screen, size):
    ledgers = session(MANY)
    seen = screen(ledgers, *size)
    text = "\n".join(seen)
    assert seen[0].startswith("leakshim session "), text  # nothing scrolled off the top
    assert re.search(r"and \d+ more of this kind: temporary directory", text), text
    assert re.search(r"in \d+ more tests", re.sub(r"\s+", " ", text)), text
    assert "SUMMARY: leakshim: 0 errors, 0 warnings, 10000 kept" in re.sub(r"\s+", " ", text), text
    assert text.count("fix: ") <= 3, text


def test_colours_are_for_terminals_and_hide_nothing(session, screen):
    ledgers = session(THREE)
    coloured = "\n".join(screen(ledgers, 120, 60, colours=True))
    plain = "\n".join(screen(ledgers, 120, 60, options="--color=never"))
    assert "\033[" in coloured and "\033[" not in plain
    bare = re.sub(r"\033\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == [line.rstrip() for line in plain.splitlines()]


def test_a_clean_run_is_one_line(session, screen):
    text = " ".join(line for line in screen(session("pass"), 80, 24) if line)
    assert "left nothing behind" in text


def main():
    """Tells pytest the paths, through the environment."""
    if shutil.which("tmux") is None or not os.path.isdir("/dev/shm"):
        return 77
    names = []
    for word in sys.argv[1:]:
        key, is_path, path = word.partition("=")
        if is_path:
            os.environ[f"TERMINAL_TEST_{key.upper()}"] = str(pathlib.Path(path).resolve())
        else:
            names.append(f"{pathlib.Path(__file__).resolve()}::{word}")
    return pytest.main(["-q", "-p", "no:cacheprovider", *(names or [__file__])])


if __name__ == "__main__":
    sys.exit(main())
