# SPDX-License-Identifier: MIT
"""What the doctor says where something is missing or refused; and that it is so.

That every line which is not ok says what to do is held by Stage.asked.
"""

import errno
import os

from given import Given
from processes import wait_for
from staging import Stage, StagedTest, refuse


class Doctor(StagedTest):
    def level_of(self, answer, subject):
        status, checks = answer
        self.assertIn(subject, checks)
        (check,) = checks[subject]
        self.assertEqual(status, 1 if check["level"] == "bad" else 0, checks)
        return check["level"]

    def test_where_all_is_well_no_line_is_bad(self):
        with Stage() as stage:
            status, checks = stage.doctor("/bin/true")
            self.assertEqual(status, 0)
            self.assertEqual({line["level"] for lines in checks.values() for line in lines}, {"ok"})
            for subject in ("library", "guard", "pidfd", "subreaper", "user namespaces", "/bin/true"):
                self.assertIn(subject, checks)

    def test_a_missing_guard_is_missed(self):
        with Stage() as stage:
            guard = stage.library.with_name("leakshim-guard")
            guard.rename(guard.with_name("elsewhere"))
            self.assertEqual(self.level_of(stage.doctor(), "guard"), "bad")
            (guard.parent / "leakshim").mkdir()
            (guard.parent / "elsewhere").rename(guard.parent / "leakshim" / guard.name)
            self.assertEqual(self.level_of(stage.doctor(), "guard"), "ok")

    def test_a_library_that_is_missing_or_none_is_said(self):
        with Stage() as stage:
            stage.library.unlink()
            self.assertEqual(self.level_of(stage.doctor(), "library"), "bad")
            stage.library.write_bytes(b"no library")
            status, checks = stage.doctor("/bin/true")
            self.assertEqual((status, checks["library"][0]["level"]), (1, "bad"))
            self.assertIn("cannot be preloaded", checks["library"][0]["sentence"])
            # And so it is for the very command.
            self.assertEqual(checks["/bin/true"][0]["level"], "bad")
            self.assertEqual(stage.is_seen("/bin/true"), (False, 0))

    def test_a_preload_that_can_not_work_is_said(self):
        with Stage() as stage:
            for preload, level in {f"{stage.library}x": "bad", "/nowhere/libleakshim.so": "bad",
                                   "libother.so": "warn", str(stage.library): "ok"}.items():
                with self.subTest(preload):
                    # Its own process complains about what it can't load; that is no part of the answer.
                    answer = stage.doctor(LD_PRELOAD=preload, LEAKSHIM="off")[1]
                    self.assertEqual(answer["LD_PRELOAD"][0]["level"], level)

    def test_settings_that_keep_it_from_working_are_said(self):
        with Stage() as stage:
            wrong = {"LEAKSHIM": {"off": "warn", "rape": "bad"}, "LEAKSHIM_KEEP": {"1": "warn"},
                     "LEAKSHIM_OPTIONS": {"hang=soon": "bad", "nonsense=1": "bad"},
                     "LEAKSHIM_RULES": {"/nowhere/rules": "bad"}}
            for name, values in wrong.items():
                for value, level in values.items():
                    with self.subTest(f"{name}={value}"):
                        self.assertEqual(self.level_of(stage.doctor(**{name: value}), "settings"), level)
            rules = stage.cwd / "rules"
            rules.write_text("keep socket:tcp:1\nkeep nonsense\n", encoding="ascii")
            self.assertEqual(self.level_of(stage.doctor(LEAKSHIM_RULES=str(rules)), "settings"), "bad")
            rules.write_text("keep nonsense\n" * 100, encoding="ascii")
            lines = stage.doctor(LEAKSHIM_RULES=str(rules))[1]["settings"]
            self.assertEqual(len(lines), 100)
            for number, line in enumerate(lines):
                self.assertTrue(line["sentence"].startswith(f"LEAKSHIM_RULES={rules}:{number + 1}: "), line)
                self.assertTrue(line["sentence"].endswith("until you correct it"), line)
                self.assertIn("file of rules", line["advice"])

    def test_a_session_that_is_over_is_said(self):
        with Stage() as stage:
            over = stage.ledger / "over.ledger"
            self.assertEqual(self.level_of(stage.doctor(LEAKSHIM_SESSION=str(over)), "LEAKSHIM_SESSION"), "warn")
            # And so it is.
            self.assertEqual(stage.is_seen("/bin/true"), (True, 0))
            self.assertEqual(stage.is_seen("/bin/true", LEAKSHIM_SESSION=str(over)), (False, 0))
            # Of one that goes on nothing is said.
            asks = ["sh", "-c", f"{stage.reporter} --doctor; true"]
            inside = stage.run_staged(asks, LD_PRELOAD=str(stage.library), LEAKSHIM="report")
            self.assertIn("SUMMARY: leakshim doctor", inside.stdout)
            self.assertNotIn("is over", inside.stdout)

    def test_a_directory_of_ledgers_that_can_not_be_one_is_said(self):
        with Stage() as stage:
            self.assertEqual(self.level_of(stage.doctor(), str(stage.ledger)), "ok")
            os.chmod(stage.ledger, 0o777)
            status, checks = stage.doctor()
            self.assertEqual((status, checks["ledgers"][0]["level"]), (1, "bad"))
            self.assertEqual(stage.is_seen("/bin/true"), (False, 0))

    def test_a_directory_that_no_run_can_have_is_not_approved(self):
        with Stage() as stage:
            (stage.cwd / "there").mkdir(mode=0o700)
            (stage.cwd / "shared").mkdir()
            (stage.cwd / "shared").chmod(0o777)
            for path, why in {"nonexist": "no absolute path", "there": "no absolute path",
                              str(stage.cwd / "a/b/c"): "does not exist", str(stage.cwd / "new"): None,
                              f"{stage.cwd}/new2/": None}.items():
                with self.subTest(path):
                    status, checks = stage.doctor(LEAKSHIM_DIR=path)
                    (room,) = checks[path]
                    self.assertEqual((status, room["level"]), (1, "bad") if why else (0, "ok"))
                    self.assertIn(why or "MiB", room["sentence"])
                    self.assertEqual(self.said_by_a_run(stage, path), why is not None)
            for path, why in {"there": "no absolute path", str(stage.cwd / "a/b/c"): "the directory above it does not exist",
                              "/etc/passwd": "no directory", str(stage.cwd / "shared"): "others can write"}.items():
                done = stage.run_staged(["true"], LD_PRELOAD=str(stage.library), LEAKSHIM_DIR=path)
                self.assertIn(why, done.stderr)

    def said_by_a_run(self, stage, directory):
        """Whether a run complains of its LEAKSHIM_DIR."""
        done = stage.run_staged(["true"], LD_PRELOAD=str(stage.library), LEAKSHIM_DIR=directory)
        return "can't hold the ledger" in done.stderr

    def test_a_dev_shm_without_room_is_said(self):
        for script, level, word in [
                ("mount -t tmpfs -o mode=755 none /dev", "bad", "No such file"),
                ("mount -t tmpfs -o mode=1777,size=512k none /dev/shm", "bad", "0 MiB"),
                ("mount -t tmpfs -o mode=1777,nr_inodes=10 none /dev/shm", "bad", "inodes are gone"),
                ("mount -t tmpfs -o mode=755 none /dev/shm", "warn", "mode 0755"),
                ("mount -t tmpfs -o mode=1777,size=32m none /dev/shm", "ok", "counted as dropped"),
                ("mount -t tmpfs -o mode=1777,size=512m none /dev/shm", "ok", "512 MiB, 512")]:
            with self.subTest(script), Stage() as stage:
                # As root of a user namespace of its own, where /proc may not be what the ledgers say.
                how = {"prefix": self.needs_mounts(script), "LEAKSHIM_DIR": None}
                answer = stage.doctor(**how)
                self.assertEqual(self.level_of(answer, "/dev/shm"), level)
                self.assertIn(word, answer[1]["/dev/shm"][0]["sentence"])

    def test_refused_pidfds_are_said_and_nothing_is_killed_without_them(self):
        with Stage() as stage:
            def without_pidfds():
                refuse("pidfd_open", errno.ENOSYS)
            answer = stage.doctor(before=without_pidfds)
            self.assertEqual(self.level_of(answer, "pidfd"), "bad")
            self.assertIn("not implemented", answer[1]["pidfd"][0]["sentence"])
            leaving = ["sh", "-c", "sleep 1000 > /dev/null 2>&1 & exit 0"]
            for before, left in {None: 0, without_pidfds: 1}.items():
                stage.run_staged(leaving, before=before, LD_PRELOAD=str(stage.library), LEAKSHIM="reap")
                # One that was killed may be waiting for us to collect it.
                self.assertEqual(len(wait_for(stage.survivors, lambda pids: len(pids) == left, 10)), left)

    def test_a_refused_subreaper_is_said(self):
        with Stage() as stage:
            answer = stage.doctor(before=lambda: refuse("prctl", errno.EPERM, first_argument=36))
            self.assertEqual(self.level_of(answer, "subreaper"), "warn")

    def test_whether_user_namespaces_can_be_made_is_tried(self):
        with Stage() as stage:
            answer = stage.doctor(before=lambda: refuse("unshare", errno.EPERM))
            self.assertEqual(self.level_of(answer, "user namespaces"), "ok")
            self.assertIn("can't be made here (Operation not permitted)", answer[1]["user namespaces"][0]["sentence"])
            self.needs("unshare")
            if stage.run_staged(["unshare", "--user", "true"]).returncode != 0:
                self.skipTest("no user namespace is allowed here")
            self.assertNotIn("can't", stage.doctor()[1]["user namespaces"][0]["sentence"])

    def test_pid_1_is_told_that_it_has_no_guard(self):
        self.needs_root()
        self.needs("unshare")
        with Stage() as stage:
            prefix = ["unshare", "--pid", "--fork", "--mount-proc"]
            if stage.run_staged(["true"], prefix=prefix).returncode != 0:
                self.skipTest("no pid namespace is allowed here")
            self.assertEqual(self.level_of(stage.doctor(prefix=prefix), "pid 1"), "warn")
            self.assertNotIn("pid 1", stage.doctor()[1])

    def test_the_text_says_what_the_json_says(self):
        with Stage() as stage:
            stage.library.with_name("leakshim-guard").unlink()
            done = stage.run_staged([stage.reporter, "--doctor", "--", Given.still])
            lines = done.stdout.splitlines()
            for at, line in enumerate(lines[:-1]):
                if line.startswith(("bad", "warn")):
                    self.assertRegex(lines[at + 1], "^      (to do|run): ")
            self.assertRegex(lines[-1], r"^SUMMARY: leakshim doctor: \d+ ok, 0 warnings, 2 bad$")
            self.assertNotIn("\033", done.stdout)
