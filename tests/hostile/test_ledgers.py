# SPDX-License-Identifier: MIT
"""Ledgers that are no ledgers, are somebody else's, or are destroyed while they are in use.

Whatever LEAKSHIM_SESSION names, the host runs on without a word; whatever a ledger holds, leakshim-report says one
sentence and ends with 3. One thing is left out: to cut a file that is mapped is a SIGBUS for whoever touches what is
gone, and nothing but a signal handler could help.
"""

import contextlib
import os
import random
import socket
import struct
import subprocess
import unittest

from given import Given
from hostile import NOBODY, STATUS, HostileTest, World
from processes import PATIENCE, wait_for

AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "only root can run as two users")
PAGE, MIB = 4096, 1 << 20
VERSION_AT = 8  # of the layout's version in the header
UNREADABLE, USAGE = 3, 2
LIVELY = ["work=50", "shell=mkdir sub; rmdir sub; true | true", "work=5", "execute=with"]


def first_mib(path):
    with open(path, "rb") as file:
        return file.read(MIB)


@contextlib.contextmanager
def live_session(world, *acts):
    """A host that has done `acts` and waits; gives the path of its ledger."""
    reader, writer = os.pipe()
    out = open(world.base / "live", "w+b")
    process = subprocess.Popen([Given.host, *acts, "wait"], stdin=reader, stdout=out, stderr=out, cwd=world.cwd,
                               env=world.environment("report"))
    os.close(reader)
    try:
        done = [f"{act.replace('=', ' ')}: ".encode() for act in acts]
        wait_for(lambda: (world.base / "live").read_bytes(), lambda said: all(line in said for line in done))
        ledgers = wait_for(lambda: list(world.ledger.glob("*.ledger")), bool)
        yield ledgers[0]
    finally:
        os.close(writer)
        process.wait(PATIENCE)
        out.close()


def copy_of_a_live_ledger(world):
    """The bytes of a ledger of a session that is live as far as they say."""
    with live_session(world, "leave=left", "work=5") as ledger:
        return bytearray(first_mib(ledger))


