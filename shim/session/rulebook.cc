// SPDX-License-Identifier: MIT
#include "rulebook.h"

#include "ending.h"
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
    rules::Subject asked{.kind = subject.kind,
                         .listening = subject.listening,
                         .name = subject.name,
                         .command = subject.command,
                         .test = subject.test,
                         .id = subject.id,
                         .presence = {subject.is_there, subject.context}};
    const rules::Rule* found = rules::match(rulebook, asked);
    if (found == nullptr || found->verb == rules::Verb::reap) return policy::Ruling::none;
    return found->verb == rules::Verb::ignore ? policy::Ruling::ignore : policy::Ruling::keep;
}

bool about(void*, ledger::Kind kind) {
    return rules::concern(rulebook, kind);
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
            " can't be read, so nothing is reaped, and only the built-in rules are in force; name a file of "
            "rules that can be\n");
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
    Rulebook book{{rule, nullptr, about}, true};
    rules::clear(rulebook);
    rulebook.today = rules::date_of(sys::clock(CLOCK_REALTIME));
    rules_file = rulebook.file = options.rules;
    if (!options.rules.empty())
        book.complete = read_rules_file(options.rules, complaints) && rulebook.complete;
    TextBuffer storage(builtin_storage, sizeof builtin_storage);
    rules::add_builtin_rules(home, storage, rulebook);
    return book;
}

const Rulebook* rules_in_force(Session& session) {
    constexpr i32 kUnread = 0, kRead = -1;
    // Else who reads, by pid: a fork may copy the mark of a thread that the child does not have.
    static constinit std::atomic<i32> reader{kUnread};
    static Rulebook book;
    i32 self = sys::getpid();
    i32 now = reader.load(std::memory_order_acquire);
    if (now == kRead) return &book;
    if (now == self || !reader.compare_exchange_strong(now, self, std::memory_order_acq_rel)) return nullptr;
    Options options;
    settings_of(*session.ledger.header(), options);
    Text<64> said_at_the_end;
    book = read_rules(options, session.home, said_at_the_end);
    reader.store(kRead, std::memory_order_release);
    return &book;
}

bool print_rule_hits(u32 number, TextBuffer& to) {
    // The file's rules come first.
    if (number >= rulebook.count || rulebook.rule[number].builtin) return false;
    if (rulebook.rule[number].bad) return true;  // complained of when it was read
    rules::print_rule(rules::tally_of(rulebook, rulebook.rule[number], rules_file), to);
    return true;
}

bool any_rule_hit() {
    for (u32 i = 0; i < rulebook.count; ++i) {
        if (!rulebook.rule[i].builtin && rulebook.rule[i].hits != 0) return true;
    }
    return false;
}

void record_rule_hits(const ledger::Author& author) {
    for (u32 i = 0; i < rulebook.count; ++i) {
        const rules::Rule& rule = rulebook.rule[i];
        if (rule.builtin && rule.hits == 0) continue;
        rules::Tally tally = rules::tally_of(rulebook, rule, rules_file);
        ledger::RuleTally written{tally.text, tally.reason, tally.hits, tally.missed, tally.until};
        written.line = rule.builtin ? 0 : tally.line;
        written.flags =
            (tally.expired ? ledger::rule_flag::kExpired : 0) | (tally.full ? ledger::rule_flag::kFull : 0) |
            (rule.builtin ? ledger::rule_flag::kBuiltin : 0) | (rule.bad ? ledger::rule_flag::kBad : 0);
        ledger::note_rule(author, written);
    }
}

}  // namespace leakshim::session
