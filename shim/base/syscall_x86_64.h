// SPDX-License-Identifier: MIT
//
// The raw system call of x86-64 (syscall(2), "Architecture calling conventions").
#pragma once

namespace leakshim::sys {

/// Makes system call `number`. Returns the kernel's answer: the result, or -errno. Never touches errno.
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
    long result;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

/// Does valgrind run this program? Asked as valgrind.h asks (RUNNING_ON_VALGRIND): instructions that valgrind
/// knows together, and that do nothing on a processor.
inline bool under_valgrind() {
    volatile unsigned long request[6] = {0x1001};
    unsigned long answer = 0;
    asm volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
                 : "+d"(answer)
                 : "a"(request)
                 : "cc", "memory");
    return answer != 0;
}

}  // namespace leakshim::sys
