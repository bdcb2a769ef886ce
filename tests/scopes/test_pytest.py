# SPDX-License-Identifier: MIT
"""The pytest plugin on real suites with planted leaks: each at its own test, none at a neighbour.
"""

import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
from cases import Case
from given import Given
from processes import PATIENCE, wait_for
from sandbox import Sandbox

PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider"]
INI = "[pytest]\njunit_family = xunit2\nleakshim_ignore =\n    thread:known-*\n"
# What comes with the kind that a test is named for.
ALSO = {"process": {"pipe"}, "thread": {"file"}}


class Results:
    """What pytest's XML says of each test: {name: text of its errors and failures}, empty when it passed."""

    def __init__(self, ended, path):
        self.status, self.text = ended.status, (ended.stdout + ended.stderr).decode()
        self.of = {}
        for case in xml.parse(path).iter("testcase") if path.exists() else ():
            name = case.get("name")
            found = [bad.text or "" for bad in case if bad.tag in ("error", "failure")]
            self.of[name] = self.of.get(name, "") + "".join(found)

    @property
    def blamed(self):
        return {name for name, text in self.of.items() if text}


class Plugin(Case):
    def run_pytest(self, sandbox, suite, *more, mode="reap", ini=INI, plugin=True, **variables):
        for file in ("conftest.py", f"test_{suite}.py"):
            shutil.copy(HERE / "suites" / file, sandbox.cwd)
        (sandbox.cwd / "pytest.ini").write_text(ini, encoding="ascii")
        result = sandbox.base / "result.xml"
        command = PYTEST + (["-p", "leakshim_pytest"] if plugin else []) + [f"--junitxml={result}", *more]
        ended = sandbox.run(command, mode, PYTHONPATH=Given.plugin, RUN_TAG=sandbox.tag,
                            PYTHONDONTWRITEBYTECODE="1", **variables)
        return Results(ended, result)

    def check_planted(self, results):
        self.assertTrue(results.of, results.text)
        for name, text in results.of.items():
            with self.subTest(name):
                test = name if name.startswith("test_") else name.rpartition("::")[2]
                if test.startswith("test_leaves_"):
                    kinds = {line.partition(":")[0].rstrip(" 0123456789").replace(" ", "_")
                             for line in text.splitlines()[1:] if line and not line.startswith(" ")}
                    kind = max((kind for kind in kinds if test.startswith(f"test_leaves_{kind}")), default=None, key=len)
                    self.assertIsNotNone(kind, f"{text}\n{results.text}")
                    self.assertLessEqual(kinds - {kind}, ALSO.get(kind, set()), text)
                    self.assertIn(f"{test} left", text)
                elif test.startswith("test_fails"):
                    self.assertIn("assert sys is None", text)
                elif test.startswith("untidy"):
                    self.assertIn("process", text)
                    self.assertIn("socket", text)
                else:
                    self.assertEqual(text, "")

    def test_without_the_library_it_does_nothing_and_says_so_in_one_line(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", mode=None)
            said = [line for line in results.text.splitlines() if line.startswith("leakshim")]
            self.assertEqual(said, ["leakshim: libleakshim.so is not loaded, leaks are not looked for"])
            self.assertEqual(results.blamed, {"test_fails_by_itself_and_keeps_its_directory"})
            left = {os.path.basename(path) for path in sandbox.left_over()}
            self.assertIn(b"by-a-child", left)  # they do leak
        for quiet in ("-q", "-qq", "--no-header"):
            with self.subTest(quiet), Sandbox() as sandbox:
                results = self.run_pytest(sandbox, "tidy", "-k", "asked", quiet, mode=None)
                self.assertEqual(results.text.count("leakshim: libleakshim.so is not loaded"), 1, results.text)

    def test_secrets_are_hidden_and_things_are_counted(self):
        with Sandbox() as sandbox:
            (sandbox.cwd / "test_secrets.py").write_text(
                "import subprocess, tempfile\n"
                "def test_two(kept):\n"
                "    for words in (['--password=hunter2', 'postgres://me:hunter3@host/db'], ['--api-token', 'hunter4']):\n"
                "        kept.append(subprocess.Popen(['/usr/bin/python3', '-c', 'import time; time.sleep(1000)', *words]))\n"
                "def test_one():\n"
                "    tempfile.mkdtemp()\n", encoding="ascii")
            results = self.run_pytest(sandbox, "tidy", "test_secrets.py", "--tb=line")
            self.assertEqual(results.blamed, {"test_two", "test_one"}, results.text)
            # What the end of the run says, behind it, is as it is.
            for text in (results.text.partition(" 2 errors in ")[0], results.of["test_two"]):
                self.assertNotIn("hunter", text)
                self.assertIn("postgres://me:_REDACTED_@host/db", text)
            self.assertIn("test_two: 2 processes\n", results.text)
            self.assertIn("test_one: 1 temp dir\n", results.text)
            self.assertIn("leakshim: 3 things left behind by 2 tests or fixtures; ", results.text)

    def test_the_library_can_be_required(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", "--leakshim-require", mode=None)
            self.assertEqual(results.status, 4)
            self.assertIn("libleakshim.so is not loaded", results.text)
        with Sandbox() as sandbox:
            self.assertEqual(self.run_pytest(sandbox, "tidy", "--leakshim-require", "-k", "asked").status, 0)

    def test_every_planted_leak_is_named_at_its_own_test(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted")
            self.check_planted(results)
            self.assertEqual(results.status, 1)
            self.assertIn("untidy [module fixture]", " ".join(results.blamed))
            for kind, line in (("socket", "kept.append(socket.socket())"), ("temp_dir", "tempfile.mkdtemp()"),
                               ("thread", "threading.Thread(target=NEVER"), ("process", "subprocess.Popen"),
                               ("task", "asyncio.ensure_future")):
                with self.subTest(site=kind):
                    source = (HERE / "suites" / "test_planted.py").read_text(encoding="utf-8").splitlines()
                    start = source.index(f"def test_leaves_{kind}(kept):" if f"def test_leaves_{kind}(kept):" in source
                                         else f"def test_leaves_{kind}():")
                    number = next(i for i in range(start, len(source)) if line in source[i]) + 1
                    self.assertIn(f"made at test_planted.py:{number}", results.of[f"test_leaves_{kind}"])
            evidence = [one for one in sandbox.report()[0]["records"] if "evidence-" in one.get("path", "")]
            self.assertEqual([one["state"] for one in evidence], ["kept"])

    def test_the_same_with_four_workers(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", "-n", "4")
            self.check_planted(results)
            self.assertIn("untidy [module fixture]", " ".join(results.blamed))

    def test_the_same_with_a_fork_for_each_test(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", "--fork-each", "-k", "not untidy and not daemon")
            self.check_planted(results)

    def test_what_is_made_late_belongs_to_the_test_that_started_its_maker(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "late")
            self.assertEqual((results.status, results.blamed), (0, set()), results.text)
            tests = {os.path.basename(one["path"]): one["test"] for one in sandbox.report()[0]["records"]
                     if one["kind"] == "temp_dir" and "late-by" in one["path"]}
            self.assertEqual(tests, {"late-by-thread": "test_late.py::test_starts_a_thread",
                                     "late-by-child": "test_late.py::test_starts_a_child"})

    def test_tidy_tests_pass_also_on_a_loaded_machine(self):
        loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(3 * (os.cpu_count() or 1))]
        try:
            with Sandbox() as sandbox:
                for loop in loops:
                    sandbox.spared[loop.pid] = os.pidfd_open(loop.pid)
                results = self.run_pytest(sandbox, "tidy", patience=4 * PATIENCE)
                self.assertEqual((results.status, results.blamed), (0, set()), results.text)
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()

    def test_the_stories_that_the_project_came_from(self):
        with Sandbox() as sandbox:
            for file in ("conftest.py", "test_stories.py"):
                shutil.copy(HERE / "suites" / file, sandbox.cwd)
            with open(sandbox.base / "stdout", "wb") as stdout:
                process = subprocess.Popen(
                    PYTEST + ["-p", "leakshim_pytest", f"--junitxml={sandbox.base / 'result.xml'}"],
                    cwd=sandbox.cwd, stdout=stdout, stderr=subprocess.STDOUT,
                    env=sandbox.environment("reap", PYTHONPATH=Given.plugin, RUN_TAG=sandbox.tag))
            stories = (("thread 'connection'", "thread_of_a_connection_never_closed"),
                       ("process 'worker'", "process_of_a_worker_never_joined"))
            waits = [re.compile(f"leakshim: Python waits at its exit for the {what} .*, started by "
                                f"test_stories.py::test_leaves_{test}".encode()) for what, test in stories]
            said = wait_for(lambda: (sandbox.base / "stdout").read_bytes(),
                            lambda text: all(line.search(text) for line in waits) or process.poll() is not None)
            self.assertIsNone(process.poll(), said.decode())  # it hangs, but has said why
            for line in waits:
                self.assertRegex(said, line)
            process.kill()
            process.wait()

            class Ended:
                status, stdout, stderr = 1, said, b""
            self.check_planted(Results(Ended, sandbox.base / "result.xml"))

    def test_warn_fails_nothing_and_off_looks_at_nothing(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", "--leakshim=warn", "-k", "socket")
            self.assertEqual((results.status, results.blamed), (0, set()), results.text)
            self.assertIn("test_leaves_socket: 1 socket", results.text)
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", "-k", "socket", ini=INI + "leakshim = off\n")
            self.assertEqual((results.status, results.blamed), (0, set()), results.text)
            self.assertNotIn("1 socket", results.text)

    def test_the_plugin_can_be_blocked(self):
        with Sandbox() as sandbox:
            results = self.run_pytest(sandbox, "planted", "-p", "no:leakshim_pytest", "-k", "leaves_socket", plugin=False,
                                      PYTEST_PLUGINS="")
            self.assertEqual((results.status, results.blamed), (0, set()), results.text)

    def test_what_a_test_left_can_be_taken_away_at_its_end(self):
        with Sandbox() as sandbox:
            (sandbox.cwd / "test_order.py").write_text(
                "import os, subprocess\n"
                "def test_first(kept):\n"
                "    kept.append(subprocess.Popen(['sleep', '600']))\n"
                "    os.mkdir(os.environ['TMPDIR'] + '/of-the-first')\n"
                "def test_second(kept):\n"
                "    assert kept[0].wait(60) != 0\n"
                "    assert not os.path.exists(os.environ['TMPDIR'] + '/of-the-first')\n", encoding="ascii")
            results = self.run_pytest(sandbox, "tidy", "--leakshim-reap", "test_order.py")
            self.assertEqual(results.blamed, {"test_first"}, results.text)
