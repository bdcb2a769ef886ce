// SPDX-License-Identifier: MIT
//
// The program that the hostile tests run with and without the shim: it works a little, does something odd on
// request, and prints what it sees. Its output and status are the same wherever and however often it runs.
//
//     host [ACT[=ARGUMENT]]...
//
// Acts are done in the order given, below $TMPDIR; the status at the end is 7. An act that fails says so and
// goes on.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static char** arguments;

static void show(const char* act, const char* argument, long result) {
    char line[512];
    int size = snprintf(line, sizeof line, "%.200s %.200s: %ld%s%s\n", act, argument, result,
                        result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
    if (write(STDOUT_FILENO, line, (size_t)size) != size) return;
}

// Some of each family, a number of times over; nothing is left. Returns how much of it worked.
static void* idle(void* argument) {
    return argument;
}

// Long names, which take room in a ledger.
static void name_it(char* name, long number) {
    memset(name, 'n', 200);
    snprintf(name + 200, 24, "-%ld", number);
}

// Some of each family, a number of times over; nothing is left. Returns how much of it worked.
static long work(long times) {
    long good = 0;
    char name[256];
    for (long i = 0; i < times; ++i) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        good += fd >= 0;
        if (fd >= 0) close(fd);
        name_it(name, i);
        good += mkdir(name, 0700) == 0;
    }
    for (long i = 0; i < times; ++i) {
        name_it(name, i);
        good += rmdir(name) == 0;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, idle, NULL) == 0) good += pthread_join(thread, NULL) == 0;
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("from-the-child", O_CREAT | O_EXCL | O_RDWR, 0600);
        _exit(fd >= 0 && unlink("from-the-child") == 0 ? 3 : 4);
    }
    int status = 0;
    good += pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3;
    return good;
}

// Removes the ledger that this process was given, or overwrites it with noise that a number decides. Without
// one it does nothing.
static long damage(const char* how) {
    const char* path = getenv("LEAKSHIM_SESSION");
    if (path == NULL) return 0;
    if (strcmp(how, "remove") == 0) return unlink(path) & 0;
    int fd = open(path, O_RDWR);
    if (fd < 0) return -1;
    unsigned long seed = strtoul(how, NULL, 10);
    // From the page on that the seed chooses, over what is in use: a MiB.
    unsigned char page[4096];
    for (unsigned number = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 8 : 16; number < 256; ++number) {
        for (size_t i = 0; i < sizeof page; ++i) {
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            page[i] = (unsigned char)(seed >> 56);
        }
        if (pwrite(fd, page, sizeof page, number * 4096L) != (long)sizeof page) return -1;
    }
    return close(fd);
}

static int resource_of(const char* name) {
    if (strncmp(name, "as", 2) == 0) return RLIMIT_AS;
    return strncmp(name, "fsize", 5) == 0 ? RLIMIT_FSIZE : RLIMIT_NOFILE;
}

// "as+N" adds N KiB to the address space in use; anything else is a plain "name=N".
static long limit(const char* what) {
    struct rlimit to;
    const char* number = strpbrk(what, "+:");
    if (number == NULL) return -1;
    to.rlim_cur = to.rlim_max = strtoul(number + 1, NULL, 10);
    if (*number == '+') {
        unsigned long pages = 0;
        FILE* size = fopen("/proc/self/statm", "r");
        if (size == NULL || fscanf(size, "%lu", &pages) != 1) return -1;
        fclose(size);
        to.rlim_cur = to.rlim_max = pages * 4096 + to.rlim_cur * 1024;
    }
    return setrlimit(resource_of(what), &to);
}

// What setproctitle of many daemons does: the whole area of arguments and environment is theirs.
static long overwrite_title(void) {
    char *start = arguments[0], *end = start;
    for (char** entry = arguments; *entry != NULL; ++entry)
        end = *entry + strlen(*entry) + 1;
    size_t count = 0;
    for (char** entry = environ; *entry != NULL; ++entry, ++count) {
        if (*entry == end) end = *entry + strlen(*entry) + 1;
    }
    char** copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; ++i)
        copy[i] = strdup(environ[i]);
    environ = copy;
    memset(start, 'x', (size_t)(end - start));
    end[-1] = '\0';
    return 0;
}

static long count_descriptors(void) {
    long count = -1;  // the directory's own
    DIR* directory = opendir("/proc/self/fd");
    if (directory == NULL) return -1;
    for (struct dirent* entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

static void wait_for_input(void) {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
        continue;
}

static long execute(const char* how) {
    char *none[] = {NULL}, *rest[] = {arguments[0], "work=3", NULL};
    if (strcmp(how, "without arguments") == 0) return execve("/proc/self/exe", none, environ);
    if (strcmp(how, "null") == 0) return execve("/proc/self/exe", NULL, NULL);
    return execve("/proc/self/exe", rest, none);
}

static long act(const char* name, const char* argument) {
    if (strcmp(name, "work") == 0) return work(atol(argument));
    if (strcmp(name, "leave") == 0) return mkdir(argument, 0700);
    if (strcmp(name, "damage") == 0) return damage(argument);
    if (strcmp(name, "limit") == 0) return limit(argument);
    if (strcmp(name, "title") == 0) return overwrite_title();
    if (strcmp(name, "execute") == 0) return execute(argument);
    if (strcmp(name, "descriptors") == 0) return count_descriptors();
    if (strcmp(name, "close") == 0) return close(atoi(argument));
    if (strcmp(name, "open") == 0) return open(argument, O_CREAT | O_RDWR, 0600);
    if (strcmp(name, "wait") == 0) wait_for_input();
    if (strcmp(name, "shell") == 0) return system(argument);
    if (strcmp(name, "stderr") == 0)
        return dup2(open(argument, O_CREAT | O_RDWR | O_TRUNC, 0600), STDERR_FILENO);
    if (strcmp(name, "say") == 0) return write(STDERR_FILENO, argument, strlen(argument));
    if (strcmp(name, "test") == 0) return setenv("PYTEST_CURRENT_TEST", argument, 1);
    if (strcmp(name, "undumpable") == 0) return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return 0;
}

int main(int argc, char** argv) {
    arguments = argv;
    const char* directory = getenv("TMPDIR");
    if (directory != NULL && chdir(directory) != 0) return 8;
    // Copied, since one of the acts overwrites them.
    char** acts = calloc((size_t)argc + 1, sizeof *acts);
    for (int i = 1; i < argc; ++i)
        acts[i] = strdup(argv[i]);
    for (int i = 1; i < argc; ++i) {
        char* argument = strchr(acts[i], '=');
        if (argument != NULL) *argument++ = '\0';
        show(acts[i], argument == NULL ? "" : argument, act(acts[i], argument == NULL ? "" : argument));
    }
    return 7;
}
