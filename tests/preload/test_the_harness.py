# SPDX-License-Identifier: MIT
"""The harness must be able to fail: what it is told about a run has to come back as a complaint when it is wrong."""

import os
import pathlib
import tempfile

from cases import Case
from expectations import Malformed, Victim, disagreements, path_of
from files import remove_tree
from given import Given
from ipc import ipc_key
from sandbox import Sandbox
from victims import World

PLACES = {"tmp": b"/t", "cwd": b"/c", "home": b"/h", "tag": b"abc"}


def victim_of(*lines):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as source:
        source.write("".join(f"// {line}\n" for line in lines))
        source.flush()
        return Victim(source.name)


def record(kind, degree="error", **more):
    return {"kind": kind, "degree": degree, "state": "leaked", "test": None, **more}


class TheHarness(Case):
    def check(self, victim, records, complaints):
        found = disagreements(victim, records, PLACES)
        self.assertEqual(len(found), complaints, found)

    def test_a_report_as_expected_is_no_complaint(self):
        victim = victim_of("expect: error temp_dir path={tmp}/a-??", "expect: warning socket", "may: note pipe",
                           "status: 0")
        self.check(victim, [record("socket", "warning"), record("temp_dir", path="/t/a-xy")], 0)
        self.check(victim, [record("pipe", "note"), record("socket", "warning"), record("temp_dir", path="/t/a-xy")], 0)

    def test_a_missing_a_surplus_and_a_wrong_record_are_complaints(self):
        victim = victim_of("expect: error temp_dir path={tmp}/a-??", "status: 0")
        self.check(victim, [], 1)
        self.check(victim, [record("temp_dir", path="/t/a-xy"), record("temp_dir", path="/t/a-zz")], 1)
        self.check(victim, [record("temp_dir", path="/t/a-x/y")], 2)
        self.check(victim, [record("temp_file", path="/t/a-xy")], 2)
        self.check(victim, [record("temp_dir", "warning", path="/t/a-xy")], 2)

    def test_nothing_expected_means_nothing(self):
        victim = victim_of("expect: nothing", "status: SIGABRT")
        self.assertEqual(victim.status, -6)
        self.check(victim, [], 0)
        self.check(victim, [record("socket", "note")], 1)

    def test_a_general_expectation_leaves_the_particular_record_to_its_own(self):
        victim = victim_of("expect: error temp_dir", "expect: error temp_dir path={tmp}/a", "status: 0")
        self.check(victim, [record("temp_dir", path="/t/a"), record("temp_dir", path="/t/b")], 0)

    def test_names_that_are_no_utf8_are_compared_by_their_bytes(self):
        victim = victim_of(r"expect: error temp_dir path={tmp}/\xff[x]", "status: 0")
        self.check(victim, [record("temp_dir", path="/t/?[x]", path_uri="/t/%FF%5Bx%5D")], 0)
        self.check(victim, [record("temp_dir", path="/t/?[x]", path_uri="/t/%FE%5Bx%5D")], 2)
        self.assertEqual(path_of({"path": "/t/é"}), b"/t/\xc3\xa9")

    def test_keys_names_and_tests_are_compared(self):
        victim = victim_of("expect: error sysv_msg key=leak", "expect: error posix_shm named=/leak-{tag}",
                           "expect: error temp_dir test=t.py::a*", "expect: error fifo test=none", "status: 0")
        fine = [record("sysv_msg", key=ipc_key("leak", "abc")), record("posix_shm", path="/dev/shm/leak-abc"),
                record("temp_dir", test="t.py::a[1]"), record("fifo")]
        self.check(victim, fine, 0)
        for index, wrong in enumerate((record("sysv_msg", key=1), record("posix_shm", path="/dev/shm/leak-abd"),
                                       record("temp_dir"), record("fifo", test="t.py::a"))):
            self.check(victim, fine[:index] + [wrong] + fine[index + 1:], 2)

    def test_a_comment_that_makes_no_sense_is_refused(self):
        for lines in (["expect: nothing"], ["status: 0"], ["expect: nothing", "expect: error fifo", "status: 0"],
                      ["expect: error tempdir", "status: 0"], ["expect: fatal fifo", "status: 0"],
                      ["expect: error fifo colour=red", "status: 0"],
                      ["before: fifo {tmp}/a", "expect: nothing", "status: 0"]):
            with self.assertRaises((Malformed, ValueError)):
                victim_of(*lines)

    def test_every_change_to_what_was_there_before_is_a_complaint(self):
        victim = victim_of("before: file {cwd}/a", "before: posix_shm theirs", "stays: {cwd}/b", "expect: nothing",
                           "status: 0")
        changes = {"chmod 600 a": 1, "echo x >> a": 1, "rm a": 1, "rm a; echo new > a; chmod 640 a": 1,
                   "rm b": 1, "rm /dev/shm/theirs-$TAG": 1, "mkdir \"$TMPDIR/x\"": 1, "mkdir x": 1, "true": 0}
        for change, complaints in changes.items():
            with self.subTest(change), Sandbox() as sandbox:
                world = World(victim, sandbox)
                sandbox.run(["/bin/sh", "-c", f": > b; {change}"], TAG=sandbox.tag)
                self.assertEqual(len(list(world.leaks_are_there([]))), complaints)

    def test_a_process_left_is_seen_wherever_it_went_and_ended_with_the_sandbox(self):
        with Sandbox() as sandbox:
            sandbox.run_bystander(["/bin/sh", "-c", "sleep 119 &"])
            sandbox.run(["/bin/sh", "-c", "env -i setsid sleep 120 & env -i setsid sleep 121 &"])
            self.assertEqual(len(sandbox.wait_for_survivors(2)), 2)
            handles = [os.pidfd_open(pid) for pid in sandbox.survivors()]
            self.assertTrue(sandbox.bystanders_alive())
        self.assertEqual(sandbox.survivors(), [])
        for handle in handles:
            os.close(handle)

    def test_the_sandbox_removes_what_resists(self):
        base = pathlib.Path(tempfile.mkdtemp())
        os.makedirs(base / "a" / "b")
        (base / "link").symlink_to("/usr")
        os.chmod(base / "a" / "b", 0)
        os.chmod(base / "a", 0)
        remove_tree(base)
        self.assertFalse(base.exists())
        self.assertTrue(os.path.isdir("/usr"))

    def test_every_victim_in_the_folder_is_built_and_reads_well(self):
        folder = pathlib.Path(Given.victims)
        build = (folder / "meson.build").read_text(encoding="utf-8")
        names = {path.stem for path in folder.glob("*.c")} - {"run_from_constructor"}
        self.assertGreater(len(names), 100)
        for name in names:
            with self.subTest(name):
                Victim(folder / f"{name}.c")
                self.assertIn(f"'{name}'", build)
