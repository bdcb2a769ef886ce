# SPDX-License-Identifier: MIT
"""What the tests of leakshim-report's questions share: a sandbox with runs that hang, and the answers about them."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))

from sandbox import PATIENCE, Sandbox, end_on_sigterm, stat_fields, wait_for  # noqa: E402,F401

TEST = "tests/test_door.py::test_opens"


try:
    import jsonschema
except ImportError:
    jsonschema = None


def closed(schema):
    """The schema with every object closed to fields that it does not describe."""
    if isinstance(schema, dict):
        result = {key: closed(value) for key, value in schema.items()}
        if "properties" in result and "additionalProperties" not in result:
            result["additionalProperties"] = False
        return result
    return [closed(entry) for entry in schema] if isinstance(schema, list) else schema


def check_schema(answer):
    """An answer in JSON is of the schema that it names, and has no field that this does not describe."""
    if jsonschema is None:
        return
    name = answer["schema"].replace("/", ".")
    schema = json.loads((pathlib.Path(Tools.schemas) / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(closed(schema)).validate(answer)


class Tools:
    """Paths of what is tested, from the command line: NAME=PATH each."""


class Scene(Sandbox):
    """A sandbox whose runs may hang; whatever still runs is ended when it is left."""

    def __init__(self):
        super().__init__(Tools.library, Tools.report)
        self.started = []

    def __exit__(self, *what):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        super().__exit__(*what)

    def start(self, *command, mode="report", stdin=subprocess.DEVNULL, stdout=None, stderr=None, **more):
        """Starts a command whose test is TEST. Its output goes to files, unless told otherwise."""
        variables = self.environment(mode, PYTEST_CURRENT_TEST=f"{TEST} (call)", LEAKSHIM_DIR=str(self.ledger), **more)
        out, err = open(self.base / "stdout", "ab"), open(self.base / "stderr", "ab")
        with out, err:
            process = subprocess.Popen([os.fspath(word) for word in command], cwd=self.cwd, stdin=stdin,
                                       stdout=stdout or out, stderr=stderr or err, env=variables)
        self.started.append(process)
        return process

    def hang(self, way, *words, **more):
        return self.start(Tools.hanger, way, *words, **more)

    @property
    def stderr(self):
        return (self.base / "stderr").read_text(encoding="utf-8")

    def ask(self, *words):
        """Runs leakshim-report: (exit status, standard output, standard error)."""
        done = subprocess.run([Tools.report, *map(str, words)], cwd=self.cwd, capture_output=True, timeout=PATIENCE,
                              env=self.environment(LEAKSHIM_DIR=str(self.ledger)), check=False)
        return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def ask_json(self, *words):
        """The answer as JSON; {} when there is none."""
        status, out, _ = self.ask("--json", *words)
        answer = json.loads(out) if status in (0, 1) else {}
        if answer:
            check_schema(answer)
        return answer

    def explain_when(self, settled, *pid):
        """The explanation, once `settled(first thread)` of the first process.

        Asked for once more then: the ledger may have been read a moment before the process settled.
        """
        def first_thread(hang):
            processes = hang.get("processes") or [{}]
            return (processes[0].get("threads") or [{}])[0]
        wait_for(lambda: self.ask_json("--why-hanging", *pid), lambda hang: settled(first_thread(hang)))
        return self.ask_json("--why-hanging", *pid)


def waits_for(kind):
    return lambda thread: thread.get("waits_for") == kind


def has_state(pid, states):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] in states


class InspectionTest(unittest.TestCase):
    maxDiff = None


def main(*cases):
    """usage of every test here: NAME=PATH... -- [TEST]"""
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    for word in words[:split]:
        name, _, path = word.partition("=")
        setattr(Tools, name, str(pathlib.Path(path).resolve()))
    end_on_sigterm()
    names = [f"{case.__name__}.{name}" for case in cases for name in words[split + 1:] if hasattr(case, name)]
    run = unittest.main(module="__main__", argv=sys.argv[:1] + names, exit=False, verbosity=2).result
    if not run.wasSuccessful():
        return 1
    return 77 if run.testsRun == len(run.skipped) else 0
