# SPDX-License-Identifier: MIT
"""What the tests of leakshim-report's questions share: a sandbox with runs that hang, and the answers about them."""

import json
import signal
import subprocess

from given import Given
from processes import children_of, stat_fields, wait_for
from sandbox import Sandbox
from schemas import jsonschema, validator_of

TEST = "tests/test_door.py::test_opens"


def check_schema(answer):
    """An answer in JSON is of the schema that it names, and has no field that this does not describe."""
    if jsonschema is None:
        return
    name = answer["schema"].replace("/", ".")
    validator_of(f"{Given.schemas}/{name}.schema.json").validate(answer)


class Scene(Sandbox):
    """A sandbox whose runs may hang; whatever still runs is ended when it is left."""

    def start_test(self, *command, mode="report", stdin=subprocess.DEVNULL, stdout=None, stderr=None, **more):
        """Starts a command whose test is TEST, in our session (setsid). It appends to the files that its output goes to."""
        with open(self.base / "stdout", "ab") as out, open(self.base / "stderr", "ab") as err:
            return self.start(command, mode, setsid=False, stdin=stdin, stdout=stdout or out, stderr=stderr or err,
                              **{"PYTEST_CURRENT_TEST": f"{TEST} (call)", "LEAKSHIM_DIR": str(self.ledger), **more})

    def hang(self, way, *words, **more):
        """Starts a program that hangs in this way (hanger.c)."""
        return self.start_test(Given.hanger, way, *words, **more)

    @property
    def stderr(self):
        """What the runs wrote to stderr so far."""
        return (self.base / "stderr").read_text(encoding="utf-8")

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
    """What explain_when() waits for: that the thread waits for this kind of thing."""
    return lambda thread: thread.get("waits_for") == kind


def children_waited_for(pid):
    """The children whose end gives a SIGCHLD: the process by which the guard is started gives none, and is soon gone."""
    exit_signal = 35
    fields = {child: stat_fields(child) for child in children_of(pid)}
    return [child for child, found in fields.items() if found and int(found[exit_signal]) == signal.SIGCHLD]
