// SPDX-License-Identifier: MIT
#include "encoding.h"

#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "redact.h"

using namespace leakshim::tools;

namespace {

/// What bash makes of a word.
std::string read_back_by_bash(const std::string& word) {
    std::string command = "bash -c 'printf %s \"$1\"' - ";
    command = "bash <<'LEAKSHIM_EOF'\nprintf %s " + word + "\nLEAKSHIM_EOF\n";
    FILE* pipe = popen(command.c_str(), "r");
    std::string result;
    std::array<char, 4096> buffer;
    for (size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) != 0;)
        result.append(buffer.data(), got);
    pclose(pipe);
    return result;
}

}  // namespace

TEST_CASE("only well-formed sequences count as UTF-8") {
    for (const char* good :
         {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x9b", "\xf4\x8f\xbf\xbf"}) {
        CHECK(is_utf8(good));
    }
    for (const char* bad : {"\xff", "\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82",
                            "a\xc3"
                            "b"}) {
        CHECK_FALSE(is_utf8(bad));
        CHECK(is_utf8(to_utf8(bad)));
    }
}

TEST_CASE("what is no UTF-8 becomes replacement characters and nothing else is lost") {
    CHECK(to_utf8("a\xff"
                  "b\xc3\xa9") ==
          "a\xef\xbf\xbd"
          "b\xc3\xa9");
    CHECK(to_utf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a uri keeps unreserved characters and slashes and encodes every other byte") {
    CHECK(to_uri("/tmp/a-b_c.d~1") == "/tmp/a-b_c.d~1");
    CHECK(to_uri("/tmp/a b%\xff\xc3\xa9\n") == "/tmp/a%20b%25%FF%C3%A9%0A");
}

TEST_CASE("no control character gets through to a terminal") {
    for (int byte = 0; byte < 256; ++byte) {
        std::string name = std::string("a") + static_cast<char>(byte) + "b";
        for (bool unicode : {true, false}) {
            for (unsigned char c : terminal_safe(name, unicode))
                CHECK((c >= 0x20 && c < 0x7f));
        }
    }
    CHECK(terminal_safe("\x1b[31mred", true) == "\\x1b[31mred");
}

TEST_CASE("characters that turn the text around or hide are shown by number") {
    CHECK(terminal_safe("a\xe2\x80\xae"
                        "b",
                        true) == "a\\u{202e}b");  // right-to-left override
    CHECK(terminal_safe("a\xe2\x80\x8b"
                        "b",
                        true) == "a\\u{200b}b");  // zero width space
    CHECK(terminal_safe("\xc2\x9b"
                        "31m",
                        true) == "\\u{009b}31m");  // the one-character form of escape and bracket
    CHECK(terminal_safe("caf\xc3\xa9", true) == "caf\xc3\xa9");
    CHECK(terminal_safe("caf\xc3\xa9", false) == "caf\\u{00e9}");
}

TEST_CASE("width counts columns and not bytes") {
    CHECK(display_width("plain") == 5);
    CHECK(display_width("caf\xc3\xa9") == 4);
    CHECK(display_width("\xe6\xbc\xa2\xe5\xad\x97") == 4);  // two wide characters
    CHECK(display_width("e\xcc\x81") == 1);                 // a letter and its combining accent
}

TEST_CASE("what is cut fits and never ends within a character") {
    std::string wide = "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97";
    for (int columns = 0; columns < 10; ++columns) {
        for (bool unicode : {true, false}) {
            std::string cut = cut_to(wide, columns, unicode);
            CHECK(display_width(cut) <= columns);
            CHECK(is_utf8(cut));
        }
    }
    CHECK(cut_to("short", 5, true) == "short");
    CHECK(cut_to("longer", 5, true) == "long\xe2\x80\xa6");
}

TEST_CASE("a quoted word is read back by a shell byte by byte") {
    for (const char* name : {"plain", "", "two words", "it's", "$HOME", "a\\b", "\x1b[31m", "new\nline",
                             "\xff\xfe"
                             "1",
                             "-rf", "caf\xc3\xa9", "`id`", "\"", "!x", "*",
                             "\xe2\x80\xae"
                             "fdp.exe",
                             "'\x01'"}) {
        for (bool unicode : {true, false}) {
            std::string word = shell_quoted(name, unicode);
            CHECK(read_back_by_bash(word) == name);
            CHECK(terminal_safe(word, unicode) == word);
        }
    }
}

TEST_CASE("lines are broken at blanks and a long word stays whole") {
    CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
    CHECK(wrapped("a /very/long/path b", 5) == std::vector<std::string>{"a", "/very/long/path", "b"});
    CHECK(wrapped("one two three", 0) == std::vector<std::string>{"one two three"});
    CHECK(wrapped("", 5) == std::vector<std::string>{""});
}

TEST_CASE("names of secrets are known in every spelling") {
    for (const char* name :
         {"--password", "PGPASSWORD", "db-passwd", "API_TOKEN", "accessToken", "aws_secret_access_key",
          "api-key", "apiKey", "client_secret", "Authorization", "requirepass", "GITHUB_TOKEN"}) {
        INFO(name);
        CHECK(is_secret_name(name));
    }
    for (const char* name : {"--port", "keyboard", "tokenizer-path", "primary_key", "author", "monkey",
                             "user", "PATH", "passenger", "secretary"}) {
        INFO(name);
        CHECK_FALSE(is_secret_name(name));
    }
}

TEST_CASE("secrets are taken out of an argument and the rest of it stays") {
    const std::pair<const char*, const char*> kCases[] = {
        {"--password=hunter2", "--password=_REDACTED_"},
        {"--port=5432", "--port=5432"},
        {"postgres://app:hunter2@db:5432/x?sslmode=off", "postgres://app:_REDACTED_@db:5432/x?sslmode=off"},
        {"https://host/path?token=abc&page=2", "https://host/path?token=_REDACTED_&page=2"},
        {"ssh://git@host/repository", "ssh://git@host/repository"},
        {"http://127.0.0.1:8080/", "http://127.0.0.1:8080/"},
        {"Authorization: Bearer abc.def", "Authorization: Bearer _REDACTED_"},
        {"PGPASSWORD=abc psql -c 'select 1'", "PGPASSWORD=_REDACTED_ psql -c 'select 1'"},
        {R"({"password": "a b", "user": "me"})", R"({"password": _REDACTED_, "user": "me"})"},
        {"test_auth.py::test_token::works", "test_auth.py::test_token::works"},
        {"API_TOKEN=", "API_TOKEN="},
        {"a://b://c:d@e", "a://b://c:_REDACTED_@e"},
        {"password='unfinished", "password=_REDACTED_"},
    };
    for (const auto& [given, expected] : kCases)
        CHECK(redact_text(given) == expected);
}

TEST_CASE("the argument behind an option for a secret is hidden") {
    using Words = std::vector<std::string>;
    CHECK(redact_command({"x", "--password", "hunter2", "--port", "1"}) ==
          Words{"x", "--password", "_REDACTED_", "--port", "1"});
    CHECK(redact_command({"x", "--token", "--verbose"}) == Words{"x", "--token", "--verbose"});
    CHECK(redact_command({"x", "--no-password", "script"}) == Words{"x", "--no-password", "script"});
    CHECK(redact_command({}).empty());
}
