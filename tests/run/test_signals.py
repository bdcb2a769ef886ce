# SPDX-License-Identifier: MIT
"""Each signal reaches the command once: sent to leakshim-run, to the whole process group, or by a key of the terminal.

After what is under test comes a signal to leakshim-run alone, as a fence: signals are passed on in their order, so when
the command has that one, no second copy of an earlier one is still on its way.
"""

import ctypes
import os
import signal
import subprocess
import unittest

from given import Given
from processes import PATIENCE, children_of, stat_fields, state_of, wait_for
from world import Terminal, World, lines_of, wait_for_line, wait_for_state, wait_until_ready

PASSED_ON = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGABRT", "SIGALRM", "SIGCONT", "SIGWINCH")


def count(log, number):
    return lines_of(log).count(f"signal {int(number)}")


def writes(fd):
    """True if somebody could still read what is written to a pipe."""
    try:
        return os.write(fd, b".") == 1
    except BrokenPipeError:
        return False


class SentSignals:
    """Sent by kill(2)."""

    def begin(self, sandbox, **more):
        """A counter under leakshim-run: (its log, its pid, leakshim-run)."""
        log = sandbox.base / "log"
        run = sandbox.start_tool(Given.counter, log, **more)
        return log, wait_until_ready(self, log), run

    def end(self, log, run):
        """Ends the counter by SIGUSR2, and checks that it got that once too."""
        run.send_signal(signal.SIGUSR2)
        self.assertEqual(run.wait(PATIENCE), 0)
        self.assertEqual(count(log, signal.SIGUSR2), 1)

    def test_a_signal_to_leakshim_run_reaches_the_command_once(self):
        with World() as sandbox:
            log, _, run = self.begin(sandbox)
            for name in PASSED_ON:
                number = getattr(signal, name)
                run.send_signal(number)
                wait_for_line(self, log, f"signal {int(number)}")
            self.end(log, run)
            self.assertEqual([count(log, getattr(signal, name)) for name in PASSED_ON], [1] * len(PASSED_ON))

    def test_a_signal_to_the_process_group_reaches_the_command_once(self):
        with World() as sandbox:
            log, _, run = self.begin(sandbox)
            for name in PASSED_ON:
                os.killpg(run.pid, getattr(signal, name))
                wait_for_line(self, log, f"signal {int(getattr(signal, name))}")
            self.end(log, run)
            self.assertEqual([count(log, getattr(signal, name)) for name in PASSED_ON], [1] * len(PASSED_ON))

    def test_a_command_that_signals_its_own_group_gets_that_once(self):
        script = 'trap "echo term >> $1" TERM; kill -TERM 0; kill -TERM 0; trap "exit 5" USR1; echo ready >> $1; ' \
                 'while :; do sleep 0.01; done'
        with World() as sandbox:
            log = sandbox.base / "log"
            run = sandbox.start_tool("sh", "-c", script, "sh", log)
            wait_for_line(self, log, "ready")
            run.send_signal(signal.SIGUSR1)
            self.assertEqual(run.wait(PATIENCE), 5)
            self.assertEqual(lines_of(log), ["term", "term", "ready"])

    def test_signals_to_one_and_to_all_are_told_apart_when_they_alternate(self):
        with World() as sandbox:
            log, _, run = self.begin(sandbox)
            for turn in range(20):
                (run.send_signal if turn % 2 else lambda number: os.killpg(run.pid, number))(signal.SIGINT)
                wait_for_line(self, log, "signal 2", turn + 1)
                run.send_signal(signal.SIGUSR1)
                wait_for_line(self, log, f"signal {int(signal.SIGUSR1)}", turn + 1)
                self.assertEqual(count(log, signal.SIGINT), turn + 1)
            self.end(log, run)

    def test_a_queued_value_goes_along(self):
        with World() as sandbox:
            log, _, run = self.begin(sandbox)
            value = ctypes.c_void_p(4711)
            self.assertEqual(ctypes.CDLL(None).sigqueue(run.pid, signal.SIGRTMIN, value), 0)
            wait_for_line(self, log, "value 4711")
            self.end(log, run)

    def test_without_its_witness_a_signal_still_reaches_the_command(self):
        with World() as sandbox:
            log, command, run = self.begin(sandbox)
            others = [pid for pid in children_of(run.pid) if pid != command]
            self.assertEqual(len(others), 1)
            os.kill(others[0], signal.SIGKILL)
            run.send_signal(signal.SIGTERM)
            wait_for_line(self, log, f"signal {int(signal.SIGTERM)}")
            self.end(log, run)

    def test_a_command_in_a_process_group_of_its_own_gets_what_leakshim_run_gets(self):
        with World() as sandbox:
            log = sandbox.base / "log"
            run = sandbox.start_tool("setsid", Given.counter, log)
            self.assertNotEqual(os.getpgid(wait_until_ready(self, log)), os.getpgid(run.pid))
            os.killpg(run.pid, signal.SIGTERM)
            wait_for_line(self, log, f"signal {int(signal.SIGTERM)}")
            run.send_signal(signal.SIGINT)
            wait_for_line(self, log, f"signal {int(signal.SIGINT)}")
            self.end(log, run)
            self.assertEqual(count(log, signal.SIGTERM), 1)

    def test_what_nohup_ignores_stays_ignored(self):
        with World() as sandbox:
            for words in (["nohup", Given.run], [Given.run, "nohup"]):
                with self.subTest(words):
                    run = sandbox.start([*words, "sh", "-c", "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.01; done"],
                                        LEAKSHIM_DIR=str(sandbox.ledger))
                    wait_for_line(self, sandbox.base / "stdout", "ready")
                    os.killpg(run.pid, signal.SIGHUP)
                    run.send_signal(signal.SIGHUP)
                    run.send_signal(signal.SIGUSR1)
                    wait_for_line(self, sandbox.base / "stdout", "usr1")
                    run.send_signal(signal.SIGTERM)
                    self.assertEqual(run.wait(PATIENCE), -signal.SIGTERM)

    def test_masks_and_dispositions_of_the_command_are_those_it_would_have_had(self):
        show = ["grep", "-E", "^Sig(Blk|Ign|Cgt):", "/proc/self/status"]

        def prepare():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGRTMIN])
        with World() as sandbox:
            seen = []
            for command in (show, [Given.run, *show]):
                process = sandbox.start(command, prepare=prepare, LEAKSHIM_DIR=str(sandbox.ledger))
                self.assertEqual(process.wait(PATIENCE), 0)
                seen.append((sandbox.base / "stdout").read_bytes())
            self.assertEqual(seen[0], seen[1])
            self.assertIn(b"SigIgn:\t", seen[0])

    def test_descriptors_and_directory_of_the_command_are_those_it_would_have_had(self):
        show = ["sh", "-c", "pwd; ls -l /proc/self/fd | sed 's/.* \\([0-9]* -> \\)/\\1/' | grep -v /proc/; cat"]
        with World() as sandbox:
            seen = []
            with open(sandbox.base / "input", "w+b") as text, open(sandbox.base / "more", "w+b") as more:
                text.write(b"from standard input\n")
                text.flush()
                for command in (show, [Given.run, *show]):
                    text.seek(0)
                    seen.append(subprocess.run(command, cwd=sandbox.cwd, env=sandbox.environment_of_tools(), stdin=text,
                                               pass_fds=[more.fileno()], stderr=subprocess.DEVNULL,
                                               stdout=subprocess.PIPE, timeout=PATIENCE, check=True).stdout)
            same = [b"\n".join(line for line in text.splitlines() if b"pipe:" not in line) for text in seen]
            self.assertEqual(same[0], same[1])
            self.assertIn(b"from standard input", same[1])

    def test_closed_standard_descriptors_are_closed_for_the_command_and_nobody_elses(self):
        show = "open=; for fd in 0 1 2; do test -e /proc/$$/fd/$fd && open=$open$fd; done; " \
               "echo $open > shown; mkdir $TMPDIR/leak; exit 3"
        with World() as sandbox:
            for tool in ([], [Given.run]):
                command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *tool, "sh", "-c", show]
                self.assertEqual(sandbox.run(command, LEAKSHIM_DIR=str(sandbox.ledger)).status, 3)
                self.assertEqual((sandbox.cwd / "shown").read_text(encoding="ascii"), "\n")
                if not tool:
                    os.rmdir(sandbox.tmp / "leak")
            reports = [name for name in os.listdir(sandbox.ledger) if name.endswith(".txt")]
            self.assertEqual(len(reports), 1)
            self.assertIn(b"SUMMARY: leakshim: 1 error", (sandbox.ledger / reports[0]).read_bytes())

    def test_who_waits_for_a_pipe_of_the_command_does_not_wait_for_leakshim_run(self):
        script = "exec >&- <&- 9<&-; while [ ! -e end ]; do sleep 0.01; done"
        with World() as sandbox:
            theirs, mine = os.pipe()
            output, write_end = os.pipe()
            run = subprocess.Popen(["sh", "-c", f'exec "$@" 9<&{theirs} {theirs}<&-', "sh", Given.run, "sh", "-c", script],
                                   cwd=sandbox.cwd, env=sandbox.environment_of_tools(), stdin=subprocess.DEVNULL, stdout=write_end,
                                   stderr=subprocess.DEVNULL, pass_fds=[theirs])
            sandbox.started.append(run)
            os.close(write_end)
            os.close(theirs)
            # While the command still runs: nobody writes to the one any more, nobody reads from the other.
            self.assertEqual(os.read(output, 1), b"")
            wait_for(lambda: writes(mine), lambda works: not works)
            self.assertFalse(writes(mine))
            self.assertIsNone(run.poll())
            (sandbox.cwd / "end").touch()
            self.assertEqual(run.wait(PATIENCE), 0)
            os.close(mine)
            os.close(output)


