// SPDX-License-Identifier: MIT
#include "options.h"

namespace leakshim {

namespace {

/// Text from the environment, for a complaint: cut to what a line can hold, nothing in it that a terminal
/// acts on.
TextBuffer& quote(TextBuffer& to, Str text) {
    constexpr size_t kShown = 80;
    to.add('"').add_safe(Str(text.data(), text.size() < kShown ? text.size() : kShown));
    return to.add(text.size() > kShown ? "...\"" : "\"");
}

/// How each type of options.inc is read and printed. `parse` answers false, with `value` untouched, when the
/// text is no such value; `kExpected` says what would have been.
namespace reading {

struct Switch {
    static constexpr Str kExpected = "0 or 1";
    static bool parse(Str text, bool& value) {
        bool yes = text == "1" || text == "yes" || text == "true";
        bool no = text == "0" || text == "no" || text == "false";
        if (yes || no) value = yes;
        return yes || no;
    }
    static void print(TextBuffer& to, bool value) { to.add(value ? '1' : '0'); }
};

struct Number {
    static constexpr Str kExpected = "a whole number";
    static bool parse(Str text, u64& value) { return parse_decimal(text, value); }
    static void print(TextBuffer& to, u64 value) { to.add_decimal(value); }
};

struct Duration {
    static constexpr Str kExpected = "a number with its unit (us, ms, s, m or h), such as 250ms or 1.5s";
    static bool parse(Str text, u64& value) { return parse_duration(text, value); }
    static void print(TextBuffer& to, u64 value) { to.add_duration(value); }
};

struct List {
    static constexpr Str kExpected = "texts separated by commas";
    static bool parse(Str text, Str& value) {
        value = text;
        return true;
    }
    static void print(TextBuffer& to, Str value) { to.add(value.empty() ? Str("none") : value); }
};

/// A word out of a few, each of which stands for a value.
template <typename Value>
struct Word {
    Value value;
    Str name;
};

template <typename Value, size_t kCount>
bool parse_word(const Word<Value> (&words)[kCount], Str text, Value& value) {
    for (const Word<Value>& word : words) {
        if (word.name != text) continue;
        value = word.value;
        return true;
    }
    return false;
}

template <typename Value, size_t kCount>
void print_word(const Word<Value> (&words)[kCount], TextBuffer& to, Value value) {
    for (const Word<Value>& word : words) {
        if (word.value == value) to.add(word.name);
    }
}

struct TempPolicy {
    using Value = leakshim::TempPolicy;
    static constexpr Str kExpected = "reap, keep, keep-on-failure or by-ci";
    static constexpr Word<Value> kWords[] = {
        {Value::by_ci, "by-ci"},
        {Value::keep, "keep"},
        {Value::reap, "reap"},
        {Value::keep_on_failure, "keep-on-failure"},
    };
    static bool parse(Str text, Value& value) { return parse_word(kWords, text, value); }
    static void print(TextBuffer& to, Value value) { print_word(kWords, to, value); }
};

struct Stacks {
    using Value = leakshim::Stacks;
    static constexpr Str kExpected = "off, fp or unwind";
    static constexpr Word<Value> kWords[] = {
        {Value::off, "off"}, {Value::fp, "fp"}, {Value::unwind, "unwind"}};
    static bool parse(Str text, Value& value) { return parse_word(kWords, text, value); }
    static void print(TextBuffer& to, Value value) { print_word(kWords, to, value); }
};

}  // namespace reading

template <typename Reading, typename Value>
void take_value(Str key, Str text, Value& value, TextBuffer& complaints) {
    if (Reading::parse(text, value)) return;
    complaints.add("the value of ").add(key).add(" in LEAKSHIM_OPTIONS is ");
    quote(complaints, text).add(", but must be ").add(Reading::kExpected).add("; until you correct it, ");
    complaints.add(key).add('=');
    Reading::print(complaints, value);
    complaints.add(" is in force\n");
}

/// One `key=value` of LEAKSHIM_OPTIONS.
void take_pair(Str pair, Options& options, TextBuffer& complaints) {
    Str value = pair;
    Str key = take_until(value, '=');
    if (key.size() == pair.size()) {
        quote(complaints, pair).add(" in LEAKSHIM_OPTIONS has no value: expected key=value, several of them");
        complaints.add(" separated by colons; it is ignored until you correct it\n");
        return;
    }
#define LEAKSHIM_OPTION(type, field, name, default_value, meaning) \
    if (key == name) return take_value<reading::type>(name, value, options.field, complaints);
#include "options.inc"
#undef LEAKSHIM_OPTION
    complaints.add("LEAKSHIM_OPTIONS has no key ");
    quote(complaints, key).add(": expected one of those that LEAKSHIM_OPTIONS=help=1 lists");
    complaints.add("; it is ignored until you correct it\n");
}

void take_mode(Str text, Options& options, TextBuffer& complaints) {
    Str named;
    for (Str rest = text; !rest.empty();) {
        Str word = take_until(rest, ',');
        if (word == "fail") {
            options.fail = true;
        } else if (word != "off" && word != "report" && word != "reap") {
            complaints.add("LEAKSHIM has the unknown word ");
            quote(complaints, word)
                .add(": expected off, report or reap, and fail where leaks shall fail the run");
            complaints.add(
                "; the word is ignored until you correct it (with no known mode, reap is in force)\n");
        } else if (!named.empty() && named != word) {
            complaints.add("LEAKSHIM names two modes, ").add(named).add(" and ").add(word);
            complaints.add(
                ": expected one of off, report and reap; the first is in force until you remove one\n");
        } else {
            named = word;
        }
    }
    options.off = named == "off";
    options.reap = named.empty() || named == "reap";
}

void take_keep(Str text, Options& options, TextBuffer& complaints) {
    if (text.empty() || reading::Switch::parse(text, options.keep)) return;
    complaints.add("LEAKSHIM_KEEP is ");
    quote(complaints, text).add(", but must be 0 or 1; the command is not kept until you correct it\n");
}

/// `lower` in whatever case: CI=False, as YAML's own word becomes, is no CI either.
bool is_word(Str text, Str lower) {
    if (text.size() != lower.size()) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        bool upper = text[i] >= 'A' && text[i] <= 'Z';
        if ((upper ? text[i] - 'A' + 'a' : text[i]) != lower[i]) return false;
    }
    return true;
}

bool says_yes(Str ci) {
    for (Str no : {Str("0"), Str("false"), Str("no"), Str("off")}) {
        if (is_word(ci, no)) return false;
    }
    return !ci.empty();
}

/// Adds `text`, and spaces up to `width`.
void add_padded(TextBuffer& to, Str text, size_t width) {
    to.add(text);
    for (size_t i = text.size(); i < width; ++i)
        to.add(' ');
}

}  // namespace

