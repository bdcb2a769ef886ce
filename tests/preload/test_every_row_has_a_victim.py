#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says which rows of the hook table no victim calls, by what the built victims import.

A row that libc keeps to itself by now can be reached by dlsym alone: then its name stands in a victim as a string.

usage: test_every_row_has_a_victim.py HOOK_TABLE VICTIM…
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "abi"))

import elf  # noqa: E402


def rows_of(table):
    """The names in the hook table, aliases included."""
    return re.findall(r"^(?:HOOK|OPTIONAL|ALIAS)\((\w+),", pathlib.Path(table).read_text(encoding="utf-8"), re.MULTILINE)


def called_by(victim, rows):
    """The rows that a built victim reaches: imported, or looked up by name."""
    program = elf.Elf(victim)
    names = {symbol.name for symbol in program.imports()}
    called = names & rows
    if "dlsym" in names:
        data, loaded = pathlib.Path(victim).read_bytes(), [one for one in program.segments if one.type == elf.PT_LOAD]
        data = b"".join(data[one.offset:one.offset + one.file_size] for one in loaded)
        called |= {row for row in rows if b"\0" + row.encode() + b"\0" in data}
    return called


def main():
    rows = set(rows_of(sys.argv[1]))
    missing = set(rows)
    for victim in sys.argv[2:]:
        missing -= called_by(victim, rows)
    # The check itself: it must know the table, and miss what nobody calls.
    if len(rows) < 150 or called_by(sys.argv[2], {"a_name_that_nobody_calls"}):
        print("the hook table or the victims can't be read")
        return 1
    for row in sorted(missing):
        print(f"no victim calls {row}: write one in tests/victims")
    print(f"{len(rows) - len(missing)} of {len(rows)} rows are called by {len(sys.argv) - 2} programs")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
