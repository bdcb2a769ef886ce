// SPDX-License-Identifier: MIT
//
// Calls each row of the hook table, in a child and a directory of its own, and prints what it did to the
// thread that called: was a pending cancellation acted upon, are signal mask and pending signals as before,
// does a signal interrupt it. The output is the same with and without the shim, and that is what test_rows.py
// compares.
//
//     rows TAG list | cancelled | masked | cancelled-while-waiting | interrupted | restarted
//     rows executed        what the rows start: answers by its status whether it got mask and pending signal
//
// It must never print a number that differs from run to run.
#include <dlfcn.h>

#include "rows.h"

extern char** environ;
int __open_2(const char* path, int flags);
int __openat_2(int dirfd, const char* path, int flags);
mqd_t __mq_open_2(const char* name, int flags);
int __xmknod(int version, const char* path, mode_t mode, dev_t* device);
int __xmknodat(int version, int dirfd, const char* path, mode_t mode, dev_t* device);

// What a child found out, in memory that it shares with its parent.
struct Outcome {
    atomic_int called, returned, cleaned, finished, handled;
    int cancelled, error, mask_kept, pending_kept, environ_kept, children;
    long result;
};
static struct Outcome* seen;

#define NONE (-99)

static void* begin(void* function) {
    atomic_store(&seen->called, 1);
    errno = 0;
    return function;
}
#define C(name) ((__typeof__(&name))begin(f))
#define PTR(pointer) ((pointer) != NULL)
#define YES(number) ((number) >= 0 ? 1 : -1)

// 3 when this thread's mask is the one that was set, and SIGUSR1 is pending, 1 and 2 for one of them.
static int signals_kept(void) {
    sigset_t mask, pending;
    if (pthread_sigmask(SIG_SETMASK, NULL, &mask) != 0 || sigpending(&pending) != 0) return 0;
    int same = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGWINCH) == 1;
    for (int number = 1; number < NSIG; ++number) {
        if (number != SIGUSR1 && number != SIGWINCH && sigismember(&mask, number) == 1) same = 0;
    }
    return same | (sigismember(&pending, SIGUSR1) == 1) << 1;
}

static long born(pid_t pid) {
    if (pid == 0) _exit(64 | signals_kept());
    return pid < 0 ? -1 : 1;
}

static int born_by_clone(void* argument) {
    return 64 | signals_kept() | (argument != NULL);
}

// One function a row and case; the label makes the name.
#define ROW(name, needs, good, bad) ALSO(name, name, needs, good, bad)
#define ALSO(label, name, needs, good, bad)                     \
    static long good_##label(void* f __attribute__((unused))) { \
        return (long)(good);                                    \
    }                                                           \
    static long bad_##label(void* f __attribute__((unused))) {  \
        return (long)(bad);                                     \
    }
#define SAME(name, as)
#define BLOCKS(name, needs, release, call) \
    static long wait_##name(void* f) {     \
        return (long)(call);               \
    }
#define WAITS(name, needs, release, call) BLOCKS(name, needs, release, call)
#include "rows.inc"

typedef long (*Call)(void*);
struct Row {
    const char *label, *name;
    int needs;
    Call good, bad;
};
static const struct Row rows[] = {
#define ROW(name, needs, good, bad) {#name, #name, needs, good_##name, bad_##name},
#define ALSO(label, name, needs, good, bad) {#label, #name, needs, good_##label, bad_##label},
#define SAME(name, as) {#name, #name, -1, good_##as, bad_##as},
#define BLOCKS(name, needs, release, call)
#define WAITS(name, needs, release, call)
#include "rows.inc"
};

struct Waiting {
    const char* name;
    int needs, cancellable;
    void (*release)(void);
    Call call;
};
static const struct Waiting waiting[] = {
#define ROW(name, needs, good, bad)
#define ALSO(label, name, needs, good, bad)
#define SAME(name, as)
#define BLOCKS(name, needs, release, call) {#name, needs, 1, release, wait_##name},
#define WAITS(name, needs, release, call) {#name, needs, 0, release, wait_##name},
#include "rows.inc"
};
enum { ROWS = sizeof rows / sizeof *rows, WAITINGS = sizeof waiting / sizeof *waiting };

// What a second name needs is what the first one needs.
static int needs_of(const struct Row* row) {
    for (int i = 0; row->needs < 0 && i < ROWS; ++i) {
        if (rows[i].needs >= 0 && rows[i].good == row->good) return rows[i].needs;
    }
    return row->needs;
}

