# SPDX-License-Identifier: MIT
"""Limits that a host is started with, or sets itself, and a stderr that takes nothing: none may become felt through us.
"""

import os
import resource
import signal
import subprocess

from given import Given
from hostile import THROUGH_PIPES, WORK, HostileTest, World

KIB, MIB = 1 << 10, 1 << 20
LEAVING = ["work=5", "leave=left"]
MODES = ("report", "reap", "reap,fail")


def with_limit(which, value):
    """What a child does before exec, python's own ignored signals undone."""
    def prepare():
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        if which is not None:
            resource.setrlimit(which, (value, value))
    return prepare


UNLIMITED = with_limit(None, 0)


class Limits(HostileTest):
    def both(self, acts, prepare, mode="report", **more):
        """The host with and without the shim, both under the same limit."""
        with World() as world:
            bare = world.run([Given.host, *acts], prepare=prepare, **more)
        with World() as world:
            ended = world.run([Given.host, *acts], mode, prepare=prepare, **more)
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, bare.stderr))
            return bare, ended, self.report_of(world)

    def report_of(self, world):
        return world.report()[0] if os.listdir(world.ledger) else None

    # Files that must not grow

    def test_a_file_size_too_small_for_a_ledger_is_said(self):
        for size in (0, 100, 4 * KIB, MIB - 1):
            with self.subTest(size):
                _, ended, report = self.both(WORK, with_limit(resource.RLIMIT_FSIZE, size), **THROUGH_PIPES)
                self.assert_said(ended.our_stderr, [("nothing is recorded", "ulimit -f")])
                self.assertIsNone(report)

    def test_a_file_size_that_is_enough_is_respected(self):
        for size in (MIB, 3 * MIB):
            with self.subTest(size):
                _, ended, report = self.both(["work=5000"], with_limit(resource.RLIMIT_FSIZE, size), **THROUGH_PIPES)
                self.assertEqual(ended.stderr, b"")
                self.assertEqual(report["counters"]["dropped"]["limit"] > 100, size == MIB)

    def test_a_limit_that_the_host_sets_itself_is_not_hit_by_us(self):
        for mode in MODES:
            for acts in (["work=5", "limit=fsize:0", "work=3"], LEAVING + ["limit=fsize:0"],
                         LEAVING + ["stderr=data", "limit=fsize:0"]):
                with self.subTest(mode=mode, acts=acts):
                    self.both(acts, UNLIMITED, mode, **THROUGH_PIPES)

    def test_a_stderr_that_is_a_file_at_its_limit_is_not_hit_by_us(self):
        for mode in MODES + ("nonsense",):
            for size in (0, 60):
                with self.subTest(mode=mode, size=size), World() as world, open(world.base / "log", "wb") as log:
                    prepare = with_limit(resource.RLIMIT_FSIZE, size)
                    bare = world.run([Given.host, *WORK], prepare=prepare, stdout=subprocess.PIPE, stderr=log)
                    ended = world.run([Given.host, *WORK], mode, prepare=prepare, stdout=subprocess.PIPE, stderr=log)
                    self.assertEqual((ended.status, ended.stdout), (bare.status, bare.stdout))

    # A stderr that takes nothing

    def check_stderr(self, make):
        """`make` opens what shall be stderr: (descriptor to be given, descriptors to be kept open meanwhile)."""
        for mode in MODES + ("nonsense",):
            with self.subTest(mode=mode), World() as world:
                bare = self.bare(LEAVING)
                given, kept = make()
                ended = world.run([Given.host, *LEAVING], mode, prepare=UNLIMITED, stderr=given)
                for fd in (given, *kept):
                    os.close(fd)
                self.assertEqual((ended.status, ended.stdout), (bare.status, bare.stdout))
                self.assertEqual(os.path.isdir(world.tmp / "left"), mode == "report")

    def test_a_stderr_without_a_reader_is_no_signal(self):
        def make():
            reader, writer = os.pipe()
            os.close(reader)
            return writer, ()
        self.check_stderr(make)

    def test_a_stderr_that_nobody_empties_does_not_hang_the_end(self):
        def make(blocking=True):
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            try:
                while os.write(writer, b"x" * 4096):
                    pass
            except BlockingIOError:
                pass
            os.set_blocking(writer, blocking)
            return writer, (reader,)
        self.check_stderr(make)
        self.check_stderr(lambda: make(False))

    def test_a_stderr_that_can_only_be_read_is_no_harm(self):
        self.check_stderr(lambda: (os.open("/dev/null", os.O_RDONLY), ()))

    def test_a_full_device_as_stderr_is_no_harm(self):
        self.check_stderr(lambda: (os.open("/dev/full", os.O_WRONLY), ()))

    # Descriptors

    def test_hardly_a_descriptor_left_is_no_harm(self):
        for most in (4, 5, 6, 7, 8, 16):  # with 3 ld.so could not even open libc
            with self.subTest(most):
                _, ended, report = self.both(WORK, with_limit(resource.RLIMIT_NOFILE, most))
                self.assertEqual((ended.stderr, report["session"]["exit_status"]), (b"", 7))

    def test_no_descriptor_left_at_the_end_is_no_harm(self):
        for mode in MODES:
            for most in (3, 4, 8):
                with self.subTest(mode=mode, most=most):
                    acts = LEAVING + ["shell=sleep 100 >/dev/null 2>&1 &", f"limit=nofile:{most}"]
                    bare = self.bare(acts)
                    with World() as world:
                        ended = world.run([Given.host, *acts], mode)
                        self.assert_unharmed(ended, bare, None)

    # Memory

    def test_hardly_any_address_space_left_is_counted(self):
        for more in (0, 64, 512, 64 * KIB):
            with self.subTest(more):
                _, ended, report = self.both([f"limit=as+{more}", "work=5000"], UNLIMITED)
                self.assertEqual(ended.stderr, b"")
                self.assertEqual(report["counters"]["dropped"]["limit"] > 100, more < 1024)

    def test_a_host_that_has_a_mib_and_a_half_to_spare_is_not_harmed(self):
        def runs_bare(size):
            with World() as world:
                return world.run([Given.host, "work=2"], prepare=with_limit(resource.RLIMIT_AS, size)).status == 7
        least = next(size for size in range(MIB, 64 * MIB, 256 * KIB) if runs_bare(size))
        for size in range(least + 3 * MIB // 2, least + 6 * MIB, 512 * KIB):
            with self.subTest(size):
                _, ended, _ = self.both(["work=2"], with_limit(resource.RLIMIT_AS, size))
                if ended.stderr:
                    self.assert_said(ended.our_stderr, [("nothing is recorded", "ulimit -v")])

    def test_a_small_stack_is_enough(self):
        for size in (64 * KIB, 256 * KIB):
            with self.subTest(size):
                _, ended, report = self.both(WORK + ["execute=with"], with_limit(resource.RLIMIT_STACK, size))
                self.assertEqual((ended.stderr, report["session"]["exit_status"]), (b"", 7))
