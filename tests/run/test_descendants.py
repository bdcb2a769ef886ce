# SPDX-License-Identifier: MIT
"""What no hook can see is reaped all the same, and nothing else is: each leak is shown to be one without leakshim-run."""

import json
import os
import shutil

from cases import Case
from given import Given
from processes import PATIENCE, children_of, names_of, state_of, wait_for
from world import PYTHON, World, lines_of

TIMED_OUT = 124


def ready(sandbox):
    """The pid of daemon.c, once it serves; 0 before."""
    lines = lines_of(sandbox.tmp / "ready")
    return int(lines[0]) if lines else 0


class Descendants(Case):
    def leaks_without(self, sandbox, command, count=1):
        """Runs the command without leakshim-run, and checks that it leaves so many processes; then ends them."""
        self.assertEqual(sandbox.run(command).status, 0)
        pids = sandbox.wait_for_survivors(count)
        self.assertEqual(len(pids), count)
        sandbox.end_survivors()

    def reaps(self, sandbox, *words, **more):
        """Runs leakshim-run to its end: nothing is left running. The records that are errors."""
        ended = sandbox.tool(*words, **more)
        self.assertEqual(ended.status, 0, ended.stderr)
        self.assertEqual(sandbox.wait_for_survivors(0), [])
        return [one for one in sandbox.report()[0]["records"] if one["degree"] == "error"]

    def daemon(self, sandbox):
        """A command that starts the static daemon and waits until it serves."""
        return ["sh", "-c", f'{Given.daemon} "$TMPDIR"; while [ ! -e "$TMPDIR/ready" ]; do sleep 0.01; done']

    def test_a_static_daemon_that_scrubbed_its_environment(self):
        with World() as sandbox:
            self.leaks_without(sandbox, self.daemon(sandbox))
            self.assertEqual(len(sandbox.left_over()), 2)
        # Preloading alone does not find it: it is nobody's child, and has no variable.
        with World() as sandbox:
            self.assertEqual(sandbox.run(self.daemon(sandbox), "reap").status, 0)
            self.assertEqual(len(sandbox.wait_for_survivors(1)), 1)
        with World() as sandbox:
            errors = self.reaps(sandbox, *self.daemon(sandbox))
            self.assertEqual({one["kind"] for one in errors}, {"process", "unix_socket"})
            self.assertEqual({one["state"] for one in errors}, {"reaped"})
            self.assertEqual(sandbox.report()[0]["counters"]["blind"]["static"], 1)

    def test_a_static_command_is_counted_and_what_it_leaves_is_reaped(self):
        with World() as sandbox:
            command = [Given.daemon, str(sandbox.tmp)]
            self.leaks_without(sandbox, command)
        with World() as sandbox:
            errors = self.reaps(sandbox, Given.daemon, sandbox.tmp)
            self.assertEqual([one["state"] for one in errors if one["kind"] == "process"], ["reaped"])
            self.assertEqual(sandbox.report()[0]["counters"]["blind"]["static"], 1)

    def test_a_process_made_by_the_system_call_itself(self):
        with World() as sandbox:
            self.leaks_without(sandbox, [Given.cloner])
        with World() as sandbox:
            errors = self.reaps(sandbox, Given.cloner)
            self.assertEqual([(one["kind"], one["state"]) for one in errors], [("process", "reaped")])

    def test_ssh_agent_which_is_set_id(self):
        if shutil.which("ssh-agent") is None:
            self.skipTest("no ssh-agent here")
        command = ["sh", "-c", 'eval "$(ssh-agent -s)" > "$TMPDIR/said"; test -S "$SSH_AUTH_SOCK"']
        with World() as sandbox:
            self.leaks_without(sandbox, command)
        with World() as sandbox:
            errors = self.reaps(sandbox, *command)
            self.assertEqual([one["state"] for one in errors if one["kind"] == "process"], ["reaped"])
            # The directory of its socket was made where nobody could see it; the file itself goes with its server.
            self.assertEqual([path for path in sandbox.left_over() if b"agent" in path and os.path.exists(path + b"/s")], [])

    def test_a_daemon_of_the_same_name_that_was_there_before_survives(self):
        with World() as sandbox:
            self.assertEqual(sandbox.run_bystander(
                ["sh", "-c", f'{Given.daemon} "$PWD"; while [ ! -e ready ]; do sleep 0.01; done']), 0)
            self.assertEqual(len(sandbox.spared), 1)
            self.assertEqual(len(self.reaps(sandbox, *self.daemon(sandbox))), 2)
            self.assertTrue(sandbox.bystanders_alive())
            self.assertTrue((sandbox.bystander / "static" / "s").is_socket())

    def test_children_that_were_there_before_leakshim_run_survive_with_all_that_they_start(self):
        # A shell that starts a daemon and then becomes leakshim-run: the daemon is its child, and it is given what the
        # daemon leaves behind.
        script = 'env -i sh -c "while [ ! -e $PWD/begun ]; do sleep 0.01; done; ' \
                 'env -i setsid sh -c \'sleep 120 & echo \\$! > $PWD/late\' & exec sleep 121" & ' \
                 'exec "$@"'
        inner = f'touch begun; while [ ! -s late ]; do sleep 0.01; done; {Given.daemon} "$TMPDIR"; ' \
                'while [ ! -e "$TMPDIR/ready" ]; do sleep 0.01; done'
        with World() as sandbox:
            ended = sandbox.run(["sh", "-c", script, "sh", Given.run, "sh", "-c", inner],
                                LEAKSHIM_DIR=str(sandbox.ledger))
            self.assertEqual(ended.status, 0, ended.stderr)
            names = wait_for(lambda: world_names(sandbox), lambda names: names == ["sleep", "sleep"], 5)
            self.assertEqual([name for name in names if name == "sleep"], ["sleep", "sleep"])

    def test_orphans_that_end_during_the_run_are_collected(self):
        script = "for i in 1 2 3 4 5 6 7 8; do (env -i setsid -f true); done; touch all; while [ ! -e end ]; do sleep 0.01; done"
        with World() as sandbox:
            run = sandbox.start_tool("sh", "-c", script)
            self.assertTrue(wait_for((sandbox.cwd / "all").exists, bool))

            def zombies():
                return [pid for pid in children_of(run.pid) if state_of(pid) == "Z"]
            self.assertEqual(wait_for(zombies, lambda pids: not pids), [])
            (sandbox.cwd / "end").touch()
            self.assertEqual(run.wait(PATIENCE), 0)

    def test_an_orphan_that_hooks_have_seen_keeps_the_test_that_it_was_started_in(self):
        # A fork that executes nothing; leakshim-run looks at its children after half a second.
        forked = "import os, time; os.fork() or time.sleep(100)"
        script = f'python3 -S -c "{forked}" </dev/null >/dev/null 2>&1; sleep 1.5'
        command = ["env", "BATS_TEST_NAME=forks", "sh", "-c", script]
        with World() as sandbox:
            self.leaks_without(sandbox, command)
        with World() as sandbox:
            errors = self.reaps(sandbox, *command)
            self.assertEqual([(one["kind"], one["test"]) for one in errors], [("process", "forks")])
            self.assertEqual(sandbox.report()[0]["counters"]["blind"]["found_by_scan"], 0)

    def test_leakshim_run_killed_by_sigkill(self):
        inner = f'{Given.daemon} "$TMPDIR"; mkdir "$TMPDIR/leak"; exec sleep 120'
        with World() as sandbox:
            bare = sandbox.start(["sh", "-c", inner])
            self.assertTrue(wait_for(lambda: ready(sandbox), bool))
            bare.kill()
            bare.wait()
            self.assertEqual(len(sandbox.wait_for_survivors(1)), 1)
        with World() as sandbox:
            run = sandbox.start_tool("sh", "-c", inner)
            self.assertTrue(wait_for(lambda: ready(sandbox), bool))

            def recorded():
                _, out, _ = sandbox.ask("--json", "--live")
                return out and ready(sandbox) in [one["pid"] for one in json.loads(out)["records"] if one["kind"] == "process"]
            self.assertTrue(wait_for(recorded, bool))
            run.kill()
            run.wait()
            self.assertEqual(sandbox.wait_for_survivors(0), [])
            wait_for(sandbox.left_over, lambda left: b"leak" not in b"".join(left))
            session = wait_for(lambda: sandbox.report()[0]["session"], lambda one: one["state"] == "ended")
            self.assertEqual((session["state"], session["ended_by"]), ("ended", "guard"))
            self.assertFalse((sandbox.tmp / "leak").exists())

    def test_a_run_inside_another_run_has_its_own_session(self):
        with World() as sandbox:
            inner = f'{Given.run} sh -c \'mkdir "$TMPDIR/inner"; exit 3\'; echo $? > inner-status; mkdir "$TMPDIR/outer"'
            self.assertEqual(sandbox.tool("sh", "-c", inner).status, 0)
            self.assertEqual((sandbox.cwd / "inner-status").read_text(encoding="ascii"), "3\n")
            self.assertEqual(list(sandbox.left_over(())), [os.fsencode(sandbox.cwd / "inner-status")])
            self.assertEqual(len([name for name in os.listdir(sandbox.ledger) if name.endswith(".ledger")]), 2)
        with World() as sandbox:  # and inside one that was only preloaded
            self.assertEqual(sandbox.run(["sh", "-c", inner], "reap").status, 0)
            self.assertEqual(len([name for name in os.listdir(sandbox.ledger) if name.endswith(".ledger")]), 2)

    def test_an_exported_preload_does_not_make_leakshim_run_a_session_of_its_own(self):
        with World() as sandbox:
            ended = sandbox.run([Given.run, "true"], "reap")
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            self.assertEqual([name[32:] for name in os.listdir(sandbox.ledger)], [".clean"])

    def test_off_and_keep_run_the_command_without_a_session(self):
        for more in ({"LEAKSHIM": "off"}, {"LEAKSHIM_KEEP": "1"}):
            with self.subTest(more), World() as sandbox:
                ended = sandbox.tool("sh", "-c", 'mkdir "$TMPDIR/leak"; echo "$LEAKSHIM_SESSION$LD_PRELOAD"; exit 3', **more)
                self.assertEqual((ended.status, ended.stdout, ended.stderr), (3, b"\n", b""))
                self.assertEqual(len(sandbox.left_over()), 1)
                self.assertEqual(os.listdir(sandbox.ledger), [])

    def test_the_command_sees_the_documented_variables_and_no_other(self):
        with World() as sandbox:
            bare = set(sandbox.run(["env", "-0"], ASAN_OPTIONS="x=1").stdout.split(b"\0"))
            seen = set(sandbox.tool("--ci", "-o", "linger=1s", "--rules", "/dev/null", "env", "-0", ci=False,
                                    ASAN_OPTIONS="x=1").stdout.split(b"\0"))
            more = {entry.split(b"=")[0] for entry in seen - bare}
            self.assertEqual(more, {b"LD_PRELOAD", b"LEAKSHIM_SESSION", b"LEAKSHIM_DIR", b"LEAKSHIM_OPTIONS",
                                    b"LEAKSHIM_RULES", b"ASAN_OPTIONS"})
            self.assertIn(b"ASAN_OPTIONS=x=1:verify_asan_link_order=0", seen)
            self.assertEqual({entry.split(b"=")[0] for entry in bare - seen}, {b"CI", b"ASAN_OPTIONS"})

    def test_other_preloads_are_kept(self):
        other = "/usr/lib/x86_64-linux-gnu/libm.so.6"
        if not os.path.exists(other):
            self.skipTest("no other library to preload here")
        with World() as sandbox:
            for before, wanted in ((other, f"{Given.library}:{other}"), (f"{other}:/x/libleakshim.so.1", f"{other}:{Given.library}")):
                script = f'export LD_PRELOAD={before}; exec "$@"'
                ended = sandbox.run(["sh", "-c", script, "sh", Given.run, "sh", "-c", 'echo "$LD_PRELOAD"'],
                                    LEAKSHIM_DIR=str(sandbox.ledger))
                self.assertEqual(ended.stdout.decode(), wanted + "\n")

    def test_a_private_tmp_is_removed_as_a_whole_and_what_was_left_in_it_is_named(self):
        script = 'echo "$TMPDIR"; stat -c %a "$TMPDIR"; mkdir -p "$TMPDIR/leak/below"; : > "$TMPDIR/file"'
        for ci in (True, False):
            with self.subTest(ci=ci), World() as sandbox:
                ended = sandbox.tool("--private-tmp", "sh", "-c", script, ci=ci)
                path, mode = ended.stdout.decode().split()
                self.assertEqual((ended.status, mode), (0, "700"))
                self.assertLess(len(path), 20)
                self.assertFalse(os.path.exists(path))
                records = sandbox.report()[0]["records"]
                self.assertEqual({(one["path"], one["state"]) for one in records},
                                 {(path + "/leak", "reaped"), (path + "/file", "reaped")})

    def test_a_private_tmp_with_nothing_left_in_it_is_no_finding(self):
        with World() as sandbox:
            ended = sandbox.tool("--private-tmp", "--fail", "sh", "-c", 'echo "$TMPDIR"; mkdir "$TMPDIR/a"; rmdir "$TMPDIR/a"')
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            self.assertFalse(os.path.exists(ended.stdout.strip()))
            self.assertEqual([name for name in os.listdir(sandbox.ledger) if name.endswith(".ledger")], [])

    def test_a_private_tmp_takes_what_nobody_saw_along_and_no_more(self):
        script = f'echo "$TMPDIR"; {Given.daemon} "$TMPDIR"; while [ ! -e "$TMPDIR/ready" ]; do sleep 0.01; done; ' \
                 'ln -s "$PWD" "$TMPDIR/link"; chmod 0 "$TMPDIR/static"'
        with World() as sandbox:
            (sandbox.cwd / "precious").touch()
            path = sandbox.tool("--private-tmp", "sh", "-c", script).stdout.decode().strip()
            self.assertFalse(os.path.exists(path))
            self.assertTrue((sandbox.cwd / "precious").exists())
            self.assertEqual(sandbox.wait_for_survivors(0), [])

    def test_a_private_tmp_stays_where_the_settings_say_so(self):
        for options, status in ((["--report"], 0), (["-o", "tmp=keep-on-failure"], 1), (["-o", "tmp=keep"], 0)):
            with self.subTest(options), World() as sandbox:
                ended = sandbox.tool("--private-tmp", *options, "sh", "-c", f'echo "$TMPDIR"; exit {status}')
                path = ended.stdout.decode().strip()
                self.assertTrue(os.path.exists(path))
                os.rmdir(path)
                self.assertEqual([one["degree"] for one in sandbox.report()[0]["records"]], ["note"])

    def test_a_private_tmp_goes_with_a_run_that_was_killed(self):
        with World() as sandbox:
            run = sandbox.start_tool("--private-tmp", "sh", "-c", 'echo "$TMPDIR"; : > "$TMPDIR/file"; exec sleep 120')
            path = wait_for(lambda: lines_of(sandbox.base / "stdout"), bool)[0]
            self.assertTrue(wait_for(lambda: os.path.exists(path + "/file"), bool))
            run.kill()
            run.wait()
            self.assertFalse(wait_for(lambda: os.path.exists(path), lambda there: not there))

    def test_a_command_whose_time_is_over_is_ended_politely(self):
        script = "import signal, sys, time\n" \
                 "def end(*_):\n    print('tidied up', flush=True)\n    sys.exit(7)\n" \
                 "signal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.{0}, end)\nprint('ready', flush=True)\ntime.sleep(120)"
        for name in ("SIGINT", "SIGTERM"):
            with self.subTest(name), World() as sandbox:
                ended = sandbox.tool("--timeout", "1s", "-o", "polite=50s", "-o", "term=50s", PYTHON, "-c", script.format(name))
                self.assertEqual((ended.status, ended.stdout), (TIMED_OUT, b"ready\ntidied up\n"))
                self.assertIn(b"leakshim: the command was still running after 1s, its --timeout", ended.stderr)
                self.assertIn(name.encode(), ended.stderr)

    def test_a_command_that_ignores_sigterm_is_killed_when_its_time_is_over(self):
        with World() as sandbox:
            ended = sandbox.tool("--timeout", "100ms", "-o", "term=100ms", "sh", "-c", "trap '' TERM INT; sleep 120; sleep 121")
            self.assertEqual(ended.status, TIMED_OUT)
            self.assertIn(b"SIGKILL", ended.stderr)
            self.assertEqual(sandbox.wait_for_survivors(0), [])

    def test_a_stopped_command_is_ended_when_its_time_is_over(self):
        with World() as sandbox:
            ended = sandbox.tool("--timeout", "1s", "sh", "-c", "kill -STOP $$")
            self.assertEqual(ended.status, TIMED_OUT)

    def test_a_command_that_ends_in_time_keeps_its_status(self):
        with World() as sandbox:
            ended = sandbox.tool("--timeout", "1h", "sh", "-c", "exit 3")
            self.assertEqual((ended.status, ended.stderr), (3, b""))

    def test_a_leak_after_a_timeout_is_reaped_too(self):
        with World() as sandbox:
            ended = sandbox.tool("--timeout", "1s", "--fail", "sh", "-c", "env -i setsid -f sleep 120; exec sleep 121")
            self.assertEqual(ended.status, TIMED_OUT)
            self.assertEqual(sandbox.wait_for_survivors(0), [])
            session = sandbox.report()[0]["session"]
            self.assertEqual((session["ended_by"], session["exit_status"]), ("timeout", TIMED_OUT))

    def test_a_program_built_with_the_address_sanitizer_bears_the_preload(self):
        with World() as sandbox:
            program = sandbox.cwd / "program"
            (sandbox.cwd / "program.cc").write_text("int main() { return 3; }\n", encoding="ascii")
            built = sandbox.run(["g++", "-fsanitize=address", "program.cc", "-o", str(program)])
            if built.status != 0:
                self.skipTest("no address sanitizer here")
            self.assertEqual(sandbox.run([str(program)]).status, 3)
            refused = sandbox.run([str(program)], "reap")
            self.assertNotEqual(refused.status, 3)
            self.assertIn(b"does not come first", refused.stderr)
            ended = sandbox.tool(program)
            self.assertEqual((ended.status, ended.stderr), (3, b""))


def world_names(sandbox):
    return names_of(sandbox.survivors())
