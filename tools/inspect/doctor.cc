// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "checks.h"
#include "doctor_machine.h"
#include "encoding.h"
#include "ledger_dirs.h"
#include "library.h"
#include "options.h"
#include "rulebook.h"
#include "sessions.h"
#include "trial.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostComplaints = size_t{1} << 20;  // a sentence for each of some thousands of bad lines

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

void check_library(std::string& library, std::vector<Check>& to) {
    auto found = find_library("");
    if (!found.ok()) {
        to.push_back({CheckLevel::bad,
                      "library",
                      std::string(found.status().message()),
                      "install leakshim as a whole",
                      {}});
        return;
    }
    library = *found;
    std::string complaint = complaint_when_preloaded(library);
    if (complaint.empty())
        to.push_back(
            {CheckLevel::ok, "library", library + " is there and is loaded when it is preloaded", {}, {}});
    else
        to.push_back({CheckLevel::bad,
                      "library",
                      fmt::format("{} is not loaded: {}", library, complaint),
                      "use the library that was built for this machine and C library",
                      {}});
}

void check_guard(const std::string& library, std::vector<Check>& to) {
    if (library.empty()) return;
    std::string directory = library.substr(0, library.rfind('/') + 1);
    for (const char* between : {"", "leakshim/"}) {
        std::string guard = directory + between + "leakshim-guard";
        if (access(guard.c_str(), X_OK) != 0) continue;
        to.push_back({CheckLevel::ok, "guard", guard + " can be executed", {}, {}});
        return;
    }
    to.push_back({CheckLevel::bad,
                  "guard",
                  "there is no leakshim-guard beside the library that can be executed",
                  "install leakshim as a whole; until then the next run does the guard's work",
                  {}});
}

void check_preload(const std::string& library, std::vector<Check>& to) {
    std::string preload = environment("LD_PRELOAD");
    size_t at = preload.find("libleakshim.so");
    if (preload.empty()) {
        to.push_back({CheckLevel::ok,
                      "LD_PRELOAD",
                      "is not set: nothing is recorded unless it is set for the run",
                      library.empty()
                          ? std::string()
                          : fmt::format("LD_PRELOAD={} COMMAND, or leakshim-run COMMAND", library),
                      {}});
    } else if (at == preload.npos) {
        to.push_back({CheckLevel::warn,
                      "LD_PRELOAD",
                      fmt::format("is {}, without leakshim", preload),
                      "put libleakshim.so in front of it, or use leakshim-run, which does",
                      {}});
    } else {
        size_t start = preload.find_last_of(": ", at);
        std::string entry = preload.substr(start == preload.npos ? 0 : start + 1);
        entry = entry.substr(0, entry.find_first_of(": "));
        bool there = access(entry.c_str(), R_OK) == 0;
        to.push_back({there ? CheckLevel::ok : CheckLevel::bad,
                      "LD_PRELOAD",
                      there ? "names " + entry : entry + " can't be read, and ld.so merely warns",
                      there ? std::string() : "name the library by its absolute path",
                      {}});
    }
}

/// What was wrong with a setting, and where to look up what is right.
Check bad_setting(const std::string& complaint) {
    Check check{CheckLevel::bad, "settings", complaint, "put it right; what it may be is in",
                "man 7 leakshim"};
    if (complaint.starts_with("LEAKSHIM_RULES"))
        check.advice = "correct the file of rules; what a line of it may be is below RULES in";
    else if (complaint.find("LEAKSHIM_OPTIONS") != complaint.npos)
        check.advice = "put it right; the keys of LEAKSHIM_OPTIONS and what they may be:",
        check.command = "leakshim-run -o help=1 true";
    return check;
}

void check_settings(std::vector<Check>& to) {
    OptionTexts texts;
    std::string mode = environment("LEAKSHIM"), settings = environment("LEAKSHIM_OPTIONS"),
                ci = environment("CI");
    std::string keep = environment("LEAKSHIM_KEEP");
    texts.leakshim = mode, texts.options = settings, texts.ci = ci, texts.keep = keep;
    std::string rules = environment("LEAKSHIM_RULES"), home = environment("HOME");
    texts.rules = rules;
    Options options;
    std::vector<char> memory(kMostComplaints);
    TextBuffer complaints(memory.data(), memory.size());
    parse_options(texts, options, complaints);
    if (!rules.empty()) session::read_rules(options, home, complaints);
    std::string_view whole = complaints.str();
    if (complaints.truncated()) whole = whole.substr(0, whole.rfind('\n') + 1);
    for (const std::string& line : split_bytes(whole, '\n'))
        to.push_back(bad_setting(line));
    if (options.off)
        to.push_back({CheckLevel::warn, "settings", "LEAKSHIM=off: nothing is done at all",
                      "record something all the same:", "unset LEAKSHIM"});
    else if (options.keep)
        to.push_back({CheckLevel::warn, "settings", "LEAKSHIM_KEEP=1: commands are exempt",
                      "record something all the same:", "unset LEAKSHIM_KEEP"});
    else if (complaints.size() == 0)
        to.push_back(
            {CheckLevel::ok,
             "settings",
             fmt::format("mode {}{}{}", options.reap ? "reap" : "report", options.fail ? ", fail" : "",
                         options.ci ? ", CI (temporary trees are removed)" : ""),
             {},
             {}});
}

/// A program that finds a session in its environment begins none, also where that session is over.
void check_session(std::vector<Check>& to) {
    std::string path = environment("LEAKSHIM_SESSION");
    if (path.empty() || path.front() != '/') return;
    bool over = access(path.c_str(), F_OK) != 0 && errno == ENOENT;
    if (auto file = LedgerFile::open(path); file.ok())
        over = (*file)->header().phase.load() == static_cast<u32>(ledger::Phase::ended);
    if (!over) return;
    to.push_back(
        {CheckLevel::warn, "LEAKSHIM_SESSION",
         fmt::format("names a session that is over ({}): what is started from here is recorded nowhere",
                     path),
         "begin a session of its own, as leakshim-run does in any case:", "unset LEAKSHIM_SESSION"});
}

void check_ledgers(std::vector<Check>& to) {
    std::string wanted = environment("LEAKSHIM_DIR");
    auto directories = find_ledger_directories(wanted);
    if (!directories.ok())
        to.push_back(
            {CheckLevel::bad,
             "ledgers",
             std::string(directories.status().message()),
             "let LEAKSHIM_DIR name a directory that is yours and that nobody else can write to, or unset it",
             {}});
    else if (directories->empty())
        to.push_back({CheckLevel::ok, "ledgers", "there are none yet", {}, {}});
    else
        to.push_back(
            {CheckLevel::ok,
             "ledgers",
             fmt::format("{} sessions in {}", list_sessions(*directories).size(), directories->front()),
             {},
             {}});
}

}  // namespace

std::vector<Check> doctor(const std::vector<std::string>& command) {
    std::vector<Check> checks;
    std::string library;
    Knowledge knowledge;
    check_library(library, checks);
    check_guard(library, checks);
    check_preload(library, checks);
    check_settings(checks);
    check_session(checks);
    check_ledger_room(environment("LEAKSHIM_DIR"), checks);
    check_ledgers(checks);
    check_kernel(checks);
    check_namespaces(checks);
    for (Check& check : check_command(command))
        checks.push_back(std::move(check));
    for (Check& check : kernel_leftovers(knowledge))
        checks.push_back(std::move(check));
    return checks;
}

}  // namespace leakshim::tools
