// SPDX-License-Identifier: MIT
//
// syscall() for aarch64: a tail jump, so that clone with a stack of its own works as in libc. Numbers in the set go to
// leakshim_noted_syscall (syscall.cc) instead, with all arguments as they are.
    .text
    .globl syscall
    .type syscall, %function
syscall:
    .cfi_startproc
    cmp     x0, #511
    b.hi    1f
    adrp    x9, leakshim_noted_numbers
    add     x9, x9, :lo12:leakshim_noted_numbers
    ldrb    w10, [x9, x0]
    cbz     w10, 1f
    b       leakshim_noted_syscall
1:  adrp    x9, leakshim_real_syscall
    ldr     x9, [x9, :lo12:leakshim_real_syscall]
    cbz     x9, 2f
    br      x9
    // Not resolved yet: resolving keeps the arguments.
2:  stp     x29, x30, [sp, #-80]!
    .cfi_adjust_cfa_offset 80
    stp     x0, x1, [sp, #16]
    stp     x2, x3, [sp, #32]
    stp     x4, x5, [sp, #48]
    str     x6, [sp, #64]
    bl      leakshim_resolve_syscall
    mov     x9, x0
    ldp     x0, x1, [sp, #16]
    ldp     x2, x3, [sp, #32]
    ldp     x4, x5, [sp, #48]
    ldr     x6, [sp, #64]
    ldp     x29, x30, [sp], #80
    .cfi_adjust_cfa_offset -80
    br      x9
    .cfi_endproc
    .size syscall, . - syscall

    .section .note.GNU-stack, "", %progbits
