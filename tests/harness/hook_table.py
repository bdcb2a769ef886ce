# SPDX-License-Identifier: MIT
"""The hook table, shim/hooks/hooks.inc, as the tests read it."""

import pathlib
import re


def read_rows(table):
    """(kind, name, target of an alias or None) of each row: HOOK, OPTIONAL or ALIAS. OSError where it can't be read."""
    found = re.findall(r"^(HOOK|OPTIONAL|ALIAS)\((\w+), (?:(\w+), )?\w+\)$", pathlib.Path(table).read_text(encoding="utf-8"),
                       re.MULTILINE)
    return [(kind, name, target or None) for kind, name, target in found]


def names_of_rows(table):
    """The names in the hook table, aliases included."""
    return [name for _, name, _ in read_rows(table)]
