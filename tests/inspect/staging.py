# SPDX-License-Identifier: MIT
"""Stages what a machine may lack: a private copy of the tools, mounts of the test's own, refused system calls."""

import ctypes
import json
import os
import pathlib
import shutil
import struct
import subprocess

from cases import OWN_MOUNTS, Case
from given import Given
from inspection import Scene, check_schema
from ipc import LIBC
from processes import PATIENCE

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of struct sock_filter
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
# System calls that are asked for below, by machine.
NUMBERS = {"x86_64": {"pidfd_open": 434, "unshare": 272, "prctl": 157},
           "aarch64": {"pidfd_open": 434, "unshare": 97, "prctl": 167}}


def refuse(name, error, first_argument=None):
    """Makes this process, and all that it starts, get `error` from a system call (with that first argument)."""
    number = NUMBERS[os.uname().machine][name]
    code = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1 if first_argument is None else 3, number)]
    if first_argument is not None:
        code += [(LOAD, 0, 0, 16), (JUMP_IF_EQUAL, 0, 1, first_argument)]
    code += [(RETURN, 0, 0, REFUSE | error), (RETURN, 0, 0, ALLOW)]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(instructions)))
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def in_mounts_of_its_own(script):
    """The start of a command line that runs the rest of it where the shell's `script` has mounted things.

    None where that is not allowed.
    """
    if shutil.which("unshare") is None or subprocess.run(OWN_MOUNTS + ["true"], capture_output=True, check=False).returncode:
        return None
    return OWN_MOUNTS + ["sh", "-c", script + ' && exec "$@"', "sh"]


class Stage(Scene):
    """A scene with the tools in it as they are installed, so that parts can be missing and others may use them."""

    def __init__(self):
        super().__init__()
        os.chmod(self.base, 0o755)
        os.chmod(self.cwd, 0o755)
        library = pathlib.Path(Given.library)
        for folder, files in {"tools": [Given.report, Given.reap, Given.run],
                              "shim": [library, library.with_name("leakshim-guard")]}.items():
            (self.base / folder).mkdir()
            for file in files:
                self._copy(file, self.base / folder / pathlib.Path(file).name)
        self.library, self.reporter = self.base / "shim" / library.name, self.base / "tools" / "leakshim-report"

    @staticmethod
    def _copy(file, to):
        """A second name where that can be had, since programs with debug information are large: never to be changed."""
        try:
            os.link(file, to)
        except OSError:
            shutil.copy(file, to)

    def variables(self, **more):
        """None as a value takes the variable away."""
        values = self.environment_of_tools(**more)
        values["PATH"] = f"{self.base / 'tools'}:{values['PATH']}"
        return {name: value for name, value in values.items() if value is not None}

    def run_staged(self, command, prefix=(), before=None, user=None, **more):
        """Runs to its end, after `before()` in its process, as the uid `user`: what subprocess.run says."""
        return subprocess.run([*prefix, *map(os.fspath, command)], cwd=self.cwd, capture_output=True, text=True,
                              timeout=PATIENCE, env=self.variables(**more), preexec_fn=before, user=user, group=user,
                              extra_groups=None if user is None else [], check=False)

    def asked(self, question, *command, **how):
        """(Exit status, {subject: [check]}) of a question that is answered line by line."""
        words = [self.reporter, "--json", question] + (["--", *command] if command else [])
        done = self.run_staged(words, **how)
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"no answer, but {done.returncode}: {done.stderr}") from error
        check_schema(answer)
        checks = {}
        for check in answer["checks"]:
            checks.setdefault(check["subject"], []).append(check)
            if check["level"] != "ok" and not check["advice"]:
                raise AssertionError(f"it does not say what to do: {check}")
        return done.returncode, checks

    def doctor(self, *command, **how):
        """What the doctor says, of this command if there is one."""
        return self.asked("--doctor", *command, **how)

    def is_seen(self, program, **how):
        """(Whether a preloaded run of the program was seen, its exit status)."""
        for file in self.ledger.iterdir():
            file.unlink()
        done = self.run_staged([program], LD_PRELOAD=str(self.library), LEAKSHIM="report", **how)
        seen = self.run_staged([self.reporter, "--require-observed"], **how).returncode
        return seen in (0, 1), done.returncode


class StagedTest(Case):
    """A test case on a stage."""

    def needs_mounts(self, script):
        """in_mounts_of_its_own(), or the test is skipped."""
        prefix = in_mounts_of_its_own(script)
        if prefix is None:
            self.skipTest("no mounts of its own are allowed here")
        return prefix
