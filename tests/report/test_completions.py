# SPDX-License-Identifier: MIT
"""The completions of the tools for bash, zsh and fish: each option of --help is in each, and none that is not; and the
shells take them, by really completing.
What asks a shell that is absent is skipped.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from cases import Case
from given import Given
from processes import PATIENCE, wait_for

TOOLS = ("report", "run", "reap")


def run(*command, **settings):
    return subprocess.run(command, check=False, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)


def options_of(tool):
    """What --help names: at the start of its lines, and in the list of more than one."""
    text = run(getattr(Given, tool), "--help").stdout
    heads = [re.split(r"  +(?=[^-\s])", line.strip())[0] for line in text.splitlines() if re.match(r"\s+(-\w|--\w)", line)]
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(heads)))


def text_of(name):
    return (pathlib.Path(Given.source) / name).read_text(encoding="utf-8")


def in_bash(tool):
    words = re.search(rf"leakshim-{tool}\) options='([^']*)'", text_of("leakshim.bash")).group(1)
    return set(words.split())


def in_zsh(tool):
    part = re.search(rf"^  leakshim-{tool}\)\n(.*?);;", text_of("_leakshim"), re.S | re.M).group(1)
    found = set(re.findall(r"^\s+'(?:\([^)]*\))?\*?(--?[a-z-]+)\[", part, re.M))
    for both in re.findall(r"\{([^}]*)\}", part):
        found |= set(both.split(","))
    return found


def in_fish(tool):
    found = set()
    for line in text_of(f"leakshim-{tool}.fish").splitlines():
        line = re.sub(r"'[^']*'", "''", line)
        found |= {f"-{short}" for short in re.findall(r" -s (\w)", line)} | {f"--{name}" for name in re.findall(r" -l ([\w-]+)", line)}
    return found


def bash_completes(*words):
    """COMPREPLY for these words, the last of which is being written."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_leakshim "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; printf "%s\\n" "${COMPREPLY[@]}"')
    path = os.pathsep.join(str(pathlib.Path(getattr(Given, tool)).parent) for tool in TOOLS) + os.pathsep + os.environ["PATH"]
    done = run("bash", "--norc", "-c", script, "bash", str(pathlib.Path(Given.source) / "leakshim.bash"), *words,
               env={"PATH": path, "LEAKSHIM_DIR": Given.ledgers})
    return done.stdout.split()