void parse_options(const OptionTexts& texts, Options& options, TextBuffer& complaints) {
    options = Options{};
    take_mode(texts.leakshim, options, complaints);
    options.ci = says_yes(texts.ci);
    take_keep(texts.keep, options, complaints);
    options.dir = texts.dir;
    options.rules = texts.rules;
    for (Str rest = texts.options; !rest.empty();) {
        Str pair = take_until(rest, ':');
        if (!pair.empty()) take_pair(pair, options, complaints);
    }
}

void print_options_help(TextBuffer& to) {
    constexpr size_t kKeyWidth = 14, kDefaultWidth = 10;
    to.add("keys of LEAKSHIM_OPTIONS=key=value:key=value...\n  ");
    add_padded(to, "key", kKeyWidth);
    add_padded(to, "default", kDefaultWidth);
    to.add("meaning\n");
    const Options defaults;
    Text<32> value;
#define LEAKSHIM_OPTION(type, field, name, default_value, meaning) \
    value.clear();                                                 \
    reading::type::print(value, defaults.field);                   \
    to.add("  ");                                                  \
    add_padded(to, name, kKeyWidth);                               \
    add_padded(to, value.str(), kDefaultWidth);                    \
    to.add(meaning).add('\n');
#include "options.inc"
#undef LEAKSHIM_OPTION
    to.add(
        "durations carry a unit (us, ms, s, m, h); lists are separated by commas; no value can hold a "
        "colon\n");
}

}  // namespace leakshim
