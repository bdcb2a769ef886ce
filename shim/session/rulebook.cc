// SPDX-License-Identifier: MIT
#include "rulebook.h"

#include "proc.h"
#include "rules.h"
#include "sys.h"

namespace leakshim::session {

namespace {

constexpr size_t kMaxRulesFile = 64 * 1024;
constexpr size_t kBuiltinStorage = 2048;

rules::Rules rulebook;
Str rules_file;
char builtin_storage[kBuiltinStorage];
char* file_storage;  // mapped when it is needed, and kept for the next call

policy::Ruling rule(void*, const policy::Subject& subject) {
    rules::Subject asked{subject.kind, subject.listening, subject.name, subject.command, subject.test};
    const rules::Rule* found = rules::match(rulebook, asked);
    if (found == nullptr || found->verb == rules::Verb::reap) return policy::Ruling::none;
    return found->verb == rules::Verb::ignore ? policy::Ruling::ignore : policy::Ruling::keep;
}

/// False when some of the file's rules are not known.
bool read_rules_file(Str path, TextBuffer& complaints) {
    Text<2048> name;
    name.add(path);
    if (file_storage == nullptr) {
        long memory =
            sys::mmap(nullptr, kMaxRulesFile, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!sys::failed(memory)) file_storage = reinterpret_cast<char*>(memory);
    }
    long size = -ENOMEM;
    if (file_storage != nullptr && !name.truncated())
        size = read_file(name.c_str(), file_storage, kMaxRulesFile);
    if (size < 0) {
        complaints.add("LEAKSHIM_RULES=").add_safe(path);
        complaints.add(
            " can't be read, so nothing is reaped, and only the built-in rules are in force; name a file "
            "that "
            "exists\n");
        return false;
    }
    bool whole = size < static_cast<long>(kMaxRulesFile);
    if (!whole) {
        complaints.add("LEAKSHIM_RULES=").add_safe(path);
        complaints.add(" is larger than 64 KiB, so nothing is reaped; make it smaller\n");
    }
    rules::parse_rules(Str(file_storage, static_cast<size_t>(size)), rulebook, complaints);
    return whole;
}

}  // namespace

Rulebook read_rules(const Options& options, Str home, TextBuffer& complaints) {
    Rulebook book{{rule, nullptr}, true};
    rulebook.count = 0;
    rulebook.today = rules::date_of(sys::clock(CLOCK_REALTIME));
    rules_file = options.rules;
    if (!options.rules.empty()) book.complete = read_rules_file(options.rules, complaints);
    TextBuffer storage(builtin_storage, sizeof builtin_storage);
    rules::add_builtin_rules(home, storage, rulebook);
    return book;
}

bool print_rule_hits(u32 number, TextBuffer& to) {
    // The file's rules come first.
    if (number >= rulebook.count || rulebook.rule[number].builtin) return false;
    rules::print_rule(rulebook, rulebook.rule[number], rules_file, to);
    return true;
}

}  // namespace leakshim::session
