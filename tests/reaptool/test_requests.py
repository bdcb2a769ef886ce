#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leakshim-reap as people and scripts use it: by name, with Ctrl-C, beside other reapers, for all users, as a document.

usage: test_requests.py LIBRARY REPORTER REAPER RUN SCHEMA [TEST]; exit status 77 when all that was asked for is skipped.
"""

import json
import os
import pathlib
import pty
import random
import shutil
import signal
import subprocess
import sys
import unittest

import test_reap_tool
from test_reap_tool import DONE, NOT_REAPED, ReapTool, lives
from sandbox import PATIENCE, end_on_sigterm

try:
    import jsonschema
except ImportError:
    jsonschema = None

RUN = SCHEMA = None

# As LEAKY, with a daemon that hears of every polite signal and goes on.
STUBBORN = """
import os, signal, subprocess, sys, tempfile, time
code = ("import signal, sys, time\\nfor number in (2, 15): signal.signal(number, lambda *_: None)\\n"
        "print('deaf', flush=True)\\nwhile True: time.sleep(1)")
daemon = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True, stdout=subprocess.PIPE)
daemon.stdout.readline()
tree = tempfile.mkdtemp()
open(tree + "/file", "w").write("x")
open(os.environ["TMPDIR"] + "/socket", "w")
print(tree, daemon.pid, flush=True)
time.sleep(1000)
"""


class Requests(ReapTool):
    def test_a_session_of_several_commands_is_ended_by_its_name_and_no_other(self):
        def under(name, script):
            environment = self.world.environment(None, LEAKSHIM_DIR=str(self.world.ledger), LEAKSHIM="reap")
            done = subprocess.run([RUN, "--session", name, "sh", "-c", script], cwd=self.world.cwd, env=environment,
                                  timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 0)
        for name in ("services", "others"):
            under(name, f'mkdir "$TMPDIR/{name}"; setsid sleep 1000 > /dev/null 2>&1 & echo $! > {name}.pid')
        under("services", 'mkdir "$TMPDIR/more"')
        pids = [int((self.world.cwd / f"{name}.pid").read_text(encoding="ascii")) for name in ("services", "others")]
        self.assertEqual([lives(pid) for pid in pids], [True, True])
        result = self.reap("--session", "services")
        self.assertEqual((result.returncode, result.stderr), (DONE, ""))
        self.assertIn("session services", result.stdout)
        self.assertEqual([lives(pid) for pid in pids], [False, True])
        self.assertEqual(os.listdir(self.world.tmp), ["others"])
        self.assertEqual(self.reap("--session", "others").returncode, DONE)
        self.assertEqual((lives(pids[1]), os.listdir(self.world.tmp)), (False, []))

    def test_it_says_what_it_waits_for_and_ctrl_c_kills_at_once(self):
        # The rungs are longer than the patience of this test: only Ctrl-C can end it in time.
        process, (tree, daemon) = self.start(STUBBORN, options="guard=0:polite=1h:term=1h:deadline=2h")
        process.kill()
        process.wait()
        self.assertTrue(lives(int(daemon)))
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        environment = {"PATH": os.environ["PATH"], "LEAKSHIM_DIR": str(self.world.ledger)}
        reaper = subprocess.Popen([test_reap_tool.REAPER], env=environment, stdin=slave, stdout=subprocess.PIPE,
                                  stderr=slave, start_new_session=True)
        self.started.append(reaper)
        reaper.stdin = process.stdin  # which end_started() closes
        os.close(slave)
        said = os.read(master, 4096)
        self.assertIn(f"waiting for {daemon} (".encode(), said)
        self.assertTrue(lives(int(daemon)))
        os.killpg(reaper.pid, signal.SIGINT)  # as the terminal does
        self.assertEqual(reaper.wait(PATIENCE), DONE)
        self.assertFalse(lives(int(daemon)))
        self.assertFalse(os.path.exists(tree))
        self.assertIn(b"SIGKILL", reaper.stdout.read())

    def test_reapers_at_once_do_each_thing_once_and_harm_nobody(self):
        with subprocess.Popen(["sleep", "1000"], start_new_session=True) as twin:
            for _ in range(3):
                tree, daemon = self.kill_root()
                environment = self.world.environment("reap", LEAKSHIM_OPTIONS="guard=0")
                tools = {"PATH": os.environ["PATH"], "LEAKSHIM_DIR": str(self.world.ledger)}
                (ledger,) = self.world.ledger.glob("*.ledger")
                sweeps = [subprocess.Popen(["true"], cwd=self.world.cwd, env=environment) for _ in range(4)]
                asked = [subprocess.Popen([test_reap_tool.REAPER, "--quiet"], env=tools, stderr=subprocess.DEVNULL)
                         for _ in range(4)]
                self.assertEqual({process.wait(PATIENCE) for process in sweeps}, {DONE})
                self.assertLessEqual({process.wait(PATIENCE) for process in asked}, {DONE, NOT_REAPED})
                self.assert_reaped(tree, daemon)
                log = ledger.with_suffix(".log").read_text(encoding="utf-8")
                for act in (f"sending SIGTERM to process {daemon} ", f"reaped process {daemon} ",
                            f"reaped temporary directory {tree}: ", "reaped unix socket file "):
                    self.assertEqual(log.count(act), 1, log)
                for path in self.world.ledger.iterdir():
                    path.unlink()
            self.assertTrue(lives(twin.pid))
            twin.kill()

    @unittest.skipIf(jsonschema is None, "no python3-jsonschema here")
    def test_the_document_is_as_its_schema_says(self):
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        jsonschema.Draft7Validator.check_schema(schema)
        for things in schema["properties"]["sessions"]["items"], schema:
            things["additionalProperties"] = False
        schema["properties"]["sessions"]["items"]["properties"]["things"]["items"]["additionalProperties"] = False
        validator = jsonschema.Draft7Validator(schema)

        def document(*arguments):
            result = json.loads(self.reap("--json", *arguments).stdout)
            self.assertEqual([error.message for error in validator.iter_errors(result)], [])
            return result
        self.assertEqual(document()["sessions"], [])
        self.assertEqual(document("--session", "nobody")["exit_status"], 3)
        self.kill_root(options="guard=0:tree-limit=1")
        self.assertTrue(document("--dry-run")["sessions"][0]["things"])
        self.assertEqual(document()["exit_status"], NOT_REAPED)
        self.assertEqual({thing["state"] for thing in document("--session", self.ledger().stem)["sessions"][0]["things"]},
                         {"failed"})

    @unittest.skipUnless(os.geteuid() == 0, "only root can act for another user")
    def test_for_all_users_the_dead_session_of_another_is_found_and_judged_with_his_rights(self):
        uid = random.randrange(200000, 2000000000)
        own = pathlib.Path(f"/dev/shm/leakshim-{uid}")
        own.mkdir(mode=0o700)
        self.addCleanup(shutil.rmtree, own, True)
        for directory in (own, self.world.base, self.world.tmp, self.world.cwd, self.world.home):
            os.chown(directory, uid, uid)
        process, (tree, daemon) = self.start(test_reap_tool.LEAKY, user=uid, LEAKSHIM_DIR=str(own))
        process.kill()
        process.wait()
        (ledger,) = own.glob("*.ledger")
        # Only dry: the dead sessions of others on this machine are none of this test's.
        done = subprocess.run([test_reap_tool.REAPER, "--all-users", "--dry-run", "--json"], capture_output=True,
                              env={"PATH": os.environ["PATH"]}, timeout=PATIENCE, check=False)
        (session,) = [one for one in json.loads(done.stdout)["sessions"] if one["id"] == ledger.stem]
        self.assertEqual((session["user"], session["state"], session["refused"]), (uid, "dead", None))
        self.assertEqual({thing["kind"]: thing["state"] for thing in session["things"]},
                         {"process": "reaped", "temp_dir": "reaped", "unix_socket": "reaped"})
        self.assert_untouched(tree, int(daemon))


def main():
    global RUN, SCHEMA
    paths = [pathlib.Path(argument).resolve() for argument in sys.argv[1:6]]
    test_reap_tool.LIBRARY, test_reap_tool.REPORTER, test_reap_tool.REAPER = map(str, paths[:3])
    RUN, SCHEMA = str(paths[3]), paths[4]
    end_on_sigterm()
    result = unittest.main(argv=sys.argv[:1] + [f"Requests.{name}" for name in sys.argv[6:]], verbosity=2,
                           exit=False).result
    if result.skipped and len(result.skipped) == result.testsRun:
        return 77
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
