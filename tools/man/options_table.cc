// SPDX-License-Identifier: MIT
//
// options_table TEMPLATE: writes the manual page to standard output, its line @OPTIONS@ replaced by a list of
// the keys of LEAKSHIM_OPTIONS. Runs while leakshim is built, so that the page can't say anything else than
// the code does.
#include <fstream>
#include <iostream>
#include <string>

#include "options.h"

namespace {

using leakshim::Str;
using leakshim::u64;

/// How each type of options.inc is written as a default.
struct Switch {
    static std::string shown(bool value) { return value ? "1" : "0"; }
};
struct Number {
    static std::string shown(u64 value) { return std::to_string(value); }
};
struct Duration {
    static std::string shown(u64 ns) {
        leakshim::Text<32> text;
        text.add_duration(ns);
        return std::string(text.str());
    }
};
struct List {
    static std::string shown(Str value) { return value.empty() ? "none" : std::string(value); }
};
struct TempPolicy {
    static std::string shown(leakshim::TempPolicy value) {
        switch (value) {
            case leakshim::TempPolicy::by_ci:
                return "by-ci";
            case leakshim::TempPolicy::keep:
                return "keep";
            case leakshim::TempPolicy::reap:
                return "reap";
            case leakshim::TempPolicy::keep_on_failure:
                return "keep-on-failure";
        }
        return "";
    }
};
struct Stacks {
    static std::string shown(leakshim::Stacks value) {
        return value == leakshim::Stacks::off ? "off" : value == leakshim::Stacks::fp ? "fp" : "unwind";
    }
};

/// A line of the source of a page has at most 80 bytes; where it is broken makes no difference to what is
/// shown.
std::string filled(std::string text) {
    constexpr size_t kLongest = 78;
    for (size_t start = 0; text.size() - start > kLongest;) {
        size_t blank = text.rfind(' ', start + kLongest);
        if (blank == text.npos || blank < start) break;
        text[blank] = '\n';
        start = blank + 1;
    }
    return text;
}

void write_key(std::string_view key, const std::string& value, std::string meaning) {
    meaning[0] = static_cast<char>(meaning[0] - 'a' + 'A');
    std::cout << ".It Cm " << key << "\n"
              << filled(meaning + ".") << "\nThe default is\n.Cm " << value << " .\n";
}

void write_options() {
    const leakshim::Options defaults;
#define LEAKSHIM_OPTION(type, field, key, default_value, meaning) \
    write_key(key, type::shown(defaults.field), meaning);
#include "options.inc"
#undef LEAKSHIM_OPTION
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ifstream page(argv[1]);
    std::string line;
    while (std::getline(page, line)) {
        if (line == "@OPTIONS@")
            write_options();
        else
            std::cout << line << "\n";
    }
    return page.eof() && std::cout.flush() ? 0 : 1;
}
