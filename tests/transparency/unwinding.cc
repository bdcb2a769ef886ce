// SPDX-License-Identifier: MIT
//
// Unwinds through calls that are hooked, as C++ does: a cancelled thread's destructors and handlers run, an
// exception that a signal handler throws leaves a call that waits, and one that leaves a thread ends the
// program. Prints what ran; the same with and without the shim.
//
//     unwinding cancel | exit | throw | escape | leave
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>

namespace {

std::atomic<pid_t> waiting_thread;

struct Witness {
    const char* name;
    ~Witness() { printf("%s destroyed\n", name); }
};

int listener() {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (listen(fd, 1) != 0) _exit(90);
    return fd;
}

/// Accepts where nobody ever asks.
[[gnu::noinline]] void wait_for_ever() {
    Witness inner{"inner"};
    int fd = listener();
    waiting_thread = gettid();
    accept(fd, nullptr, nullptr);
    puts("accept came back");
}

void* be_cancelled(void*) {
    Witness outer{"outer"};
    try {
        wait_for_ever();
    } catch (...) {
        puts("handler");
        throw;
    }
    return nullptr;
}

void* leave_by_exit(void*) {
    Witness outer{"outer"};
    try {
        pthread_exit(nullptr);
    } catch (...) {
        puts("handler");
        throw;
    }
}

void* throw_out(void*) {
    throw std::runtime_error("out of a thread");
}

void await_sleep() {
    while (waiting_thread == 0)
        usleep(1000);
    char path[64], line[256] = {};
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", waiting_thread.load());
    for (const char* end = nullptr; end == nullptr || end[2] != 'S'; end = strrchr(line, ')')) {
        usleep(1000);
        int fd = open(path, O_RDONLY);
        if (read(fd, line, sizeof line - 1) <= 0) _exit(91);
        close(fd);
    }
}

void* send_signal(void* target) {
    await_sleep();
    pthread_kill(*static_cast<pthread_t*>(target), SIGUSR1);
    return nullptr;
}

void throw_from_handler(int) {
    throw std::runtime_error("out of a handler");
}

void throw_at_signals() {
    struct sigaction action {};
    action.sa_handler = throw_from_handler;
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, nullptr);
}

void be_thrown_out() {
    throw_at_signals();
    pthread_t self = pthread_self(), helper;
    if (pthread_create(&helper, nullptr, send_signal, &self) != 0) _exit(92);
    try {
        wait_for_ever();
    } catch (const std::runtime_error& error) {
        printf("caught: %s\n", error.what());
    }
    pthread_join(helper, nullptr);
}

/// Closes a stream that has something to write, where there is no room for it.
[[gnu::noinline]] void close_a_full_stream() {
    int ends[2];
    char room[4096] = {};
    if (pipe2(ends, O_NONBLOCK) != 0) _exit(94);
    while (write(ends[1], room, sizeof room) > 0) {
    }
    fcntl(ends[1], F_SETFL, 0);
    FILE* stream = fdopen(ends[1], "w");
    fputs("no room for this", stream);
    waiting_thread = gettid();
    fclose(stream);
}

std::atomic<int> times_left;

/// Twice from the same depth of the stack, so that what was left there the first time is met again, and then
/// by the end of a thread that is unwound.
void* leave_by_exceptions(void*) {
    Witness outer{"outer"};
    while (times_left != 2) {
        try {
            close_a_full_stream();
            puts("came back");
        } catch (const std::runtime_error& error) {
            printf("caught: %s\n", error.what());
        }
        waiting_thread = 0;
        ++times_left;
    }
    pthread_exit(nullptr);
}

int be_left() {
    pthread_t thread;
    throw_at_signals();
    if (pthread_create(&thread, nullptr, leave_by_exceptions, nullptr) != 0) return 95;
    for (int time = 0; time < 2; ++time) {
        while (times_left != time)
            usleep(1000);
        send_signal(&thread);
    }
    pthread_join(thread, nullptr);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    alarm(60);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setvbuf(stdout, nullptr, _IOLBF, 0);
    pthread_t thread;
    void* value = nullptr;
    if (strcmp(argv[1], "throw") == 0) {
        be_thrown_out();
        return 0;
    }
    if (strcmp(argv[1], "leave") == 0) return be_left();
    auto* start = strcmp(argv[1], "cancel") == 0 ? be_cancelled
                  : argv[1][1] == 'x'            ? leave_by_exit
                                                 : throw_out;
    if (pthread_create(&thread, nullptr, start, nullptr) != 0) return 93;
    if (start == be_cancelled) {
        await_sleep();
        pthread_cancel(thread);
    }
    pthread_join(thread, &value);
    puts(value == PTHREAD_CANCELED ? "cancelled" : "ended");
    return 0;
}
