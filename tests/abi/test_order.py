# SPDX-License-Identifier: MIT
"""shim/libleakshim.ld names the functions that each process comes by; they lie together, before all others."""

import fnmatch
import pathlib
import re
import subprocess

from cases import Case
from given import Given

LARGEST = 96 * 1024  # bytes from the library's first byte to the last of those functions


def names_in_order():
    """The patterns of the script, but for the last, which is for all that is left."""
    text = pathlib.Path(Given.layout).read_text(encoding="utf-8")
    block = re.search(r"\.text :\s*\{(.*?)\*\(\.text \.text\.\*\)", text, re.DOTALL)
    return [name for name in re.findall(r"\.text\.([^\s)]+)", block[1]) if not name.startswith("startup")]


def functions():
    """Those of the library in the order in which they lie, each by one of its names; without what is seldom run of one,
    which the compiler has put elsewhere."""
    out = subprocess.run(["nm", "--defined-only", Given.library], check=True, text=True, stdout=subprocess.PIPE).stdout
    lines = [line.split() for line in out.splitlines()]
    found = {int(address, 16): name for address, kind, name in lines if kind in "tT" and not name.endswith(".cold")}
    return sorted((address, name.partition(".")[0]) for address, name in found.items())


class Order(Case):
    def setUp(self):
        self.patterns, self.functions = names_in_order(), functions()
        self.assertGreater(len(self.patterns), 50)
        self.assertGreater(len(self.functions), 500)

    def named(self, name):
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)

    def test_most_names_are_those_of_functions(self):
        # Another compiler may have put one or the other into its caller.
        names = {name for _, name in self.functions}
        gone = [pattern for pattern in self.patterns if not fnmatch.filter(names, pattern)]
        self.assertLessEqual(len(gone), len(self.patterns) // 20, gone)

    def test_what_is_named_lies_before_all_else(self):
        number = sum(self.named(name) for _, name in self.functions)
        first = self.functions[:number]
        strangers = [name for _, name in first if not self.named(name)]
        self.assertLessEqual(len(strangers), number // 20, strangers)
        self.assertLess(first[-1][0], LARGEST)