// As the program itself would be bound to it; some names are kept for old programs alone.
static void* find(const char* name) {
    void* found = dlsym(RTLD_DEFAULT, name);
    const char* const versions[] = {"GLIBC_2.2.5", "GLIBC_2.4", "GLIBC_2.17"};
    for (int i = 0; found == NULL && i < 3; ++i)
        found = dlvsym(RTLD_DEFAULT, name, versions[i]);
    return found;
}

struct Task {
    Call call;
    void* function;
};

static void perform(const struct Task* task) {
    char** before = environ;
    const char* path = getenv("PATH");
    long result = task->call(task->function);
    seen->error = errno;
    seen->result = result;
    seen->environ_kept = environ == before && getenv("PATH") == path;
    atomic_store(&seen->returned, 1);
}

static void note_cleanup(void* environment) {
    seen->environ_kept = environ == environment && getenv("PATH") != NULL;
    atomic_store(&seen->cleaned, 1);
}

static void* called_with_a_cancellation_pending(void* task) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_push(note_cleanup, environ);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    perform(task);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop(0);
    atomic_store(&seen->finished, 1);
    return NULL;
}

static void* called_to_be_cancelled(void* task) {
    pthread_cleanup_push(note_cleanup, environ);
    perform(task);
    pthread_cleanup_pop(0);
    return NULL;
}

static void join_and_tell(pthread_t thread) {
    void* value = NULL;
    pthread_join(thread, &value);
    seen->cancelled = value == PTHREAD_CANCELED;
}

static void try_cancelled(struct Task* task) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, called_with_a_cancellation_pending, task) == 0, "a thread");
    join_and_tell(thread);
}

static void try_masked(struct Task* task) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGWINCH);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    raise(SIGUSR1);
    perform(task);
    seen->mask_kept = signals_kept() & 1;
    seen->pending_kept = signals_kept() >> 1;
    atomic_store(&seen->finished, 1);
}

static void count_signal(int number) {
    (void)number;
    atomic_fetch_add(&seen->handled, 1);
}

// Waits until `thread` sleeps in its call, or has come back from it.
static void await_sleep(pid_t thread) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    for (;; usleep(1000)) {
        if (atomic_load(&seen->returned)) return;
        if (!atomic_load(&seen->called)) continue;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, line, sizeof line - 1);
        close(fd);
        line[size < 0 ? 0 : size] = '\0';
        const char* end = strrchr(line, ')');
        if (end != NULL && end[1] == ' ' && end[2] == 'S') return;
    }
}

static const struct Waiting* being_interrupted;
static pthread_t interrupted_thread;

// Interrupts the first thread up to three times, each time in its sleep, then lets its call come back.
static void* interrupt(void* unused) {
    pid_t first = getpid();
    for (int times = 0; times < 3; ++times) {
        await_sleep(first);
        if (atomic_load(&seen->returned)) return unused;
        int before = atomic_load(&seen->handled);
        pthread_kill(interrupted_thread, SIGUSR1);
        while (atomic_load(&seen->handled) == before)
            usleep(500);
    }
    await_sleep(first);
    if (!atomic_load(&seen->returned)) being_interrupted->release();
    return unused;
}

static void try_interrupted(struct Task* task, int flags) {
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t helper;
    interrupted_thread = pthread_self();
    must(pthread_create(&helper, NULL, interrupt, NULL) == 0, "a thread");
    perform(task);
    pthread_join(helper, NULL);
    atomic_store(&seen->finished, 1);
}

static pid_t cancelled_tid;
static void* told_its_tid(void* task) {
    __atomic_store_n(&cancelled_tid, gettid(), __ATOMIC_RELEASE);
    return called_to_be_cancelled(task);
}

static void try_cancelled_while_waiting(struct Task* task) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, told_its_tid, task) == 0, "a thread");
    while (__atomic_load_n(&cancelled_tid, __ATOMIC_ACQUIRE) == 0)
        usleep(500);
    await_sleep(cancelled_tid);
    pthread_cancel(thread);
    join_and_tell(thread);
    atomic_store(&seen->finished, 1);
}

// One call of one row, and what is tried on it.
struct Trial {
    const char *act, *name, *label, *which;
    int needs;
    Call call;
    const struct Waiting* wait_for;
};

