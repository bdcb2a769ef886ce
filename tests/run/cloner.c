// SPDX-License-Identifier: MIT
//
// Starts a process by the system call itself, past every hook, which goes into a session of its own and waits
// to be killed. Ends when that has come so far.
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// The instruction, since syscall(2) of libc would be hooked.
static long raw(long number, long first, long second) {
    long answer;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(first), "S"(second), "d"(0L), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    answer = x0;
#endif
    return answer;
}

int main(void) {
    int ends[2];
    char byte = 0;
    if (pipe(ends) != 0) return 2;
    if (raw(SYS_clone, SIGCHLD, 0) == 0) {
        raw(SYS_setsid, 0, 0);
        __asm__ volatile("" ::: "memory");
        raw(SYS_close, ends[1], 0);
        for (;;)
            raw(SYS_nanosleep, (long)&(struct timespec){60, 0}, 0);
    }
    close(ends[1]);
    return read(ends[0], &byte, 1) == 0 ? 0 : 3;
}
