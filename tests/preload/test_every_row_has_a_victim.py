# SPDX-License-Identifier: MIT
"""Says which rows of the hook table no victim calls, by what the built victims import.

A row that libc keeps to itself by now can be reached by dlsym alone: then its name stands in a victim as a string.

usage: run.py test_every_row_has_a_victim.py hooks=TABLE -- VICTIM…
"""

import pathlib

import elf
from given import Given
from hook_table import names_of_rows


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


def main(victims):
    rows = set(names_of_rows(Given.hooks))
    missing = set(rows)
    for victim in victims:
        missing -= called_by(victim, rows)
    # The check itself: it must know the table, and miss what nobody calls.
    if len(rows) < 150 or called_by(victims[0], {"a_name_that_nobody_calls"}):
        print("the hook table or the victims can't be read")
        return 1
    for row in sorted(missing):
        print(f"no victim calls {row}: write one in tests/victims")
    print(f"{len(rows) - len(missing)} of {len(rows)} rows are called by {len(victims)} programs")
    return 1 if missing else 0