class Completions(Case):
    @classmethod
    def setUpClass(cls):
        ledgers = tempfile.TemporaryDirectory()
        cls.addClassCleanup(ledgers.cleanup)
        Given.ledgers = ledgers.name

    def test_each_option_of_the_help_is_in_each_completion_and_no_other(self):
        for tool in TOOLS:
            options = options_of(tool)
            self.assertGreater(len(options), 10, tool)
            for shell in (in_bash, in_zsh, in_fish):
                self.assertEqual(sorted(shell(tool)), sorted(options), f"{tool} {shell.__name__}")

    def test_each_format_and_each_key_is_offered(self):
        formats = re.search(r"--format NAME\s+((?:[a-z-]+,\s+)+[a-z-]+)", run(Given.report, "--help").stdout).group(1)
        formats = re.split(r",\s+", formats)
        self.assertEqual(bash_completes("leakshim-report", "--format", ""), formats)
        helped = run(Given.run, "-o", "help=1", "true", env={"LEAKSHIM_DIR": Given.ledgers, "PATH": os.environ["PATH"]}).stdout
        keys = re.findall(r"^leakshim:   ([a-z-]+)  ", helped, re.M)[1:]
        self.assertIn("linger", keys)
        self.assertEqual(bash_completes("leakshim-run", "-o", ""), [f"{key}=" for key in keys])
        for name in ("_leakshim", "leakshim-report.fish"):
            self.assertRegex(text_of(name), " ".join(formats))
        flat = re.sub(r"\s+", " ", text_of("_leakshim"))
        self.assertIn("keys=( " + " ".join(keys) + " )", flat)
        self.assertIn("'" + " ".join(f"{key}=" for key in keys) + "'", text_of("leakshim-run.fish"))

    @unittest.skipUnless(shutil.which("bash"), "no bash here")
    def test_bash_completes(self):
        for tool in TOOLS:
            self.assertEqual(sorted(bash_completes(f"leakshim-{tool}", "-")), sorted(options_of(tool)))
        self.assertEqual(bash_completes("leakshim-report", "--no"), ["--no-redact"])
        self.assertEqual(bash_completes("leakshim-report", "--format", "=", "gith"), ["github", "github-summary"])
        self.assertEqual(bash_completes("leakshim-report", "--color", "="), ["always", "never", "auto"])
        self.assertEqual(bash_completes("leakshim-reap", "--user", "roo"), ["root"])
        self.assertIn("env", bash_completes("leakshim-run", "--fail", "en"))
        # Behind the command its own words follow, and no options of ours.
        self.assertEqual(bash_completes("leakshim-run", "--fail", "env", "--fa"), [])
        self.assertEqual(bash_completes("leakshim-run", "-o", "linger=1s", "--fa"), ["--fail"])
        with tempfile.TemporaryDirectory() as directory:
            name = pathlib.Path(directory) / "with a blank.json"
            name.touch()
            completed = bash_completes("leakshim-report", f"{directory}/with")
            self.assertEqual(" ".join(completed), str(name))

    @unittest.skipUnless(shutil.which("bash"), "no bash here")
    def test_bash_offers_the_sessions_that_there_are(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as ledgers:
            before, Given.ledgers = Given.ledgers, ledgers
            try:
                run(Given.run, "true", env={"LEAKSHIM_DIR": ledgers, "PATH": os.environ["PATH"]})
                offered = bash_completes("leakshim-report", "--session", "")
                self.assertEqual(len(offered), 1)
                self.assertRegex(offered[0], "^[0-9a-f]{32}$")
                self.assertEqual(bash_completes("leakshim-reap", "--session", offered[0][:6]), offered)
            finally:
                Given.ledgers = before

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish_completes(self):
        with tempfile.TemporaryDirectory() as home:
            for tool in TOOLS:
                script = f"source {Given.source}/leakshim-{tool}.fish; complete -C 'leakshim-{tool} -'"
                done = run("fish", "--no-config", "-c", script, env={"HOME": home, "PATH": os.environ["PATH"], "TERM": "dumb"})
                offered = {line.split("\t")[0] for line in done.stdout.splitlines()}
                self.assertEqual(sorted(offered), sorted(options_of(tool)), done.stdout)
            script = f"source {Given.source}/leakshim-report.fish; complete -C 'leakshim-report --format git'"
            done = run("fish", "--no-config", "-c", script, env={"HOME": home, "PATH": os.environ["PATH"], "TERM": "dumb"})
            self.assertEqual({line.split("\t")[0] for line in done.stdout.splitlines()}, {"github", "github-summary", "gitlab"})

    @unittest.skipUnless(shutil.which("zsh") and shutil.which("tmux"), "no zsh or no tmux here")
    def test_zsh_completes(self):
        """On a terminal, as a user would: zsh's completion works nowhere else."""
        with tempfile.TemporaryDirectory() as home:
            functions = pathlib.Path(home) / "functions"
            functions.mkdir()
            shutil.copy(pathlib.Path(Given.source) / "_leakshim", functions / "_leakshim")
            (pathlib.Path(home) / ".zshrc").write_text(
                f"PS1='READY> '; fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; setopt NO_LIST_BEEP\n",
                encoding="utf-8")
            for line, wanted in (("leakshim-report --no-re", "leakshim-report --no-redact"),
                                 ("leakshim-report --format prom", "leakshim-report --format prometheus"),
                                 ("leakshim-run --private", "leakshim-run --private-tmp"),
                                 ("leakshim-run -o ling", "leakshim-run -o linger="),
                                 ("leakshim-reap --dry", "leakshim-reap --dry-run")):
                seen = self.typed_into_zsh(home, line)
                self.assertIn(f"READY> {wanted}", seen)

    def typed_into_zsh(self, home, line):
        socket = os.path.join(home, f"tmux-{line.count('x')}{len(line)}")
        tmux = ["tmux", "-S", socket, "-f", "/dev/null"]
        environment = {"HOME": home, "ZDOTDIR": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        run(*tmux, "new-session", "-d", "-x", "100", "-y", "30", "zsh -i", env=environment)
        try:
            self.wait_for(tmux, lambda seen: "READY>" in seen)
            run(*tmux, "send-keys", "-l", line)
            self.wait_for(tmux, lambda seen: f"READY> {line}" in seen)
            run(*tmux, "send-keys", "Tab")
            return self.wait_for(tmux, lambda seen: re.search(rf"READY> {line}[a-z=-]", seen))
        finally:
            run(*tmux, "kill-server")

    def wait_for(self, tmux, is_there):
        seen = wait_for(lambda: run(*tmux, "capture-pane", "-p").stdout, is_there)
        self.assertTrue(is_there(seen), seen)
        return seen
