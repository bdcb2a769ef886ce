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

policy::Ruling rule(void*, const policy::Subject& subject) {
    rules::Subject asked{subject.kind, subject.listening, subject.name, subject.command, subject.test};
    const rules::Rule* found = rules::match(rulebook, asked);
    if (found == nullptr || found->verb == rules::Verb::reap) return policy::Ruling::none;
    return found->verb == rules::Verb::ignore ? policy::Ruling::ignore : policy::Ruling::keep;
}

void read_rules_file(Str path, TextBuffer& complaints) {
    Text<2048> name;
    name.add(path);
    // Mapped, not on the stack; it stays for as long as the rules refer to it, which is to the end.
    long memory =
        sys::mmap(nullptr, kMaxRulesFile, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long size = -ENOMEM;
    if (!sys::failed(memory)) size = read_file(name.c_str(), reinterpret_cast<char*>(memory), kMaxRulesFile);
    if (size < 0 || name.truncated()) {
        complaints.add("LEAKSHIM_RULES=").add_safe(path);
        complaints.add(" can't be read, so only the built-in rules are in force; name a file that exists\n");
        return;
    }
    if (size == static_cast<long>(kMaxRulesFile)) {
        complaints.add("LEAKSHIM_RULES=")
            .add_safe(path)
            .add(" is larger than 64 KiB; what is beyond is not read\n");
    }
    rules::parse_rules(Str(reinterpret_cast<char*>(memory), static_cast<size_t>(size)), rulebook, complaints);
}

}  // namespace

policy::KeepRules read_rules(const Options& options, Str home, TextBuffer& complaints) {
    rulebook.count = 0;
    rulebook.today = rules::date_of(sys::clock(CLOCK_REALTIME));
    rules_file = options.rules;
    if (!options.rules.empty()) read_rules_file(options.rules, complaints);
    TextBuffer storage(builtin_storage, sizeof builtin_storage);
    rules::add_builtin_rules(home, storage, rulebook);
    return {rule, nullptr};
}

bool print_rule_hits(u32 number, TextBuffer& to) {
    // The file's rules come first.
    if (number >= rulebook.count || rulebook.rule[number].builtin) return false;
    rules::print_rule(rulebook, rulebook.rule[number], rules_file, to);
    return true;
}

}  // namespace leakshim::session
