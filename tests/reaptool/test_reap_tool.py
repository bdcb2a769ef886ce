# SPDX-License-Identifier: MIT
"""leakshim-reap on dead, ended, running and foreign sessions, with bystanders beside them.

Each leak is first seen to be there when nobody has reaped. Everything lies in a sandbox of its own.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import unittest

from cases import Case
from given import Given
from processes import PATIENCE, lives, wait_for

PYTHON = "/usr/bin/python3"
NOBODY = 65534
BOOT_ID, PID_NAMESPACE = 56, 96  # offsets in the ledger
DONE, USAGE, UNREADABLE, NOT_REAPED = 0, 2, 3, 4

# Leaves a tree, a socket file and a daemon, and then waits to be killed.
LEAKY = """
import os, socket, subprocess, tempfile, time
tree = tempfile.mkdtemp()
open(tree + "/file", "w").write("x")
server = socket.socket(socket.AF_UNIX)
server.bind(os.environ["TMPDIR"] + "/socket")
daemon = subprocess.Popen(["sleep", "1000"], start_new_session=True, stdout=subprocess.DEVNULL)
print(tree, daemon.pid, flush=True)
time.sleep(1000)
"""

# Two tests of one run, each with a daemon and a socket pair of which it keeps one end in a thread of work.
SCOPED = """
import os, socket, subprocess, sys
kept = []
def test(name):
    os.environ["PYTEST_CURRENT_TEST"] = name + " (call)"
    pair = socket.socketpair()
    daemon = subprocess.Popen(["sleep", "1000"], start_new_session=True, stdout=subprocess.DEVNULL)
    del os.environ["PYTEST_CURRENT_TEST"]
    kept.append((pair, daemon))
    return pair[0].fileno(), daemon.pid
print(*test("t.py::test_one"), *test("t.py::test_two"), flush=True)
for line in sys.stdin:
    os.open("/dev/null", os.O_RDONLY)
    print(*[os.readlink(f"/proc/self/fd/{end.fileno()}") for pair, _ in kept for end in pair], flush=True)
