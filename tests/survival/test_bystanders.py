# SPDX-License-Identifier: MIT
"""Bystanders that must survive, as real programs make them. Each run leaves something of the same kind, which goes.

BYSTANDERS names every kind of innocent that this project promises to spare, and the tests that fail where its check is
taken out. Those in tests/reap show that themselves: the same scene with the check blinded ends badly. What is mounted is
protected twice, by what it is and by how it is opened. A test here holds the table against the tests that there are.
"""

import os
import pathlib
import random
import re
import subprocess

from cases import Case
from files import identity
from given import Given
from processes import PATIENCE, wait_for
from survival import KILLED, Field

TESTS = pathlib.Path(__file__).resolve().parents[1]

BYSTANDERS = {
    "a process of the same command line, user and directory": (
        "however the root dies its guard reaps", "a daemon of the same name that was there before survives"),
    "a socket path bound anew by somebody else": ("what was made anew under the same name is left alone",),
    "a temporary path made anew": ("what was made anew under the same name is left alone", "what was made since survives"),
    "a temporary path made anew with the inode number and birth time of the old one": (
        "a directory made anew with the same inode is left alone by its handle",),
    "shared memory made anew under the same name": ("shared memory made anew under the same name is left alone",),
    "a System V object made anew under the same key": ("a System V object made anew under the same key is left alone",),
    "a System V object of the number and key of one in another IPC namespace": (
        "what is made in another ipc namespace is not ours",
        "objects of another IPC name space than the reaper's are left alone"),
    "a socket of a server that bound it by a relative name": (
        "a socket file of somebody who bound it by a relative name is spared",),
    "a process that got the pid of a dead one": (
        "a process that got the number of a dead one of ours is left alone",
        "where pidfds have no inode a process younger than its record is left alone"),
    "the child of a process that got the pid of one that died while the run ended": (
        "the child of an innocent one that got the number of a dead suspect is left alone",),
    "a tmux server that was there before, in which the test opened a window": (
        "a server of tmux in which the run opened a window lives on",),
    "what symlinks and hard links inside a leaked tree lead to": (
        "links inside a tree lead nobody out of it", "links left behind never harm their targets"),
    "what is mounted inside a leaked tree": (
        "a mount inside a tree and a mounted tree are left alone", "what is mounted inside a leaked tree stays"),
    "what a symlink leads to that took the place of a tree": (
        "a tree that was replaced by a symlink is left alone, with what it leads to",),
    "a helper that an innocent server made as a favour": (
        "a favour of an innocent server is not ours although it bears the variable",),
    "what LEAKSHIM_KEEP=1 is set for": (
        "what has LEAKSHIM_KEEP in its environment is kept with what it started",
        "what is asked to be kept is kept whatever it is", "a kept process leaves the session",
        "what asks to be kept while the run ends already is kept",
        "who becomes exempt while it is waited for is kept with what it started",
        "who asks to be kept in the middle of an exec is kept"),
    "a developer's socket in the directory that the run's tmux made": (
        "a socket of somebody elses server in the directory of the runs own stays",),
    "a checkout below the temporary directory, with its results": (
        "a work tree that is open to others is refused, a clone in a private directory is not",
        "a checkout below the temporary directory stays with its results"),
    "what another live session has in a tree of ours": (
        "what another live session recorded is spared", "what another live session has in a tree of ours stays"),
    "what somebody else runs in a tree of ours": ("a branch in which others live is spared with its parents",),
    "what was moved into a tree from before the run": ("what was moved into a tree from before the session is spared",),
    "what another user owns inside a tree": ("what another user owns inside a tree is spared",),
}


WAYS = ("end", "guard", "sweep", "run")
DEAD = ("guard", "sweep")


