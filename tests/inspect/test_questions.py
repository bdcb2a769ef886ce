# SPDX-License-Identifier: MIT
"""Whose is this, what is left before a run, can leakshim work here, and was a run seen at all."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import tempfile

from cases import Case
from given import Given
from inspection import TEST, Scene, check_schema, children_waited_for
from processes import PATIENCE, wait_for

LISTENER = ("import os, socket, sys, time\n"
            "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
            "print(s.getsockname()[1], flush=True); time.sleep(1000)\n")


class Questions(Case):
    def answer(self, scene, *words):
        """(Exit status, the answer as JSON, checked against its schema.)"""
        status, out, _ = scene.ask("--json", *words)
        answer = json.loads(out)
        check_schema(answer)
        return status, answer

    def start_listener(self, scene, **more):
        """A process of the run that listens: (it, its port)."""
        run = scene.start_test("/usr/bin/python3", "-S", "-c", LISTENER, **more)
        port = wait_for(lambda: (scene.base / "stdout").read_text(encoding="ascii"), lambda text: text.endswith("\n"))
        return run, int(port)

    def test_the_holder_of_a_port_is_named_with_its_test(self):
        with Scene() as scene:
            run, port = self.start_listener(scene)
            status, answer = self.answer(scene, "--port", port)
            self.assertEqual(status, 0)
            now = [(owner["pid"], owner["how"], owner["test"]) for owner in answer["owners"] if owner["now"]]
            self.assertEqual(now, [(run.pid, "listens", TEST)])
            recorded = [owner for owner in answer["owners"] if not owner["now"]]
            self.assertEqual([(owner["pid"], owner["state"]) for owner in recorded], [(run.pid, "live")])
            self.assertIn(f"tcp 127.0.0.1:{port}", scene.ask("--port", port)[1])

    def test_without_a_ledger_the_kernel_names_the_holder(self):
        with Scene() as scene, socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            status, answer = self.answer(scene, "--port", held.getsockname()[1])
            (owner,) = answer["owners"]
            self.assertEqual((status, owner["pid"], owner["session"]), (0, os.getpid(), None))

    def test_the_maker_of_a_path_is_named_with_its_test(self):
        with Scene() as scene:
            run = scene.start_test("/bin/sh", "-c", "mktemp -d; sleep 1000")
            made = wait_for(lambda: (scene.base / "stdout").read_text(), lambda text: text.endswith("\n")).strip()
            status, answer = self.answer(scene, "--path", os.path.join(made, "below"))
            self.assertEqual((status, [(owner["what"], owner["test"]) for owner in answer["owners"]]), (0, [(made, TEST)]))
            run.kill()

    def test_a_process_is_named_with_its_test(self):
        with Scene() as scene:
            run, port = self.start_listener(scene)
            status, answer = self.answer(scene, "--pid", run.pid)
            first = answer["owners"][0]
            self.assertEqual((status, first["pid"], first["test"]), (0, run.pid, TEST))
            self.assertIn(f"tcp 127.0.0.1:{port}", first["sockets"])

    def test_the_room_behind_a_rewritten_command_line_is_no_argument(self):
        with Scene() as scene:
            run = scene.start_test("sh", "-c", "sleep 100; :", "", "x", "", "")
            wait_for(lambda: children_waited_for(run.pid), bool)
            owner = scene.ask_json("--pid", run.pid)["owners"][0]
            self.assertEqual(owner["command"], ["sh", "-c", "sleep 100; :", "", "x"])

    def test_who_has_nothing_is_not_named(self):
        with Scene() as scene, tempfile.TemporaryDirectory() as empty:
            status, answer = self.answer(scene, "--path", os.path.join(empty, "nothing"))
            self.assertEqual((status, answer["owners"]), (1, []))

    def test_preflight_names_what_a_dead_session_left_and_who_cleans_up(self):
        with Scene() as scene:
            subjects = [check["subject"] for check in self.answer(scene, "--preflight")[1]["checks"]]
            self.assertIn("sessions", subjects)
            run = scene.start_test("/bin/sh", "-c", "mktemp -d; sleep 1000 & wait", mode="reap",
                              LEAKSHIM_OPTIONS="guard=0")
            wait_for(lambda: (scene.base / "stdout").read_text(), lambda text: text.endswith("\n"))
            run.kill()
            run.wait()
            status, answer = self.answer(scene, "--preflight")
            (finding,) = [check for check in answer["checks"] if check["subject"].startswith("session ")]
            self.assertEqual((status, finding["level"]), (1, "bad"))
            self.assertIn("temporary directory", finding["sentence"])
            self.assertEqual(finding["command"], f"leakshim-reap --session {finding['subject'].split()[1]}")

    def test_the_doctor_finds_library_and_guard(self):
        with Scene() as scene:
            _, answer = self.answer(scene, "--doctor", "--", "/bin/sh", "-c", "exit 3")
            levels = {check["subject"]: check["level"] for check in answer["checks"]}
            for subject in ("library", "guard", "pidfd"):
                self.assertEqual(levels[subject], "ok", answer)

    def test_the_doctor_knows_programs_that_no_preload_gets_into(self):
        with Scene() as scene:
            script = scene.cwd / "script"
            script.write_text(f"#!{Given.still}\n", encoding="utf-8")
            script.chmod(0o755)
            for command in (Given.still, script):
                status, answer = self.answer(scene, "--doctor", "--", command)
                self.assertEqual(status, 1)
                self.assertIn("statically", "".join(check["sentence"] for check in answer["checks"]))

    def test_a_run_that_was_not_seen_can_be_made_a_failure(self):
        with Scene() as scene:
            status, out, err = scene.ask("--require-observed")
            self.assertEqual((status, out), (4, ""))
            self.assertIn("not observed", err)
            scene.start_test("/bin/true").wait()
            self.assertEqual(scene.ask("--require-observed")[0], 0)
            mark = scene.cwd / "mark"
            mark.touch()
            os.utime(mark, (2 ** 31, 2 ** 31))
            self.assertEqual(scene.ask("--require-observed", "--since", mark)[0], 4)
            self.assertEqual(scene.ask("--require-observed", "--since", "1h")[0], 0)

    def test_an_option_that_a_question_has_no_use_for_is_refused(self):
        with Scene() as scene:
            scene.start_test("/bin/true").wait()
            saved = scene.base / "saved.json"
            saved.write_text(scene.ask("--json")[1], encoding="utf-8")
            for words, why in ((["--since", "1h"], "--since goes with --require-observed"),
                               (["--require-observed", "--since", "1ms", saved], "not for files"),
                               (["--require-observed", "--doctor"], "no other question"),
                               (["--preflight", "--format", "junit"], "text and json"),
                               (["--preflight", "--format", "tap"], "text and json"),
                               (["--port", "80", "--format", "junit"], "text and json"),
                               (["--watch", "--format", "junit"], "text and jsonl"), (["--watch", "--json"], "text and jsonl"),
                               (["--doctor", "--output", "doc.txt"], "--output is for reports"),
                               (["--port", "80", "--session", "0"], "--session is for"),
                               (["--json", "--format", "junit"], "two formats")):
                with self.subTest(words):
                    status, out, err = scene.ask(*words)
                    self.assertEqual((status, out), (2, ""))
                    self.assertIn(why, err)
            self.assertFalse((scene.cwd / "doc.txt").exists())
            self.assertEqual(json.loads(scene.ask("--format", "json", "--preflight")[1])["schema"], "leakshim.checks/1")

    def test_what_is_no_number_is_said_in_a_short_sentence(self):
        with Scene() as scene:
            for words, why in ((["--pid", "abc"], "abc is no number of a process"), (["--pid", "-1"], "-1 is no number"),
                               (["--pid", "0"], "0 is no number"), (["--pid=99999999999"], "99999999999 is no number"),
                               (["--why-hanging", "abc"], "abc is no number of a process"), (["--port", "http"], "http is no port"),
                               (["--port", "65536"], "from 1 to 65535"), (["--port"], "--port needs a value"),
                               (["--path"], "--path needs a value")):
                with self.subTest(words):
                    status, out, err = scene.ask(*words)
                    self.assertEqual((status, out), (2, ""))
                    self.assertIn(why, err)
                    self.assertLess(len(err), 120)

    def test_a_session_can_be_watched_on_a_terminal_which_is_left_in_order(self):
        with Scene() as scene:
            self.start_listener(scene)
            master, slave = pty.openpty()
            with open(master, "rb", buffering=0) as screen:
                watcher = subprocess.Popen([Given.report, "--watch"], stdin=slave, stdout=slave, stderr=slave,
                                           env=scene.environment(LEAKSHIM_DIR=str(scene.ledger), TERM="xterm"))
                scene.started.append(watcher)
                os.close(slave)
                seen = b""
                while b"listening port" not in seen:
                    self.assertTrue(select.select([screen], [], [], PATIENCE)[0], seen)
                    seen += screen.read(65536)
                watcher.send_signal(signal.SIGINT)
                self.assertEqual(watcher.wait(PATIENCE), 0)
                try:
                    while piece := screen.read(65536):
                        seen += piece
                except OSError:
                    pass  # nobody has the other end open any more
            self.assertIn(TEST.encode(), seen)
            self.assertTrue(seen.endswith(b"\033[?25h"), seen)

    def test_without_a_terminal_the_table_is_printed_until_the_session_ends(self):
        with Scene() as scene:
            run, _ = self.start_listener(scene)
            out = scene.base / "watched"
            with open(out, "wb") as file:
                watcher = subprocess.Popen([Given.report, "--watch"], stdin=subprocess.DEVNULL, stdout=file,
                                           env=scene.environment(LEAKSHIM_DIR=str(scene.ledger)))
            scene.started.append(watcher)
            wait_for(out.read_bytes, lambda text: b"listening port" in text)
            run.kill()
            run.wait()
            self.assertEqual(watcher.wait(PATIENCE), 0)
            self.assertNotIn(b"\033", out.read_bytes())
