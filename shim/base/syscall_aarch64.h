// SPDX-License-Identifier: MIT
//
// The raw system call of aarch64 (syscall(2), "Architecture calling conventions").
#pragma once

namespace leakshim::sys {

/// Makes system call `number`. Returns the kernel's answer: the result, or -errno. Never touches errno.
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a;
    register long x1 asm("x1") = b;
    register long x2 asm("x2") = c;
    register long x3 asm("x3") = d;
    register long x4 asm("x4") = e;
    register long x5 asm("x5") = f;
    asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
}

/// Does valgrind run this program? As in syscall_x86_64.h, with the registers of this machine.
inline bool under_valgrind() {
    volatile unsigned long request[6] = {0x1001};
    register unsigned long answer asm("x3") = 0;
    register const volatile unsigned long* asked asm("x4") = request;
    asm volatile(
        "ror x12, x12, #3; ror x12, x12, #13; ror x12, x12, #51; ror x12, x12, #61; orr x10, x10, x10"
        : "+r"(answer)
        : "r"(asked)
        : "cc", "memory");
    return answer != 0;
}

}  // namespace leakshim::sys
