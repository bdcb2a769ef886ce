// SPDX-License-Identifier: MIT
//
// syscall() for x86-64: a tail jump, so that SYS_vfork and clone with a stack of its own work as in libc. Numbers in
// the set go to leakshim_noted_syscall (syscall.cc) instead, with all arguments as they are.
    .text
    .globl syscall
    .type syscall, @function
syscall:
    .cfi_startproc
    cmpq    $511, %rdi
    ja      1f
    leaq    leakshim_noted_numbers(%rip), %rax
    cmpb    $0, (%rax, %rdi)
    jne     leakshim_noted_syscall
1:  movq    leakshim_real_syscall(%rip), %rax
    testq   %rax, %rax
    jz      2f
    jmp     *%rax
    // Not resolved yet: resolving keeps the seven arguments.
2:  pushq   %rdi
    .cfi_adjust_cfa_offset 8
    pushq   %rsi
    .cfi_adjust_cfa_offset 8
    pushq   %rdx
    .cfi_adjust_cfa_offset 8
    pushq   %rcx
    .cfi_adjust_cfa_offset 8
    pushq   %r8
    .cfi_adjust_cfa_offset 8
    pushq   %r9
    .cfi_adjust_cfa_offset 8
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    call    leakshim_resolve_syscall
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r9
    .cfi_adjust_cfa_offset -8
    popq    %r8
    .cfi_adjust_cfa_offset -8
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    popq    %rdx
    .cfi_adjust_cfa_offset -8
    popq    %rsi
    .cfi_adjust_cfa_offset -8
    popq    %rdi
    .cfi_adjust_cfa_offset -8
    jmp     *%rax
    .cfi_endproc
    .size syscall, . - syscall

    .section .note.GNU-stack, "", @progbits
