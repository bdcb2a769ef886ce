# SPDX-License-Identifier: MIT
"""Strange ways to start a host, and strange things that hosts do to what the shim might rely on.
"""

import ctypes
import errno
import itertools
import os
import pathlib
import platform
import re
import shutil
import signal
import struct
import subprocess
import unittest

from given import Given
from hostile import NOBODY, STATUS, SUMMARY, WORK, HostileTest, World

AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "needs root")
LIBC = ctypes.CDLL(None, use_errno=True)

# Numbers on x86-64 of what the shim asks the kernel and a filter of a container may forbid.
FORBIDDEN = {"statx": 332, "pidfd_open": 434, "pidfd_send_signal": 424, "name_to_handle_at": 303,
             "process_vm_readv": 310, "getrandom": 318, "mremap": 25, "madvise": 28, "statfs": 137, "fstatfs": 138,
             "prlimit64": 302, "ftruncate": 77, "fallocate": 285, "getdents64": 217, "rt_sigpending": 127,
             "rt_sigtimedwait": 128, "ppoll": 271, "getcwd": 79, "readlinkat": 267, "kill": 62, "gettid": 186}


def forbid(number, answer):
    """A seccomp filter for the child: that system call answers `answer`, all others are as ever."""
    load, equal, give = 0x20, 0x15, 0x06
    program = b"".join(struct.pack("<HBBI", *one) for one in (
        (load, 0, 0, 0), (equal, 0, 1, number), (give, 0, 0, 0x00050000 | answer), (give, 0, 0, 0x7FFF0000)))
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 4, ctypes.addressof(code)))

    def prepare(_keeps_it_alive=code):
        if LIBC.prctl(38, 1, 0, 0, 0) != 0 or LIBC.prctl(22, 2, header) != 0:  # no new privileges; a filter
            raise OSError(ctypes.get_errno(), "seccomp")
    return prepare