static void be_tried(const struct Trial* trial, struct Task* task) {
    being_interrupted = trial->wait_for;
    if (strcmp(trial->act, "cancelled") == 0) try_cancelled(task);
    if (strcmp(trial->act, "masked") == 0) try_masked(task);
    if (strcmp(trial->act, "interrupted") == 0) try_interrupted(task, 0);
    if (strcmp(trial->act, "restarted") == 0) try_interrupted(task, SA_RESTART);
    if (strcmp(trial->act, "cancelled-while-waiting") == 0) try_cancelled_while_waiting(task);
}

// In the child: all of it, in a directory of its own.
static void live(const struct Trial* trial, struct Task* task, int number) {
    char directory[32];
    snprintf(directory, sizeof directory, "%d", number);
    must(mkdir(directory, 0700) == 0 && chdir(directory) == 0, directory);
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(40);
    prepare(trial->needs);
    // The hooks put these back in what they start, and must leave this environment as it is.
    unsetenv("LD_PRELOAD");
    unsetenv("LEAKSHIM_SESSION");
    be_tried(trial, task);
    if (trial->needs & IPC) remove_ipc();
    close(x.gate[1]);
    // Whoever still reads the fifo comes to its end.
    close(open("fifo", O_RDWR));
    for (int status; waitpid(-1, &status, 0) > 0;)
        seen->children += status;
    _exit(0);
}

static void show(const struct Trial* trial, int status) {
    printf("%s\t%s:", trial->label, trial->which);
    if (atomic_load(&seen->returned))
        printf(" returned %ld, %s;", seen->result, strerrorname_np(seen->error));
    if (atomic_load(&seen->cleaned)) printf(" cleaned up;");
    if (seen->cancelled) printf(" cancelled;");
    printf(" handled %d, mask %d, pending %d, environment %d, children %d, status %d\n",
           atomic_load(&seen->handled), seen->mask_kept, seen->pending_kept, seen->environ_kept,
           seen->children, status);
    fflush(stdout);
}

static void run(const struct Trial* trial) {
    static int number;
    struct Task task = {trial->call, find(trial->name)};
    if (task.function == NULL) return;
    memset(seen, 0, sizeof *seen);
    pid_t pid = fork();
    must(pid >= 0, "a child");
    ++number;
    if (pid == 0) live(trial, &task, number);
    int status = 0;
    waitpid(pid, &status, 0);
    while ((trial->needs & DAEMON) && !atomic_load(&seen->finished) && !atomic_load(&seen->cleaned))
        usleep(1000);
    show(trial, status);
}

static void run_rows(const char* act) {
    for (int i = 0; i < ROWS; ++i) {
        const struct Row* row = &rows[i];
        struct Trial trial = {act, row->name, row->label, "good", needs_of(row), row->good, NULL};
        run(&trial);
        trial.which = "bad", trial.call = row->bad;
        run(&trial);
    }
}

static void run_waiting(const char* act) {
    for (int i = 0; i < WAITINGS; ++i) {
        const struct Waiting* row = &waiting[i];
        if (!row->cancellable && strcmp(act, "cancelled-while-waiting") == 0) continue;
        const struct Trial trial = {act, row->name, row->name, "waiting", row->needs, row->call, row};
        run(&trial);
    }
}

static void name_things(const char* tag) {
    // As sandbox.py names what is left over.
    snprintf(x.name, sizeof x.name, "/leak-%s", tag);
    snprintf(x.present, sizeof x.present, "/theirs-%s", tag);
    snprintf(x.absent, sizeof x.absent, "/absent-%s", tag);
    unsigned hash = 2166136261U;
    for (const char* at = x.name + 1; *at != '\0'; ++at)
        hash = (hash ^ (unsigned char)*at) * 16777619U;
    x.key = (int)((hash & 0x7ffffffeU) | 1U);
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "executed") == 0) return 64 | signals_kept();
    if (argc != 3) return 2;
    x.self = argv[0];
    name_things(argv[1]);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(seen != MAP_FAILED, "shared memory");
    if (strcmp(argv[2], "list") == 0) {
        for (int i = 0; i < ROWS; ++i)
            printf("row %s\n", rows[i].name);
        for (int i = 0; i < WAITINGS; ++i)
            printf("waits %s\n", waiting[i].name);
        return 0;
    }
    if (strcmp(argv[2], "cancelled") == 0 || strcmp(argv[2], "masked") == 0)
        run_rows(argv[2]);
    else
        run_waiting(argv[2]);
    return 0;
}
