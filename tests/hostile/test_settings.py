# SPDX-License-Identifier: MIT
"""Settings that make no sense: one clear sentence each, said once, and the host runs on as if nothing were.
"""

import os
import pathlib
import re

from given import Given
from hostile import WORK, HostileTest, World

LONG = "a" * 20000


class Settings(HostileTest):
    def test_an_unknown_mode_is_said_and_the_default_is_in_force(self):
        for mode, words in {"reep": ("LEAKSHIM ", '"reep"', "off, report or reap"), "OFF": '"OFF"', "1": '"1"',
                            "report;fail": '"report;fail"', "report,faill": '"faill"',
                            "report,reap": ("report and reap", "one of")}.items():
            with self.subTest(mode):
                self.check([words], mode=mode)

    def test_off_is_silent_even_with_settings_that_make_no_sense(self):
        files = self.check(mode="off", LEAKSHIM_OPTIONS="nonsense=1", LEAKSHIM_RULES="/nonexistent", LEAKSHIM_KEEP="?")
        self.assertEqual(files, [])

    def test_an_unknown_key_is_said(self):
        for options, word in {"lingr=1s": '"lingr"', "linger=1s:x=1": '"x"', "=1": '""', "help": '"help"',
                              "LINGER=1s": '"LINGER"', "1": '"1"'}.items():
            with self.subTest(options):
                self.check([("LEAKSHIM_OPTIONS", word)], LEAKSHIM_OPTIONS=options)

    def test_a_value_of_the_wrong_kind_is_said_with_what_is_allowed_and_what_is_in_force(self):
        for options, words in {
                "linger=5": ("linger", '"5"', "unit", "300ms is in force"), "linger=": "linger",
                "polite=fast": '"fast"',
                "term=-1s": '"-1s"', "term=1e3ms": '"1e3ms"', "deadline=99999999999999999999s": "deadline=30s",
                "tree-limit=many": ("whole number", "1000000"), "tree-limit=99999999999999999999": "tree-limit",
                "keep-ledgers=-1": "keep-ledgers", "tmp=sure": ("tmp", "by-ci"), "guard=2": ("guard", "0 or 1"),
                "help=maybe": "help"}.items():
            with self.subTest(options):
                self.check([words], LEAKSHIM_OPTIONS=options)

    def test_each_of_several_mistakes_gets_its_own_sentence(self):
        self.check(['"reep"', "LEAKSHIM_KEEP", '"a"', "linger", '"b"'], mode="reep", LEAKSHIM_KEEP="perhaps",
                   LEAKSHIM_OPTIONS="a=1:linger=x:b=2")

    def test_a_great_many_mistakes_are_cut_after_a_whole_sentence(self):
        with World() as world:
            ended = world.run([Given.host], "report", LEAKSHIM_OPTIONS=":".join(f"no{i}=1" for i in range(300)))
            lines = ended.our_stderr.decode().splitlines()
            self.assertGreater(len(lines), 5)
            self.assertLess(len(lines), 60)
            for number, line in enumerate(lines[:-1]):
                self.assertIn(f'"no{number}"', line)
                self.assertTrue(line.endswith("correct it"), line)
            self.assertIn("more", lines[-1])

    def test_a_setting_that_is_too_long_is_said_and_ignored(self):
        for name in ("LEAKSHIM_OPTIONS", "LEAKSHIM_RULES", "LEAKSHIM_KEEP"):
            with self.subTest(name):
                self.check([(name, "20000")], **{name: LONG})
        self.check([("LEAKSHIM ", "20000")], mode=LONG)

    def test_nothing_of_a_setting_reaches_the_terminal_as_a_command(self):
        bare = self.bare(WORK)
        with World() as world:
            for value in ("\x1b[31mred=1", "a\nb=1", "tab\t=1", "\x9b1m=1", "caf\u00e9=1", "\x7f=1"):
                ended = world.run([Given.host, *WORK], "report", LEAKSHIM_OPTIONS=value)
                self.assert_unharmed(ended, bare, ["LEAKSHIM_OPTIONS has no key"])
                self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", ended.stderr), ended.stderr)

    def test_a_mistake_is_said_by_the_root_alone(self):
        self.check(['"nonsense"'], acts=["shell=true; true | true; (true)", "work=2", "execute=with"],
                   LEAKSHIM_OPTIONS="nonsense=1")

    def test_help_prints_every_key_and_the_host_runs_on(self):
        bare = self.bare(WORK)
        table = (pathlib.Path(__file__).resolve().parents[2] / "shim/options/options.inc").read_text(encoding="utf-8")
        keys = re.findall(r'^LEAKSHIM_OPTION\(\s*\w+, \w+, "([a-z-]+)"', table, re.MULTILINE)
        self.assertGreater(len(keys), 8)
        with World() as world:
            ended = world.run([Given.host, *WORK], "report", LEAKSHIM_OPTIONS="help=1")
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))
            shown = [line.split()[1] for line in ended.our_stderr.decode().splitlines()[2:-1]]
            self.assertEqual(sorted(shown), sorted(keys))

    def test_rules_that_cannot_be_read_are_said(self):
        for path in ("/nonexistent", "/", "relative/nowhere"):
            with self.subTest(path):
                self.check([("LEAKSHIM_RULES=/", f"{path} can't be read", "nothing is reaped")], LEAKSHIM_RULES=path)

    def test_nothing_is_reaped_when_the_rules_cannot_be_read(self):
        for readable in (True, False):
            with self.subTest(readable=readable), World() as world:
                rules = world.base / "rules"
                if readable:
                    rules.write_bytes(b"keep temp_dir:*/none-of-ours\n")
                world.run([Given.host, "leave=left"], "reap", LEAKSHIM_RULES=str(rules))
                self.assertEqual(list(world.left_over()) == [], readable)

    def test_nothing_is_reaped_when_a_line_may_have_been_to_keep_it(self):
        """The line is meant for `left`: without it that would be removed, and what another line reaps is known."""
        for line, left in {b"keep temp_dir:*/other": False, b"kep temp_dir:*/left": True, b"keep tempdir:*/left": True,
                           b"temp_dir:*/left;untl=2999-01-01": True, b"ignore temp_dir": True,
                           b"reap tempdir:*/left": False}.items():
            with self.subTest(line), World() as world:
                rules = world.base / "rules"
                rules.write_bytes(b"keep process:none\n" + line + b"\n")
                ended = world.run([Given.host, "leave=left"], "reap", LEAKSHIM_RULES=str(rules))
                self.assertEqual(list(world.left_over()) != [], left, ended.stderr)
                if left:
                    self.assertIn(f"LEAKSHIM_RULES={rules}:2: ".encode(), ended.stderr)
                    self.assertIn(b"; nothing is reaped until you correct it\n", ended.stderr)
                    _, text, _ = world.ask()
                    self.assertIn(f'{rules}:2 "{line.decode()}": makes no sense', " ".join(text.split()))
                    self.assertNotIn("touches nothing", text)
                    (rule,) = [rule for rule in world.report()[0]["rules"] if rule.get("bad")]
                    self.assertEqual((rule["line"], rule["text"]), (2, line.decode()))

    def test_of_many_bad_lines_some_are_said_whole(self):
        with World() as world:
            (world.cwd / "rules").write_bytes(b"keep nonsense\n" * 100)
            lines = world.run([Given.host, "leave=left"], "reap", LEAKSHIM_RULES="rules").our_stderr.decode().splitlines()
            said = [line for line in lines if "has no glob" in line]
            self.assertGreater(len(said), 5)
            for line in said:
                self.assertTrue(line.endswith("until you correct it"), line)
            self.assertIn("leakshim: and there is more wrong; correct this first", lines)

    def test_rules_named_by_a_relative_path_hold_wherever_the_host_goes(self):
        with World() as world:
            (world.cwd / "rules").write_bytes(b"keep temp_dir:*/left\n")
            ended = world.run([Given.host, "leave=left", "leave=other"], "reap", LEAKSHIM_RULES="rules")
            self.assertNotIn(b"can't be read", ended.stderr)
            self.assertEqual(os.listdir(world.tmp), ["left"])

    def test_rules_in_a_fifo_that_nobody_writes_to_do_not_hang_the_host(self):
        bare = self.bare(WORK)
        with World() as world:
            os.mkfifo(world.base / "fifo")
            ended = world.run([Given.host, *WORK], "report", LEAKSHIM_RULES=str(world.base / "fifo"))
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))

    def test_a_bad_line_of_the_rules_is_said_with_its_number_and_the_others_hold(self):
        bare = self.bare(["leave=kept-by-rule"])
        with World() as world:
            rules = world.base / "rules"
            rules.write_bytes(b"# comment\n\nnot a rule\ntemp_dir:*/kept-by-rule  # meant\nnokind:*\n"
                              b"\xff\xfe\x1b[31m\n")
            ended = world.run([Given.host, "leave=kept-by-rule"], "reap", LEAKSHIM_RULES=str(rules))
            self.assertEqual((ended.status, ended.stdout, ended.own_stderr), (bare.status, bare.stdout, b""))
            self.assertTrue((world.tmp / "kept-by-rule").is_dir(), "the good line was not heeded")
            lines = ended.our_stderr.decode().splitlines()
            for number in (3, 5, 6):
                self.assertEqual(len([line for line in lines if re.search(rf"\bline {number}\b|:{number}:", line)]), 1,
                                 lines)
            self.assertNotIn(b"\x1b", ended.stderr)

    def test_nothing_is_printed_when_nothing_leaked(self):
        for mode in ("report", "reap", "reap,fail", "report,fail"):
            with self.subTest(mode):
                self.check(mode=mode)

    def test_off_changes_nothing_and_makes_nothing(self):
        with World() as world:
            bare = world.run(["env", "-0"])
        with World() as other:
            ended = other.run(["env", "-0"], "off")
            ours = {b"LD_PRELOAD", b"LEAKSHIM", b"LEAKSHIM_DIR"}
            shown = [entry for entry in ended.stdout.split(b"\0") if entry.partition(b"=")[0] not in ours]
            wanted = bare.stdout.replace(bytes(world.base), bytes(other.base)).split(b"\0")
            self.assertEqual((ended.status, ended.stderr, sorted(shown)), (0, b"", sorted(wanted)))
            self.assertEqual(os.listdir(other.ledger), [])