class Surroundings(HostileTest):
    def both(self, acts, mode="report", said=(), prepare=None, **more):
        """Runs the host both ways in the same surroundings; returns the session's report."""
        with World() as world:
            bare = world.run([Given.host, *acts], prepare=prepare, **more)
        with World() as world:
            ended = world.run([Given.host, *acts], mode, prepare=prepare, **more)
            self.assert_unharmed(ended, bare, said)
            return world.report()[0] if os.listdir(world.ledger) else None

    # Standard descriptors

    def test_closed_standard_descriptors_stay_closed_and_whatever_takes_their_place_is_the_hosts(self):
        acts = ["open=first", "open=second", "work=3", "say=spoken\n", "descriptors"]
        for closed in itertools.chain.from_iterable(itertools.combinations(range(3), n) for n in (1, 2, 3)):
            def prepare(closed=closed):
                for fd in closed:
                    os.close(fd)
            for mode in ("report", "nonsense"):
                with self.subTest(closed=closed, mode=mode):
                    seen = []
                    for how in (None, mode):
                        with World() as world:
                            ended = world.run([Given.host, *acts], how, prepare=prepare, ci=False)
                            files = [(world.tmp / name).read_bytes() for name in ("first", "second")]
                            seen.append((ended.status, ended.stdout, ended.own_stderr, files))
                    self.assertEqual(seen[0], seen[1])

    def check_report_beside_the_ledger(self, acts, data):
        bare = self.bare(acts)
        for mode in ("report", "reap"):
            with self.subTest(mode=mode), World() as world:
                ended = world.run([Given.host, *acts], mode)
                self.assertEqual((ended.status, ended.stdout, ended.stderr), (bare.status, bare.stdout, b""))
                text, = world.ledger.glob("*.txt")
                self.assertEqual(text.stem + ".ledger", next(world.ledger.glob("*.ledger")).name)
                self.assertIn(SUMMARY, text.read_bytes())
                self.assertEqual(text.stat().st_mode & 0o777, 0o600)
                if mode == "report":
                    self.assertEqual((world.tmp / "data").read_bytes(), data)

    def test_a_data_file_that_took_the_place_of_stderr_gets_nothing_of_ours(self):
        self.check_report_beside_the_ledger(["leave=left", "stderr=data", "say=spoken"], b"spoken")

    def test_a_file_that_got_the_number_of_a_closed_stderr_gets_nothing_of_ours(self):
        self.check_report_beside_the_ledger(["leave=left", "close=2", "open=data"], b"")

    def test_a_stderr_that_was_closed_gets_its_report_beside_the_ledger(self):
        bare = self.bare(["leave=left", "close=2"])
        with World() as world:
            ended = world.run([Given.host, "leave=left", "close=2"], "reap")
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (bare.status, bare.stdout, b""))
            text, = world.ledger.glob("*.txt")
            self.assertIn(SUMMARY, text.read_bytes())

    def test_no_descriptor_of_ours_is_open(self):
        for mode in ("off", "report", "reap"):
            self.both(["descriptors", "work=20", "shell=:", "descriptors", "stderr=/dev/null", "descriptors"], mode)

    # Arguments and environment

    def test_a_host_that_overwrites_its_arguments_and_environment_stays_in_its_session(self):
        acts = ["title", "leave=left", "shell=mkdir by-a-child", "execute=with"]
        bare = self.bare(acts)
        with World() as world:
            ended = world.run([Given.host, *acts], "report")
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))
            report = world.report()[0]
            self.assertEqual(report["session"]["root"]["command"], [Given.host, *acts])
            made = sorted(os.path.basename(one["path"]) for one in report["records"] if one["kind"] == "temp_dir")
            self.assertEqual(made, ["by-a-child", "left"])

    def test_an_exec_with_no_arguments_and_no_environment_keeps_the_session(self):
        for how in ("without arguments", "null"):
            with self.subTest(how):
                report = self.both(["leave=left", f"execute={how}"], mode="reap,fail", said=None)
                self.assertEqual((report["session"]["exit_status"], report["summary"]["reaped"]), (STATUS, 1))

    def test_a_mib_of_environment_is_carried_on(self):
        acts = WORK + ["shell=env | grep -c '^V'; env | grep '^V' | sort | cksum", "execute=with"]
        for more in ({f"V{i}": "x" * 100000 for i in range(10)}, {f"V{i}": "y" for i in range(20000)},
                     {"V": "z" * 130000, "LEAKSHIM_OPTIONS": ""}):
            with self.subTest(variables=len(more)):
                report = self.both(acts, **more)
                self.assertEqual(report["session"]["exit_status"], STATUS)

    def test_a_mib_of_arguments_is_no_harm(self):
        report = self.both(["a" * 100000 for _ in range(10)] + WORK + ["leave=\xff\x1b[31m\n"], said=None)
        self.assertEqual(report["session"]["exit_status"], STATUS)

    def test_names_of_tests_may_be_anything(self):
        for name in ("x" * 100000, "\x1b[31m\xff\n\t", "", " (call)", "(", "a::b (call)" * 2000):
            with self.subTest(name=name[:10]):
                report = self.both([f"test={name}", "leave=left", "test=", "shell=mkdir other"], said=None,
                                   PYTEST_CURRENT_TEST=name)
                self.assertEqual(len([one for one in report["records"] if one["degree"] == "error"]), 2)

    def test_odd_places_in_the_environment_are_no_harm(self):
        with World() as place:
            for name, value in itertools.product(("TMPDIR", "HOME", "PATH"), (
                    "", "/", "//", ".", "relative", "/nonexistent", "/" + "x" * 3000, "/tmp/\x1b[31m\n", "x" * 20000)):
                if name == "HOME" and len(value) > 10000:
                    continue  # has a sentence of its own
                with self.subTest(name=name, value=value[:20]):
                    self.both(["work=3"], HOST_DIR=str(place.tmp), **{name: value})

    def test_a_working_directory_that_is_gone_is_no_harm(self):
        with World() as place:
            def prepare():
                os.mkdir(place.base / "gone")
                os.chdir(place.base / "gone")
                os.rmdir(place.base / "gone")
            for acts in (["work=3"], ["leave=left", "shell=:"]):
                self.both(acts, said=None, prepare=prepare, HOST_DIR=".")

    # What the kernel does not give

    @unittest.skipUnless(platform.machine() == "x86_64", "knows the numbers of x86-64 only")
    def test_a_system_call_that_a_filter_forbids_is_no_harm(self):
        for name, answer in itertools.product(FORBIDDEN, (errno.EPERM, errno.ENOSYS)):
            with self.subTest(call=name, answer=errno.errorcode[answer]):
                prepare = forbid(FORBIDDEN[name], answer)
                for mode in ("report", "reap"):
                    with World() as world:
                        bare = world.run([Given.host, *WORK, "leave=left"], prepare=prepare)
                    with World() as world:
                        ended = world.run([Given.host, *WORK, "leave=left"], mode, prepare=prepare)
                        self.assertEqual((ended.status, ended.stdout, ended.own_stderr),
                                         (bare.status, bare.stdout, bare.stderr))

    def test_ignored_and_blocked_signals_are_no_harm(self):
        def prepare():
            for one in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
                signal.signal(one, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
        for mode in ("report", "reap"):
            self.both(WORK + ["leave=left"], mode, said=None, prepare=prepare)

    @AS_ROOT
    def test_a_host_that_nobody_may_look_into_is_no_harm(self):
        with World() as world:
            host = world.move_to(NOBODY)
            acts = ["undumpable", "work=20", "shell=mkdir left", "work=2"]
            bare = world.run([host, *acts], user=NOBODY)
            (world.tmp / "left").rmdir()
            ended = world.run([host, *acts], "reap", user=NOBODY)
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))
            self.assertEqual(list(world.left_over()), [])

    @AS_ROOT
    def test_a_root_directory_with_next_to_nothing_in_it_is_no_harm(self):
        with World() as world:
            cage = world.base / "cage"
            linked = subprocess.run(["ldd", Given.host], capture_output=True, text=True, check=True).stdout
            for file in re.findall(r"(/\S+) \(0x", linked) + [Given.host, Given.library]:
                (cage / file[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, cage / file[1:])
            (cage / "ledger").mkdir(mode=0o700)
            (cage / "tmp").mkdir(exist_ok=True)

            def prepare():
                os.chroot(cage)
                os.chdir("/")
            more = {"HOST_DIR": "/tmp", "TMPDIR": "/tmp", "prepare": prepare}
            acts = ["work=20", "leave=left"]
            bare = world.run([Given.host, *acts], **more)
            self.assertEqual(bare.status, STATUS)
            (cage / "tmp/left").rmdir()
            ended = world.run([Given.host, *acts], None, LD_PRELOAD=Given.library, LEAKSHIM="reap", **more)
            self.assert_unharmed(ended, bare, [("/dev/shm", "nothing is recorded")])
            (cage / "tmp/left").rmdir()
            ended = world.run([Given.host, *acts], None, LD_PRELOAD=Given.library, LEAKSHIM="reap",
                                LEAKSHIM_DIR="/ledger", **more)
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))
            self.assertEqual(len(list(pathlib.Path(cage / "ledger").glob("*.ledger"))), 1)

    @AS_ROOT
    def test_a_libc_without_dlsym_is_no_harm(self):
        # As glibc before 2.34 is in a program without libdl: the name that the library imports is nobody's.
        before = pathlib.Path(Given.library).read_bytes()
        renamed = before.replace(b"\0dlsym\0", b"\0dlsxm\0")
        self.assertNotEqual(before, renamed)
        bare = self.bare(WORK)
        with World() as world:
            world.library = world.base / "libleakshim.so"
            world.library.write_bytes(renamed)
            guard = pathlib.Path(Given.library).parent / "leakshim-guard"
            if guard.exists():
                shutil.copy(guard, world.base / "leakshim-guard")
            self.assert_unharmed(world.run([Given.host, *WORK], "report"), bare)
            for command, kinds in ((["mktemp", "-d"], {"temp_dir"}), (["sh", "-c", "sleep 60 & exit 7"], {"process"})):
                with self.subTest(command=command):
                    world.run(command, "reap")
                    self.assertEqual({record["kind"] for record in world.report()[0]["records"]}, kinds)

    @unittest.skipUnless(shutil.which("valgrind"), "there is no valgrind here")
    def test_valgrind_has_nothing_to_say_about_us(self):
        # Nothing freed twice, nothing read too far, no system call that it does not know.
        # Each name is the end of a block of the heap.
        names = [f"leave=/nowher{'e' * length}/to/be" for length in range(1, 9)]
        command = ["valgrind", "-q", "--error-exitcode=99", Given.host, *names, *WORK]
        with World() as world:
            bare = world.run(command)
        with World() as world:
            self.assert_unharmed(world.run(command, "report"), bare)
            self.assertEqual(bare.status, STATUS)
            self.assertTrue(os.listdir(world.ledger))

    def test_another_pid_namespace_is_no_harm(self):
        self.both(["work=2", "shell=unshare --pid --fork sh -c 'mkdir inner; rmdir inner; true | true'", "work=2"])
