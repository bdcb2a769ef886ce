# SPDX-License-Identifier: MIT
"""Asks leakshim-report for the newest session, and checks that it names what the suite left, test by test."""

import json
import os
import subprocess


class Reporter:
    def __init__(self, tool, ledger_dir):
        self.tool = tool
        self.environment = {**os.environ, "LEAKSHIM_DIR": str(ledger_dir)}

    def run(self, *arguments):
        """Returns (exit status, standard output); what it says on standard error goes to ours."""
        done = subprocess.run([self.tool, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, timeout=20, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def newest(self):
        """Returns (exit status, the newest session's report); an empty report when it is not JSON and nothing else."""
        status, text = self.run("--json")
        try:
            report = json.loads(text)
        except ValueError:
            report = {}
        return status, report if isinstance(report, dict) else {}


def expected_state(thing, ci):
    if thing.ends_with_run:
        return "leaked"
    return "kept" if thing.kept_at_desk and not ci else "reaped"


def judge(thing, report, ci):
    """Returns what is wrong with the way the report names the thing, "" when nothing is. None where there is nothing to
    judge: what a daemon removed itself, when it was asked to end, need not be reported."""
    records = [r for r in report.get("records", []) if r.get("kind") == thing.kind and thing.named_by(r)]
    if not records:
        return None if thing.owner_tidies else "no record names it"
    state = expected_state(thing, ci)
    degree = "warning" if thing.ends_with_run else "note" if state == "kept" else "error"
    wanted = {"degree": degree, "state": state}
    if thing.owner_tidies:
        wanted = {}  # removed by its daemon or by the shim, whichever came first
    for record in records:
        # The phase that pytest appends ("(call)") is part of the name in the environment, and may be in the report.
        test = (record.get("test") or "").partition(" (")[0]
        wrong = [f"{key} is {record.get(key)}, not {value}"
                 for key, value in wanted.items() if record.get(key) != value]
        if test != thing.test:
            wrong.append(f"test is {test or 'not named'}, not {thing.test}")
        if wrong:
            return "; ".join(wrong)
    return ""


def false_accusations(things, report):
    """The records that are called an error and are nothing that the suite left."""
    return [r for r in report.get("records", []) if r.get("degree") == "error"
            and not any(r.get("kind") == thing.kind and thing.named_by(r) for thing in things)]
