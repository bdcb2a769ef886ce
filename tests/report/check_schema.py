# SPDX-License-Identifier: MIT
"""Checks the JSON of leakshim-report against its schemas, over all golden ledgers, in all states of a session.

The schemas that programs may rely on are strict here: a field that they do not know is a failure, so that no field can
be added without being described. Exit status 77 (skipped) where python3-jsonschema is not installed.
"""

import copy
import json
import pathlib
import subprocess
import tempfile
import urllib.parse

from given import Given
from schemas import jsonschema, validator_of


class Checker:
    def __init__(self):
        self.schemas = {}
        for name in ("leakshim.report.1", "leakshim.sessions.1", "leakshim.watch.1"):
            folder = "inspect" if name == "leakshim.watch.1" else "report"
            self.schemas[name] = validator_of(f"{Given.schemas}/{folder}/{name}.schema.json")
        self.failures = 0

    def fail(self, what, why):
        self.failures += 1
        print(f"FAILED: {what}: {why}")

    def run(self, directory, *arguments):
        done = subprocess.run([Given.report, "--json", *arguments], env={"LEAKSHIM_DIR": str(directory)},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, timeout=60)
        if done.returncode not in (0, 1):
            self.fail(arguments, f"exit status {done.returncode}")
        return json.loads(done.stdout.decode("utf-8", errors="strict"))

    def lines(self, directory, *arguments):
        done = subprocess.run([Given.report, "--format=jsonl", *arguments], env={"LEAKSHIM_DIR": str(directory)},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, timeout=60)
        return [json.loads(line) for line in done.stdout.decode("utf-8", errors="strict").splitlines()]

    def watching(self, directory):
        return subprocess.Popen([Given.report, "--watch", "--session=11fe", "--format=jsonl"], env={"LEAKSHIM_DIR": str(directory)},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def check(self, what, report, name):
        for error in list(self.schemas[name].iter_errors(report))[:5]:
            self.fail(what, f"{'/'.join(map(str, error.absolute_path))}: {error.message}")

    def check_names(self, what, report):
        """A name that was not UTF-8 has its bytes beside it, and only such a name has."""
        for record in report["records"]:
            for key in ("path", "name"):
                uri = record.get(key + "_uri")
                if uri is None:
                    continue
                given = urllib.parse.unquote_to_bytes(uri)
                if given.decode("utf-8", errors="ignore").encode() == given:
                    self.fail(what, f"{uri} was UTF-8 and needs no second form")

    def check_that_it_can_fail(self, report):
        """A validator that accepts anything would make this whole test worthless."""
        broken = copy.deepcopy(report)
        broken["records"][0]["degree"] = "catastrophe"
        unknown = copy.deepcopy(report)
        unknown["records"][0]["undescribed"] = 1
        lacking = copy.deepcopy(report)
        del lacking["session"]["state"]
        for wrong in (broken, unknown, lacking):
            if self.schemas["leakshim.report.1"].is_valid(wrong):
                self.fail("schema", "accepts a report that is wrong")


def main(_):
    if jsonschema is None:
        return 77
    checker = Checker()
    with tempfile.TemporaryDirectory(prefix="leakshim-schema-") as directory:
        (pathlib.Path(directory) / ("f" * 32 + ".clean")).write_text("ended 1900000000000000000\ncommand make\n")
        with subprocess.Popen([Given.golden, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as golden:
            golden.stdout.readline()
            states = set()
            for session in checker.run(directory, "--list")["sessions"]:
                report = checker.run(directory, "--session", session["id"])
                states.add(report["session"]["state"])
                checker.check(session["id"], report, "leakshim.report.1")
                checker.check_names(session["id"], report)
            (pathlib.Path(directory) / ("e" * 32 + ".ledger")).write_bytes(b"garbage")
            checker.check("list", checker.run(directory, "--list"), "leakshim.sessions.1")
            checker.check_that_it_can_fail(checker.run(directory, "--session", "a11"))
            lines = checker.lines(directory, "--list")
            if [{"schema": "leakshim.sessions/1", "sessions": lines}] != [checker.run(directory, "--list")] or not lines:
                checker.fail("--list as lines", "not the same as in one piece")
            with checker.watching(directory) as watcher:
                seen = [json.loads(watcher.stdout.readline())]
                golden.stdin.close()
                golden.wait()
                seen += map(json.loads, watcher.stdout)
            for line in seen:
                checker.check("watch", line, "leakshim.watch.1")
            if (seen[0]["session"]["state"], seen[0]["total"], seen[-1]["session"]["state"]) != ("live", 3, "dead"):
                checker.fail("watch", f"from {seen[0]} to {seen[-1]}")
    if states != {"live", "ended", "dead"}:
        checker.fail("golden ledgers", f"only states {states}")
    print(f"{checker.failures} failures")
    return 1 if checker.failures else 0