"""


class ReapTool(Case):
    def setUp(self):
        self.world = self.new_sandbox()

    def start(self, script, mode="reap", options="guard=0", user=None, **more):
        """A run that says something and waits then: (its process, the words of its line)."""
        process = self.world.start([PYTHON, "-c", script], mode, setsid=False, user=user, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, LEAKSHIM_OPTIONS=options, **more)
        return process, process.stdout.readline().decode().split()

    def kill_root(self, **more):
        """A dead session: its tree and its daemon, which are there and live."""
        process, (tree, daemon) = self.start(LEAKY, **more)
        process.kill()
        process.wait()
        self.assertTrue(lives(int(daemon)) and os.path.exists(tree), "nothing leaked")
        self.assertTrue(os.path.exists(self.world.tmp / "socket"))
        return tree, int(daemon)

    def reap(self, *arguments, **more):
        environment = {"PATH": os.environ["PATH"], "LEAKSHIM_DIR": str(self.world.ledger), **more}
        return subprocess.run([Given.reap, *arguments], env=environment, text=True, capture_output=True, timeout=PATIENCE,
                              check=False)

    def ledger(self):
        (path,) = self.world.ledgers()
        return path

    def edit(self, offset, content):
        with open(self.ledger(), "r+b") as file:
            file.seek(offset)
            file.write(content)

    def assert_reaped(self, tree, daemon):
        self.assertTrue(wait_for(lambda: lives(daemon), lambda alive: not alive) is False)
        self.assertFalse(os.path.exists(tree))
        self.assertFalse(os.path.exists(self.world.tmp / "socket"))

    def assert_untouched(self, tree, daemon):
        self.assertTrue(lives(daemon))
        self.assertTrue(os.path.exists(tree + "/file"))
        self.assertTrue(os.path.exists(self.world.tmp / "socket"))

    # Dead sessions

    def test_a_dead_session_is_reaped_and_its_twins_are_not(self):
        with subprocess.Popen(["sleep", "1000"], start_new_session=True) as twin:
            tree, daemon = self.kill_root()
            beside = self.world.tmp / "innocent"
            beside.mkdir()
            result = self.reap()
            self.assertEqual((result.returncode, result.stderr), (DONE, ""))
            self.assert_reaped(tree, daemon)
            self.assertTrue(lives(twin.pid))
            self.assertTrue(beside.exists())
            twin.kill()
        self.assertIn("nothing to reap", self.reap().stdout)
        log = self.ledger().with_suffix(".log").read_text(encoding="utf-8")
        self.assertIn(f"to process {daemon} (sleep 1000)", log)
        self.assertIn(f"reaped temporary directory {tree}: removed", log)
        self.assertIn("registered itself as child of pid", log)

    def test_what_was_made_anew_under_the_same_names_is_left_alone(self):
        tree, daemon = self.kill_root()
        os.rename(tree, self.world.cwd / "old")
        os.unlink(self.world.tmp / "socket")
        os.mkdir(tree)
        (pathlib.Path(tree) / "precious").write_text("precious", encoding="utf-8")
        (self.world.tmp / "socket").write_text("precious", encoding="utf-8")
        self.assertEqual(self.reap().returncode, DONE)
        self.assertFalse(lives(daemon))
        self.assertEqual((pathlib.Path(tree) / "precious").read_text(encoding="utf-8"), "precious")
        self.assertEqual((self.world.tmp / "socket").read_text(encoding="utf-8"), "precious")

    def test_a_dry_run_says_what_it_would_do_and_why_and_changes_nothing(self):
        tree, daemon = self.kill_root()
        before = [hashlib.sha256(self.head()).digest(), sorted(os.listdir(self.world.ledger))]
        result = self.reap("--dry-run")
        self.assertEqual((result.returncode, result.stderr), (DONE, ""))
        self.assertIn(f"would reap process {daemon} (sleep 1000)", result.stdout)
        self.assertIn(f"would reap temporary directory {tree}", result.stdout)
        self.assertIn("would reap unix socket file", result.stdout)
        self.assertIn("ours: registered itself as child of pid", result.stdout)
        self.assertEqual([hashlib.sha256(self.head()).digest(), sorted(os.listdir(self.world.ledger))], before)
        self.assert_untouched(tree, daemon)
        self.assertEqual(self.reap().returncode, DONE)
        self.assert_reaped(tree, daemon)

    def head(self):
        """All that is used of the ledger: behind that the file has holes."""
        with open(self.ledger(), "rb") as file:
            return file.read(4 << 20)

    def test_the_document_has_each_thing_with_its_evidence(self):
        tree, daemon = self.kill_root()
        result = self.reap("--json", "--dry-run")
        document = json.loads(result.stdout)
        self.assertEqual((document["schema"], document["dry_run"], document["exit_status"]), ("leakshim.reap/1", True, 0))
        (session,) = document["sessions"]
        self.assertEqual((session["state"], session["refused"]), ("dead", None))
        things = {thing["kind"]: thing for thing in session["things"]}
        self.assertEqual(things["process"]["pid"], daemon)
        self.assertEqual(things["temp_dir"]["path"], tree)
        self.assertTrue(all(thing["evidence"] and thing["identity"] for thing in things.values()))
        self.assert_untouched(tree, daemon)

    def test_quiet_says_nothing_when_all_was_reaped(self):
        tree, daemon = self.kill_root()
        result = self.reap("--quiet")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (DONE, "", ""))
        self.assert_reaped(tree, daemon)

    def test_after_a_reboot_trees_go_and_no_process_is_looked_for(self):
        tree, daemon = self.kill_root()
        self.edit(BOOT_ID, b"00000000-0000-0000-0000-000000000000")
        self.assertEqual(self.reap().returncode, DONE)
        self.assertFalse(os.path.exists(tree))
        self.assertTrue(lives(daemon))

    def test_a_session_of_another_pid_namespace_is_left_alone(self):
        tree, daemon = self.kill_root()
        self.edit(PID_NAMESPACE, b"\1\0\0\0\0\0\0\0")
        self.assertEqual(self.reap().returncode, DONE)
        result = self.reap("--session", self.ledger().stem)
        self.assertEqual(result.returncode, NOT_REAPED)
        self.assertIn("another pid namespace", result.stderr)
        self.assert_untouched(tree, daemon)

    # Modes and rules

    def test_a_session_in_report_mode_is_touched_only_by_force(self):
        tree, daemon = self.kill_root(mode="report")
        result = self.reap()
        self.assertEqual(result.returncode, DONE)
        self.assertIn("LEAKSHIM=report", result.stderr)
        self.assert_untouched(tree, daemon)
        self.assertEqual(self.reap("--force").returncode, DONE)
        self.assert_reaped(tree, daemon)

    def test_the_rules_of_the_session_stay_in_force_and_without_them_nothing_is_reaped(self):
        rules = self.world.home / "rules"
        rules.write_text("keep process:sleep*  # shared\n", encoding="utf-8")
        tree, daemon = self.kill_root(LEAKSHIM_RULES=str(rules))
        rules.rename(self.world.home / "elsewhere")
        result = self.reap()
        self.assertEqual(result.returncode, NOT_REAPED)
        self.assertIn("rules", result.stderr)
        self.assert_untouched(tree, daemon)
        (self.world.home / "elsewhere").rename(rules)
        self.assertEqual(self.reap().returncode, DONE)
        self.assertFalse(os.path.exists(tree))
        self.assertTrue(lives(daemon))

    def test_with_a_line_in_the_rules_that_makes_no_sense_nothing_is_reaped(self):
        rules = self.world.home / "rules"
        rules.write_text("kep process:sleep*  # shared\n", encoding="utf-8")
        tree, daemon = self.kill_root(LEAKSHIM_RULES=str(rules))
        result = self.reap()
        self.assertEqual(result.returncode, NOT_REAPED)
        self.assertIn(f'{rules}:1: begins with "kep"', result.stderr)
        self.assert_untouched(tree, daemon)
        rules.write_text("keep process:sleep*  # shared\n", encoding="utf-8")
        self.assertEqual(self.reap().returncode, DONE)
        self.assertFalse(os.path.exists(tree))
        self.assertTrue(lives(daemon))

    def test_what_an_ended_session_kept_at_the_desk_is_removed_when_asked_for(self):
        self.world.run([PYTHON, "-c", "import tempfile; tempfile.mkdtemp()"], "reap", ci=False)
        (tree,) = self.world.tmp.iterdir()
        session = self.ledger().stem
        self.assertEqual(self.reap().returncode, DONE)
        self.assertEqual(self.reap("--session", session[:8], "--keep-tmp").returncode, DONE)
        self.assertTrue(tree.exists())
        self.assertEqual(self.reap("--session", session[:8]).returncode, DONE)
        self.assertFalse(tree.exists())

    def test_what_is_cleared_away_later_does_not_change_what_the_session_is_said_to_have_leaked(self):
        for script, status in {"import tempfile; tempfile.mkdtemp()": 0,
                               "import subprocess; subprocess.Popen(['sleep', '1000'])": 1}.items():
            with self.subTest(script):
                self.world = self.new_sandbox()
                self.world.run([PYTHON, "-c", "import tempfile; tempfile.mkdtemp()\n" + script], "reap", ci=False)
                self.assertEqual(self.world.ask()[0], status)
                before, _ = self.world.report()
                self.assertEqual(self.reap("--session", self.ledger().stem).returncode, DONE)
                self.assertEqual(list(self.world.tmp.iterdir()), [])
                after, _ = self.world.report()
                self.assertEqual(self.world.ask()[0], status)
                for count in ("errors", "warnings", "notes"):
                    self.assertEqual(after["summary"][count], before["summary"][count])
                removed = [record for record in after["records"] if record["kind"] == "temp_dir"]
                self.assertEqual({(record["degree"], record["state"], record["outcome"]) for record in removed},
                                 {("note", "reaped", "removed_later")})

    # What can't be done

    def test_a_running_session_is_refused(self):
        _, (tree, daemon) = self.start(LEAKY)
        result = self.reap("--session", self.ledger().stem)
        self.assertEqual(result.returncode, NOT_REAPED)
        self.assertIn("it is running", result.stderr)
        self.assertEqual(self.reap().returncode, DONE)
        self.assert_untouched(tree, int(daemon))

    def test_what_a_brake_refuses_is_said_with_status_4(self):
        tree, daemon = self.kill_root(options="guard=0:tree-limit=1")
        result = self.reap()
        self.assertEqual(result.returncode, NOT_REAPED)
        self.assertIn("tree-limit", result.stdout)
        self.assertFalse(lives(daemon))
        self.assertTrue(os.path.exists(tree + "/file"))

    def test_misuse_is_2_and_what_is_not_there_or_no_ledger_is_3(self):
        self.assertEqual(self.reap("--no-such-option").returncode, USAGE)
        self.assertEqual(self.reap("--dead", "--session", "x").returncode, USAGE)
        self.assertEqual(self.reap(LEAKSHIM_DIR="/").returncode, USAGE if os.geteuid() else DONE)
        self.assertEqual(self.reap("--session", "nobody").returncode, UNREADABLE)
        tree, daemon = self.kill_root()
        session = self.ledger().stem
        with open(self.ledger(), "r+b") as file:
            file.truncate(100)
        self.assertEqual(self.reap("--session", session).returncode, UNREADABLE)
        self.assert_untouched(tree, daemon)

    def test_an_empty_value_is_refused_and_nothing_is_reaped(self):
        """It comes from a variable that is not set, and would mean everything."""
        tree, daemon = self.kill_root()
        for option in ("--session", "--scope", "--user"):
            with self.subTest(option):
                result = self.reap(option, "")
                self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
                self.assertIn(f"{option} was given an empty value", result.stderr)
                self.assert_untouched(tree, daemon)
        self.assertEqual(self.reap().returncode, DONE)
        self.assertFalse(lives(daemon))

    def test_what_could_not_be_written_out_is_said(self):
        _, daemon = self.kill_root()
        with open("/dev/full", "wb") as full:
            result = subprocess.run([Given.reap], env={"LEAKSHIM_DIR": str(self.world.ledger)}, stdout=full,
                                    stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(result.returncode, USAGE)
        self.assertIn("could not be written out", result.stderr)
        self.assertFalse(lives(daemon))

    def test_what_is_gone_is_not_counted_as_left(self):
        """The file that the daemon had open went with it, and one that the test removed was there before."""
        script = LEAKY.replace("stdout=subprocess.DEVNULL", "stdout=open(tree + '/out', 'w')")
        self.assertIn("/out", script)
        process, (tree, daemon) = self.start(script)
        process.kill()
        process.wait()
        self.assertTrue(lives(int(daemon)) and os.path.exists(tree), "nothing leaked")
        lines = self.reap().stdout.splitlines()
        gone = [line for line in lines if line.startswith("  gone ")]
        self.assertTrue(gone, lines)
        self.assertRegex(lines[-1], rf"^  \d+ reaped, 0 not reaped, 0 left, {len(gone)} gone$")

    # Scopes of a running session

    def test_a_scope_of_a_running_session_is_reaped_and_no_other(self):
        root, (_, one, _, two) = self.start(SCOPED)
        result = self.reap("--scope", "test_")
        self.assertEqual(result.returncode, USAGE)
        self.assertIn(": t.py::test_one, t.py::test_two\n", result.stderr)
        self.assertEqual(self.reap("--scope", "no such test").returncode, UNREADABLE)
        self.assertTrue(lives(int(one)) and lives(int(two)))
        self.assertEqual(self.reap("--scope", "t.py::test_one").returncode, DONE)
        self.assertFalse(lives(int(one)))
        self.assertTrue(lives(int(two)))
        self.assertIsNone(root.poll())

    def test_leaked_descriptors_of_a_living_process_are_retired_at_its_next_call(self):
        root, _ = self.start(SCOPED)
        result = self.reap("--scope", "test_one")
        self.assertEqual(result.returncode, DONE)
        self.assertIn("descriptors to be retired", result.stdout)
        root.stdin.write(b"\n")
        root.stdin.flush()
        ends = root.stdout.readline().decode().split()
        # The number leads to a dead descriptor: nobody else gets it while its owner thinks it is his.
        self.assertEqual(ends[:2], ["/", "/"])
        self.assertTrue(all(end.startswith("socket:") for end in ends[2:]), ends)

    # Root and other users

    def give_away(self, mode):
        """Makes the sandbox nobody's; a directory of root's own with that mode, beside it, with a file."""
        os.chown(self.world.base, NOBODY, NOBODY)
        self.world.give_to(NOBODY)
        precious = self.world.base.parent / (self.world.base.name + "-precious")
        precious.mkdir(mode=mode)
        self.addCleanup(precious.rmdir)
        (precious / "file").write_text("precious", encoding="utf-8")
        self.addCleanup((precious / "file").unlink)
        return precious

    @unittest.skipUnless(os.geteuid() == 0, "only root can act for another user")
    def test_root_acts_for_another_user_with_his_rights_only(self):
        precious = self.give_away(0o700)
        tree, daemon = self.kill_root(user=NOBODY)
        os.symlink(precious, tree + "/link")
        os.lchown(tree + "/link", NOBODY, NOBODY)
        (pathlib.Path(tree) / "roots").mkdir()
        (pathlib.Path(tree) / "roots" / "file").write_text("root's", encoding="utf-8")
        # Not by default, and not without that user's rights.
        self.assertNotEqual(self.reap().returncode, DONE)
        self.assert_untouched(tree, daemon)
        result = self.reap("--user", str(NOBODY))
        self.assertFalse(lives(daemon))
        self.assertEqual((precious / "file").read_text(encoding="utf-8"), "precious")
        self.assertTrue((pathlib.Path(tree) / "roots" / "file").exists())
        self.assertFalse(os.path.lexists(tree + "/link"))
        self.assertEqual(result.returncode, NOT_REAPED)

    @unittest.skipUnless(os.geteuid() == 0, "only root can act for another user")
    def test_a_tree_replaced_by_a_link_to_roots_own_is_not_followed(self):
        precious = self.give_away(0o777)
        tree, daemon = self.kill_root(user=NOBODY)
        os.rename(tree, self.world.cwd / "old")
        os.symlink(precious, tree)
        self.assertEqual(self.reap("--user", str(NOBODY)).returncode, DONE)
        self.assertFalse(lives(daemon))
        self.assertEqual((precious / "file").read_text(encoding="utf-8"), "precious")
        self.assertTrue(os.path.islink(tree))
