# SPDX-License-Identifier: MIT
"""leakshim-run ends as its command ends, and says in one sentence what it can't do."""

import os
import pathlib
import resource
import signal

from cases import Case
from given import Given
from world import World

OWN_FAILURE, CANNOT_EXECUTE, NOT_FOUND = 125, 126, 127
DEADLY = ("SIGTERM", "SIGKILL", "SIGSEGV", "SIGINT", "SIGHUP", "SIGPIPE", "SIGABRT", "SIGUSR1")


class Status(Case):
    def check_failure(self, sandbox, words, status, *texts, **more):
        ended = sandbox.tool(*words, **more)
        self.assertEqual((ended.status, ended.stdout), (status, b""), ended.stderr)
        lines = ended.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("leakshim-run: "), lines)
        for text in texts:
            self.assertIn(text, lines[0])
        self.assertEqual([name for name in os.listdir(sandbox.ledger) if name.endswith(".ledger")], [])

    def test_every_exit_status_is_passed_on(self):
        for status in (0, 1, 2, 24, 125, 126, 127, 128, 255):
            with self.subTest(status), World() as sandbox:
                ended = sandbox.tool("sh", "-c", f"echo out; echo err >&2; exit {status}")
                self.assertEqual((ended.status, ended.stdout, ended.stderr), (status, b"out\n", b"err\n"))

    def test_a_command_ended_by_a_signal_ends_leakshim_run_by_the_same_signal(self):
        for name in DEADLY:
            with self.subTest(name), World() as sandbox:
                number = getattr(signal, name)
                ended = sandbox.tool("sh", "-c", f"echo out; kill -{number} $$")
                self.assertEqual((ended.status, ended.stdout, ended.stderr), (-number, b"out\n", b""))

    def test_leakshim_run_leaves_no_core_file_of_its_own(self):
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        with World() as sandbox:
            resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
            try:
                bare = sandbox.run(["sh", "-c", "ulimit -c 0; kill -SEGV $$"])
                process = sandbox.start_tool("sh", "-c", "ulimit -c 0; kill -SEGV $$")
                _, status = os.waitpid(process.pid, 0)
            finally:
                resource.setrlimit(resource.RLIMIT_CORE, limits)
            process.returncode = -os.WTERMSIG(status)
            self.assertEqual((bare.status, os.WTERMSIG(status), os.WCOREDUMP(status)),
                             (-signal.SIGSEGV, signal.SIGSEGV, False))

    def test_a_leak_turns_0_into_24_with_fail_and_nothing_else(self):
        leak = 'mkdir "$TMPDIR/leak"; exit '
        with World() as sandbox:
            self.assertEqual(sandbox.run(["sh", "-c", leak + "0"]).status, 0)
            self.assertEqual(len(sandbox.left_over()), 1)
        for options, status, wanted in ((["--fail"], 0, 24), (["--fail"], 3, 3), ([], 0, 0), (["--report", "--fail"], 0, 24)):
            with self.subTest((options, status)), World() as sandbox:
                ended = sandbox.tool(*options, "sh", "-c", leak + str(status))
                self.assertEqual(ended.status, wanted)
                self.assertIn(b"SUMMARY: leakshim: 1 error", ended.stderr)
                self.assertEqual(len(sandbox.left_over()), 1 if "--report" in options else 0)
                session = sandbox.report()[0]["session"]
                self.assertEqual((session["exit_status"], session["root"]["command"]),
                                 (wanted, ["sh", "-c", leak + str(status)]))

    def test_a_clean_run_is_silent_and_leaves_a_tombstone(self):
        with World() as sandbox:
            ended = sandbox.tool("true")
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, b"", b""))
            self.assertEqual([name[32:] for name in os.listdir(sandbox.ledger)], [".clean"])

    def test_the_command_of_a_clean_run_is_shown_as_it_was(self):
        command = ["sh", "-c", "exit 0", "x  y", "", "a\nb\\n", "c" * 600, ""]
        with World() as sandbox:
            self.assertEqual(sandbox.tool(*command).status, 0)
            self.assertEqual(sandbox.report()[0]["session"]["root"]["command"], command)
            (listed,) = sandbox.report("--list")[0]["sessions"]
            self.assertEqual((listed["ledger"], listed["command"]), (None, command))

    def test_a_command_that_is_not_there_is_127(self):
        with World() as sandbox:
            self.check_failure(sandbox, ["no-such-command"], NOT_FOUND, "no-such-command", "No such file")
            self.check_failure(sandbox, ["./no-such-command"], NOT_FOUND, "No such file")

    def test_a_command_that_cannot_be_executed_is_126(self):
        with World() as sandbox:
            (sandbox.cwd / "data").write_text("data", encoding="ascii")
            self.check_failure(sandbox, ["./data"], CANNOT_EXECUTE, "./data", "Permission denied")
            self.check_failure(sandbox, ["/"], CANNOT_EXECUTE, "Permission denied")

    def test_a_script_without_a_first_line_is_given_to_the_shell(self):
        with World() as sandbox:
            script = sandbox.cwd / "script"
            script.write_text("echo $0 $1\n", encoding="ascii")
            script.chmod(0o700)
            self.assertEqual(sandbox.run(["sh", "-c", "./script a"]).stdout, b"./script a\n")
            self.assertEqual(sandbox.tool("./script", "a").stdout, b"./script a\n")

    def test_bad_options_are_one_sentence_and_125(self):
        for words, text in ((["--no-such-option", "true"], "--no-such-option"), ([], "no command"), (["--"], "no command"),
                            (["--timeout", "5", "true"], "its unit"), (["--timeout", "0s", "true"], "its unit"),
                            (["--timeout"], "--timeout"), (["-o", "nonsense=1", "true"], "nonsense=1"),
                            (["-o", "linger", "true"], "key=value"), (["-o", "linger=1s:term=2s", "true"], "colon"),
                            (["-o", "linger=5", "true"], "must be a number with its unit"),
                            (["-o", "foo=1", "true"], 'has no key "foo"'), (["--report", "--reap", "true"], "only one"),
                            (["--session", "", "true"], "empty value"), (["--session", "a/b", "true"], "letters"),
                            (["--session", ".a", "true"], "begins with"), (["--session", "x" * 65, "true"], "64"),
                            (["--session", "x", "--private-tmp", "true"], "--private-tmp"),
                            (["--session", "x", "--fail", "true"], "--fail"),
                            (["--library", "/no/such/library.so", "true"], "/no/such/library.so"),
                            (["--library", "/", "true"], "regular file"), (["--library", "/etc/passwd", "true"], "shared library"),
                            (["--library", "", "true"], "empty value"), (["--rules", "", "true"], "empty value"),
                            (["--rules", "/no/such/rules", "true"], "--rules /no/such/rules can't be read: No such file"),
                            (["--rules", "/tmp", "true"], "Is a directory"),
                            (["--print-preload", "true"], "runs no command")):
            with self.subTest(words), World() as sandbox:
                self.check_failure(sandbox, words, OWN_FAILURE, text)

    def test_what_is_no_leakshim_is_not_preloaded(self):
        """ld.so would merely warn, and a run of which nothing was recorded pass for a clean one."""
        leak = ["--fail", "sh", "-c", 'mkdir "$TMPDIR/leak"']
        with World() as sandbox:
            libc = next(line.split()[-1] for line in open("/proc/self/maps", encoding="utf-8") if "libc.so" in line)
            foreign = bytearray(pathlib.Path(Given.library).read_bytes())
            foreign[18:20] = b"\xff\x00"  # e_machine
            other = sandbox.base / "libleakshim.so"
            other.write_bytes(foreign)
            for library, why in {"/etc/passwd": "no shared library", libc: "not leakshim's", str(other): "another machine"}.items():
                with self.subTest(library):
                    self.check_failure(sandbox, ["--library", library, *leak], OWN_FAILURE, library, why)
                    self.assertFalse(sandbox.left_over())
            copy = sandbox.base / "copy.so"
            copy.write_bytes(pathlib.Path(Given.library).read_bytes())
            self.assertEqual(sandbox.tool("--library", str(copy), *leak).status, 24)

    def test_without_a_place_for_the_ledger_nothing_is_run(self):
        with World() as sandbox:
            ended = sandbox.run([Given.run, "--private-tmp", "sh", "-c", "echo ran"], LEAKSHIM_DIR="/no/such/place")
            self.assertEqual((ended.status, ended.stdout), (OWN_FAILURE, b""))
            self.assertIn(b"LEAKSHIM_DIR=/no/such/place", ended.stderr)
            self.assertEqual(ended.stderr.splitlines()[-1],
                             b"leakshim-run: there is no session to be had, so the command was not run")

    def test_help_fits_a_screen_and_version_names_the_ledger(self):
        with World() as sandbox:
            ended = sandbox.tool("--help")
            lines = ended.stdout.decode().splitlines()
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            self.assertLessEqual(len(lines), 24)
            self.assertLessEqual(max(map(len, lines)), 88)
            self.assertRegex(sandbox.tool("--version").stdout.decode(), r"^leakshim-run \S+ \(ledger layout version \d+\)\n$")

    def test_options_behind_the_command_are_the_commands(self):
        with World() as sandbox:
            for words in (["echo", "--help", "--", "-o", "x"], ["--", "echo", "--help", "--", "-o", "x"]):
                self.assertEqual(sandbox.tool(*words).stdout, b"--help -- -o x\n")

    def test_print_preload_prints_a_library_that_can_be_preloaded(self):
        with World() as sandbox:
            ended = sandbox.tool("--print-preload")
            self.assertEqual((ended.status, ended.stdout), (0, os.fsencode(Given.library) + b"\n"))
