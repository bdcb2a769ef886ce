#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who made it: call stacks, taken in the process and put into words when it is gone.

    test_stacks.py LIBRARY REPORT SOURCE WITH-FRAME-POINTERS WITHOUT [TEST]
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

LIBRARY, REPORT, SOURCE, WITH_FRAMES, WITHOUT_FRAMES = (str(pathlib.Path(a).resolve()) for a in sys.argv[1:6])
MAKERS = {"temp_dir": "make_directory", "socket": "make_socket", "thread": "make_thread", "sysv_shm": "make_segment",
          "spawned": "spawn_child", "vforked": "vfork_child", "forked": "fork_child"}


def lines_of_source():
    """Where each thing is made, as the comments in the source say."""
    found = {}
    for number, line in enumerate(pathlib.Path(SOURCE).read_text(encoding="utf-8").splitlines(), 1):
        if "// MADE: " in line:
            found[line.partition("// MADE: ")[2]] = number
    return found


def name_of(record):
    return record["process"]["command"][1] if record["kind"] == "process" else record["kind"]


class Stacks(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="leakshim-stacks-")
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("LEAKSHIM")}
        ledgers = self.place / "ledgers"
        ledgers.mkdir(mode=0o700)
        self.environment.update(LEAKSHIM_DIR=str(ledgers), CI="1")

    def run_leaky(self, program, stacks):
        environment = dict(self.environment, LD_PRELOAD=LIBRARY, LEAKSHIM_OPTIONS=f"stacks={stacks}")
        ended = subprocess.run([program], env=environment, capture_output=True, timeout=60, check=False)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def report(self, *options):
        ended = subprocess.run([REPORT, *options], env=self.environment, capture_output=True, timeout=60, check=False)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        return ended.stdout.decode()

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
        self.run_leaky(WITH_FRAMES, "fp")
        self.check_whole()
        text = self.report()
        self.assertIn("made in make_socket (", text)
        self.assertIn("called by set_up (", text)

    def test_by_the_unwinder_without_frame_pointers(self):
        self.run_leaky(WITHOUT_FRAMES, "unwind")
        self.check_whole()

    def test_not_asked_for_there_are_none(self):
        self.run_leaky(WITH_FRAMES, "off")
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
        self.run_leaky(WITH_FRAMES, "fp")
        saved = self.place / "saved.json"
        saved.write_text(self.report("--json"), encoding="utf-8")
        before = self.records()
        again = json.loads(self.report("--json", str(saved), str(saved)))["records"]
        self.assertEqual(len(again), 2 * len(before))
        for record in again:
            for key in ("stack", "routine"):
                self.assertEqual(record.get(key), before[name_of(record)].get(key))
        self.assertIn("made in make_socket (", self.report(str(saved)))

    def test_without_debug_information_there_are_modules_and_offsets(self):
        stripped = str(self.place / "stripped")
        subprocess.run(["strip", "-o", stripped, WITH_FRAMES], check=True)
        self.run_leaky(stripped, "fp")
        for record in self.records().values():
            frame = record["stack"][0]
            self.assertEqual((frame["module"], frame["function"], frame["line"]), (stripped, None, None))
            self.assertGreater(int(frame["offset"], 16), 0)
        self.assertIn("made in stripped+0x", self.report())

    def test_of_a_program_that_is_gone_there_are_modules_and_offsets(self):
        copy = self.place / "copy"
        shutil.copy(WITH_FRAMES, copy)
        self.run_leaky(str(copy), "fp")
        copy.unlink()
        for record in self.records().values():
            frame = record["stack"][0]
            self.assertEqual((frame["module"], frame["function"]), (str(copy), None))

    def test_a_program_that_was_built_anew_is_not_asked(self):
        copy = self.place / "copy"
        shutil.copy(WITH_FRAMES, copy)
        self.run_leaky(str(copy), "fp")
        copy.unlink()
        shutil.copy(WITHOUT_FRAMES, copy)
        for record in self.records().values():
            frame = record["stack"][0]
            self.assertEqual((frame.get("rebuilt"), frame["function"]), (True, None))
        self.assertIn("which was built anew since", self.report())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + [f"Stacks.{name}" for name in sys.argv[6:]])
