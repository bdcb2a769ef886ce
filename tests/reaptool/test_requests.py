# SPDX-License-Identifier: MIT
"""leakshim-reap as people and scripts use it: by name, with Ctrl-C, beside other reapers, for all users, as a document.
"""

import json
import os
import pty
import signal
import struct
import subprocess
import unittest

from given import Given
from processes import PATIENCE, lives, wait_for
from schemas import jsonschema, validator_of
from test_reap_tool import DONE, LEAKY, NOT_REAPED, ReapTool

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
            done = self.world.run([Given.run, "--session", name, "sh", "-c", script], LEAKSHIM="reap",
                                  LEAKSHIM_DIR=str(self.world.ledger))
            self.assertEqual(done.status, 0)
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
        reaper = subprocess.Popen([Given.reap], env=environment, stdin=slave, stdout=subprocess.PIPE,
                                  stderr=slave, start_new_session=True)
        self.world.started.append(reaper)
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
                asked = [subprocess.Popen([Given.reap, "--quiet"], env=tools, stderr=subprocess.DEVNULL)
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
        validator = validator_of(Given.schema)

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

    def a_user(self):
        """Somebody without a name, who may write to this test's directories and has a place for ledgers: (uid, that place)."""
        uid, own = self.somebody_else()
        own.mkdir(mode=0o700)
        os.chown(own, uid, uid)
        for directory in (self.world.base, self.world.tmp, self.world.cwd, self.world.home):
            os.chmod(directory, 0o1777)
        return uid, own

    def kill_root_of(self, uid, own):
        """A dead session of that user: (its tree, its daemon, its ledger)."""
        process, (tree, daemon) = self.start(LEAKY, user=uid, LEAKSHIM_DIR=str(own))
        process.kill()
        process.wait()
        (ledger,) = own.glob("*.ledger")
        return tree, int(daemon), ledger

    @unittest.skipUnless(os.geteuid() == 0, "only root can act for another user")
    def test_for_all_users_each_dead_session_is_reaped_with_the_rights_of_its_user(self):
        sessions = []
        for _ in range(2):
            uid, own = self.a_user()
            sessions.append((uid, own, *self.kill_root_of(uid, own)))
            (self.world.tmp / "socket").unlink()
        # The dead sessions of others on this machine are none of this test's: the reaper sees these two alone.
        place = self.world.base / "shm"
        place.mkdir()
        script = ['set -e', 'mount --make-rprivate /', f'mount -t tmpfs -o mode=1777 none {place}']
        for uid, own, *_ in sessions:
            script += [f'mkdir {place}/{own.name}', f'mount --bind {own} {place}/{own.name}']
        script += [f'mount --rbind {place} /dev/shm', f'{Given.reap} --all-users --dry-run --json',
                   f'exec {Given.reap} --all-users --json']
        done = subprocess.run(["unshare", "-m", "sh", "-c", "\n".join(script)], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"]}, timeout=PATIENCE, check=False)
        if not done.stdout and "unshare" in done.stderr:
            self.skipTest("no mount name space of one's own is to be had here")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        dry, real = (json.loads(one) for one in done.stdout.replace("}\n{", "}\n\0{").split("\0"))
        for document in (dry, real):
            self.assertEqual({(one["user"], one["id"], one["refused"]) for one in document["sessions"]},
                             {(uid, ledger.stem, None) for uid, _, _, _, ledger in sessions})
            for session in document["sessions"]:
                states = {thing["kind"]: thing["state"] for thing in session["things"]}
                self.assertEqual((states["process"], states["temp_dir"]), ("reaped", "reaped"))
        for _, _, tree, daemon, _ in sessions:
            self.assertFalse(wait_for(lambda pid=daemon: lives(pid), lambda alive: not alive))
            self.assertFalse(os.path.exists(tree))

    @unittest.skipUnless(os.geteuid() == 0, "only root can act for another user")
    def test_a_forged_ledger_leads_roots_reaper_no_further_than_its_author_may_go(self):
        uid, own = self.a_user()
        tree, daemon, ledger = self.kill_root_of(uid, own)
        precious = self.world.tmp / ("r" * len(os.path.basename(tree)))
        precious.mkdir()
        (precious / "file").write_text("precious", encoding="ascii")
        innocent = subprocess.Popen(["sleep", "150"])
        self.addCleanup(lambda: (innocent.kill(), innocent.wait()))
        content = ledger.read_bytes()[:8 << 20]
        with open(ledger, "r+b") as file:
            def write(at, *words):
                file.seek(at)
                file.write(struct.pack(f"<{len(words)}Q", *words))
            at = content.index(os.fsencode(tree) + b"\0")
            file.seek(at)
            file.write(os.fsencode(precious))
            about = os.stat(precious)
            birth = subprocess.run(["stat", "-c", "%.9W", precious], capture_output=True, text=True, check=True).stdout
            write(at // 64 * 64 - 64 + 40, about.st_ino, int(birth.strip().replace(".", "")), 0)
            inodes = [os.fstat(pidfd).st_ino for pidfd in map(os.pidfd_open, (daemon, innocent.pid))]
            records = [line for line in range(0, len(content), 64)
                       if content[line + 24:line + 28] == struct.pack("<i", daemon)
                       and content[line + 32:line + 40] == struct.pack("<Q", inodes[0])]
            self.assertNotEqual(records, [])
            for line in records:
                file.seek(line + 24)
                file.write(struct.pack("<i", innocent.pid))
                write(line + 32, inodes[1], 0)
        result = self.reap("--user", str(uid), LEAKSHIM_DIR=str(own))
        self.assertEqual(result.returncode, NOT_REAPED, result.stdout + result.stderr)
        self.assertIn(str(precious), result.stdout)
        self.assertIsNone(innocent.poll())
        self.assertEqual((precious / "file").read_text(encoding="ascii"), "precious")
