// SPDX-License-Identifier: MIT
//
// The note (elf(5), PT_NOTE) by which the shim knows a tool of ours, under whatever name it was started. Each
// tool includes this header in its main file; nobody else does.
#pragma once

__asm__(
    ".pushsection .note.leakshim, \"a\", %note\n"
    ".balign 4\n"
    ".long 9, 0, 1\n"  // bytes of the name with its NUL, of what it describes, and the type: a tool
    ".asciz \"leakshim\"\n"
    ".balign 4\n"
    ".popsection\n");
