// SPDX-License-Identifier: MIT
//
// A program for another libc or another machine: does something of each family of hooks and prints what came
// of it. The output is the same in every run; what it leaves behind is $TMPDIR/left, and it ends with
// status 7.
//
//     foreign_work PROGRAM     PROGRAM is executed with "" as its one argument, and its status printed
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static void show(const char* what, long result) {
    printf("%s: %s (%s)\n", what, result < 0 ? "failed" : "worked", result < 0 ? strerror(errno) : "");
}

static void show_end(const char* what, pid_t pid) {
    int status = -1;
    if (waitpid(pid, &status, 0) != pid) status = -1;
    printf("%s ended with %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : -status);
}

static void use_descriptors(void) {
    int ends[2];
    show("pipe", pipe(ends));
    show("dup", close(dup(ends[0])));
    show("close", close(ends[0]) | close(ends[1]));
    show("close again", close(ends[0]));
    show("socket", close(socket(AF_UNIX, SOCK_STREAM, 0)));
    show("no socket", socket(12345, SOCK_STREAM, 0));
    show("open", close(open("file", O_CREAT | O_RDWR, 0600)));
    show("open again", open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
    show("fopen", fclose(fopen("file", "r")));
    show("unlink", unlink("file"));
    show("unlink again", unlink("file"));
    show("openat by number", close((int)syscall(SYS_openat, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY)));
    show("no such call", syscall(5000));
}

static void use_names(void) {
    char directory[] = "made-XXXXXX", file[] = "file-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "bound"};
    show("mkdtemp", mkdtemp(directory) == NULL ? -1 : rmdir(directory));
    int fd = mkstemp(file);
    show("mkstemp", close(fd) | rename(file, "renamed") | remove("renamed"));
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    show("bind", bind(fd, (struct sockaddr*)&address, sizeof address));
    show("listen", listen(fd, 1) | close(fd) | unlink("bound"));
    show("mkdir", mkdir("left", 0700));
    show("mkdir again", mkdir("left", 0700));
}

static void use_processes(char* program) {
    char* const arguments[] = {program, "", NULL};
    char* const nothing[] = {NULL};
    fflush(stdout);  // else a child that ends in exit would write it, too
    pid_t pid = fork();
    if (pid == 0) exit(11);
    show_end("fork", pid);
    pid = fork();
    if (pid == 0) _exit(12);
    show_end("fork and _exit", pid);
    pid = vfork();
    if (pid == 0) _exit(13);
    show_end("vfork", pid);
    pid = vfork();
    if (pid == 0) {
        execv(program, arguments);
        _exit(14);
    }
    show_end("vfork and exec", pid);
    pid = vfork();
    if (pid == 0) {
        execve(program, arguments, nothing);
        _exit(15);
    }
    show_end("exec with no environment", pid);
    pid = -1;
    printf("spawn answered %d\n", posix_spawn(&pid, program, NULL, NULL, arguments, nothing));
    show_end("spawn", pid);
    printf("no spawn answered %d\n", posix_spawn(&pid, "./absent", NULL, NULL, arguments, environ) != 0);
    printf("system ended with %d\n", WEXITSTATUS(system("exit 16")));
}

static void* run(void* argument) {
    *(int*)argument = 17;
    return argument;
}

static void use_threads(void) {
    pthread_t thread;
    int value = 0;
    void* result = NULL;
    printf("thread answered %d", pthread_create(&thread, NULL, run, &value));
    printf(" %d", pthread_join(thread, &result));
    printf(" %d\n", result == &value ? value : -1);
}

static void use_environment(void) {
    printf("setenv answered %d", setenv("MINE", "1", 1));
    printf(" %s\n", getenv("MINE"));
    printf("unsetenv answered %d", unsetenv("MINE"));
    printf(" %s\n", getenv("MINE") == NULL ? "gone" : "there");
}

int main(int argc, char** argv) {
    if (argc != 2 || chdir(getenv("TMPDIR")) != 0) return 2;
    use_descriptors();
    use_names();
    use_processes(argv[1]);
    use_threads();
    use_environment();
    return 7;
}
