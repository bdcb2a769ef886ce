# SPDX-License-Identifier: MIT
"""Rules in real runs: their maximum, their last day and their test, what the reports say came of each, rules that are
printed for what was found, and baselines.
"""

import datetime
import pathlib

from cases import Case
from ipc import ipc_key
from sandbox import Sandbox

# A small suite that leaks: it says which test runs as pytest does.
SUITE = """
import os, socket, subprocess, sys, tempfile, uuid
def begin(test):
    os.environ["PYTEST_CURRENT_TEST"] = f"t.py::{test} (call)"
begin("test_directories")
for _ in range(3):
    os.mkdir(os.path.join(tempfile.gettempdir(), f"cache-{uuid.uuid4()}"))
begin("test_another")
os.mkdir(os.path.join(tempfile.gettempdir(), f"cache-{uuid.uuid4()}"))
begin("test_daemon")
subprocess.Popen(["sleep", "1000"])
"""
MANY = SUITE + """
SERVER = "import socket, time; server = socket.create_server(('127.0.0.1', 0)); print(1, flush=True); time.sleep(1000)"
import ctypes, threading, time
begin("test_files")
os.close(tempfile.mkstemp(suffix=".txt")[0])
place = tempfile.mkdtemp()
unix = socket.socket(socket.AF_UNIX)
unix.bind(place + "/s")
begin("test_ipc")
libc = ctypes.CDLL(None, use_errno=True)
libc.shm_open(f"/leak-{os.environ['TAG']}".encode(), os.O_CREAT | os.O_RDWR, 0o600)
libc.shmget(int(os.environ["KEY"]), ctypes.c_size_t(4096), 0o3600)
begin("test_port")
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=time.sleep, args=(1000,), daemon=True, name="sleeper").start()
begin("test_server")
subprocess.Popen(["/usr/bin/python3", "-c", SERVER], stdout=subprocess.PIPE).stdout.readline()
os.environ.pop("PYTEST_CURRENT_TEST")
child = subprocess.Popen(["sleep", "1001"]).pid
def asleep():
    with open(f"/proc/{child}/stat") as stat:
        return "(sleep) S" in stat.read()
while not (asleep() and (time.sleep(0.05), asleep())[1]):  # what it is, and of which test, is on record by then
    time.sleep(0.01)
"""
LEAVE = "os._exit(0)\n"
PORT = """
import socket
server = socket.create_server(("127.0.0.1", 0))
"""


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)).strftime("%Y-%m-%d")