class Ledgers(HostileTest):
    def setUp(self):
        self.lively = self.bare(LIVELY)

    def join(self, world, session, user=None):
        """Runs the host as a member of the session `session`, which may be anything."""
        host = Given.host if user is None else str(world.base / "host")
        ended = world.run([host, *LIVELY], "report", user=user, LEAKSHIM_SESSION=str(session))
        self.assert_unharmed(ended, self.lively)
        return ended

    def write_ledger(self, world, content, size=None):
        path = world.ledger / ("0" * 31 + "1.ledger")
        with open(path, "wb") as file:
            file.write(content)
            file.truncate(MIB * 4096 if size is None else size)
        path.chmod(0o600)
        return path

    def assert_unreadable(self, world, path, *words):
        """The reporter says one sentence about the file, whether it is named or found."""
        for arguments in ([str(path)], []):
            status, out, err = world.ask("--json", *arguments)
            self.assertEqual((status, out), (UNREADABLE, ""), err)
            lines = err.splitlines()
            self.assertEqual(len(lines), 1, err)
            self.assertTrue(lines[0].startswith("leakshim-report: "), lines)
            for word in words:
                self.assertIn(word, lines[0])

    # What LEAKSHIM_SESSION names

    def test_a_session_that_does_not_exist_is_no_harm(self):
        with World() as world:
            for name in (world.ledger / "gone.ledger", "/nonexistent/x.ledger", "x.ledger", ".", "none", "\x1b[31m",
                         "/" + "x" * 5000, "/" + "x/" * 3000, f"{world.ledger}/", "/proc/self/mem", "/dev/zero",
                         "/dev/full", "/dev/null", "\n"):
                with self.subTest(name):
                    self.join(world, name)
            self.assertEqual(os.listdir(world.ledger), [])

    def test_a_directory_a_fifo_a_socket_and_a_link_are_no_sessions(self):
        with World() as world:
            good = self.write_ledger(world, copy_of_a_live_ledger(world))
            fifo, link, bound = world.base / "fifo", world.base / "link", world.base / "socket"
            os.mkfifo(fifo)
            link.symlink_to(good)
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(bound))
                for name in (world.base, fifo, link, bound):
                    with self.subTest(name):
                        self.join(world, name)

    def test_a_file_that_is_no_ledger_is_left_as_it_is(self):
        noise = random.Random(1)
        with World() as world:
            for content in (b"", b"\0", b"LAKSHIM1", noise.randbytes(100), noise.randbytes(PAGE),
                            noise.randbytes(2 * MIB), bytes(2 * MIB), b"LAKSHIM1" + noise.randbytes(2 * MIB)):
                with self.subTest(size=len(content), start=content[:8]):
                    path = world.base / "file"
                    path.write_bytes(content)
                    self.join(world, path)
                    self.assertEqual(path.read_bytes(), content)

    def test_a_ledger_of_another_version_is_left_as_it_is(self):
        with World() as world:
            content = copy_of_a_live_ledger(world)
            own, = struct.unpack_from("<I", content, VERSION_AT)
            for version in (0, own - 1, own + 1, 0xFFFFFFFF):
                with self.subTest(version):
                    struct.pack_into("<I", content, VERSION_AT, version)
                    path = self.write_ledger(world, content)
                    self.join(world, path)
                    self.assertEqual(first_mib(path), content)
                    self.assert_unreadable(world, path, f"version {version}")

    def test_a_ledger_that_was_cut_is_left_alone(self):
        with World() as world:
            content = copy_of_a_live_ledger(world)
            for size in (1, 63, PAGE, 7 * PAGE, 8 * PAGE, 16 * PAGE, 17 * PAGE + 1, MIB - 1, MIB):
                with self.subTest(size):
                    path = self.write_ledger(world, content[:size], size)
                    self.join(world, path)
                    self.assertEqual(path.stat().st_size, size)

    @AS_ROOT
    def test_a_ledger_of_somebody_else_is_left_as_it_is(self):
        with World() as world:
            content = copy_of_a_live_ledger(world)
            world.move_to(NOBODY)
            path = self.write_ledger(world, content)
            world.ledger.chmod(0o755)
            for owner, user in ((NOBODY, None), (0, NOBODY)):
                for mode in (0o600, 0o666):
                    with self.subTest(owner=owner, mode=oct(mode)):
                        os.chown(path, owner, owner)
                        path.chmod(mode)
                        self.join(world, path, user)
                        self.assertEqual(first_mib(path), content)

    def test_a_session_that_is_over_is_no_harm(self):
        with World() as world:
            self.assertEqual(world.run([Given.host, "leave=left"], "report").status, STATUS)
            ledger, = world.ledger.glob("*.ledger")
            before = ledger.stat().st_mtime_ns, ledger.stat().st_blocks
            self.join(world, ledger)
            self.assertEqual((ledger.stat().st_mtime_ns, ledger.stat().st_blocks), before)

    def test_a_live_session_whose_bytes_are_noise_is_no_harm(self):
        with World() as world:
            content = copy_of_a_live_ledger(world)
            for seed in range(60):
                noise, damaged = random.Random(seed), bytearray(content)
                if seed % 3 == 0:  # all that is in use behind the header
                    start = 8 * PAGE
                    damaged[start:] = noise.randbytes(len(damaged) - start)
                elif seed % 3 == 1:  # single bytes, anywhere
                    for _ in range(400):
                        damaged[noise.randrange(280, 40 * PAGE)] = noise.randrange(256)
                else:  # words that look like something: handles, sizes, levels
                    for _ in range(200):
                        struct.pack_into("<I", damaged, 4 * noise.randrange(70, 10 * PAGE), noise.choice(
                            (0, 1, 8, 63, 64, 65, 255, 256, 1023, 1024, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)))
                with self.subTest(seed=seed):
                    self.join(world, self.write_ledger(world, damaged))

    # What happens to a ledger in use

    def damage(self, how, before=("work=50", "leave=left"), after=LIVELY, mode="report"):
        acts = [*before, f"damage={how}", *after]
        bare = self.bare(acts)
        with World() as world:
            ended = world.run([Given.host, *acts], mode)
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))
            for line in ended.our_stderr.splitlines():
                self.assertLess(len(line), 6000)
            return world

    def test_a_ledger_removed_during_the_run_is_no_harm(self):
        for mode in ("report", "reap", "reap,fail"):
            with self.subTest(mode):
                self.damage("remove", mode=mode)

    def test_a_ledger_overwritten_with_noise_during_the_run_is_no_harm(self):
        for seed in range(30):
            for mode in ("report", "reap"):
                with self.subTest(seed=seed, mode=mode):
                    self.damage(str(seed), mode=mode)

    def test_noise_in_a_ledger_harms_no_bystander(self):
        for seed in range(9):
            with self.subTest(seed), World() as world:
                world.run_bystander(["sh", "-c", "sleep 1000 & mkdir mine; echo precious > mine/file"])
                self.assertTrue(world.bystanders_alive())
                world.run([Given.host, "work=50", f"damage={seed}", *LIVELY], "reap")
                self.assertTrue(world.bystanders_alive())
                self.assertEqual((world.bystander / "mine/file").read_text(), "precious\n")

    # leakshim-report

    def test_the_reporter_says_what_is_no_ledger(self):
        noise = random.Random(2)
        with World() as world:
            content = copy_of_a_live_ledger(world)
            for bad in (b"", b"x", noise.randbytes(100), noise.randbytes(3 * MIB), bytes(MIB), content[:100],
                        content[:PAGE]):
                with self.subTest(size=len(bad), start=bytes(bad[:8])):
                    self.assert_unreadable(world, self.write_ledger(world, bad, len(bad)), "ledger")

    def test_the_reporter_shows_what_is_left_of_a_ledger_that_was_cut_and_says_so(self):
        with World() as world:
            content = copy_of_a_live_ledger(world)
            for size in (8 * PAGE, 16 * PAGE, 16 * PAGE + 100, 17 * PAGE - 1):
                with self.subTest(size):
                    path = self.write_ledger(world, content[:size], size)
                    done = subprocess.run([world.reporter, str(path)], env=world.environment(), capture_output=True,
                                          timeout=PATIENCE, check=False)
                    self.assertEqual(done.returncode, UNREADABLE)
                    self.assertIn(b"SUMMARY: leakshim: ", done.stdout)
                    self.assertEqual(len(done.stderr.splitlines()), 1)
                    self.assertIn(b"not whole", done.stderr)

    def test_the_reporter_survives_noise(self):
        with World() as world:
            content = copy_of_a_live_ledger(world)
            for seed in range(60):
                noise, damaged = random.Random(seed), bytearray(content)
                for _ in range(3 ** (seed % 8)):
                    damaged[noise.randrange(16, 40 * PAGE)] = noise.randrange(256)
                path = self.write_ledger(world, damaged)
                for form in ("--json", "--all"):
                    with self.subTest(seed=seed, form=form):
                        done = subprocess.run([world.reporter, form, str(path)], env=world.environment(),
                                              capture_output=True, timeout=PATIENCE, check=False)
                        self.assertIn(done.returncode, (0, 1, UNREADABLE), done.stderr)
                        self.assertEqual(len(done.stderr.splitlines()), 1 if done.returncode == UNREADABLE else 0)
                        self.assertNotIn(b"\x1b", done.stdout + done.stderr)

    def test_the_reporter_answers_misuse_with_2(self):
        with World() as world:
            self.assertEqual(world.run([Given.host, "leave=left"], "report").status, STATUS)
            for arguments in (["--nonsense"], ["--session"], ["--session", "ffffffff"], ["--list", "--live"],
                              ["--format", "pigeon"], ["--live"]):
                with self.subTest(arguments):
                    status, out, err = world.ask(*arguments)
                    self.assertEqual((status, out), (USAGE, ""))
                    self.assertEqual(len(err.splitlines()), 1)
