# SPDX-License-Identifier: MIT
"""hang=DURATION: a run that does not end says so itself, where its user looks, and nowhere else."""

import os
import signal

from cases import Case
from given import Given
from inspection import TEST, Scene, children_waited_for
from processes import PATIENCE, wait_for

MARK = "leakshim: no progress for "


class Notice(Case):
    def end(self, run):
        """Ends whom the run waits for, so that it goes on."""
        for child in children_waited_for(run.pid):
            os.kill(child, signal.SIGKILL)
        return run.wait(PATIENCE)

    def test_a_run_that_hangs_says_so_itself(self):
        with Scene() as scene:
            run = scene.hang("child", LEAKSHIM_OPTIONS="hang=300ms")
            # Three times, and each time after twice as long.
            wait_for(lambda: scene.stderr.count("SUMMARY"), lambda count: count == 3)
            (child,) = children_waited_for(run.pid)
            lines = scene.stderr.splitlines()
            self.assertEqual([line for line in lines if line.startswith(MARK)],
                             [f"{MARK}{time} (the option hang)" for time in ("300ms", "600ms", "1.2s")])
            summaries = [line for line in lines if "SUMMARY" in line]
            self.assertEqual(len(summaries), 3)
            self.assertIn(f"(pid {child}) of test {TEST} to end", summaries[0])
            self.assertEqual(self.end(run), 0)
            # The run's own words are whole, and nothing was written over them.
            lines = scene.stderr.splitlines()
            self.assertEqual((lines[0], lines[-1]), ("before", "after"))
            self.assertTrue(all(line.startswith("leakshim: ") for line in lines[1:-1]))

    def test_a_run_that_works_is_not_called_hanging(self):
        with Scene() as scene:
            run = scene.hang("works", "2000", LEAKSHIM_OPTIONS="hang=1s")
            self.assertEqual(run.wait(PATIENCE), 0)
            self.assertEqual(scene.stderr, "after\n")

    def test_a_file_of_data_gets_no_notice(self):
        with Scene() as scene:
            data = scene.cwd / "data"
            run = scene.hang("redirected", data, LEAKSHIM_OPTIONS="hang=300ms")
            beside = wait_for(lambda: list(scene.ledger.glob("*.hang")), bool)
            self.assertEqual(len(beside), 1)
            notice = wait_for(lambda: beside[0].read_text(encoding="utf-8"), lambda text: "SUMMARY" in text)
            self.assertTrue(notice.startswith(MARK))
            self.assertEqual(self.end(run), 0)
            self.assertEqual(data.read_text(encoding="utf-8"), "before\nafter\n")

    def check_under_leakshim_run(self, options):
        with Scene() as scene:
            run = scene.start_test(Given.run, Given.hanger, "child", mode=None, LEAKSHIM_OPTIONS=options)
            wait_for(lambda: scene.stderr.count("SUMMARY"), lambda count: count >= 1)
            self.assertIn("waits for child", scene.stderr)
            self.assertIn(TEST, scene.stderr)
            (command,) = [pid for pid in children_waited_for(run.pid) if children_waited_for(pid)]
            (child,) = children_waited_for(command)
            os.kill(child, signal.SIGKILL)
            self.assertEqual(run.wait(PATIENCE), 0)

    def test_under_leakshim_run_the_guard_says_it(self):
        self.check_under_leakshim_run("hang=300ms")

    def test_without_a_guard_leakshim_run_says_it(self):
        self.check_under_leakshim_run("hang=300ms:guard=0")

    def test_a_notice_is_no_child_of_the_hosts(self):
        program = ("import os, signal, sys, time\n"
                   "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})\n"
                   "sys.stdin.read()\n"
                   "try: os.waitpid(-1, 0x40000000 | os.WNOHANG); print('a child')\n"
                   "except ChildProcessError: print('no child')\n"
                   "print(sorted(signal.sigpending()))\n")
        with Scene() as scene:
            reading, writing = os.pipe()
            run = scene.start_test("/usr/bin/python3", "-c", program, stdin=reading, LEAKSHIM_OPTIONS="hang=300ms")
            os.close(reading)
            wait_for(lambda: scene.stderr.count("SUMMARY"), lambda count: count >= 1)
            self.assertIn("is a pipe", scene.stderr)
            os.close(writing)
            self.assertEqual(run.wait(PATIENCE), 0)
            self.assertEqual((scene.base / "stdout").read_text(encoding="utf-8"), "no child\n[]\n")
