// SPDX-License-Identifier: MIT
#include "program.h"

#include <elf.h>

#include "sys.h"

namespace leakshim::session {

namespace {

constexpr int kMaxInterpreters = 4;  // as the kernel: scripts that name scripts
constexpr int kMaxHeaders = 64;

#if defined(__x86_64__)
constexpr u16 kMachine = EM_X86_64;
#else
constexpr u16 kMachine = EM_AARCH64;
#endif

/// True when the program headers name a dynamic linker.
bool has_interpreter(int fd, const Elf64_Ehdr& header) {
    if (header.e_phentsize != sizeof(Elf64_Phdr)) return true;
    for (u32 i = 0; i < header.e_phnum && i < kMaxHeaders; ++i) {
        Elf64_Phdr program{};
        i64 offset = static_cast<i64>(header.e_phoff + i * sizeof program);
        if (sys::pread(fd, &program, sizeof program, offset) != static_cast<long>(sizeof program))
            return true;
        if (program.p_type == PT_INTERP) return true;
    }
    return false;
}

/// The path behind `#!`, NUL-terminated in place; nullptr when the file is no script.
char* script_interpreter(char* start, long size) {
    if (size < 3 || start[0] != '#' || start[1] != '!') return nullptr;
    long at = 2;
    while (at < size && (start[at] == ' ' || start[at] == '\t'))
        ++at;
    char* path = start + at;
    while (at < size && start[at] != ' ' && start[at] != '\t' && start[at] != '\n')
        ++at;
    if (at >= size) return nullptr;
    start[at] = '\0';
    return path;
}

Program inspect_elf(int fd, const char* start, long size) {
    if (size < static_cast<long>(sizeof(Elf64_Ehdr)) || __builtin_memcmp(start, ELFMAG, SELFMAG) != 0) {
        return Program::ordinary;
    }
    Elf64_Ehdr header;
    __builtin_memcpy(&header, start, sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine) return Program::other_class;
    return has_interpreter(fd, header) ? Program::ordinary : Program::static_linked;
}

bool is_set_id(int fd) {
    struct statx st {};
    if (sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0) return false;
    bool user = (st.stx_mode & S_ISUID) != 0 && st.stx_uid != sys::geteuid();
    // A set-group-ID bit without group execution meant mandatory locking.
    bool group = (st.stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
                 st.stx_gid != static_cast<u32>(sys::call(SYS_getegid));
    return user || group;
}

/// File capabilities raise the rights of everybody but root, and make the dynamic linker as careful as set-id
/// does.
bool has_capabilities(int fd) {
    if (sys::call(SYS_getuid) == 0) return false;
    return sys::call(SYS_fgetxattr, fd, sys::ptr("security.capability"), 0, 0) > 0;
}

bool is_executable_file(const char* path) {
    struct statx st {};
    if (sys::statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &st) < 0 || !S_ISREG(st.stx_mode)) return false;
    return sys::call(SYS_faccessat, AT_FDCWD, sys::ptr(path), 1 /* X_OK */) == 0;
}

}  // namespace

Program inspect_program(int dirfd, const char* path) {
    char start[256];
    const char* name = path;
    for (int i = 0; i < kMaxInterpreters; ++i) {
        int fd = sys::openat(i == 0 ? dirfd : AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) return Program::ordinary;
        long size = sys::pread(fd, start, sizeof start - 1, 0);
        char* interpreter = script_interpreter(start, size);
        Program program = interpreter != nullptr ? Program::ordinary : inspect_elf(fd, start, size);
        if (program == Program::ordinary && interpreter == nullptr &&
            (is_set_id(fd) || has_capabilities(fd))) {
            program = Program::set_id;
        }
        sys::close(fd);
        if (interpreter == nullptr) return program;
        name = interpreter;
    }
    return Program::ordinary;
}

void find_in_path(const char* file, Str path, TextBuffer& to) {
    Str name = file;
    Str rest = name;
    bool has_slash = take_until(rest, '/').size() != name.size();
    if (path.data() == nullptr) path = "/bin:/usr/bin";
    while (!has_slash && !path.empty()) {
        to.clear();
        Str directory = take_until(path, ':');
        to.add(directory);
        if (!directory.empty()) to.add('/');
        to.add(name);
        if (!to.truncated() && is_executable_file(to.c_str())) return;
    }
    to.clear();
    to.add(name);
}

}  // namespace leakshim::session
