# SPDX-License-Identifier: MIT
"""A session with a name spans several commands: nothing is reaped between them, and what they leave is on record."""

import os
import signal

from cases import Case
from given import Given
from processes import PATIENCE, children_of, names_of, wait_for
from world import World, lines_of

SERVICE = 'setsid -f sh -c \'mkdir "$TMPDIR/service"; echo $$ > "$TMPDIR/pid.new"; mv "$TMPDIR/pid.new" "$TMPDIR/pid"; ' \
          'exec sleep 120\'; while [ ! -e "$TMPDIR/pid" ]; do sleep 0.01; done; exit 3'


class Named(Case):
    def processes(self, sandbox):
        return {one["pid"] for one in sandbox.report("--live")[0]["records"] if one["kind"] == "process"}

    def test_what_one_command_starts_the_next_one_finds(self):
        with World() as sandbox:
            first = sandbox.tool("--session", "ci-services", "sh", "-c", SERVICE)
            self.assertEqual((first.status, first.stderr), (3, b""))
            service = int(lines_of(sandbox.tmp / "pid")[0])
            self.assertEqual(sandbox.survivors(), [service])
            second = sandbox.tool("--session", "ci-services", "sh", "-c", 'kill -0 "$(cat "$TMPDIR/pid")"; mkdir "$TMPDIR/more"')
            self.assertEqual((second.status, second.stderr), (0, b""))
            self.assertEqual(sandbox.survivors(), [service])
            self.assertEqual(len(sandbox.ledgers()), 1)
            session = sandbox.report("--live")[0]
            self.assertEqual((session["session"]["state"], session["session"]["root"]["pid"]), ("live", None))
            self.assertIn(service, self.processes(sandbox))
            paths = {one.get("path") for one in session["records"]}
            self.assertLessEqual({str(sandbox.tmp / "service"), str(sandbox.tmp / "more")}, paths)

    def test_the_report_finds_it_by_name_while_it_goes_on_and_afterwards(self):
        with World() as sandbox:
            for make in ('mkdir "$TMPDIR/left"', "true"):
                self.assertEqual(sandbox.tool("--session", "job-1", "sh", "-c", make).status, 0)
                for state in ("live", "ended"):
                    if state == "ended":
                        ended = sandbox.run([Given.reap, "--session", "job-1"], None, LEAKSHIM_DIR=str(sandbox.ledger))
                        self.assertEqual(ended.status, 0, ended.stderr)
                    session = sandbox.report("--session", "job-1")[0]["session"]
                    self.assertEqual((session["name"], session["state"]), ("job-1", state), session)
            names = [session["name"] for session in sandbox.report("--list")[0]["sessions"]]
            self.assertEqual(names, ["job-1", "job-1"])

    def test_a_static_daemon_is_on_record_when_its_command_has_ended(self):
        script = f'{Given.daemon} "$TMPDIR"; while [ ! -e "$TMPDIR/ready" ]; do sleep 0.01; done'
        with World() as sandbox:
            self.assertEqual(sandbox.tool("--session", "s", "sh", "-c", script).status, 0)
            daemon = int(lines_of(sandbox.tmp / "ready")[0])
            self.assertEqual(sandbox.survivors(), [daemon])
            self.assertIn(daemon, self.processes(sandbox))

    def test_many_that_start_at_once_share_one_session(self):
        with World() as sandbox:
            started = [sandbox.start_tool("--session", "many", "sh", "-c", f'mkdir "$TMPDIR/{number}"') for number in range(12)]
            self.assertEqual([process.wait(PATIENCE) for process in started], [0] * 12)
            self.assertEqual(len(sandbox.ledgers()), 1)
            session = sandbox.report("--live")[0]
            paths = {one.get("path") for one in session["records"]}
            self.assertLessEqual({str(sandbox.tmp / str(number)) for number in range(12)}, paths, session["counters"])

    def test_sessions_of_other_names_and_without_one_are_apart(self):
        with World() as sandbox:
            for name in ("one", "two"):
                self.assertEqual(sandbox.tool("--session", name, "sh", "-c", f'mkdir "$TMPDIR/{name}"').status, 0)
            self.assertEqual(len(sandbox.ledgers()), 2)
            self.assertEqual(sandbox.tool("sh", "-c", 'mkdir "$TMPDIR/three"').status, 0)
            self.assertEqual({os.path.basename(path) for path in sandbox.left_over()}, {b"one", b"two"})

    def test_a_command_ended_by_a_signal_ends_leakshim_run_by_it(self):
        with World() as sandbox:
            self.assertEqual(sandbox.tool("--session", "s", "sh", "-c", "kill -TERM $$").status, -signal.SIGTERM)
            self.assertEqual(sandbox.tool("--session", "s", "no-such-command").status, 127)

    def test_a_service_started_for_a_named_session_inside_another_run_outlives_that_run(self):
        with World() as sandbox:
            (sandbox.cwd / "serve.sh").write_text(SERVICE, encoding="ascii")
            script = f"{Given.run} --session services sh serve.sh; setsid -f sleep 122; exit 0"
            self.assertEqual(sandbox.tool("sh", "-c", script).status, 0)
            service = int(lines_of(sandbox.tmp / "pid")[0])
            self.assertEqual(sandbox.survivors(), [service])  # and what served nobody is gone
            self.assertEqual(sandbox.tool("--session", "services", "kill", str(service)).status, 0)
            self.assertEqual(sandbox.wait_for_survivors(0), [])

    def test_a_killed_leakshim_run_ends_nothing_else_of_its_session(self):
        with World() as sandbox:
            run = sandbox.start_tool("--session", "s", "sh", "-c", SERVICE)
            run.wait(PATIENCE)
            other = sandbox.start_tool("--session", "s", "sleep", "121")
            self.assertTrue(wait_for(lambda: "sleep" in names_of(children_of(other.pid)), bool))
            other.kill()
            other.wait()
            service = int(lines_of(sandbox.tmp / "pid")[0])
            self.assertIn(service, sandbox.survivors())
            self.assertEqual(sandbox.tool("--session", "s", "true").status, 0)
            self.assertEqual(len(sandbox.ledgers()), 1)
            self.assertIn(service, sandbox.survivors())
