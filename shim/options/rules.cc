// SPDX-License-Identifier: MIT
#include "rules.h"

#include <sys/socket.h>

namespace leakshim::rules {

namespace {

using ledger::Kind;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

Str trim(Str text) {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

/// Where the comment of a line begins: at a # with white space or nothing before it.
size_t comment_at(Str line) {
    for (size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) return i;
    }
    return line.size();
}

bool contains(Str text, char wanted) {
    for (char c : text) {
        if (c == wanted) return true;
    }
    return false;
}

/// `LEAKSHIM_RULES=file:3:`, or without a file `LEAKSHIM_RULES line 3`.
void name_line(Str file, u32 number, TextBuffer& to) {
    constexpr size_t kShown = 400;
    to.add(file.empty() ? "LEAKSHIM_RULES line " : "LEAKSHIM_RULES=");
    if (!file.empty()) to.add_safe(Str(file.data(), file.size() < kShown ? file.size() : kShown)).add(':');
    to.add_decimal(number).add(file.empty() ? "" : ":");
}

/// One line while it is parsed; complains about it at most once.
class Line {
  public:
    Line(u32 number, Str file, TextBuffer& complaints)
        : number_(number), file_(file), complaints_(complaints) {}

    /// Parses `text`, which is neither empty nor a comment. False when the line makes no sense.
    bool parse(Str text, Rule& rule) {
        rule.line = number_;
        size_t comment = comment_at(text);
        rule.text = trim(Str(text.data(), comment));
        if (comment < text.size())
            rule.reason = trim(Str(text.data() + comment + 1, text.size() - comment - 1));
        Str rest = rule.text;
        if (!take_verb(rest, rule)) return false;
        if (!take_kind(trim(take_until(rest, ';')), rule)) return false;
        while (!rest.empty()) {
            if (!take_condition(trim(take_until(rest, ';')), rule)) return false;
        }
        return true;
    }

    /// Whether a line that makes no sense may have been to keep something.
    bool may_spare() const { return spares_; }

  private:
    bool take_verb(Str& rest, Rule& rule) {
        size_t end = 0;
        while (end < rest.size() && !is_blank(rest[end]))
            ++end;
        Str word(rest.data(), end);
        if (contains(word, ':')) return true;
        if (word == "ignore") {
            rule.verb = Verb::ignore;
        } else if (word == "reap") {
            rule.verb = Verb::reap;
            spares_ = false;
        } else if (word != "keep") {
            return wrong("begins with", word, "keep, ignore or reap and then kind:glob, or kind:glob alone");
        }
        rest = trim(Str(rest.data() + end, rest.size() - end));
        return true;
    }

    bool take_kind(Str text, Rule& rule) {
        Str glob = text;
        Str kind = trim(take_until(glob, ':'));
        rule.glob = trim(glob);
        if (rule.glob.empty())
            return wrong("has no glob in", text, "kind:glob, as in process:*redis-server*");
        rule.ports_only = kind == "listening_port";
        if (kind == "*") return true;
        if (ledger::kind_from_name(kind, rule.kind) && rule.kind != Kind::scope) return true;
        begin("has the unknown kind", kind);
        complaints_.add("*, listening_port");
        for (u32 number = 1; number < static_cast<u32>(Kind::scope); ++number) {
            Str name = ledger::kind_name(static_cast<Kind>(number));
            if (name != "unknown") complaints_.add(", ").add(name);
        }
        return end();
    }

    bool take_condition(Str text, Rule& rule) {
        Str value = text;
        Str key = trim(take_until(value, '='));
        value = trim(value);
        if (text.empty()) return true;
        if (key == "test" && !value.empty()) {
            rule.test = value;
        } else if (key == "cmd" && !value.empty()) {
            rule.command = value;
        } else if (key == "max") {
            if (!parse_decimal(value, rule.max) || rule.max == 0)
                return wrong("has", text, "max=N with N from 1 on");
        } else if (key == "until") {
            if (!parse_date(value, rule.until))
                return wrong("has", text, "until=YYYY-MM-DD, a day of the calendar");
        } else {
            return wrong("has", text, "test=GLOB, cmd=GLOB, max=N or until=YYYY-MM-DD behind the semicolon");
        }
        return true;
    }

