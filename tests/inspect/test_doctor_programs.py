# SPDX-License-Identifier: MIT
"""What the doctor says of a program's file is what happens when the program is run with the library preloaded."""

import os
import pathlib
import shutil
import subprocess

from staging import Stage, StagedTest

NOBODY = 65534
PLAIN = "int main(void) { return 0; }\n"
# For a compiler without a C library: ends by the system call of 32-bit programs.
BARE_32 = 'void _start(void) { __asm__ volatile("int $0x80" : : "a"(1), "b"(0)); }\n'


class Programs(StagedTest):
    def built(self, stage, *command, source=PLAIN):
        """A program of that compiler with those flags; none where it can't be had."""
        if shutil.which(command[0]) is None:
            return None
        program = stage.cwd / "-".join(["of", *(word.replace("/", "") for word in command)])
        file = program.with_suffix(".c")
        file.write_text(source, encoding="ascii")
        built = subprocess.run([*command, str(file), "-o", str(program)], capture_output=True, check=False)
        return program if built.returncode == 0 else None

    def expect(self, flavours, **how):
        """{compiler and flags: (level, word)}: what is said, and that it is so."""
        tried = 0
        with Stage() as stage:
            for command, (level, word) in flavours.items():
                program = self.built(stage, *command.split())
                if program is None:
                    continue
                tried += 1
                with self.subTest(command):
                    self.compare(stage, program, level, word, **how)
        if tried == 0:
            self.skipTest(f"no compiler here for any of {', '.join(flavours)}")

    def compare(self, stage, program, level, word, **how):
        status, checks = stage.doctor(program, **how)
        lines = checks[str(program)]
        self.assertEqual(max((line["level"] for line in lines), key=["ok", "warn", "bad"].index), level, lines)
        self.assertIn(word, " ".join(line["sentence"] for line in lines))
        self.assertEqual(status, 1 if level == "bad" else 0)
        seen, ended = stage.is_seen(program, **how)
        self.assertEqual((seen, ended == 0), {"ok": (True, True), "warn": (False, False), "bad": (False, True)}[level])

    def test_the_doctor_is_right_about_ordinary_and_static_programs(self):
        self.expect({"gcc": ("ok", "its ld.so loads the library"), "clang": ("ok", "ordinary"),
                     "gcc -static": ("bad", "linked statically"), "gcc -static-pie": ("bad", "linked statically")})

    def test_the_doctor_is_right_about_programs_of_another_libc(self):
        self.expect({"musl-gcc": ("ok", "is a musl program, and its ld.so loads the library"),
                     "musl-gcc -static": ("bad", "linked statically")})

    def test_the_doctor_is_right_about_programs_of_32_bits(self):
        if os.uname().machine != "x86_64":
            self.skipTest("for x86-64")
        with Stage() as stage:
            program = self.built(stage, "gcc", "-m32", "-nostdlib", "-static", "-ffreestanding", "-fno-pic", "-no-pie",
                                 source=BARE_32)
            if program is None or subprocess.run([program], check=False).returncode != 0:
                self.skipTest("none can be built or run here")
            self.compare(stage, program, "bad", "another word size")

    def test_the_doctor_is_right_about_sanitizers_that_bear_a_preload(self):
        self.expect({"gcc -fsanitize=thread": ("ok", "__tsan_init"), "gcc -fsanitize=undefined": ("ok", "ordinary"),
                     "gcc -fsanitize=address -static-libasan": ("ok", "__asan_init"),
                     "clang -fsanitize=address": ("ok", "__asan_init"), "clang -fsanitize=memory": ("ok", "__msan_init")})

    def test_the_doctor_is_right_about_a_sanitizer_that_wants_to_be_first(self):
        flavours = {"gcc -fsanitize=address": ("warn", "libasan.so")}
        directory = subprocess.run(["clang", "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True, text=True,
                                   check=False).stdout.strip() if shutil.which("clang") else ""
        if os.path.isabs(directory):
            where = os.path.dirname(directory)
            flavours[f"clang -fsanitize=address -shared-libasan -Wl,-rpath,{where}"] = ("warn", "libclang_rt.asan")
        self.expect(flavours)
        # What it advises mends it.
        mended = {command: ("ok", "was told to bear") for command in flavours}
        self.expect(mended, ASAN_OPTIONS="verify_asan_link_order=0")

    def raised(self, stage, how):
        """A copy of a program with more rights than others have."""
        program = self.built(stage, "gcc")
        if program is None:
            self.skipTest("there is no gcc here")
        if how == "capabilities":
            self.needs("setcap")
            done = subprocess.run(["setcap", "cap_net_raw+ep", program], capture_output=True, check=False)
            if done.returncode != 0:
                self.skipTest("this file system keeps no capabilities")
        else:
            os.chmod(program, {"user": 0o4755, "group": 0o2755}[how])
        if os.statvfs(program).f_flag & os.ST_NOSUID:
            self.skipTest("here nothing raises rights")
        return program

    def raising(self, how, word):
        self.needs_root()
        with Stage() as stage:
            program = self.raised(stage, how)
            self.compare(stage, program, "ok", word)  # to root nobody gives more rights
            for directory in (stage.ledger, stage.tmp, stage.cwd):
                os.chown(directory, NOBODY, NOBODY)
            stage.ledger.rename(stage.cwd / "ledger")
            stage.ledger = stage.cwd / "ledger"
            self.compare(stage, program, "bad", word + ": ld.so ignores LD_PRELOAD", user=NOBODY)
            # What it advises mends it.
            (finding,) = [line for line in stage.doctor(program, user=NOBODY)[1][str(program)] if line["level"] == "bad"]
            done = stage.run_staged(["sh", "-c", finding["command"]], user=NOBODY)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.compare(stage, pathlib.Path(f"{program}.plain"), "ok", "ordinary", user=NOBODY)

    def test_the_doctor_is_right_about_set_user_id_programs(self):
        self.raising("user", "is set-user-ID")

    def test_the_doctor_is_right_about_set_group_id_programs(self):
        self.raising("group", "is set-group-ID")

    def test_the_doctor_is_right_about_programs_with_file_capabilities(self):
        self.raising("capabilities", "has file capabilities")

    def test_the_doctor_is_right_about_what_can_not_be_run_at_all(self):
        with Stage() as stage:
            text, script, missing = stage.cwd / "text", stage.cwd / "script", stage.cwd / "missing"
            text.write_text("no program\n", encoding="ascii")
            text.chmod(0o755)
            script.write_text("#!/usr/bin/env sh\nexit 0\n", encoding="ascii")
            script.chmod(0o644)
            levels = {path: [line["level"] for line in stage.doctor(path)[1][str(path)]] for path in (text, script, missing)}
            self.assertEqual(levels, {text: ["warn"], script: ["bad", "ok"], missing: ["bad"]})
            # Its advice is a command.
            command = stage.doctor(script)[1][str(script)][0]["command"]
            self.assertEqual(stage.run_staged(["sh", "-c", command]).returncode, 0)
            self.compare(stage, script, "ok", "is a script, run by sh")

    def test_the_doctor_is_right_about_a_program_whose_loader_is_not_here(self):
        with Stage() as stage:
            program = self.built(stage, "gcc", "-Wl,--dynamic-linker=/nowhere/ld.so")
            if program is None:
                self.skipTest("there is no gcc here")
            status, checks = stage.doctor(program)
            self.assertEqual((status, checks[str(program)][0]["level"]), (1, "bad"))
            self.assertIn("/nowhere/ld.so", checks[str(program)][0]["sentence"])
