# SPDX-License-Identifier: MIT
"""Who made it: call stacks, taken in the process and put into words when it is gone."""

import json
import os
import pathlib
import shutil
import subprocess

from cases import Case
from given import Given

MAKERS = {"temp_dir": "make_directory", "socket": "make_socket", "thread": "make_thread", "sysv_shm": "make_segment",
          "spawned": "spawn_child", "vforked": "vfork_child", "forked": "fork_child"}


def lines_of_source():
    """Where each thing is made, as the comments in the source say."""
    found = {}
    for number, line in enumerate(pathlib.Path(Given.source).read_text(encoding="utf-8").splitlines(), 1):
        if "// MADE: " in line:
            found[line.partition("// MADE: ")[2]] = number
    return found


def name_of(record):
    return record["process"]["command"][1] if record["kind"] == "process" else record["kind"]


class Stacks(Case):
    def setUp(self):
        self.sandbox = self.new_sandbox()

    def run_leaky(self, program, stacks):
        ended = self.sandbox.run([program], LD_PRELOAD=Given.library, LEAKSHIM_OPTIONS=f"stacks={stacks}",
                                 LEAKSHIM_DIR=str(self.sandbox.ledger))
        self.assertEqual(ended.status, 0, ended.stderr)

    def report(self, *options):
        status, out, err = self.sandbox.ask(*options)
        self.assertEqual(status, 1, err)
        return out

    def records(self):
        found = {name_of(record): record for record in json.loads(self.report("--json"))["records"]}
        self.assertEqual(set(found), set(MAKERS))
        return found

    def check_whole(self):
        lines = lines_of_source()
        self.assertEqual(set(lines), set(MAKERS))
        for name, record in self.records().items():
            with self.subTest(name):
                stack = record["stack"]
                functions = [frame["function"] for frame in stack]
                self.assertEqual(functions[:3], [MAKERS[name], "set_up", "main"])
                self.assertEqual(os.path.basename(stack[0]["file"]), "made_by.c")
                self.assertEqual(stack[0]["line"], lines[name])

    def test_by_frame_pointers(self):
        self.run_leaky(Given.with_frames, "fp")
        self.check_whole()
        text = self.report()
        self.assertIn("made in make_socket (", text)
        self.assertIn("called by set_up (", text)

    def test_by_the_unwinder_without_frame_pointers(self):
        self.run_leaky(Given.without_frames, "unwind")
        self.check_whole()

    def test_not_asked_for_there_are_none(self):
        self.run_leaky(Given.with_frames, "off")
        records = self.records()
        for record in records.values():
            self.assertNotIn("stack", record)
        # What a thread runs is known all the same.
        routine = records["thread"]["routine"]
        self.assertEqual((routine["function"], os.path.basename(routine["file"])), ("sleep_on", "made_by.c"))
        self.assertEqual(records["thread"]["name"], "sleeper")
        text = self.report()
        self.assertIn("sleeper", text)
        self.assertIn("runs sleep_on (", text)

    def test_a_saved_report_keeps_its_stacks(self):
        self.run_leaky(Given.with_frames, "fp")
        saved = self.sandbox.base / "saved.json"
        saved.write_text(self.report("--json"), encoding="utf-8")
        before = self.records()
        again = json.loads(self.report("--json", str(saved), str(saved)))["records"]
        self.assertEqual(len(again), 2 * len(before))
        for record in again:
            for key in ("stack", "routine"):
                self.assertEqual(record.get(key), before[name_of(record)].get(key))
        self.assertIn("made in make_socket (", self.report(str(saved)))

    def test_without_debug_information_there_are_modules_and_offsets(self):
        stripped = str(self.sandbox.base / "stripped")
        subprocess.run(["strip", "-o", stripped, Given.with_frames], check=True)
        self.run_leaky(stripped, "fp")
        for record in self.records().values():
            frame = record["stack"][0]
            self.assertEqual((frame["module"], frame["function"], frame["line"]), (stripped, None, None))
            self.assertGreater(int(frame["offset"], 16), 0)
        self.assertIn("made in stripped+0x", self.report())

    def test_of_a_program_that_is_gone_there_are_modules_and_offsets(self):
        copy = self.sandbox.base / "copy"
        shutil.copy(Given.with_frames, copy)
        self.run_leaky(str(copy), "fp")
        copy.unlink()
        for record in self.records().values():
            frame = record["stack"][0]
            self.assertEqual((frame["module"], frame["function"]), (str(copy), None))

    def test_a_program_that_was_built_anew_is_not_asked(self):
        copy = self.sandbox.base / "copy"
        shutil.copy(Given.with_frames, copy)
        self.run_leaky(str(copy), "fp")
        copy.unlink()
        shutil.copy(Given.without_frames, copy)
        for record in self.records().values():
            frame = record["stack"][0]
            self.assertEqual((frame.get("rebuilt"), frame["function"]), (True, None))
        self.assertIn("which was built anew since", self.report())
