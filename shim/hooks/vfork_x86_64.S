// SPDX-License-Identifier: MIT
//
// vfork for x86-64. Child and parent return from it one after the other, on one stack: what the child pushes later
// destroys the return address of the parent. It is kept in a register over the system call instead.
    .text
    .globl vfork
    .globl __vfork
    .type vfork, @function
    .type __vfork, @function
vfork:
__vfork:
    .cfi_startproc
    subq    $8, %rsp                    // calls want the stack aligned
    .cfi_adjust_cfa_offset 8
    call    leakshim_before_vfork
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    testq   %rax, %rax
    jz      2f
    jmp     *%rax                       // another interposer's, which makes what it likes of it
2:  popq    %rdi
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rdi
    movl    $58, %eax                   // SYS_vfork
    syscall
    pushq   %rdi
    .cfi_adjust_cfa_offset 8
    .cfi_offset %rip, -8
    testq   %rax, %rax
    jz      1f
    movq    %rax, %rdi
    pushq   %rbp                        // a frame, for call stacks by frame pointers
    .cfi_adjust_cfa_offset 8
    .cfi_offset %rbp, -16
    movq    %rsp, %rbp
    call    leakshim_after_vfork        // result, or -1 with errno set
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
1:  ret
    .cfi_endproc
    .size vfork, . - vfork
    .size __vfork, . - __vfork

    .section .note.GNU-stack, "", @progbits