class Bystanders(Case):
    def each_way(self):
        """A field for each way that ends with a reaper at work."""
        for way in WAYS:
            with self.subTest(way), Field() as field:
                field.way = way
                yield field

    def run_in(self, field, script, **variables):
        """Runs the script to the end of its session."""
        command = ["sh", "-c", script + ("\nkill -KILL $$" if field.way in DEAD else "")]
        if field.way == "run":
            command = [Given.run, *command]
            variables["LEAKSHIM_DIR"] = str(field.ledger)
        if field.way == "sweep":
            variables["LEAKSHIM_OPTIONS"] = "guard=0"
        ended = field.end(field.start(command, None if field.way == "run" else "reap", **variables))
        self.assertEqual(ended.status, KILLED if field.way in DEAD else 0, ended.stderr)
        if field.way == "sweep":
            self.assertEqual(field.run(["true"], "reap").status, 0)
        if field.way == "guard":
            wait_for(lambda: [path.suffix for path in field.ledger.iterdir()], lambda seen: ".txt" in seen)

    def start_beside(self, field, script, **variables):
        """Starts what is no part of the run: it waits until the run says `go`, and the run then waits for `there`."""
        go, there = field.base / "go", field.base / "there"
        beside = field.start(["sh", "-c", f"until test -e {go}; do sleep 0.02; done\n{script}\ntouch {there}"], **variables)
        return beside, f"touch {go}; until test -e {there}; do sleep 0.02; done"

    def test_a_server_of_tmux_in_which_the_run_opened_a_window_lives_on(self):
        self.needs("/usr/bin/tmux")
        for field in self.each_way():
            place = field.base / "theirs"
            place.mkdir(mode=0o700)
            tmux = f"TMUX_TMPDIR={place} tmux -f /dev/null -L old "
            self.assertEqual(field.run_bystander(["sh", "-c", tmux + 'new-session -d -s old "sleep 150"']), 0)
            self.run_in(field, tmux + 'new-window -d -t old "sleep 151"; '
                                      'TMUX_TMPDIR="$TMPDIR" tmux -f /dev/null new-session -d "sleep 152"')
            # The run's own server is gone, with its pane; a bystander's children are not counted.
            self.assertEqual(field.wait_until_left([]), [])
            self.assertTrue(field.bystanders_alive())
            windows = subprocess.run(["sh", "-c", tmux + "list-windows -t old"], capture_output=True, check=True,
                                     env=field.environment(), timeout=PATIENCE)
            self.assertEqual(len(windows.stdout.splitlines()), 2)

    def test_a_socket_of_somebody_elses_server_in_the_directory_of_the_runs_own_stays(self):
        self.needs("/usr/bin/tmux")
        for field in self.each_way():
            tmux = f"TMUX_TMPDIR={field.tmp} tmux -f /dev/null "
            beside, meet = self.start_beside(field, tmux + "-L developer new-session -d 'sleep 150'")
            # The run's server makes the directory.
            self.run_in(field, f"{tmux} -L run new-session -d 'sleep 151'; {meet}")
            self.assertEqual(beside.wait(), 0)
            theirs = ["sleep", "tmux: server"]
            self.assertEqual(field.wait_until_left(theirs), theirs)
            self.assertEqual(os.listdir(field.tmp / f"tmux-{os.getuid()}"), ["developer"])
            subprocess.run(["sh", "-c", tmux + "-L developer list-windows"], stdout=subprocess.DEVNULL, check=True,
                           env=field.environment(), timeout=PATIENCE)

    def test_what_is_asked_to_be_kept_is_kept_whatever_it_is(self):
        # A shell forks, so it is on record already when it becomes the command; nothing sees into a static one.
        for field in self.each_way():
            port = random.randrange(20000, 30000)
            self.run_in(field, f'LEAKSHIM_KEEP=1 sleep 119 & LEAKSHIM_KEEP=1 PORT={port} {Given.server}; sleep 121 & '
                               'until test "$(pgrep -c -P $$ -x sleep)" = 2; do sleep 0.02; done; sleep 0.1')
            theirs = ["sleep", "static_server"]
            self.assertEqual(field.wait_until_left(theirs), theirs)
            commands = [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in field.survivors()]
            self.assertIn(b"sleep\x00119\x00", commands)

    def test_what_asks_to_be_kept_while_the_run_ends_already_is_kept(self):
        for field in self.each_way():
            if field.way == "sweep":
                continue  # happens later
            later = "(until test -e go; do sleep 0.02; done; sleep 0.1; exec {}) & "
            port = random.randrange(20000, 30000)
            self.run_in(field, later.format("env LEAKSHIM_KEEP=1 sleep 119") + later.format("sleep 121") +
                        later.format(f"env LEAKSHIM_KEEP=1 PORT={port} {Given.server}") + "touch go",
                        LEAKSHIM_OPTIONS="linger=2s")
            theirs = ["sleep", "static_server"]
            self.assertEqual(field.wait_until_left(theirs), theirs)
            commands = [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in field.survivors()]
            self.assertIn(b"sleep\x00119\x00", commands)

    def test_a_checkout_below_the_temporary_directory_stays_with_its_results(self):
        self.needs("/usr/bin/git")
        for field in self.each_way():
            self.run_in(field, 'umask 022; git init -q "$TMPDIR/work"; echo 1 > "$TMPDIR/work/results.xml"; '
                               'mkdir "$TMPDIR/scratch"; echo 1 > "$TMPDIR/scratch/file"')
            self.assertEqual(field.wait_until_clean_but("work"), ["work"])
            self.assertEqual((field.tmp / "work/results.xml").read_text(encoding="ascii"), "1\n")

    def test_what_is_mounted_inside_a_leaked_tree_stays(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        for field in self.each_way():
            theirs = field.base / "theirs"
            theirs.mkdir()
            (theirs / "file").touch()
            whole = identity(theirs / "file")
            try:
                self.run_in(field, 'mkdir "$TMPDIR/tree"; mkdir "$TMPDIR/tree/mnt"; echo 1 > "$TMPDIR/tree/file"; '
                                   f'mkdir "$TMPDIR/gone"; mount --bind {theirs} "$TMPDIR/tree/mnt"')
                self.assertEqual(field.wait_until_clean_but("tree"), ["tree"])
                self.assertEqual(identity(theirs / "file"), whole)
            finally:
                self.assertEqual(subprocess.run(["umount", str(field.tmp / "tree/mnt")], check=False).returncode, 0)

    def test_what_another_live_session_has_in_a_tree_of_ours_stays(self):
        for field in self.each_way():
            tree = field.tmp / "tree"
            field.base.joinpath("stop").unlink(missing_ok=True)
            other = (f'mkdir "$TMPDIR/theirs"; echo 1 > "$TMPDIR/theirs/file"; touch {field.base}/there; '
                     f'until test -e {field.base}/stop; do sleep 0.02; done')
            beside, meet = self.start_beside(
                field, f"TMPDIR={tree} LEAKSHIM=reap LEAKSHIM_DIR={field.ledger} LD_PRELOAD={Given.library} sh -c '{other}'")
            self.run_in(field, f'mkdir {tree}; echo 1 > {tree}/ours; mkdir "$TMPDIR/gone"; {meet}')
            self.assertEqual(field.wait_until_clean_but("tree"), ["tree"])
            self.assertEqual(wait_for(lambda: os.listdir(tree), lambda left: left == ["theirs"]), ["theirs"])
            self.assertEqual(os.listdir(tree / "theirs"), ["file"])
            (field.base / "stop").touch()
            self.assertEqual(beside.wait(), 0)
            # That session ends as any does, and takes what is its own.
            self.assertEqual(os.listdir(tree), [])

    def test_each_test_that_the_table_names_is_there(self):
        names = set()
        for path in TESTS.rglob("*"):
            if path.suffix == ".cc":
                names.update(re.findall(r'TEST_CASE\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
            elif path.name.startswith("test_") and path.suffix == ".py":
                found = re.findall(r"def test_(\w+)\(", path.read_text(encoding="utf-8"))
                names.update(name.replace("_", " ") for name in found)
            elif path.parent.name == "victims":
                names.add(path.stem.replace("_", " "))
        missing = {name for tests in BYSTANDERS.values() for name in tests} - names
        self.assertEqual(missing, set())