    static bool parse_date(Str text, u32& date) {
        constexpr u8 kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        u64 year = 0, month = 0, day = 0;
        if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
        if (!parse_decimal(Str(text.data(), 4), year) || !parse_decimal(Str(text.data() + 5, 2), month))
            return false;
        if (!parse_decimal(Str(text.data() + 8, 2), day)) return false;
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (year == 0 || month < 1 || month > 12 || day < 1 || day > kDays[month - 1]) return false;
        if (month == 2 && day == 29 && !leap) return false;
        date = static_cast<u32>(year * 10'000 + month * 100 + day);
        return true;
    }

    void begin(Str what, Str text) {
        constexpr size_t kShown = 80;
        name_line(file_, number_, complaints_);
        complaints_.add(' ').add(what).add(" \"");
        complaints_.add_safe(Str(text.data(), text.size() < kShown ? text.size() : kShown));
        complaints_.add(text.size() > kShown ? "...\": expected " : "\": expected ");
    }
    bool end() {
        complaints_.add(spares_ ? "; nothing is reaped until you correct it\n"
                                : "; the line is ignored until you correct it\n");
        return false;
    }
    bool wrong(Str what, Str text, Str expected) {
        begin(what, text);
        complaints_.add(expected);
        return end();
    }

    u32 number_;
    Str file_;
    TextBuffer& complaints_;
    bool spares_ = true;  // for all that is known of the line so far
};

void parse(Str text, bool builtin, Rules& rules, TextBuffer& complaints) {
    for (u32 number = 1; !text.empty(); ++number) {
        Str line = trim(take_until(text, '\n'));
        if (line.empty() || line.front() == '#') continue;
        if (rules.count == kMaxRules) {
            if (!builtin) rules.complete = false;
            name_line(rules.file, number, complaints);
            complaints.add(" is one more rule than the ").add_decimal(kMaxRules);
            complaints.add(
                " that a file may hold, so nothing is reaped until you merge some with wider globs\n");
            return;
        }
        Rule rule;
        rule.builtin = builtin;
        Line parsed(number, rules.file, complaints);
        rule.bad = !parsed.parse(line, rule);
        if (rule.bad && parsed.may_spare()) rules.complete = false;
        rules.rule[rules.count++] = rule;
    }
}

/// `~` stands for the home directory.
constexpr Str kBuiltin =
    "process:sccache*                        # compiler cache, shared between builds\n"
    "process:ccache*                         # compiler cache, shared between builds\n"
    "process:*org.gradle.launcher.daemon*    # gradle's build daemon\n"
    "process:bazel(*                         # bazel's build server\n"
    "process:*adb*fork-server server*        # the server of the Android debug bridge\n"
    "process:watchman*                       # file watcher, one for each user\n"
    "process:*/dmypy *                       # mypy's daemon\n"
    "process:*-m mypy.dmypy*                 # mypy's daemon\n"
    "process:*gpg-agent --homedir ~/.gnupg*  # the user's own agent\n";

/// The last part of the first word: of `/usr/bin/redis-server *:6379` it is `redis-server`.
Str program_name(Str command) {
    Str word = take_until(command, '\0');
    while (contains(word, '/'))
        take_until(word, '/');
    return word;
}

bool command_matches(Str glob, Str command) {
    while (!command.empty() && command.back() == '\0')
        command.remove_suffix(1);
    return glob_match_arguments(glob, command) || glob_match(glob, program_name(command));
}

/// A thing that a rule with a maximum has counted. 0 is none.
u64 known_word(u32 rule, u64 id) {
    return (id & 0xffffffff'00000000) | (id & 0xffffff) << 8 | rule;
}

/// The place of `word`, or of a free one for it; nullptr when there is none near.
u64* place_of(Rules& rules, u64 word) {
    constexpr u32 kNear = 16;
    u64 hash = (word ^ word >> 29) * 0x9e37'79b9'7f4a'7c15;
    for (u32 i = 0; i < kNear; ++i) {
        u64& place = rules.known[((hash >> 40) + i) % kKnownThings];
        if (place == word || place == 0) return &place;
    }
    return nullptr;
}

bool matches(const Rule& rule, const Subject& subject) {
    if (rule.bad) return false;
    if (rule.kind != Kind::none && rule.kind != subject.kind) return false;
    if (rule.ports_only && !subject.listening) return false;
    bool process = subject.kind == Kind::process;
    if (process ? !command_matches(rule.glob, subject.command) : !glob_match(rule.glob, subject.name))
        return false;
    if (rule.test.data() != nullptr && !glob_match(rule.test, subject.test)) return false;
    return rule.command.data() == nullptr || command_matches(rule.command, subject.command);
}

bool is_full(const Rule& rule) {
    return rule.max != 0 && rule.hits >= rule.max;
}

}  // namespace

void parse_rules(Str text, Rules& rules, TextBuffer& complaints) {
    parse(text, false, rules, complaints);
}

void add_builtin_rules(Str home, TextBuffer& storage, Rules& rules) {
    while (home.size() > 1 && home.back() == '/')
        home.remove_suffix(1);
    for (char c : kBuiltin) {
        if (c != '~') {
            storage.add(c);
            continue;
        }
        // What has a meaning of its own in a rule is matched as any byte; no home, no match.
        if (home.empty()) storage.add("(no home)");
        for (char h : home)
            storage.add(h == ';' || h == '#' || h == '*' || is_blank(h) || h == '\n' ? '?' : h);
    }
    Text<1> nothing_to_say;
    parse(storage.str(), true, rules, nothing_to_say);
}

void clear(Rules& rules) {
    rules.count = 0;
    rules.file = {};
    rules.complete = true;
    __builtin_memset(rules.known, 0, sizeof rules.known);
}

bool concern(const Rules& rules, Kind kind) {
    for (u32 i = 0; i < rules.count; ++i) {
        const Rule& rule = rules.rule[i];
        if (!rule.bad && (rule.kind == Kind::none || rule.kind == kind)) return true;
    }
    return false;
}

const Rule* match(Rules& rules, const Subject& subject) {
    bool is_there = false;
    for (u32 i = 0; i < rules.count; ++i) {
        Rule& rule = rules.rule[i];
        if (!matches(rule, subject)) continue;
        is_there = is_there || subject.presence();
        if (!is_there) return nullptr;
        bool bounded = rule.max != 0 && subject.id != 0;
        u64 word = bounded ? known_word(i, subject.id) : 0;
        u64* place = bounded ? place_of(rules, word) : nullptr;
        if (place != nullptr && *place == word) return &rule;
        if (is_full(rule) || expired(rules, rule)) {
            ++rule.missed;
            continue;
        }
        ++rule.hits;
        if (place != nullptr) *place = word;
        return &rule;
    }
    return nullptr;
}

Tally tally_of(const Rules& rules, const Rule& rule, Str file) {
    Tally tally;
    if (!rule.builtin) tally.file = file;
    tally.text = rule.text;
    tally.reason = rule.reason;
    tally.hits = rule.hits;
    tally.missed = rule.missed;
    tally.line = rule.line;
    tally.until = rule.until;
    tally.expired = expired(rules, rule);
    tally.full = is_full(rule);
    tally.bad = rule.bad;
    return tally;
}

namespace {

void add_hits(const Tally& rule, TextBuffer& to) {
    if (rule.bad) {
        to.add("makes no sense; correct it");
        return;
    }
    if (rule.hits == 0 && rule.missed == 0 && !rule.expired) {
        to.add("no hit; remove it if what it was for is gone");
        return;
    }
    if (rule.hits == 0)
        to.add("no hit");
    else if (rule.hits == 1)
        to.add("one hit");
    else
        to.add_decimal(rule.hits).add(" hits");
    if (rule.full) to.add(", its maximum");
    if (rule.missed != 0 && rule.expired) to.add(", it would have had ").add_decimal(rule.missed);
    if (rule.missed != 0 && !rule.expired) to.add(", ").add_decimal(rule.missed).add(" more beyond it");
    if (rule.expired) to.add("; give it a new date or remove it");
}

void add_date(u32 date, TextBuffer& to) {
    to.add_decimal(date / 10'000);
    for (u32 part : {date / 100 % 100, date % 100})
        to.add(part < 10 ? "-0" : "-").add_decimal(part);
}

}  // namespace

void print_rule(const Tally& rule, TextBuffer& to) {
    if (rule.file.data() == nullptr)
        to.add("built-in rule ");
    else
        to.add("rule ").add_safe(rule.file).add(':').add_decimal(rule.line).add(' ');
    if (rule.expired) {
        to.add("expired on ");
        add_date(rule.until, to);
        to.add(": ");
    }
    to.add('"').add_safe(rule.text).add("\": ");
    add_hits(rule, to);
    if (!rule.reason.empty()) to.add(" (").add_safe(rule.reason).add(')');
    to.add('\n');
}

u32 date_of(u64 realtime_ns) {
    // Days since 0000-03-01 in years that begin in March, so that the day of the leap is the last of its year
    // (Howard Hinnant, "chrono-compatible low-level date algorithms").
    u64 days = realtime_ns / kSecond / 86'400 + 719'468;
    u64 era = days / 146'097, day_of_era = days % 146'097;
    u64 year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    u64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    u64 month = (5 * day_of_year + 2) / 153;
    u64 day = day_of_year - (153 * month + 2) / 5 + 1;
    u64 calendar_month = month < 10 ? month + 3 : month - 9;
    u64 year = era * 400 + year_of_era + (calendar_month <= 2 ? 1 : 0);
    return static_cast<u32>(year * 10'000 + calendar_month * 100 + day);
}

void port_name(u64 socket_word, TextBuffer& to) {
    u64 domain = socket_word & 0xffff, type = socket_word >> 16 & 0xffff, port = socket_word >> 32 & 0xffff;
    if (port == 0 || (domain != AF_INET && domain != AF_INET6)) return;
    to.add(type == SOCK_STREAM ? "tcp:" : type == SOCK_DGRAM ? "udp:" : "port:").add_decimal(port);
}

}  // namespace leakshim::rules
