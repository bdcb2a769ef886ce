# SPDX-License-Identifier: MIT
"""What is said before a run of what earlier ones left; and that the command which is printed cleans it up."""

import os
import shlex
import socket
import subprocess

from inspection import TEST
from processes import wait_for
from staging import Stage, StagedTest

# Leaves a temporary directory, a socket file, and a process that holds both that and a port; then waits to be killed.
LEAVING = """
import os, socket, tempfile, time
tempfile.mkdtemp()
port, name = socket.socket(), socket.socket(socket.AF_UNIX)
port.bind(('127.0.0.1', 0)); port.listen()
name.bind(os.environ['TMPDIR'] + '/door'); name.listen()
if os.fork():
    time.sleep(1000)
print(port.getsockname()[1], flush=True)
time.sleep(1000)
"""


class Preflight(StagedTest):
    def killed(self, stage, *command, mode="reap", prefix=()):
        """A run that prints a line and is killed then, without a guard that would clean up: the line."""
        out = stage.base / "stdout"
        out.write_bytes(b"")
        run = stage.start_test(*prefix, *command, mode=mode, LEAKSHIM_OPTIONS="guard=0")
        said = wait_for(out.read_text, lambda text: text.endswith("\n"))
        self.assertTrue(said.endswith("\n"), (stage.base / "stderr").read_text())
        run.kill()
        run.wait()
        return said.strip()

    def clean_up(self, stage, check, **how):
        """Runs what the line says is to be run."""
        done = stage.run_staged(["sh", "-c", check["command"]], **how)
        self.assertEqual(done.returncode, 0, (check, done.stdout, done.stderr))

    def one(self, stage, subject, level="bad", **how):
        """The line about `subject`, which makes the status 1."""
        status, checks = stage.asked("--preflight", **how)
        self.assertIn(subject, checks)
        (check,) = checks[subject]
        self.assertEqual((status, check["level"]), (1, level))
        return check

    def own_mounts(self, stage):
        """The start of a command line that runs the rest in mounts that go with the test."""
        self.needs_root()
        self.needs_mounts("true")
        self.needs("nsenter")
        holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
        stage.started.append(holder)
        holder.stdout.readline()
        holder.stdout.close()
        return ["nsenter", f"--target={holder.pid}", "--mount", "sh", "-c", f'cd {stage.cwd} && exec "$@"', "sh"]

    def test_what_a_killed_run_left_is_named_and_goes_by_the_printed_command(self):
        for mode in ("reap", "report"):
            with self.subTest(mode), Stage() as stage:
                port = self.killed(stage, "/usr/bin/python3", "-S", "-c", LEAVING, mode=mode)
                _, checks = stage.asked("--preflight")
                (session,) = [subject for subject in checks if subject.startswith("session ")]
                for word in ("process", "temporary directory", "unix socket"):
                    self.assertIn(word, checks[session][0]["sentence"])
                (holder,) = stage.survivors()
                for subject in (f"tcp 127.0.0.1:{port}", str(stage.tmp / "door")):
                    check = self.one(stage, subject)
                    self.assertIn(f"is held by process {holder} of test {TEST},", check["sentence"])
                self.clean_up(stage, checks[session][0])
                self.assertEqual((stage.wait_for_survivors(0), os.listdir(stage.tmp)), ([], []))
                after = stage.asked("--preflight")[1]
                self.assertEqual([subject for subject in after if subject in checks and subject.startswith(("session", "tcp"))],
                                 [])
                with socket.socket() as again:  # the next run gets its port
                    again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    again.bind(("127.0.0.1", int(port)))

    def test_a_socket_file_that_nobody_holds_is_named(self):
        with Stage() as stage:
            door = stage.tmp / "door"
            self.killed(stage, "/usr/bin/python3", "-S", "-c", LEAVING.replace("if os.fork():\n    time.sleep(1000)\n", ""))
            check = self.one(stage, str(door))
            self.assertIn("is still there", check["sentence"])
            self.clean_up(stage, check)
            self.assertFalse(door.exists())

    def test_what_a_living_run_has_is_nobodys_leftover(self):
        with Stage() as stage:
            stage.start_test("/usr/bin/python3", "-S", "-c", LEAVING)
            wait_for((stage.base / "stdout").read_text, lambda text: text.endswith("\n"))
            _, checks = stage.asked("--preflight")
            self.assertEqual([subject for subject in checks if not subject.startswith("/")], ["sessions"])

    def test_a_mount_is_named_and_goes_with_what_is_below_it(self):
        with Stage() as stage:
            prefix = self.own_mounts(stage)
            place = self.killed(stage, "sh", "-c", 'd=$(mktemp -d) && mount -t tmpfs none "$d" && echo "$d" && sleep 1000',
                                prefix=prefix)
            self.assertNotIn(place, stage.asked("--preflight")[1])  # in our own mounts there is none
            self.clean_up(stage, self.one(stage, place, prefix=prefix), prefix=prefix)
            self.assertNotIn(place, stage.asked("--preflight", prefix=prefix)[1])
            self.assertFalse(os.path.exists(place))

    def test_a_loop_device_is_named_and_detached(self):
        self.needs_root()
        self.needs("losetup")
        with Stage() as stage:
            probe = stage.run_staged(["sh", "-c", "truncate -s 1M probe && losetup --find --show probe"])
            if probe.returncode != 0:
                self.skipTest("no loop device is to be had here")
            stage.run_staged(["losetup", "--detach", probe.stdout.strip()])
            device = self.killed(stage, "sh", "-c", 'f=$(mktemp) && truncate -s 1M "$f" && losetup --find --show "$f" && '
                                                    'sleep 1000')
            try:
                check = self.one(stage, device)
                self.assertIn(str(stage.tmp), check["sentence"])
                self.clean_up(stage, check)
                self.assertNotIn(device, stage.asked("--preflight")[1])
            finally:
                still = stage.run_staged(["losetup", "--noheadings", "--output=BACK-FILE", device]).stdout
                if str(stage.tmp) in still:
                    stage.run_staged(["losetup", "--detach", device])

    def test_a_network_namespace_that_a_process_keeps_is_named_and_goes(self):
        with Stage() as stage:
            own = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
            self.needs("unshare")
            if stage.run_staged([*own, "true"]).returncode != 0:
                self.skipTest("no network namespace is allowed here")
            space = self.killed(stage, "sh", "-c", f"{shlex.join(own)} sh -c 'readlink /proc/self/ns/net; sleep 1000' & wait")
            self.clean_up(stage, self.one(stage, space))
            self.assertEqual(stage.wait_for_survivors(0), [])
            self.assertNotIn(space, stage.asked("--preflight")[1])

    def test_a_network_namespace_with_a_name_is_named_by_when_it_was_made(self):
        self.needs("ip")
        with Stage() as stage:
            prefix = self.own_mounts(stage)
            before, name = f"lsv-before-{stage.tag}", f"lsv-{stage.tag}"
            self.addCleanup(lambda: [os.unlink(f"/run/netns/{one}") for one in (before, name)
                                     if os.path.exists(f"/run/netns/{one}")])
            if stage.run_staged(["ip", "netns", "add", before], prefix=prefix).returncode != 0:
                self.skipTest("no network namespace is allowed here")
            # Whoever makes it is gone when the run is killed.
            self.killed(stage, "sh", "-c", f"ip netns add {name} && mktemp -d && sleep 1000", prefix=prefix)
            check = self.one(stage, f"/run/netns/{name}", "warn", prefix=prefix)
            self.assertNotIn(f"/run/netns/{before}", stage.asked("--preflight", prefix=prefix)[1])
            self.clean_up(stage, check, prefix=prefix)
            self.assertFalse(os.path.exists(f"/run/netns/{name}"))

    def test_a_temporary_directory_that_is_short_is_said_with_what_fills_it(self):
        for options, word in (("nr_inodes=200", "its inodes are nearly gone"), ("size=8m", "its space is nearly gone")):
            with self.subTest(options), Stage() as stage:
                short = stage.base / "it's short"
                short.mkdir()
                mounted = f"mount -t tmpfs -o {options} none {shlex.quote(str(short))} && mkdir {shlex.quote(str(short))}/full"
                how = {"prefix": self.needs_mounts(mounted), "TMPDIR": str(short)}
                check = self.one(stage, str(short), **how)
                self.assertIn(word, check["sentence"])
                self.assertEqual("No space left on device" in check["sentence"], "inodes" in options)
                listed = stage.run_staged(["sh", "-c", check["command"]], **how)
                self.assertEqual((listed.returncode, listed.stderr), (0, ""))
                self.assertIn(f"{short}/full", listed.stdout)

    def test_a_temporary_directory_that_is_none_is_said(self):
        with Stage() as stage:
            file = stage.base / "file"
            file.touch()
            for path in (file, stage.base / "missing"):
                self.one(stage, str(path), TMPDIR=str(path))
            roomy = self.needs_mounts(f"mount -t tmpfs -o size=1g,nr_inodes=100k none {stage.tmp}")
            _, checks = stage.asked("--preflight", prefix=roomy)
            self.assertEqual(checks[str(stage.tmp)][0]["level"], "ok")

    def test_a_ledger_that_can_not_be_read_is_said(self):
        with Stage() as stage:
            (stage.ledger / f"{0:032}.ledger").write_bytes(b"no ledger\n")
            self.clean_up(stage, self.one(stage, "ledgers", "warn"))
