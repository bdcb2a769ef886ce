// SPDX-License-Identifier: MIT
//
// Shells that libc starts by itself, in a program that works for a test while they run.
//
//     shells change | add   in one thread a command runs, in another the environment is changed or added to
//     shells change-alone | add-alone   the same, after our variables were taken out of it
//     shells tests          a command each for two tests, and for none, leaves $TMPDIR/NAME
//     shells many           hundreds of commands, one after the other
//
// Prints what is to be the same with and without the shim; status 0.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

extern char** environ;

enum { kStack = 1 << 20, kMany = 300 };

static void begin_test(const char* name) {
    setenv("PYTEST_CURRENT_TEST", name, 1);
}

static const char* value(const char* name) {
    const char* found = getenv(name);
    return found != NULL ? found : "(unset)";
}

// Says that it runs by a file, and waits until that is gone.
static void* run_a_command(void* unused) {
    int status = system(": >\"$TMPDIR/runs\"; while [ -e \"$TMPDIR/runs\" ]; do sleep 0.02; done");
    if (status != 0) printf("the command ended with %d\n", status);
    return unused;
}

static void change(void) {
    setenv("CHANGED", "after", 1);
    unsetenv("GONE");
}

static void add(void) {
    setenv("ADDED", "yes", 1);
}

// On a stack that is gone afterwards, as that of a thread is in the end.
static void while_a_command_runs(void (*act)(void), int alone) {
    char path[4096];
    snprintf(path, sizeof path, "%s/runs", getenv("TMPDIR"));
    setenv("CHANGED", "before", 1);
    setenv("GONE", "here", 1);
    begin_test("t.py::test_a (call)");
    if (alone) unsetenv("LD_PRELOAD"), unsetenv("LEAKSHIM_SESSION");
    char** const all = environ;
    void* stack = mmap(NULL, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, kStack);
    pthread_t thread;
    pthread_create(&thread, &attributes, run_a_command, NULL);
    while (access(path, F_OK) != 0)
        usleep(1000);
    if (!alone) printf("environ is %s\n", environ == all ? "what it was" : "another");
    act();
    unlink(path);
    pthread_join(thread, NULL);
    munmap(stack, kStack);
    printf("CHANGED=%s GONE=%s ADDED=%s OTHER=%s\n", value("CHANGED"), value("GONE"), value("ADDED"),
           value("OTHER"));
    if (alone) printf("LEAKSHIM_SESSION=%s\n", value("LEAKSHIM_SESSION"));
}

static void in_tests(void) {
    begin_test("t.py::test_a (call)");
    printf("%d\n", system("mkdir \"$TMPDIR/a\""));
    begin_test("t.py::test_b (call)");
    FILE* command = popen("mkdir \"$TMPDIR/b\"", "r");
    printf("%d\n", pclose(command));
    printf("%d\n", system("mkdir \"$TMPDIR/b-too\"; sh -c 'mkdir \"$TMPDIR/b-below\"; exit 3'"));
    unsetenv("PYTEST_CURRENT_TEST");
    printf("%d\n", system("mkdir \"$TMPDIR/none\""));
}

static void many(void) {
    int failures = 0;
    for (int i = 0; i < kMany; ++i) {
        failures += system(":") != 0;
        failures += pclose(popen(":", "r")) != 0;
    }
    // What it leaves open keeps its ledger.
    printf("failures %d\n", failures + (socket(AF_UNIX, SOCK_STREAM, 0) < 0));
}

int main(int argc, char** argv) {
    const char* act = argc == 2 ? argv[1] : "";
    if (strcmp(act, "change") == 0) while_a_command_runs(change, 0);
    if (strcmp(act, "add") == 0) while_a_command_runs(add, 0);
    if (strcmp(act, "change-alone") == 0) while_a_command_runs(change, 1);
    if (strcmp(act, "add-alone") == 0) while_a_command_runs(add, 1);
    if (strcmp(act, "tests") == 0) in_tests();
    if (strcmp(act, "many") == 0) many();
    return 0;
}
