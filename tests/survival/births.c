// SPDX-License-Identifier: MIT
//
// Forks in the moments in which a parent and its child may both write the child down, or neither: what
// happens between the fork and the parent's way out of fork() is done by handlers of pthread_atfork(3), which
// run there.
//
//     births killed            the parent is killed there; its child does nothing, for ever
//     births faster COUNT      each child makes and removes a directory before its parent goes on
//     births waited COUNT      each child is waited for by a handler of SIGCHLD before its parent goes on
//     births idle COUNT        children that do nothing and end
//     births workers COUNT     children that make and remove a directory and end
//     births hidden            a child that nobody of its own user may look into, for ever
//     births disguised         a child of another user (by root), for ever
//     births namespace         three children in a new pid namespace, which do not end; prints their pids
//     births reused            a child nobody waits for ends, and its number is given away: said to the
//     bearer on stdin births bearer            waits for a number on stdin, and leaves a process that bears
//     it; prints its pid
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int* number;  // of the child, which says it; shared with it
static volatile sig_atomic_t waited_for;

static int fail(const char* what) {
    perror(what);
    return 1;
}

static void pause_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static void make_and_remove(void) {
    char name[200];
    const char* root = getenv("TMPDIR");
    snprintf(name, sizeof name, "%.150s/births-XXXXXX", root != NULL ? root : ".");
    if (mkdtemp(name) == NULL || rmdir(name) != 0) _exit(9);
}

static int wait_for(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    return status;
}

static void die(void) {
    kill(getpid(), SIGKILL);
}

static int killed(void) {
    pid_t middle = fork();
    if (middle == 0) {
        pthread_atfork(NULL, die, NULL);
        if (fork() == 0) {
            for (;;)
                pause();
        }
        _exit(3);
    }
    return wait_for(middle) == SIGKILL ? 0 : fail("killed");
}

static void hide(void) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) _exit(7);
}

static void disguise(void) {
    if (setuid(65534) != 0) _exit(7);
}

/// Leaves a child of a child that is gone.
static int orphan(void (*become)(void)) {
    pid_t middle = fork();
    if (middle != 0) return wait_for(middle);
    if (fork() == 0) {
        become();
        for (;;)
            pause();
    }
    pause_ms(50);
    _exit(0);
}

static void take_time(void) {
    pause_ms(20);
}

static int fork_often(int count, void (*work)(void)) {
    for (int i = 0; i < count; ++i) {
        pid_t pid = fork();
        if (pid < 0) return fail("fork");
        if (pid == 0) {
            if (work != NULL) work();
            _exit(0);
        }
        if (wait_for(pid) != 0) return fail("wait");
    }
    return 0;
}

static int faster(int count) {
    pthread_atfork(NULL, take_time, make_and_remove);
    return fork_often(count, NULL);
}

static void wait_in_handler(int signal) {
    int before = errno;
    while (signal == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0)
        waited_for = 1;
    errno = before;
}

static void until_waited_for(void) {
    while (!waited_for)
        pause_ms(1);
}

static int waited(int count) {
    struct sigaction action = {.sa_handler = wait_in_handler, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    pthread_atfork(NULL, until_waited_for, NULL);
    for (int i = 0; i < count; ++i) {
        waited_for = 0;
        pid_t pid = fork();
        if (pid < 0) return fail("fork");
        if (pid == 0) _exit(0);
    }
    return 0;
}

static int in_namespace(void) {
    if (unshare(CLONE_NEWPID) != 0) return 77;
    for (int i = 0; i < 3; ++i) {
        pid_t pid = fork();
        if (pid < 0) return fail("fork");
        if (pid == 0) {
            make_and_remove();
            for (;;)
                pause();
        }
        printf("%d\n", pid);
    }
    return 0;
}

static void say_number(void) {
    atomic_store(number, getpid());
}

/// The bearer is told the number when it is free, and answers when another process has it.
static void let_it_be_reused(void) {
    int pid;
    while ((pid = atomic_load(number)) == 0 || kill(pid, 0) == 0)
        pause_ms(1);
    pause_ms(20);
    char done;
    if (write(0, &pid, sizeof pid) != sizeof pid || read(0, &done, 1) != 1) _exit(8);
}

static int reused(void) {
    number = mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (number == MAP_FAILED) return fail("mmap");
    signal(SIGCHLD, SIG_IGN);
    pthread_atfork(NULL, let_it_be_reused, say_number);
    pid_t pid = fork();
    if (pid < 0) return fail("fork");
    if (pid == 0) _exit(0);
    return 0;
}

/// struct clone_args of clone3(2).
struct clone3_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
};

static int bear(void) {
    pid_t pid = 0;
    if (read(0, &pid, sizeof pid) != sizeof pid) return fail("read");
    struct clone3_arguments how = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    long made = syscall(SYS_clone3, &how, sizeof how);
    if (made == 0) {
        close(1);  // somebody waits for its end
        for (;;)
            pause();
    }
    if (write(0, "!", 1) != 1) return fail("write");
    printf("%ld\n", made);
    return made < 0 && errno == EPERM ? 77 : made != pid;
}

int main(int count, char** arguments) {
    const char* act = count > 1 ? arguments[1] : "";
    int more = count > 2 ? atoi(arguments[2]) : 0;
    if (strcmp(act, "killed") == 0) return killed();
    if (strcmp(act, "hidden") == 0) return orphan(hide);
    if (strcmp(act, "disguised") == 0) return orphan(disguise);
    if (strcmp(act, "faster") == 0) return faster(more);
    if (strcmp(act, "waited") == 0) return waited(more);
    if (strcmp(act, "idle") == 0) return fork_often(more, NULL);
    if (strcmp(act, "workers") == 0) return fork_often(more, make_and_remove);
    if (strcmp(act, "namespace") == 0) return in_namespace();
    if (strcmp(act, "reused") == 0) return reused();
    if (strcmp(act, "bearer") == 0) return bear();
    return 2;
}
