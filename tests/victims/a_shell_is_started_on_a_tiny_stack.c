// SPDX-License-Identifier: MIT
//
// A signal handler on a small stack of its own has libc start a shell, which needs the variables of its session.
//
// expect: error temp_dir path={tmp}/shell
// status: 0
#include <signal.h>

#include "victim.h"

static void handler(int signal_number) {
    (void)signal_number;
    if (system("mkdir \"$TMPDIR/shell\"") != 0) _exit(9);
}

// With nothing readable below it.
static void* small_stack(void) {
    char* memory = mmap(NULL, 65536 + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory, 65536, PROT_NONE);
    return memory + 65536;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const stack_t stack = {.ss_sp = small_stack(), .ss_size = 8192};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    // The session begins at the first call of all, which is not the handler's.
    SHOW(close(-1));
    SHOW(sigaltstack(&stack, NULL));
    SHOW(sigaction(SIGUSR1, &action, NULL));
    SHOW(raise(SIGUSR1));
    return 0;
}
