// SPDX-License-Identifier: MIT
//
// Threads whose cancellation is pending, and is acted upon by the call before it does anything: what was to
// be closed is still open, and what was to be made is not there.
//
// expect: warning socket
// expect: warning file
// expect: warning file
// status: 0
#include <pthread.h>

#include "victim.h"

static int fd;
static FILE* stream;

static void* close_it(void* unused) {
    SHOW(close(fd));
    return unused;
}

// What is still to be written makes a call of it that can be cancelled.
static void* close_the_stream(void* unused) {
    SHOW(fclose(stream));
    return unused;
}

static void* reopen_the_stream(void* unused) {
    SHOW_POINTER(freopen(in_tmp("never-there"), "w", stream));
    return unused;
}

static void* open_a_new_file(void* unused) {
    SHOW(open(in_tmp("never-there"), O_CREAT | O_RDWR, 0600));
    return unused;
}

static void* open_a_new_stream(void* unused) {
    SHOW_POINTER(fopen(in_tmp("never-there"), "w"));
    return unused;
}

static void* make_a_temporary_file(void* unused) {
    SHOW(mkstemp(in_tmp("never.XXXXXX")));
    return unused;
}

static void* be_cancelled(void* what) {
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(before, &before);
    return (*(void* (*const*)(void*))what)(NULL);
}

static void try(void* (*what)(void*)) {
    pthread_t thread;
    void* result = NULL;
    SHOW_ERROR(pthread_create(&thread, NULL, be_cancelled, &what));
    SHOW_ERROR(pthread_join(thread, &result));
    say("cancelled %d\n", result == PTHREAD_CANCELED);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    fd = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    try(close_it);
    SHOW(fcntl(fd, F_GETFD));
    stream = fopen("/dev/null", "w");
    int own = fileno(stream);
    fputs("not written yet", stream);
    try(close_the_stream);
    SHOW(fcntl(own, F_GETFD));
    stream = fopen("/dev/null", "w");
    own = fileno(stream);
    try(reopen_the_stream);
    SHOW(fcntl(own, F_GETFD));
    SHOW(access(in_tmp("never-there"), F_OK));
    void* (*const makers[])(void*) = {open_a_new_file, open_a_new_stream, make_a_temporary_file};
    for (int i = 0; i < 3; ++i)
        try(makers[i]);
    SHOW(access(in_tmp("never-there"), F_OK));
    return 0;
}