class Rules(Case):
    def run_suite(self, sandbox, rules, code=SUITE, mode="reap,fail"):
        """Runs it under these rules; returns (how it ended, report, text report)."""
        file = sandbox.base / "my.rules"
        file.write_text("".join(line + "\n" for line in rules), encoding="utf-8")
        ended = sandbox.run(["/usr/bin/python3", "-c", code], mode, LEAKSHIM_RULES=str(file), TAG=sandbox.tag,
                            KEY=str(ipc_key("leak", sandbox.tag)))
        report, _ = sandbox.report()
        return ended, report, sandbox.ask()[1]

    def tool(self, sandbox, *options):
        """leakshim-report on the newest session; returns (exit status, standard output)."""
        return sandbox.ask(*options)[:2]

    def caches(self, sandbox):
        return len(list(sandbox.tmp.glob("cache-*")))

    def test_the_suite_leaks_without_rules_and_without_the_shim(self):
        with Sandbox() as sandbox:
            self.assertEqual(sandbox.run(["/usr/bin/python3", "-c", SUITE]).status, 0)
            self.assertEqual((self.caches(sandbox), len(sandbox.wait_for_survivors(1))), (4, 1))
        with Sandbox() as sandbox:
            ended, report, text = self.run_suite(sandbox, [])
            self.assertEqual((ended.status, self.caches(sandbox), sandbox.survivors()), (24, 0, []))
            self.assertEqual((report["summary"]["errors"], report["rules"]), (5, []))
            self.assertNotIn("rules:", text)

    def test_a_maximum_lets_so_many_pass_and_the_next_one_is_a_leak(self):
        with Sandbox() as sandbox:
            ended, report, text = self.run_suite(sandbox, ["ignore temp_dir:*/cache-*;max=3  # see #12"])
            self.assertEqual((ended.status, self.caches(sandbox), sandbox.survivors()), (24, 3, []))
            self.assertEqual(sorted(record["kind"] for record in report["records"]), ["process", "temp_dir"])
            rule = report["rules"][0]
            self.assertEqual((rule["line"], rule["hits"], rule["missed"], rule["full"]), (1, 3, 1, True))
            self.assertEqual((rule["reason"], rule["file"]), ("see #12", str(sandbox.base / "my.rules")))
            self.assertIn("3 hits, its maximum, 1 more beyond it (see #12)", " ".join(text.split()))

    def test_a_keep_rule_whose_day_is_over_keeps_nothing_and_that_is_said(self):
        with Sandbox() as sandbox:
            rules = [f"keep temp_dir:*/cache-*;until={day(-2)}", f"keep process:sleep *;until={day(2)}",
                     "keep process:of-yore"]
            ended, report, text = self.run_suite(sandbox, rules)
            self.assertEqual((ended.status, self.caches(sandbox), len(sandbox.survivors())), (24, 0, 1))
            tallies = [(rule["hits"], rule["missed"], rule["expired"], rule["until"]) for rule in report["rules"]]
            self.assertEqual(tallies, [(0, 4, True, day(-2)), (1, 0, False, day(2)), (0, 0, False, None)])
            said = f"rule {sandbox.base}/my.rules:1 expired on {day(-2)}: "
            self.assertIn(said, " ".join(text.split()))
            self.assertIn(said.encode(), ended.our_stderr)
            self.assertIn("no hit, it would have had 4", " ".join(text.split()))
            self.assertIn('my.rules:3 "keep process:of-yore": no hit', " ".join(text.split()))

    def test_a_rule_for_a_test_leaves_the_leaks_of_others_alone(self):
        for name in ("t.py::test_directories", "*directories"):
            with self.subTest(name), Sandbox() as sandbox:
                _, report, _ = self.run_suite(sandbox, [f"ignore *:*;test={name}"])
                self.assertEqual(self.caches(sandbox), 3)
                self.assertEqual(report["rules"][0]["hits"], 3)
                self.assertEqual({record["test"] for record in report["records"]},
                                 {"t.py::test_another", "t.py::test_daemon"})

    def test_where_all_is_ignored_the_run_is_clean_and_the_hits_are_still_shown(self):
        with Sandbox() as sandbox:
            ended, report, text = self.run_suite(sandbox, ["ignore temp_dir:*", "ignore process:sleep *"])
            self.assertEqual((ended.status, ended.stderr, self.caches(sandbox)), (0, b"", 4))
            self.assertEqual((report["records"], [rule["hits"] for rule in report["rules"]]), ([], [4, 1]))
            self.assertIn("4 hits", text)
            self.assertTrue(text.splitlines()[-1].startswith("SUMMARY: leakshim: nothing leaked"), text)

    def test_printed_rules_suppress_on_the_next_run_what_they_were_printed_for_and_nothing_else(self):
        with Sandbox() as sandbox:
            _, report, _ = self.run_suite(sandbox, [], MANY + LEAVE)
            kinds = {record["kind"] for record in report["records"]}
            self.assertGreaterEqual(kinds, {"process", "temp_dir", "temp_file", "unix_socket", "listening_port",
                                            "posix_shm", "sysv_shm", "thread"})
            self.assertGreaterEqual(report["summary"]["errors"], 12)
            status, rules = self.tool(sandbox, "--gen-rules")
            self.assertEqual(status, 0)
            # In one test something new is left beside what is known.
            more = MANY + 'begin("test_daemon")\ntempfile.mkdtemp(prefix="new-")\n' + LEAVE
            ended, report, _ = self.run_suite(sandbox, rules.splitlines(), more)
            self.assertEqual([(record["kind"], record["test"]) for record in report["records"]],
                             [("temp_dir", "t.py::test_daemon")], rules)
            self.assertIn("/new-", report["records"][0]["path"])
            self.assertEqual(ended.status, 24)

    def test_a_baseline_accepts_what_a_run_left_and_not_what_another_leaves_more(self):
        with Sandbox() as sandbox:
            file = str(sandbox.base / "baseline")
            self.run_suite(sandbox, [])
            self.assertEqual(self.tool(sandbox)[0], 1)
            self.assertEqual(self.tool(sandbox, "--baseline", file, "--update-baseline")[0], 0)
            lines = pathlib.Path(file).read_text(encoding="utf-8").splitlines()[4:]
            self.assertEqual(lines, sorted(lines, key=lambda line: line.split(" ", 2)[2]))
            self.assertEqual([line.split(" ")[0] for line in lines], ["1", "1", "3"])
            self.run_suite(sandbox, [])
            status, text = self.tool(sandbox, "--baseline", file)
            self.assertEqual(status, 0, text)
            self.assertIn(f"and 5 known (baseline {file})", text)
            self.assertEqual(sandbox.survivors(), [], "what is known was not reaped")
            self.run_suite(sandbox, [], SUITE + 'begin("test_directories")\nos.mkdir(os.path.join(tempfile.gettempdir(), f"cache-{uuid.uuid4()}"))\n')
            status, text = self.tool(sandbox, "--baseline", file)
            self.assertEqual(status, 1)
            self.assertIn("1 error (1 reaped), 0 warnings, 5 known", text)

    def test_a_port_is_known_by_its_number(self):
        for glob, warnings in (("tcp:*", 0), ("udp:*", 1)):
            with self.subTest(glob), Sandbox() as sandbox:
                code = PORT + "import os; os._exit(0)\n"
                _, report, _ = self.run_suite(sandbox, ["ignore temp_dir:*", f"ignore listening_port:{glob}"], code)
                self.assertEqual(report["summary"]["warnings"], warnings)
