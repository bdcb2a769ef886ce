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

constexpr int kRead = 7;  // so many characters of a mode mean anything to glibc, whatever they are

/// Is `letter` in the mode, where glibc looks for it? Elsewhere musl may still find it.
bool has(const char* mode, char letter) {
    for (int i = 1; i < kRead && mode[i] != '\0'; ++i) {
        if (mode[i] == letter) return true;
    }
    return false;
}

/// The same mode with `x` ("fail when it exists", as O_EXCL) put in. False when the mode is longer than any
/// that makes sense, or something that is read now would not be any more.
bool make_exclusive(const char* mode, TextBuffer& to) {
    to.add(mode[0]).add('x').add(mode + 1);
    for (char letter : Str("+mce")) {
        if (has(to.c_str(), letter) != has(mode, letter)) return false;
    }
    return !to.truncated();
}

void made_stream(Making& making, FILE* stream) {
    KeepErrno keep;
    making.made(stream != nullptr, stream != nullptr ? fileno(stream) : -1);
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
    bool asked = has(mode, 'x');
    if (!making.wanted() || (!asked && !make_exclusive(mode, exclusive))) {
        making.made(false);
        return REAL(fopen)(path, mode);
    }
    int before = errno;
    FILE* stream = open_new(making, path, asked ? mode : exclusive.c_str());
    bool existed = stream == nullptr && errno == EEXIST && !asked;
    made_stream(making, stream);
    if (!existed) return stream;
    errno = before;
    return REAL(fopen)(path, mode);
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

/// With `x`: it makes the file, or fails.
[[gnu::noinline]] FILE* reopen_new(const char* path, const char* mode, FILE* stream) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    Making making(AT_FDCWD, path, Kind::temp_file);
    MakingCancelled cancelled(making, false);
    FILE* result = REAL(freopen)(path, mode, stream);
    made_stream(making, result);
    return result;
}

FILE* reopen(const char* path, const char* mode, FILE* stream) {
    if (path != nullptr && creates(mode)) {
        if (has(mode, 'x')) return reopen_new(path, mode, stream);
        // glibc's `c` makes an open that is no cancellation point.
        if (may_be_cancelled() && !has(mode, 'c')) be_cancelled_before_glibc();
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
