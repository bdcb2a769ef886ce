#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the linker's export map from the hook table and the public header.

The map has one anonymous version node: with a named one, glibc binds a program's versioned imports past us.
"""
import re
import sys


def main() -> None:
    table, header, target = sys.argv[1:4]
    with open(table, encoding="utf-8") as lines:
        names = re.findall(r"^(?:HOOK|OPTIONAL|ALIAS)\((\w+),", lines.read(), re.MULTILINE)
    with open(header, encoding="utf-8") as lines:
        names += re.findall(r"^LEAKSHIM_API .*?\b(leakshim_\w+)\(", lines.read(), re.MULTILINE)
    duplicates = {name for name in names if names.count(name) > 1}
    if duplicates:
        sys.exit(f"{table}: named twice: {', '.join(sorted(duplicates))}")
    with open(target, "w", encoding="utf-8") as to:
        to.write("{\n  global:\n")
        to.writelines(f"    {name};\n" for name in names)
        to.write("  local: *;\n};\n")


if __name__ == "__main__":
    main()
