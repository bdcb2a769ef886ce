// SPDX-License-Identifier: MIT
//
// vfork for aarch64: clone(CLONE_VM | CLONE_VFORK | SIGCHLD). Child and parent return from it one after the other, on
// one stack, so the return address stays in x30 over the system call, saved in a register meanwhile.
    .text
    .globl vfork
    .globl __vfork
    .type vfork, %function
    .type __vfork, %function
vfork:
__vfork:
    .cfi_startproc
    stp     x29, x30, [sp, #-16]!
    .cfi_adjust_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    bl      leakshim_before_vfork
    ldp     x29, x30, [sp], #16
    .cfi_adjust_cfa_offset -16
    .cfi_restore x29
    .cfi_restore x30
    cbz     x0, 2f
    mov     x16, x0
    br      x16                         // another interposer's, which makes what it likes of it
2:  mov     x0, #0x4111
    mov     x1, #0
    mov     x2, #0
    mov     x3, #0
    mov     x4, #0
    mov     x8, #220                    // SYS_clone
    svc     #0
    cbz     x0, 1f
    stp     x29, x30, [sp, #-16]!
    .cfi_adjust_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    mov     x29, sp                     // a frame, for call stacks by frame pointers
    bl      leakshim_after_vfork        // result, or -1 with errno set
    ldp     x29, x30, [sp], #16
    .cfi_adjust_cfa_offset -16
    .cfi_restore x29
    .cfi_restore x30
1:  ret
    .cfi_endproc
    .size vfork, . - vfork
    .size __vfork, . - __vfork

    .section .note.GNU-stack, "", %progbits
