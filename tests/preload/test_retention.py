# SPDX-License-Identifier: MIT
"""What a run at a desk keeps stays for a while: until its session is one of the old ones, and then it goes with it.

Whoever came to need a kept tree meanwhile must not lose anything: what he made in it or in its place survives.
"""

import os
import pathlib
import signal

from cases import Case
from sandbox import Sandbox

LEAVE = ["sh", "-c", 'mkdir "$TMPDIR/$NAME" && echo left > "$TMPDIR/$NAME/file"']


class Retention(Case):
    def leave(self, sandbox, name, options="keep-ledgers=2", ci=False):
        """A run at a desk (or in CI) that leaves a directory with a file."""
        ended = sandbox.run(LEAVE, "reap", ci=ci, NAME=name, LEAKSHIM_OPTIONS=options)
        self.assertEqual(ended.status, 0, ended.stderr)

    def tidy_run(self, sandbox, options="keep-ledgers=2"):
        """A run that leaves nothing: what is swept, it sweeps."""
        ended = sandbox.run(["true"], "reap", ci=False, LEAKSHIM_OPTIONS=options)
        self.assertEqual((ended.status, ended.stderr), (0, b""))

    def left(self, sandbox):
        return sorted(os.listdir(sandbox.tmp))

    def test_kept_trees_go_when_their_session_is_an_old_one(self):
        with Sandbox() as sandbox:
            for name in ("first", "second", "third"):
                self.leave(sandbox, name)
            # At the start of the third there were two: none too many.
            self.assertEqual(self.left(sandbox), ["first", "second", "third"])
            self.tidy_run(sandbox)
            self.assertEqual(self.left(sandbox), ["second", "third"])
            self.tidy_run(sandbox)
            self.assertEqual(self.left(sandbox), ["third"])

    def test_what_was_to_be_kept_for_good_stays(self):
        with Sandbox() as sandbox:
            self.leave(sandbox, "asked-for", "keep-ledgers=0:tmp=keep")
            self.leave(sandbox, "at-the-desk", "keep-ledgers=0")
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual(self.left(sandbox), ["asked-for"])
            self.assertEqual([name for name in os.listdir(sandbox.ledger) if name.endswith(".ledger")], [])

    def test_what_a_rule_keeps_stays(self):
        with Sandbox() as sandbox:
            rules = sandbox.base / "rules"
            rules.write_bytes(b"keep temp_dir:*/precious\n")
            for name in ("precious", "common"):
                ended = sandbox.run(LEAVE, "reap", ci=False, NAME=name, LEAKSHIM_RULES=str(rules))
                self.assertEqual(ended.status, 0)
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual(self.left(sandbox), ["precious"])

    def test_what_a_rule_kept_stays_when_the_rule_is_gone(self):
        with Sandbox() as sandbox:
            rules = sandbox.base / "rules"
            rules.write_bytes(b"keep temp_dir:*/precious\nkeep process:sleep 119\n")
            leave = ["sh", "-c", 'mkdir "$TMPDIR/precious" "$TMPDIR/common"; sleep 119 > /dev/null 2>&1 &']
            ended = sandbox.run(leave, "reap", ci=False, LEAKSHIM_RULES=str(rules))
            self.assertEqual((ended.status, len(sandbox.wait_for_survivors(1))), (0, 1), ended.stderr)
            rules.write_bytes(b"")
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual((self.left(sandbox), len(sandbox.survivors())), (["precious"], 1))
            sandbox.end_survivors()

    def test_what_a_kept_process_has_left_to_run_stays(self):
        with Sandbox() as sandbox:
            rules = sandbox.base / "rules"
            rules.write_bytes(b"keep process:*: server\n")
            leave = ["sh", "-c", 'mkdir "$TMPDIR/common"; sh -c "sleep 119 & wait; : server" > /dev/null 2>&1 & '
                                 "echo $! > pid; until pgrep -x sleep -P $! > /dev/null; do sleep 0.02; done"]
            ended = sandbox.run(leave, "reap", ci=False, LEAKSHIM_RULES=str(rules))
            self.assertEqual((ended.status, len(sandbox.wait_for_survivors(2))), (0, 2), ended.stderr)
            os.kill(int((sandbox.cwd / "pid").read_text(encoding="ascii")), signal.SIGKILL)
            self.assertEqual(len(sandbox.wait_for_survivors(1)), 1)
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual((self.left(sandbox), len(sandbox.survivors())), ([], 1))
            sandbox.end_survivors()

    def test_nothing_goes_when_the_rules_of_then_cannot_be_read(self):
        with Sandbox() as sandbox:
            rules = sandbox.base / "rules"
            rules.write_bytes(b"keep temp_dir:*/precious\n")
            sandbox.run(LEAVE, "reap", ci=False, NAME="precious", LEAKSHIM_RULES=str(rules))
            rules.unlink()
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual(self.left(sandbox), ["precious"])

    def test_what_was_made_since_survives(self):
        with Sandbox() as sandbox:
            for name in ("replaced", "used", "untouched"):
                self.leave(sandbox, name, "keep-ledgers=9")
            replaced = pathlib.Path(sandbox.tmp, "replaced")
            replaced.rename(sandbox.tmp / "replaced-old")
            replaced.mkdir()
            (replaced / "file").write_text("mine")
            notes = pathlib.Path(sandbox.tmp, "used", "notes")
            notes.write_text("made at the desk, after the run")
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual((replaced / "file").read_text(), "mine")
            self.assertEqual(notes.read_text(), "made at the desk, after the run")
            # The old tree bears another name by now: nobody knows it any more.
            self.assertEqual(self.left(sandbox), ["replaced", "replaced-old", "used"])
            self.assertEqual(os.listdir(notes.parent), ["notes"])

    def test_report_mode_takes_nothing_away(self):
        with Sandbox() as sandbox:
            self.leave(sandbox, "left")
            ended = sandbox.run(["true"], "report", ci=False, LEAKSHIM_OPTIONS="keep-ledgers=0")
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            self.assertEqual(self.left(sandbox), ["left"])
            self.tidy_run(sandbox, "keep-ledgers=0")
            self.assertEqual(self.left(sandbox), [])
