# SPDX-License-Identifier: MIT
"""Each way of dying, with one of everything left, under each way of watching over it.

First the run goes without the shim: it must end as the table says, and leave everything. Then the same
- with the guard, which nobody notices: the root ends as before, and soon after nothing is left;
- without the guard: everything stays, until the same user's next session comes;
- under leakshim-run, which ends as the command ended.
A bystander with the very same things lives through it all.
"""

import os
import signal

from cases import Case
from given import Given
from ipc import IPC_KINDS
from processes import wait_for
from survival import Field

KILL, SEGV, BUS = -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGBUS
ABORT, TERM, INT = -signal.SIGABRT, -signal.SIGTERM, -signal.SIGINT

# Way: (how the root ends, who reaps under plain preload).
WAYS = {
    "killed": (KILL, "guard"),
    "segv": (SEGV, "guard"),
    "segv-in-a-thread": (SEGV, "guard"),
    "bus": (BUS, "guard"),
    "abort": (ABORT, "abort"),
    "overflow-abort": (ABORT, "guard"),
    "overflow-exit": (5, "guard"),
    "terminated": (TERM, "guard"),
    "exit-group": (5, "guard"),
    "exec static": (5, "guard"),
    "exec-bare dynamic": (5, "exit"),
    "exec-bare static": (5, "guard"),
    "exec-raw dynamic": (5, "guard"),
    "exec-raw static": (5, "guard"),
}


def timer_of(pid):
    """Lets the time of timeout(1) be over: it acts on SIGALRM, whoever sends it."""
    os.kill(pid, signal.SIGALRM)


class Deaths(Case):
    def die(self, field, way, mode=None, under=(), **more):
        """Runs a casualty that dies this way to its end; how it ended."""
        way, _, kind = way.partition(" ")
        program = {"static": Given.static_five, "dynamic": Given.five, "": ""}[kind]
        return field.end(field.start([*under, *field.casualty(way, program)], mode, **more))

    def leaves_everything(self, field, status, ended):
        """What a run without the shim does; the yardstick."""
        self.assertEqual(ended.status, status, ended.stderr)
        self.assertEqual(field.left(), field.everything())
        field.clear()

    def is_gone(self, field, who, *session):
        self.assertEqual(field.wait_until_clean(), [])
        self.assertEqual(field.bystander_is_whole(), "")
        report = wait_for(lambda: field.report(*session)[0], lambda seen: seen["session"]["state"] == "ended")
        self.assertEqual((report["session"]["state"], report["session"]["ended_by"]), ("ended", who))
        errors = [record for record in report["records"] if record["degree"] == "error"]
        self.assertEqual({record["state"] for record in errors}, {"reaped"}, errors)
        kinds = {record["kind"] for record in errors}
        self.assertLessEqual({"process", "listening_port", "unix_socket", "temp_dir", "temp_file",
                              *IPC_KINDS}, kinds)

    def each_way(self, check):
        for way, (status, who) in WAYS.items():
            with self.subTest(way), Field() as field:
                self.leaves_everything(field, status, self.die(field, way))
                field.add_bystander()
                check(field, way, status, who)

    def test_however_the_root_dies_its_guard_reaps(self):
        def check(field, way, status, who):
            ended = self.die(field, way, "reap")
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (status, b"", b""))
            self.is_gone(field, who)
        self.each_way(check)

    def test_however_the_command_dies_leakshim_run_reaps_and_ends_alike(self):
        def check(field, way, status, _):
            ended = self.die(field, way, under=[Given.run, "--"], LEAKSHIM_DIR=str(field.ledger), LEAKSHIM="reap")
            self.assertEqual((ended.status, ended.own_stderr), (status, b""))
            # It reaps before it ends; its guard sees that it has ended, and ends too.
            self.assertEqual([name for name in field.left() if name != "leakshim-guard"], [])
            self.is_gone(field, "exit")
        self.each_way(check)

    def test_without_a_guard_the_next_session_reaps(self):
        def check(field, way, status, who):
            if who != "guard":
                return
            ended = self.die(field, way, "reap", LEAKSHIM_OPTIONS="guard=0")
            self.assertEqual(ended.status, status)
            self.assertEqual(field.left(), field.everything())
            report = field.report()[0]["session"]
            self.assertEqual(report["state"], "dead")
            next_one = field.run(["true"], "reap")
            self.assertEqual(next_one.status, 0)
            self.is_gone(field, "sweep", "--session", report["id"])
        self.each_way(check)

    # Ended from outside

    def end_from_outside(self, command, end, under=(), mode=None, **more):
        """Runs `command`, lets `end` end it when it is ready, with a bystander beside; how it ended, and the field."""
        with Field() as field:
            for watched in (False, True):
                extra = {"mode": mode, **more} if watched else {}
                words = [*under, *command(field)] if watched else command(field)
                if "LEAKSHIM_DIR" in extra:
                    extra["LEAKSHIM_DIR"] = str(field.ledger)
                process = field.start(words, **extra)
                end(process, *field.wait_until_ready())
                ended = field.end(process)
                if not watched:
                    self.assertTrue(set(field.everything()) - {"own.sock"} <= set(field.left()), field.left())
                    field.clear()
                    field.add_bystander()
                    bare = ended
            self.assertEqual(ended.status, bare.status)
            self.assertEqual(field.wait_until_clean(), [])
            self.assertEqual(field.bystander_is_whole(), "")
            return wait_for(lambda: field.report()[0], lambda seen: seen["session"]["state"] == "ended")

    def both(self, command, end, who, who_under_run):
        report = self.end_from_outside(command, end, mode="reap")
        self.assertEqual(report["session"]["ended_by"], who)
        report = self.end_from_outside(command, end, under=[Given.run, "--"], LEAKSHIM_DIR="", LEAKSHIM="reap")
        self.assertEqual(report["session"]["ended_by"], who_under_run)

    def test_ctrl_c_to_the_group(self):
        self.both(lambda field: field.casualty("waits"),
                  lambda process, pid, parent: os.killpg(process.pid, signal.SIGINT), "guard", "exit")

    def test_timeout_kill_inside_the_run(self):
        self.both(lambda field: ["bash", "-c", 'timeout -s KILL 600 "$@"; exit 3', "sh", *field.casualty("waits")],
                  lambda process, pid, parent: timer_of(parent), "exit", "exit")

    def test_timeout_kill_as_the_root(self):
        self.both(lambda field: ["timeout", "-s", "KILL", "600", *field.casualty("waits")],
                  lambda process, pid, parent: timer_of(parent), "guard", "exit")

    def test_timeout_kill_outside_the_run(self):
        # Here timeout has neither shim nor session; what it kills is the root, or leakshim-run, with its whole group.
        for tool in (False, True):
            with self.subTest(tool=tool), Field() as field:
                field.add_bystander()
                variables = [f"LEAKSHIM_DIR={field.ledger}", "LEAKSHIM=reap"]
                watch = [Given.run, "--"] if tool else []
                if not tool:
                    variables.append(f"LD_PRELOAD={Given.library}")
                process = field.start(["timeout", "-s", "KILL", "600", "env", *variables, *watch,
                                       *field.casualty("waits")])
                field.wait_until_ready()
                timer_of(process.pid)
                self.assertEqual(field.end(process).status, KILL)
                self.is_gone(field, "guard")
