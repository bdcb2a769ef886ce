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
#include "elf_needs.h"
#include "encoding.h"
#include "library.h"
#include "program.h"
#include "task.h"
#include "text.h"
#include "trial.h"

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

/// The library of an address sanitizer that wants to be the first of all; empty when the program has it
/// inside, or has none.
std::string demanding_library(const ElfNeeds& needs) {
    for (const std::string& library : needs.libraries) {
        if (library.starts_with("libasan.so") || library.starts_with("libclang_rt.asan")) return library;
    }
    return {};
}

void check_sanitizer(const std::string& path, const std::string& file, const ElfNeeds& needs,
                     std::vector<Check>& to) {
    std::string library = demanding_library(needs);
    if (!library.empty()) {
        const char* options = std::getenv("ASAN_OPTIONS");
        bool told = options != nullptr && strstr(options, "verify_asan_link_order=0") != nullptr;
        to.push_back({told ? CheckLevel::ok : CheckLevel::warn,
                      path,
                      fmt::format("has the address sanitizer as a library ({}), which {}", library,
                                  told ? "was told to bear one that comes before it"
                                       : "ends the program when another comes before it"),
                      told ? std::string()
                           : "set ASAN_OPTIONS=verify_asan_link_order=0, or use leakshim-run, which sets it",
                      {}});
        return;
    }
    for (const char* name : {"__asan_init", "__tsan_init", "__msan_init", "__lsan_init", "__ubsan_handle_"}) {
        if (file.find(name) == file.npos) continue;
        to.push_back(
            {CheckLevel::ok, path, fmt::format("has a sanitizer ({}), and bears a preload", name), {}, {}});
        return;
    }
}

bool has_capabilities(const std::string& path) {
    char value[64];
    return getxattr(path.c_str(), "security.capability", value, sizeof value) > 0;
}

/// `set-user-ID`, or whatever else keeps a preload out where it raises rights; empty when there is nothing.
std::string raising(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return {};
    if ((st.st_mode & S_ISUID) != 0) return "is set-user-ID";
    if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) return "is set-group-ID";
    return has_capabilities(path) ? "has file capabilities" : "";
}

void check_rights(const std::string& path, bool raises, std::vector<Check>& to) {
    std::string what = raising(path);
    if (what.empty()) return;
    if (!raises) {
        to.push_back({CheckLevel::ok,
                      path,
                      what + ", which gives this user no more rights: a preload gets in all the same",
                      "ask as the user who runs the tests: for others ld.so may ignore LD_PRELOAD",
                      {}});
        return;
    }
    std::string copy = shell_quoted(path.substr(path.rfind('/') + 1) + ".plain", true);
    to.push_back(
        {CheckLevel::bad, path, what + ": ld.so ignores LD_PRELOAD for it",
         "test a copy, which has no such rights, or use leakshim-run, which finds such programs by their "
         "parents and reaps them",
         fmt::format("cp --no-preserve=all {} {} && chmod +x {}", shell_quoted(path, true), copy, copy)});
}

/// Whether the program's own ld.so would load the library. It is asked only where it lies in the system's own
/// directory: what a file names otherwise is not for us to run.
void check_loading(const std::string& path, const ElfNeeds& needs, std::vector<Check>& to) {
    bool musl = needs.loader.find("ld-musl") != needs.loader.npos;
    std::string kind = musl ? "is a musl program" : "is an ordinary program";
    bool systems_own = needs.loader.starts_with("/lib64/") || needs.loader.starts_with("/lib/");
    if (access(needs.loader.c_str(), X_OK) != 0) {
        to.push_back({CheckLevel::bad,
                      path,
                      fmt::format("names {} to load it, which is not here", needs.loader),
                      "install the C library that it was built for",
                      {}});
        return;
    }
    auto library = find_library("");
    if (!library.ok() || !systems_own || needs.loader.find("/../") != needs.loader.npos) {
        to.push_back({CheckLevel::ok, path, fmt::format("{}, loaded by {}", kind, needs.loader), {}, {}});
        return;
    }
    std::string complaint = complaint_of_loader(needs.loader, path, *library);
    if (!complaint.empty())
        to.push_back({CheckLevel::bad,
                      path,
                      fmt::format("{}, but the library is not loaded: {}", kind, complaint),
                      "use the library that was built for this program's C library and machine",
                      {}});
    else
        to.push_back({CheckLevel::ok,
                      path,
                      kind + ", and its ld.so loads the library",
                      musl
                          ? "where a leak shall change its exit status: leakshim-run --fail, since musl lets "
                            "nobody change it from inside"
                          : "",
                      {}});
}

void check_elf(const std::string& path, session::Program program, std::vector<Check>& to) {
    std::string advice = "use leakshim-run: it finds such programs by their parents, and reaps them";
    switch (program) {
        case session::Program::other_class:
            to.push_back({CheckLevel::bad,
                          path,
                          "is a program for another word size or machine; it gets no preload",
                          advice,
                          {}});
            return;
        case session::Program::static_linked:
            to.push_back(
                {CheckLevel::bad, path, "is linked statically: no preload gets into it", advice, {}});
            return;
        case session::Program::set_id:
            check_rights(path, true, to);
            return;
        case session::Program::ordinary:
            break;
    }
    std::string file = read_small(path, kMostRead);
    if (!file.starts_with(ELFMAG)) {
        to.push_back(file.empty() ? Check{CheckLevel::warn,
                                          path,
                                          "can't be read, so nothing is known of it",
                                          "ask as a user who may read it",
                                          {}}
                                  : Check{CheckLevel::warn,
                                          path,
                                          "is neither an ELF program nor a script with #!",
                                          "see what runs it, and ask about that",
                                          {}});
        return;
    }
    ElfNeeds needs = elf_needs(file);
    check_loading(path, needs, to);
    check_rights(path, false, to);
    check_sanitizer(path, file, needs, to);
}

}  // namespace

std::vector<Check> check_command(const std::vector<std::string>& command) {
    std::vector<Check> checks;
    if (command.empty()) return checks;
    std::string path = found_in_path(command.front());
    for (int step = 0; step < kMostInterpreters; ++step) {
        struct stat st {};
        if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) {
            checks.push_back({CheckLevel::bad,
                              path,
                              st.st_mode == 0 ? strerror(errno) : "is no program",
                              "check the name and $PATH",
                              {}});
            return checks;
        }
        if (access(path.c_str(), X_OK) != 0)
            checks.push_back({CheckLevel::bad, path, "can't be executed", "make it executable",
                              "chmod +x " + shell_quoted(path, true)});
        std::string start = read_small(path, 512);
        std::string interpreter = interpreter_of_script(start);
        if (interpreter.empty()) break;
        interpreter = through_env(start, interpreter);
        checks.push_back({CheckLevel::ok, path, "is a script, run by " + interpreter, {}, {}});
        path = found_in_path(interpreter);
    }
    check_elf(path, session::inspect_program(AT_FDCWD, path.c_str()), checks);
    return checks;
}

}  // namespace leakshim::tools
