// SPDX-License-Identifier: MIT
//
// Hooks of streams that own a descriptor. glibc opens and closes it without its own exported functions, so a
// stream is seen here or nowhere. Such descriptors are never closed by us: buffered data would be lost.
#include <stdio.h>

#include "cancelled.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

void note_stream(FILE* stream, Kind kind = Kind::file) {
    KeepErrno keep;
    int fd = fileno(stream);
    if (fd >= 0) note_fd(fd, kind, ledger::flag::kStdio);
}

/// -1 where it has none.
int descriptor_of(FILE* stream) {
    KeepErrno keep;
    return fileno(stream);
}

bool creates(const char* mode) {
    return mode != nullptr && (mode[0] == 'w' || mode[0] == 'a');
}

/// The same mode with `x` ("fail when it exists", as O_EXCL) put in, before a `,ccs=` part. False when it is
/// there already, or the mode is longer than any that makes sense.
bool make_exclusive(const char* mode, TextBuffer& to) {
    Str rest = mode;
    Str flags = take_until(rest, ',');
    for (char c : flags) {
        if (c == 'x') return false;
    }
    to.add(flags).add('x');
    if (!rest.empty()) to.add(',').add(rest);
    return !to.truncated();
}

[[gnu::noinline]] FILE* open_new(Making& making, const char* path, const char* mode) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    MakingCancelled cancelled(making, false);
    return REAL(fopen)(path, mode);
}

FILE* open_stream(const char* path, const char* mode) {
    if (!creates(mode)) return REAL(fopen)(path, mode);
    Making making(AT_FDCWD, path, Kind::temp_file);
    Text<64> exclusive;
    FILE* stream = nullptr;
    if (making.wanted() && make_exclusive(mode, exclusive)) {
        int before = errno;
        stream = open_new(making, path, exclusive.c_str());
        if (stream == nullptr && errno == EEXIST) {
            making.made(false);
            errno = before;
            return REAL(fopen)(path, mode);
        }
    } else {
        stream = open_new(making, path, mode);
    }
    KeepErrno keep;
    making.made(stream != nullptr, stream != nullptr ? fileno(stream) : -1);
    return stream;
}

/// freopen closes its stream even when it fails, so it can't be tried twice: the file is made ahead of it.
void make_ahead(const char* path, Making& making) {
    if (!making.wanted()) return;
    int fd = sys::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    making.made(fd >= 0, fd);
    if (fd >= 0) sys::close(fd);
}

}  // namespace

HOOK_BODY(FILE*, fopen, (const char* path, const char* mode)) {
    FILE* stream = open_stream(path, mode);
    if (stream != nullptr && recording()) note_stream(stream);
    return stream;
}
HOOK_ALIAS(FILE*, fopen64, fopen, (const char* path, const char* mode));

namespace {

/// glibc's `c` makes an open that is no cancellation point.
bool opens_cancellably(Str mode) {
    for (char c : take_until(mode, ',')) {
        if (c == 'c') return false;
    }
    return true;
}

FILE* reopen(const char* path, const char* mode, FILE* stream) {
    if (path != nullptr && creates(mode)) {
        if (may_be_cancelled() && opens_cancellably(mode)) be_cancelled_before_glibc();
        Making making(AT_FDCWD, path, Kind::temp_file);
        make_ahead(path, making);
    }
    return REAL(freopen)(path, mode, stream);
}

[[gnu::noinline]] FILE* reopen_noted(const char* path, const char* mode, FILE* stream) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    Closing closing(descriptor_of(stream));
    return reopen(path, mode, stream);
}

}  // namespace

HOOK_BODY(FILE*, freopen, (const char* path, const char* mode, FILE* stream)) {
    bool known = stream != nullptr && recording();
    FILE* result = known ? reopen_noted(path, mode, stream) : reopen(path, mode, stream);
    if (result != nullptr && recording()) note_stream(result);
    return result;
}
HOOK_ALIAS(FILE*, freopen64, freopen, (const char* path, const char* mode, FILE* stream));

HOOK_BODY(FILE*, fdopen, (int fd, const char* mode)) {
    FILE* stream = REAL(fdopen)(fd, mode);
    if (stream != nullptr && recording()) {
        ledger::Record* record = own_record(fd);
        if (record != nullptr) record->flags.fetch_or(ledger::flag::kStdio, std::memory_order_relaxed);
    }
    return stream;
}

namespace {

[[gnu::noinline]] int close_noted(FILE* stream) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    Closing closing(descriptor_of(stream));
    return REAL(fclose)(stream);
}

}  // namespace

HOOK_BODY(int, fclose, (FILE * stream)) {
    return stream != nullptr && recording() ? close_noted(stream) : REAL(fclose)(stream);
}

HOOK_BODY(FILE*, tmpfile, (void)) {
    FILE* stream = REAL(tmpfile)();
    if (stream != nullptr && recording()) note_stream(stream);
    return stream;
}
HOOK_ALIAS(FILE*, tmpfile64, tmpfile, (void));
