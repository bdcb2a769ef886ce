// SPDX-License-Identifier: MIT
#include "redact.h"

#include <absl/strings/ascii.h>

#include <algorithm>
#include <array>

namespace leakshim::tools {

namespace {

/// Whole words of a name that make it a secret's.
constexpr std::array<std::string_view, 20> kSecretWords = {
    "password",    "passwd", "passphrase", "pass",      "pwd",           "pw",         "secret",
    "secrets",     "token",  "tokens",     "auth",      "bearer",        "credential", "cookie",
    "credentials", "apikey", "sig",        "signature", "authorization", "otp",
};

/// A word that ends in one of these is a secret's as well: PGPASSWORD, accesstoken, requirepass. That
/// `bypass=` is taken for one costs nothing.
constexpr std::array<std::string_view, 8> kSecretEndings = {"password", "passwd", "passphrase", "pass",
                                                            "secret",   "token",  "apikey",     "auth"};

/// Words before which `key` means a secret: a plain key may be a file, or a row in a table.
constexpr std::array<std::string_view, 6> kKeyWords = {"api",    "access", "private",
                                                       "secret", "auth",   "encryption"};

template <size_t kSize>
bool contains(const std::array<std::string_view, kSize>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_name_char(char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
}

std::string lower(std::string_view text) {
    std::string result(text);
    absl::AsciiStrToLower(&result);
    return result;
}

/// The words of a name in lower case: `AWS_SECRET-accessKey` has four.
std::vector<std::string> words_of(std::string_view name) {
    std::vector<std::string> words;
    bool open = false, was_lower = false;
    for (char c : name) {
        auto byte = static_cast<unsigned char>(c);
        if (!absl::ascii_isalnum(byte)) {
            open = was_lower = false;
            continue;
        }
        if (absl::ascii_isupper(byte) && was_lower) open = false;
        if (!open) words.emplace_back();
        open = true;
        words.back() += absl::ascii_tolower(byte);
        was_lower = absl::ascii_islower(byte);
    }
    return words;
}

/// Where the value that starts at `at` ends: at its closing quote, or where a word of a shell or a query
/// would.
size_t end_of_value(std::string_view text, size_t at) {
    if (at < text.size() && (text[at] == '"' || text[at] == '\'')) {
        return std::min(text.find(text[at], at + 1), text.size() - 1) + 1;
    }
    return std::min(text.find_first_of(" \t\n&;|\"')", at), text.size());
}

/// Where the value behind the name that ends at `at` begins; npos when no value follows.
size_t start_of_value(std::string_view text, size_t at) {
    if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
    if (at >= text.size()) return std::string_view::npos;
    if (text[at] == '=') return at + 1;
    // A colon separates in headers and JSON; two are part of a test's or a C++ name.
    if (text[at] != ':' || text.substr(at, 2) == "::" || text.substr(at, 3) == "://")
        return std::string_view::npos;
    return std::min(text.find_first_not_of(' ', at + 1), text.size());
}

/// `Authorization: Bearer abc` has its secret behind one word more.
size_t skip_scheme(std::string_view text, size_t at) {
    for (std::string_view scheme : {"bearer ", "basic ", "token ", "digest "}) {
        if (lower(text.substr(at, scheme.size())) == scheme) return at + scheme.size();
    }
    return at;
}

/// `://user:password@`: the end of the password that starts in the authority at `at`; npos when there is
/// none.
struct Range {
    size_t begin, end;
};
Range password_in_url(std::string_view text, size_t at) {
    constexpr Range kNone = {std::string_view::npos, std::string_view::npos};
    size_t end = std::min(text.find_first_of("/?# \t\n\"'", at), text.size());
    std::string_view authority = text.substr(at, end - at);
    size_t host = authority.rfind('@');
    if (host == std::string_view::npos) return kNone;
    size_t colon = authority.find(':');
    if (colon == std::string_view::npos || colon > host) return kNone;
    return {at + colon + 1, at + host};
}

}  // namespace

bool is_secret_name(std::string_view name) {
    std::vector<std::string> words = words_of(name);
    for (size_t i = 0; i < words.size(); ++i) {
        if (contains(kSecretWords, words[i])) return true;
        for (std::string_view ending : kSecretEndings) {
            if (std::string_view(words[i]).ends_with(ending)) return true;
        }
        if (i > 0 && (words[i] == "key" || words[i] == "keys") && contains(kKeyWords, words[i - 1]))
            return true;
    }
    return false;
}

std::string redact_text(std::string_view text) {
    std::string result;
    for (size_t at = 0; at < text.size();) {
        if (text.substr(at, 3) == "://") {
            result += "://";
            at += 3;
            Range password = password_in_url(text, at);
            if (password.begin == std::string_view::npos) continue;
            result.append(text.substr(at, password.begin - at)).append(kRedacted);
            at = password.end;
            continue;
        }
        if (!is_name_char(text[at])) {
            result += text[at++];
            continue;
        }
        size_t name_end = at;
        while (name_end < text.size() && is_name_char(text[name_end]))
            ++name_end;
        size_t value = start_of_value(text, name_end);
        if (value == std::string_view::npos || !is_secret_name(text.substr(at, name_end - at))) {
            result += text.substr(at, name_end - at);
            at = name_end;
            continue;
        }
        value = skip_scheme(text, value);
        size_t end = end_of_value(text, value);
        result += text.substr(at, value - at);
        if (end > value) result += kRedacted;
        at = end;
    }
    return result;
}

std::vector<std::string> redact_command(std::vector<std::string> arguments) {
    bool hide_next = false;
    for (std::string& argument : arguments) {
        bool is_option = !argument.empty() && argument[0] == '-';
        if (hide_next && !is_option) {
            argument = kRedacted;
            hide_next = false;
            continue;
        }
        bool takes_value =
            argument.find_first_of("=:") == std::string::npos && argument.rfind("--no-", 0) != 0;
        hide_next = is_option && takes_value && is_secret_name(argument);
        argument = redact_text(argument);
    }
    return arguments;
}

}  // namespace leakshim::tools
