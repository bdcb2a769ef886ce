// SPDX-License-Identifier: MIT
//
// A program's file, and whether a preload can get into it. Read as if somebody had prepared it: no part of it
// is believed beyond its bounds, and it is never run.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>

#include "checks.h"
#include "encoding.h"
#include "program.h"
#include "task.h"
#include "text.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostRead = 64 << 20;
constexpr int kMostInterpreters = 4;

/// The interpreter behind `#!`; empty when the file is no script.
std::string interpreter_of_script(std::string_view start) {
    if (!start.starts_with("#!")) return {};
    std::string_view line = start.substr(2, start.find('\n') - 2);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return std::string(line.substr(0, line.find_first_of(" \t")));
}

/// `env` of a script's first line stands for the program that it names.
std::string through_env(std::string_view start, const std::string& interpreter) {
    if (!interpreter.ends_with("/env")) return interpreter;
    std::string_view line = start.substr(2, start.find('\n') - 2);
    for (const std::string& word : split_bytes(line, ' ')) {
        bool is_name =
            !word.empty() && word[0] != '-' && word.find('=') == word.npos && !word.ends_with("/env");
        if (is_name) return word;
    }
    return interpreter;
}

std::string found_in_path(const std::string& name) {
    Text<4096> path;
    const char* search = std::getenv("PATH");
    session::find_in_path(name.c_str(), search == nullptr ? Str{} : Str(search), path);
    return path.c_str();
}

/// The dynamic linker that a program names; empty when it names none.
std::string loader_of(const std::string& file) {
    if (file.size() < sizeof(Elf64_Ehdr)) return {};
    Elf64_Ehdr header;
    memcpy(&header, file.data(), sizeof header);
    for (u32 i = 0; i < header.e_phnum && header.e_phentsize == sizeof(Elf64_Phdr); ++i) {
        u64 at = header.e_phoff + u64{i} * sizeof(Elf64_Phdr);
        if (at > file.size() || file.size() - at < sizeof(Elf64_Phdr)) return {};
        Elf64_Phdr part;
        memcpy(&part, file.data() + at, sizeof part);
        if (part.p_type != PT_INTERP) continue;
        if (part.p_offset > file.size() || part.p_filesz > file.size() - part.p_offset) return {};
        return std::string(file.substr(part.p_offset, part.p_filesz).c_str());
    }
    return {};
}

void check_sanitizer(const std::string& path, const std::string& file, std::vector<Check>& to) {
    if (file.find("libasan.so") != file.npos) {
        bool told = std::getenv("ASAN_OPTIONS") != nullptr &&
                    strstr(std::getenv("ASAN_OPTIONS"), "verify_asan_link_order=0") != nullptr;
        to.push_back(
            {told ? CheckLevel::ok : CheckLevel::warn, path,
             "has g++'s address sanitizer, which ends at once when another library comes before its own",
             told ? std::string() : "ASAN_OPTIONS=verify_asan_link_order=0, or leakshim-run, which sets it"});
        return;
    }
    for (const char* name : {"__asan_init", "__tsan_init", "__msan_init"}) {
        if (file.find(name) == file.npos) continue;
        to.push_back({CheckLevel::ok,
                      path,
                      fmt::format("has a sanitizer inside ({}), and bears a preload", name),
                      {}});
        return;
    }
}

void check_rights(const std::string& path, std::vector<Check>& to) {
    char value[64];
    if (getxattr(path.c_str(), "security.capability", value, sizeof value) > 0)
        to.push_back(
            {CheckLevel::bad, path, "has file capabilities: ld.so ignores LD_PRELOAD for it",
             "setcap -r a copy of it for the tests, or use leakshim-run, which finds it by its parents"});
}

void check_elf(const std::string& path, session::Program program, std::vector<Check>& to) {
    std::string file = read_small(path, kMostRead);
    std::string advice = "use leakshim-run: it finds such programs by their parents, and reaps them";
    switch (program) {
        case session::Program::other_class:
            to.push_back({CheckLevel::bad, path,
                          "is a program for another word size or machine; it gets no preload", advice});
            return;
        case session::Program::static_linked:
            to.push_back({CheckLevel::bad, path, "is linked statically: no preload gets into it", advice});
            return;
        case session::Program::set_id:
            to.push_back({CheckLevel::bad, path,
                          "is set-user-ID or set-group-ID: ld.so ignores LD_PRELOAD for it", advice});
            return;
        case session::Program::ordinary:
            break;
    }
    std::string loader = loader_of(file);
    if (loader.find("ld-musl") != loader.npos)
        to.push_back({CheckLevel::ok, path, "is a musl program, which bears the library as well", {}});
    else if (file.starts_with(ELFMAG))
        to.push_back({CheckLevel::ok, path, "is an ordinary program, and bears the library", {}});
    else
        to.push_back(
            {CheckLevel::warn, path, "is neither an ELF program nor a script with #!", "see what runs it"});
    check_rights(path, to);
    check_sanitizer(path, file, to);
}

}  // namespace

std::vector<Check> check_command(const std::vector<std::string>& command) {
    std::vector<Check> checks;
    if (command.empty()) return checks;
    std::string path = found_in_path(command.front());
    for (int step = 0; step < kMostInterpreters; ++step) {
        struct stat st {};
        if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) {
            checks.push_back({CheckLevel::bad, path, st.st_mode == 0 ? strerror(errno) : "is no program",
                              "check the name and $PATH"});
            return checks;
        }
        if (access(path.c_str(), X_OK) != 0)
            checks.push_back({CheckLevel::bad, path, "can't be executed", "chmod +x"});
        std::string start = read_small(path, 512);
        std::string interpreter = interpreter_of_script(start);
        if (interpreter.empty()) break;
        interpreter = through_env(start, interpreter);
        checks.push_back({CheckLevel::ok, path, "is a script, run by " + interpreter, {}});
        path = found_in_path(interpreter);
    }
    check_elf(path, session::inspect_program(AT_FDCWD, path.c_str()), checks);
    return checks;
}

}  // namespace leakshim::tools
