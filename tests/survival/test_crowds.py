# SPDX-License-Identifier: MIT
"""Many processes: the ledger is as large as what is live, not as what ever was, and each that leaks is a finding."""

import json

from cases import Case
from given import Given
from processes import wait_for
from survival import Field

MANY = 600
# Departures that are remembered at a time (layout.h), and the few processes of the run itself.
REMEMBERED, FEW = 64, 8


class Crowds(Case):
    def processes_after(self, runner, *prefix):
        """Those on record while the run still goes on, and how many there ever were."""
        with Field() as field:
            script = f'{runner} && "{Given.report}" --json "$LEAKSHIM_SESSION"'
            done = field.run([*prefix, "sh", "-c", script], "" if prefix else "reap")
            self.assertEqual((done.status, done.stderr), (0, b""))
            report = json.loads(done.stdout)
            self.assertEqual(wait_for(field.survivors, lambda pids: not pids), [])
            kinds = [record["kind"] for record in report["records"]]
            return kinds.count("process"), report["counters"]["processes"]

    def test_a_runner_without_hooks_leaves_a_ledger_as_large_as_what_is_live(self):
        there, ever = self.processes_after(f'"{Given.runner}" {MANY} true')
        self.assertIn(ever, range(MANY, MANY + FEW))
        self.assertLessEqual(there, REMEMBERED + FEW)

    def test_what_a_shell_waits_for_while_it_is_ended_is_a_finding_as_well(self):
        # It has a handler: it is asked first, and waits until its children have been ended too.
        shell = "trap 'wait; exit' TERM; for i in 1 2 3; do sleep 1000 & done; echo >ready; wait"
        leaks = ["sh", "-c", 'bash -c "$1" & until [ -e ready ]; do sleep 0.05; done; rm ready', "sh", shell]
        with Field() as field:
            bare = field.run(leaks)
            self.assertEqual((bare.status, len(field.survivors())), (0, 4))
            field.end_survivors()
            self.assertEqual(field.run(leaks, "reap").status, 0)
            self.assertEqual(wait_for(field.survivors, lambda pids: not pids), [])
            report, _ = field.report()
            leaked = [record["command"][0] for record in report["records"] if record["kind"] == "process"]
            self.assertEqual(sorted(leaked), ["bash", "sleep", "sleep", "sleep"])

    def test_orphans_leave_a_ledger_as_large_as_what_is_live(self):
        # Each is the child of a subshell that is gone before it; leakshim-run waits for it, as init would.
        crowd = f"i=0; while [ $i -lt {MANY} ]; do (sleep 0.01 & ); i=$((i + 1)); done"
        there, ever = self.processes_after(crowd, Given.run, "--reap", "--")
        self.assertGreaterEqual(ever, MANY)
        self.assertLessEqual(there, MANY // 2)

    def test_a_shell_leaves_a_ledger_as_large_as_what_is_live(self):
        there, ever = self.processes_after(f"i=0; while [ $i -lt {MANY} ]; do env true; i=$((i + 1)); done")
        # Each counts once, although it executes two programs.
        self.assertIn(ever, range(MANY, MANY + FEW))
        self.assertLessEqual(there, FEW)
