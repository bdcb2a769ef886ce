# SPDX-License-Identifier: MIT
"""The silent hang of CI: a process that a run left holds the pipe that the run's output goes into, so that whoever reads
it waits for that process. Without leakshim the reader waits; with it the pipe ends, and the report says who held it.
"""

import os
import select
import subprocess
import sys

from cases import Case
from given import Given
from processes import PATIENCE

LEAVER = "import subprocess, sys; subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL)"


class OutputOfTheRun(Case):
    def setUp(self):
        self.world = self.new_sandbox()
        self.environment = self.world.environment(ci=False)
        self.under_the_shim = self.world.environment_of_tools(ci=False, LD_PRELOAD=Given.library)

    def run_into(self, script, environment, **streams):
        return subprocess.run([sys.executable, "-c", script], env=environment, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=True, **streams)

    def report(self):
        return self.world.report()[0]

    def text(self):
        return self.world.ask()[1]

    def held(self):
        """What each leaked sleep held of the run's own output."""
        return [record["process"]["holds"].get("output") for record in self.report()["records"]
                if record["kind"] == "process" and record["command"][:1] == ["sleep"]]

    def test_the_reader_of_a_run_waits_for_what_it_left_and_with_leakshim_it_does_not(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        pid_reader, pid_writer = os.pipe()
        self.addCleanup(os.close, pid_reader)
        leaver = "import os, subprocess; p = subprocess.Popen(['sleep', '600']); os.write(%d, b'%%d' %% p.pid)" % pid_writer
        self.run_into(leaver, self.environment, stdout=writer, stderr=subprocess.DEVNULL, pass_fds=(pid_writer,))
        os.close(writer)
        os.close(pid_writer)
        left = int(os.read(pid_reader, 20))
        try:
            # The run is over, and yet there is no end of its output: select() would tell of it at once.
            self.assertEqual(select.select([reader], [], [], 0)[0], [])
        finally:
            os.kill(left, 9)
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.run_into(LEAVER, self.under_the_shim, stdout=writer, stderr=subprocess.DEVNULL)
        os.close(writer)
        self.assertEqual(select.select([reader], [], [], PATIENCE)[0], [reader])
        self.assertEqual(os.read(reader, 1), b"")
        self.assertEqual(self.held(), [{"stdout": "pipe"}])
        self.assertIn("held the run's own stdout (a pipe): who reads that would have waited for this process", " ".join(self.text().split()))

    def test_a_process_that_is_only_reported_holds_it_still(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.run_into(LEAVER, self.under_the_shim | {"LEAKSHIM": "report"}, stdout=writer, stderr=writer)
        os.close(writer)
        pids = [record["pid"] for record in self.report()["records"] if record["kind"] == "process"]
        try:
            self.assertEqual(self.held(), [{"stdout": "pipe", "stderr": "pipe"}])
            self.assertIn("holds the run's own stdout and stderr (a pipe): who reads that waits until this process ends", " ".join(self.text().split()))
        finally:
            for pid in pids:
                os.kill(pid, 9)
        self.assertEqual(len(pids), 1)

    def test_who_has_only_a_device_or_a_pipe_of_its_own_holds_nothing(self):
        self.run_into(LEAVER, self.under_the_shim, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(self.held(), [None])
        self.assertNotIn("the run's own", self.text())
        apart = LEAVER.replace("stdin=", "stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=")
        self.run_into(apart, self.under_the_shim, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(self.held(), [None])

    def test_a_file_is_told_apart_from_what_somebody_reads(self):
        with open(os.path.join(self.world.base, "log"), "wb") as log:
            self.run_into(LEAVER, self.under_the_shim, stdout=log, stderr=subprocess.DEVNULL)
        self.assertEqual(self.held(), [{"stdout": "file"}])
        self.assertNotIn("who reads that", self.text())
