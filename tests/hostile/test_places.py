# SPDX-License-Identifier: MIT
"""Where the ledger goes, and what happens where it can't: no room, no right, no such place, or somebody else's.
"""

import os
import re
import unittest

from given import Given
from hostile import NOBODY, STATUS, WORK, HostileTest, World, can_be_apart

APART = unittest.skipUnless(can_be_apart(), "no mount namespace to be had")
AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "only root can run as two users")
OWN = "leakshim-0"  # whoever has a namespace of its own is root in it
MANY = ["work=4000"]  # more than a MiB of records


def small(options):
    """Shell words that give /dev/shm another size, or make it read-only. Not by a remount, which only root may do."""
    return f"mount -t tmpfs -o mode=1777,{options} leakshim-test /dev/shm"


class Places(HostileTest):
    def check_directory(self, prepare):
        """`prepare` makes LEAKSHIM_DIR what it must not be, and returns its name."""
        bare = self.bare(WORK)
        with World() as world:
            name = str(prepare(world))
            before = sorted(os.listdir(world.ledger))
            ended = world.run([Given.host, *WORK], "report", LEAKSHIM_DIR=name)
            self.assert_unharmed(ended, bare, [(f"LEAKSHIM_DIR={name[:500]}", "nothing is recorded")])
            self.assertEqual(sorted(os.listdir(world.ledger)), before)
            return world

    def test_a_relative_directory_is_refused(self):
        self.check_directory(lambda world: "ledger")
        self.check_directory(lambda world: "../ledger")

    def test_a_directory_without_a_parent_is_refused(self):
        self.check_directory(lambda world: world.base / "absent" / "deeper")

    def test_a_file_in_its_place_is_refused(self):
        def prepare(world):
            (world.base / "file").touch(0o600)
            return world.base / "file"
        self.check_directory(prepare)

    def test_a_link_in_its_place_is_refused(self):
        def prepare(world):
            (world.base / "link").symlink_to(world.ledger)
            return world.base / "link"
        self.check_directory(prepare)

    def test_a_directory_that_others_can_write_to_is_refused(self):
        for mode in (0o777, 0o1777, 0o770, 0o702):
            def prepare(world, mode=mode):
                world.ledger.chmod(mode)
                return world.ledger
            with self.subTest(oct(mode)):
                self.check_directory(prepare)

    def test_a_name_that_is_too_long_is_refused_in_one_sentence(self):
        self.check_directory(lambda world: world.base / ("x" * 200) / ("y" * 200) / ("z" * 200))
        self.check_directory(lambda world: "/" + "x" * 3000)

    @AS_ROOT
    def test_a_directory_of_somebody_else_is_refused(self):
        def prepare(world):
            os.chown(world.ledger, NOBODY, NOBODY)
            return world.ledger
        self.check_directory(prepare)

    def test_slashes_at_its_end_do_not_matter(self):
        with World() as world:
            ended = world.run([Given.host, *WORK], "report", LEAKSHIM_DIR=f"{world.ledger}//")
            self.assertEqual((ended.status, ended.stderr), (STATUS, b""))
            self.assertEqual(len(os.listdir(world.ledger)), 1)

    def test_a_directory_that_is_not_there_is_made_for_its_owner_alone(self):
        with World() as world:
            ended = world.run([Given.host, *WORK], "report", LEAKSHIM_DIR=str(world.base / "new"))
            self.assertEqual((ended.status, ended.stderr), (STATUS, b""))
            self.assertEqual(os.lstat(world.base / "new").st_mode & 0o777, 0o700)

    def check_as_nobody(self, mode, words):
        with World() as world:
            host = world.move_to(NOBODY)
            bare = world.run([host, *WORK], user=NOBODY)
            world.ledger.chmod(mode)
            ended = world.run([host, *WORK], "report", user=NOBODY)
            self.assert_unharmed(ended, bare, [("nothing is recorded", *words)])
            self.assertEqual(os.listdir(world.ledger), [])

    @AS_ROOT
    def test_a_directory_without_the_right_to_write_is_said(self):
        self.check_as_nobody(0o500, ["can't be written"])

    @AS_ROOT
    def test_a_directory_without_the_right_to_enter_is_said(self):
        self.check_as_nobody(0o600, ["can't be written"])

    # The rest is about /dev/shm, one of our own

    def run_apart(self, setup, said, acts=WORK, **more):
        bare = self.bare(acts)
        with World(apart=True) as world:
            ended, report, files = world.run_apart(setup, acts, **more)
            self.assert_unharmed(ended, bare, said)
            return report, files

    @APART
    def test_with_room_enough_there_is_nothing_to_say(self):
        report, files = self.run_apart(":", [])
        self.assertEqual(report["session"]["exit_status"], STATUS)
        self.assertEqual(files[OWN], ("700", "0"))

    @APART
    def test_a_shared_memory_of_64_kib_is_said_and_left_empty(self):
        report, files = self.run_apart(small("size=64k"), [("nothing is recorded", "room")])
        self.assertIsNone(report)
        self.assertEqual([name for name in files if "." in name], [])

    @APART
    def test_without_an_inode_left_it_is_said(self):
        self.run_apart(small("nr_inodes=2"), [("nothing is recorded", "room")])
        self.run_apart(small("nr_inodes=1"), [("/dev/shm", "nothing is recorded")])

    @APART
    def test_a_full_shared_memory_is_said(self):
        self.run_apart(small("size=4m") + "; head -c 8m /dev/zero >/dev/shm/full 2>/dev/null; :",
                         [("nothing is recorded", "room")])

    @APART
    def test_a_read_only_shared_memory_is_said(self):
        self.run_apart(small("ro"), [("/dev/shm", "nothing is recorded")])

    @APART
    def test_no_shared_memory_at_all_is_said(self):
        with World(apart=True) as world:
            ended, _, _ = world.run_apart("mount -t tmpfs none /dev", ["work=20"])
            self.assertEqual((ended.status, ended.stdout), (STATUS, b"work 20: 62\n"))
            self.assert_said(ended.our_stderr, [("/dev/shm", "nothing is recorded")])

    @APART
    def test_in_a_mib_of_shared_memory_what_has_no_room_is_counted_and_said(self):
        report, _ = self.run_apart(small("size=1m"), [], acts=MANY)
        self.assertGreater(report["counters"]["dropped"]["full"], 100)

    @APART
    def test_leaks_beyond_a_mib_of_shared_memory_are_reaped_as_far_as_they_are_known(self):
        acts = ["leave=" + name for name in ("one", "two")] + MANY + ["leave=three"]
        with World(apart=True) as world:
            ended, report, _ = world.run_apart(small("size=1m"), acts, mode="reap")
            self.assertEqual(ended.status, STATUS)
            self.assertGreater(report["counters"]["dropped"]["full"], 100)
            self.assertTrue({"one", "two"}.isdisjoint(world.left), world.left)
            self.assertRegex(ended.our_stderr.decode().splitlines()[-1], r"^SUMMARY: leakshim: .*blind: \d+ .*dropped")

    @APART
    def test_a_shared_memory_that_fills_up_during_the_run_harms_nobody(self):
        fill = "shell=head -c 64m /dev/zero >/dev/shm/full 2>/dev/null; :"
        report, _ = self.run_apart(small("size=3m"), [],
                                     acts=["work=200", fill, "work=4000", "shell=rm /dev/shm/full", "work=200"])
        self.assertGreater(report["counters"]["dropped"]["full"], 100)

    @APART
    def test_without_proc_the_host_runs_on(self):
        bare = self.bare(["work=500"])
        with World(apart=True) as world:
            ended, _, files = world.run_apart("mount -t tmpfs none /proc", ["work=500"])
            self.assert_unharmed(ended, bare)
            self.assertEqual(len([name for name in files if name.startswith("leakshim-")]), 2)

    def check_squatted(self, setup):
        """Somebody else, or a link, has the default name of NOBODY's directory."""
        with World(apart=True) as world:
            bare = self.bare(WORK)
            name = f"/dev/shm/leakshim-{NOBODY}"
            ended, report, files = world.run_apart(setup.format(name=name, target=world.base / "target"), WORK,
                                                     user=NOBODY)
            self.assert_unharmed(ended, bare)
            self.assertEqual(report["session"]["exit_status"], STATUS)
            others = [name for name in files if re.fullmatch(rf"leakshim-{NOBODY}\.[0-9a-f]{{8}}", name)]
            self.assertEqual([files[name] for name in others], [("700", str(NOBODY))])
            self.assertEqual(len([path for path in files if path.startswith(others[0] + "/")]), 1)
            self.assertEqual([path for path in files if path.startswith(f"leakshim-{NOBODY}/")], [])

    @APART
    @AS_ROOT
    def test_a_squatted_directory_is_not_used(self):
        self.check_squatted("mkdir -m 777 {name}")

    @APART
    @AS_ROOT
    def test_a_squatting_file_is_not_used(self):
        self.check_squatted("touch {name}")

    @APART
    @AS_ROOT
    def test_a_squatting_link_is_not_followed(self):
        self.check_squatted(f"mkdir -m 700 {{target}}; chown {NOBODY} {{target}}; ln -s {{target}} {{name}}")

    @APART
    @AS_ROOT
    def test_a_directory_of_our_own_that_others_can_write_to_is_not_used(self):
        self.check_squatted(f"mkdir -m 777 {{name}}; chown {NOBODY} {{name}}; chmod 777 {{name}}")

    @APART
    @AS_ROOT
    def test_a_second_run_takes_the_directory_that_the_first_one_made(self):
        with World(apart=True) as world:
            world.move_to(NOBODY)
            first = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups env LD_PRELOAD={world.library} true"
            _, _, files = world.run_apart(f"mkdir /dev/shm/leakshim-{NOBODY}; {first}; {first}", WORK, user=NOBODY)
            self.assertEqual(len([name for name in files if re.fullmatch(r"leakshim-\d+\.[0-9a-f]{8}", name)]), 1)
            self.assertEqual(len([name for name in files if "/" in name]), 3)
