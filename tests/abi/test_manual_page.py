# SPDX-License-Identifier: MIT
"""leakshim.h(3): each function of the header is in the page with its very types, and no other; the page is in order; its
example compiles without a warning, says what a test left, and does nothing without the library.

usage: run.py test_manual_page.py library=PATH header=PATH page=PATH -- COMPILER... -- [TEST]
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from cases import Case
from given import Given
from run import run_cases

HEADER, PAGE = pathlib.Path(Given.header), pathlib.Path(Given.page)


def in_header():
    """Name and declaration of each function and function-like macro that a program is meant to call."""
    text = HEADER.read_text(encoding="utf-8")
    found = {}
    for kind, name, parameters in re.findall(r"^static inline (\w+) (leakshim_\w+)\(([^)]*)\)", text, re.M):
        found[name] = (kind, re.sub(r"\s+", " ", parameters))
    return found


def in_page():
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", PAGE.read_text(encoding="utf-8"), re.S | re.M).group(1)
    synopsis = re.sub(r'^\.Fo (\w+)\n((?:\.Fa "[^"]*"\n)+)\.Fc', lambda found: ".Fn " + found.group(1) + " " +
                      " ".join(re.findall(r'"[^"]*"', found.group(2))), synopsis, flags=re.M)
    return {name: (kind, ", ".join(re.findall(r'"([^"]*)"', parameters)))
            for kind, name, parameters in re.findall(r"^\.Ft (\w+)\n\.Fn (leakshim_\w+) (.*)$", synopsis, re.M)}


def bare(declaration):
    """Without the blanks that only taste puts around a star."""
    kind, parameters = declaration
    return kind, re.sub(r"\s*\*\s*", "*", parameters)


class ManualPage(Case):
    def test_each_function_of_the_header_is_in_the_page_and_no_other(self):
        header, page = in_header(), in_page()
        self.assertGreater(len(header), 10)
        self.assertEqual({name: bare(one) for name, one in page.items()}, {name: bare(one) for name, one in header.items()})
        description = PAGE.read_text(encoding="utf-8").split(".Sh DESCRIPTION")[1]
        for name in [*header, "LEAKSHIM_HERE"]:
            self.assertRegex(description, rf"(?m)^\.Fn {name}\b")

    def test_each_field_and_flag_is_in_the_page(self):
        text, page = HEADER.read_text(encoding="utf-8"), PAGE.read_text(encoding="utf-8")
        for struct in ("leakshim_verdict", "leakshim_leak"):
            body = re.sub(r"/\*.*?\*/", "", re.search(rf"struct {struct} {{(.*?)^}};", text, re.S | re.M).group(1), flags=re.S)
            for field in re.findall(r"(\w+)(?:\[\w+\])?;", body):
                if field != "size":
                    self.assertRegex(page, rf"(?m)^\.Va {field}\b")
        for flag in re.findall(r"^    (LEAKSHIM_\w+) = \d+,? +/\*", text, re.M):
            self.assertIn(flag, page)

    def test_the_page_is_in_order(self):
        for command in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-ww", "-mdoc", "-z"]):
            if shutil.which(command[0]):
                done = subprocess.run([*command, str(PAGE)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      stdin=subprocess.DEVNULL, check=False)
                self.assertEqual(done.stdout, "", command)

    def test_the_example_compiles_and_says_what_a_test_left(self):
        code = re.search(r"^\.Bd -literal\n(.*?)^\.Ed", PAGE.read_text(encoding="utf-8"), re.S | re.M).group(1)
        with tempfile.TemporaryDirectory() as directory:
            source, program = os.path.join(directory, "example.c"), os.path.join(directory, "example")
            # What it makes without the library, nobody takes away but us.
            code = code.replace("\\e", "\\").replace("/tmp/example-", f"{directory}/made-")
            pathlib.Path(source).write_text(code, encoding="utf-8")
            subprocess.run([*Given.compiler, "-Wall", "-Wextra", "-Werror", f"-I{HEADER.parent}", source, "-o", program], check=True,
                           stdin=subprocess.DEVNULL)
            bare_run = subprocess.run([program], check=False, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
            self.assertEqual((bare_run.returncode, bare_run.stdout), (0, ""))
            os.mkdir(os.path.join(directory, "ledgers"), 0o700)
            seen = subprocess.run([program], check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, cwd=directory,
                                  env={"LD_PRELOAD": Given.library, "LEAKSHIM_DIR": os.path.join(directory, "ledgers"), "CI": "1"})
            self.assertEqual(seen.returncode, 1, seen.stdout)
            said = re.fullmatch(r"leaky_test left temp_dir (\S*/made-\w{6}), made at \S*example\.c:(\d+)\n", seen.stdout)
            self.assertIsNotNone(said, seen.stdout)
            self.assertIn("LEAKSHIM_HERE", code.splitlines()[int(said.group(2)) - 1])
            self.assertFalse(os.path.exists(said.group(1)))  # the scope was reaped


def main(words):
    split = words.index("--")
    Given.compiler = words[:split]
    return run_cases([ManualPage], words[split + 1:])