class Keys:
    """Of a terminal, under a real shell with job control."""

    def test_ctrl_c_reaches_the_command_once(self):
        with World() as sandbox:
            log = sandbox.base / "log"
            terminal = Terminal(sandbox, [Given.run, Given.counter, log])
            wait_until_ready(self, log)
            for turn in range(1, 4):
                terminal.write(b"\x03")
                wait_for_line(self, log, "signal 2", turn)
                terminal.shell.send_signal(signal.SIGUSR1)
                wait_for_line(self, log, f"signal {int(signal.SIGUSR1)}", turn)
                self.assertEqual(count(log, signal.SIGINT), turn)
            terminal.write(b"\x1c")  # Ctrl-\
            wait_for_line(self, log, "signal 3")
            terminal.shell.send_signal(signal.SIGUSR2)
            self.assertEqual(terminal.shell.wait(PATIENCE), 0)
            self.assertEqual(count(log, signal.SIGQUIT), 1)
            terminal.close()

    def test_ctrl_c_ends_leakshim_run_as_it_ends_the_command(self):
        with World() as sandbox:
            terminal = Terminal(sandbox, [Given.run, "sh", "-c", "echo started; exec sleep 120"])
            terminal.wait_for(self, b"started")
            terminal.write(b"\x03")
            self.assertEqual(terminal.shell.wait(PATIENCE), -signal.SIGINT)
            terminal.close()

    def shell(self, sandbox):
        terminal = Terminal(sandbox, ["bash", "--norc", "--noprofile", "-i"])
        terminal.wait_for(self, b"ready> ")
        return terminal

    def test_ctrl_z_stops_the_job_and_fg_continues_it(self):
        with World() as sandbox:
            log = sandbox.base / "log"
            terminal = self.shell(sandbox)
            terminal.write(f"{Given.run} {Given.counter} {log}; echo ended $?\n".encode())
            command = wait_until_ready(self, log)
            for turn in range(1, 4):
                at = len(terminal.read())
                terminal.write(b"\x1a")
                at = terminal.wait_for(self, b"Stopped", at)
                wait_for_state(self, command, "T")
                terminal.wait_for(self, b"ready> ", at)
                terminal.write(b"fg\n")
                wait_for_line(self, log, f"signal {int(signal.SIGCONT)}", turn)
                terminal.write(b"\x03")  # the command has the terminal again
                wait_for_line(self, log, "signal 2", turn)
            terminal.write(b"\x1a")
            wait_for_state(self, command, "T")
            at = len(terminal.read())
            terminal.write(b"bg\n")
            wait_for_line(self, log, f"signal {int(signal.SIGCONT)}", 4)
            terminal.write(b"kill -USR2 %1; wait %1; echo gone $?\n")
            terminal.wait_for(self, b"gone 0", at)
            self.assertEqual((count(log, signal.SIGCONT), count(log, signal.SIGINT), count(log, signal.SIGUSR2)), (4, 3, 1))
            terminal.write(b"exit\n")
            terminal.shell.wait(PATIENCE)
            terminal.close()

    def test_a_background_job_that_reads_the_terminal_is_stopped_until_fg(self):
        with World() as sandbox:
            terminal = self.shell(sandbox)
            terminal.write(f"{Given.run} sh -c 'read line; echo got $line' &\n".encode())
            at = terminal.wait_for(self, b"ready> ", len(b"ready> "))
            terminal.write(b"jobs\n")
            # bash says it of its own accord at the next prompt, whenever that is.
            for _ in range(600):
                if b"Stopped" in terminal.read()[at:]:
                    break
                terminal.write(b"\n")
                wait_for(terminal.read, lambda seen, size=len(terminal.seen): len(seen) > size, 1)
            self.assertIn(b"Stopped", terminal.seen[at:])
            terminal.write(b"fg\nhello\n")
            terminal.wait_for(self, b"got hello", at)
            terminal.write(b"exit\n")
            terminal.shell.wait(PATIENCE)
            terminal.close()

    def test_a_pipeline_keeps_the_terminal_for_all_its_members(self):
        with World() as sandbox:
            terminal = self.shell(sandbox)
            terminal.write(f"{Given.run} echo asked | sh -c 'cat; read line < /dev/tty; echo got $line'\n".encode())
            at = terminal.wait_for(self, b"asked", len(b"ready> "))
            terminal.write(b"an answer\n")
            terminal.wait_for(self, b"got an answer", at)
            terminal.write(b"exit\n")
            terminal.shell.wait(PATIENCE)
            terminal.close()

    def test_a_command_that_is_stopped_and_continued_by_others_takes_leakshim_run_along(self):
        with World() as sandbox:
            log = sandbox.base / "log"
            terminal = self.shell(sandbox)
            terminal.write(f"{Given.run} {Given.counter} {log}\n".encode())
            command = wait_until_ready(self, log)
            run = int(stat_fields(command)[1])
            os.kill(command, signal.SIGTSTP)
            wait_for_state(self, run, "T")
            os.kill(command, signal.SIGCONT)
            wait_for_state(self, run, "SR")
            os.kill(command, signal.SIGTSTP)
            wait_for_state(self, run, "T")
            os.kill(command, signal.SIGKILL)
            wait_for(lambda: state_of(run), lambda state: state in (None, "Z"))
            self.assertIn(state_of(run), (None, "Z"))
            terminal.write(b"exit\nexit\n")
            terminal.shell.wait(PATIENCE)
            terminal.close()


class Signals(SentSignals, Keys, unittest.TestCase):
    pass
