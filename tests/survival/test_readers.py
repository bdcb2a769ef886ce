# SPDX-License-Identifier: MIT
"""What reads the run's own output ends with the run, not before it; and what does not end then goes all the same."""

from cases import Case
from given import Given
from processes import wait_for
from survival import Field

LINES = "".join(f"line {number}\n" for number in range(1, 6))
# They read all, and then stay; and so do two that are none of the run's.
STAYS = "cat >out; exec sleep 119"


class Readers(Case):
    def assert_alike(self, field, command, expected):
        """Bare and watched: the same status, and at last the same in `out`."""
        for mode in (None, "reap,fail"):
            ended = field.run(command, mode)
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            text = wait_for(lambda: self.text(field), lambda text: text == expected)
            self.assertEqual((mode, text), (mode, expected))
            self.assertEqual(field.wait_until_left([]), [])
            (field.cwd / "out").unlink()
        self.assertEqual(wait_for(lambda: self.told_of_processes(field), lambda told: told == (0, [])), (0, []))

    @staticmethod
    def text(field):
        path = field.cwd / "out"
        return path.read_text(encoding="ascii") if path.exists() else ""

    @staticmethod
    def told_of_processes(field):
        """What the report says of processes: its exit status, and their states."""
        report, status = field.report()
        return status, [record["state"] for record in report["records"] if record["kind"] == "process"]

    def test_what_is_written_to_a_pager_arrives(self):
        with Field() as field:
            self.assert_alike(field, [Given.reader, "pipe", "cat >out"], LINES)
            self.assert_alike(field, [Given.reader, "pipe", "cat | cat | cat >out"], LINES)

    def test_what_is_written_to_a_stream_of_popen_arrives(self):
        with Field() as field:
            self.assert_alike(field, [Given.reader, "popen", "cat >out"], LINES)

    def test_what_a_shell_writes_through_a_filter_arrives(self):
        with Field() as field:
            for to in (">(cat >out)", ">(tee out >/dev/null) 2>&1", ">(while read -r line; do echo \"$line\"; done >out)"):
                self.assert_alike(field, ["/bin/bash", "-c", f"exec > {to}; echo line 1; echo line 2"], "line 1\nline 2\n")

    def test_a_reader_that_stays_is_ended_when_the_root_is_gone(self):
        with Field() as field:
            command = [Given.reader, "pipe", STAYS]
            bare = field.run(command)
            self.assertEqual((bare.status, field.wait_until_left(["sleep"])), (0, ["sleep"]))
            field.end_survivors()
            field.run_bystander(["/bin/sh", "-c", "sleep 119 & sleep 119 &"])
            (field.cwd / "out").unlink()
            ended = field.run(command, "reap,fail")
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            self.assertEqual(field.wait_until_left([]), [])
            self.assertEqual(self.text(field), LINES)
            self.assertTrue(field.bystanders_alive())
            told = wait_for(lambda: self.told_of_processes(field), lambda told: told[0] == 1)
            self.assertEqual(told, (1, ["reaped"]))

    def test_one_that_is_kept_stays(self):
        with Field() as field:
            command = [Given.reader, "pipe", f"LEAKSHIM_KEEP=1 exec sh -c '{STAYS}'"]
            self.assertEqual(field.run(command, "reap").status, 0)
            self.assertEqual(field.wait_until_left(["sleep"]), ["sleep"])
            self.assertEqual(wait_for(lambda: self.text(field), lambda text: text == LINES), LINES)
            field.end_survivors()
