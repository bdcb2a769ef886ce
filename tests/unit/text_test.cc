// SPDX-License-Identifier: MIT
//
// Bounded text, numbers, durations, globs and hashes.
#include "text.h"

#include <fnmatch.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "support.h"

using namespace leakshim;
using leakshim::test::Random;

namespace {

std::string safe(Str text) {
    Text<512> out;
    return std::string(out.add_safe(text).str());
}

bool duration(Str text, u64 expected) {
    u64 ns = 0;
    return parse_duration(text, ns) && ns == expected;
}

bool no_duration(Str text) {
    u64 ns = 4711;
    return !parse_duration(text, ns) && ns == 4711;
}

}  // namespace

TEST_CASE("a_text_never_grows_beyond_its_memory_and_says_that_it_was_cut") {
    char memory[9] = "########";
    TextBuffer text(memory, 8);
    text.add("abcdefg");
    CHECK(text.str() == "abcdefg");
    CHECK_FALSE(text.truncated());
    text.add('h');
    CHECK(text.str() == "abcdefg");
    CHECK(text.truncated());
    CHECK(text.c_str()[7] == '\0');
    CHECK(memory[8] == '\0');  // the string literal's own, untouched
    text.clear();
    CHECK_FALSE(text.truncated());
    CHECK(text.size() == 0);
}

TEST_CASE("the_smallest_text_holds_nothing_but_its_end") {
    Text<1> text;
    text.add("x").add_decimal(7).add_safe("y");
    CHECK(text.str().empty());
    CHECK(text.truncated());
}

TEST_CASE("numbers_are_printed_in_full") {
    Text<64> text;
    text.add_decimal(0).add(' ').add_decimal(~u64{0}).add(' ').add_hex(0).add(' ').add_hex(255, 4).add(' ');
    text.add_hex(~u64{0});
    CHECK(text.str() == "0 18446744073709551615 0 00ff ffffffffffffffff");
}

TEST_CASE("numbers_are_printed_as_libc_prints_them_around_every_power_of_ten") {
    for (u64 power = 1, digits = 0; digits < 20; ++digits, power *= 10) {
        for (u64 number : {power - 1, power, power + 1, power * 7, power + power / 3}) {
            Text<24> text;
            CHECK(text.add_decimal(number).str() == std::to_string(number));
        }
    }
}

TEST_CASE("durations_are_printed_as_a_person_writes_them") {
    auto print = [](u64 ns) {
        Text<32> text;
        return std::string(text.add_duration(ns).str());
    };
    CHECK(print(0) == "0ms");
    CHECK(print(250 * kMillisecond) == "250ms");
    CHECK(print(999 * kMillisecond) == "999ms");
    CHECK(print(1500 * kMillisecond) == "1.5s");
    CHECK(print(30 * kSecond) == "30s");
    CHECK(print(3600 * kSecond) == "3600s");
}

TEST_CASE("no_terminal_escape_gets_through") {
    CHECK(safe("plain text") == "plain text");
    CHECK(safe("\x1b[2J\x07") == "\\x1b[2J\\x07");
    CHECK(safe(Str("a\0b\n\x7f", 5)) == "a\\x00b\\x0a\\x7f");
    CHECK(safe("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80") ==
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(safe("\x9b"
               "2J") ==
          "\\x9b"
          "2J");  // CSI of an eight-bit terminal
    CHECK(safe("\xc2\x9b"
               "2J") ==
          "\\xc2\\x9b"
          "2J");                              // the same in UTF-8
    CHECK(safe("\xc0\x9b") == "\\xc0\\x9b");  // and in more bytes than it needs
    CHECK(safe("\xe0\x82\x9b") == "\\xe0\\x82\\x9b");
    CHECK(safe("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
    CHECK(safe("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
    CHECK(safe("\xe2\x82") == "\\xe2\\x82");  // cut short
    CHECK(safe("\xff\xfe") == "\\xff\\xfe");
    CHECK(safe("\xc3(") == "\\xc3(");
}

TEST_CASE("whatever_the_bytes_safe_text_has_no_control_byte") {
    Random random(7);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random.below(12), '\0');
        for (char& c : bytes)
            c = static_cast<char>(random.next());
        for (char c : safe(bytes)) {
            auto byte = static_cast<unsigned char>(c);
            if (byte < 0x20 || byte == 0x7f) FAIL("a control byte");
        }
    }
}

TEST_CASE("each_byte_is_as_safe_amid_others_as_alone") {
    for (int byte = 0; byte < 256; ++byte) {
        for (size_t at = 0; at < 19; ++at) {
            std::string text = " ~abcdefgh ~ijklmno", expected;
            text[at] = static_cast<char>(byte);
            for (char c : text)
                expected += safe(Str(&c, 1));
            if (safe(text) != expected) FAIL("byte " << byte << " at " << at);
        }
    }
}

TEST_CASE("text_is_taken_up_to_a_separator") {
    Str text = "a:b::c";
    CHECK(take_until(text, ':') == "a");
    CHECK(take_until(text, ':') == "b");
    CHECK(take_until(text, ':').empty());
    CHECK(take_until(text, ':') == "c");
    CHECK(text.empty());
    CHECK(take_until(text, ':').empty());
}

TEST_CASE("only_whole_decimals_that_fit_are_numbers") {
    u64 value = 4711;
    for (Str bad :
         {"", " 1", "1 ", "-1", "+1", "0x10", "1e3", "18446744073709551616", "99999999999999999999"}) {
        CHECK_FALSE(parse_decimal(bad, value));
        CHECK(value == 4711);
    }
    CHECK(parse_decimal("0", value));
    CHECK(value == 0);
    CHECK(parse_decimal("18446744073709551615", value));
    CHECK(value == ~u64{0});
}

TEST_CASE("durations_carry_a_unit") {
    CHECK(duration("200ms", 200 * kMillisecond));
    CHECK(duration("3s", 3 * kSecond));
    CHECK(duration("1.5s", 1500 * kMillisecond));
    CHECK(duration("0.000001s", 1000));
    CHECK(duration("7us", 7000));
    CHECK(duration("2m", 120 * kSecond));
    CHECK(duration("1h", 3600 * kSecond));
    CHECK(duration("0s", 0));
    for (Str bad : {"", "300", "s", ".5s", "1.s", "1.2.3s", "-1s", "+1s", "1 s", "1S", "1sec", "1.5", "1s2",
                    "1.0000001s", "99999999999999999999s", "18446744073709551615s", "18446744073.999999s"}) {
        INFO(bad);
        CHECK(no_duration(bad));
    }
}

TEST_CASE("globs_match_whole_texts") {
    CHECK(glob_match("", ""));
    CHECK_FALSE(glob_match("", "x"));
    CHECK(glob_match("*", ""));
    CHECK(glob_match("*", "anything/at/all"));
    CHECK(glob_match("/tmp/*", "/tmp/a/b"));
    CHECK_FALSE(glob_match("/tmp/*", "/var/tmp/a"));
    CHECK(glob_match("a?c", "abc"));
    CHECK_FALSE(glob_match("a?c", "ac"));
    CHECK(glob_match("*ab*ab", "xabyababab"));
    CHECK_FALSE(glob_match("*ab*abc", "xabyababab"));
    CHECK(glob_match("test_a[x-1]", "test_a[x-1]"));  // brackets are no wildcard: test ids are full of them
    CHECK_FALSE(glob_match("abc", "abcd"));
    CHECK_FALSE(glob_match("abcd", "abc"));
}

TEST_CASE("globs_agree_with_fnmatch_where_that_has_no_brackets_and_backslashes") {
    Random random(3);
    for (int round = 0; round < 50'000; ++round) {
        std::string pattern, text;
        for (u64 i = random.below(8); i != 0; --i)
            pattern += "ab*?"[random.below(4)];
        for (u64 i = random.below(8); i != 0; --i)
            text += "ab/"[random.below(3)];
        bool expected = fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
        if (glob_match(pattern, text) != expected) FAIL(pattern << " on " << text);
    }
}

TEST_CASE("a_hostile_glob_does_not_take_for_ever") {
    std::string pattern, text(20'000, 'a');
    for (int i = 0; i < 200; ++i)
        pattern += "a*";
    CHECK_FALSE(glob_match(pattern + "b", text));
}

TEST_CASE("hashes_are_the_same_everywhere_and_tell_texts_apart") {
    // Other processes look up what we hashed; a change of these is a change of the ledger's layout version.
    CHECK(hash_text("") == 0x6af5e09a3237bceeULL);
    CHECK(hash_text("/tmp/a") == 0x280fbf2c53979f86ULL);
    std::set<u64> seen;
    for (int i = 0; i < 100'000; ++i)
        seen.insert(hash_text("/tmp/" + std::to_string(i)));
    CHECK(seen.size() == 100'000);
    CHECK(hash_text(Str("a\0", 2)) != hash_text("a"));
    CHECK(hash_pair(1, 2) != hash_pair(2, 1));
}

TEST_CASE("a_space_of_a_glob_matches_the_end_of_an_argument") {
    Str arguments("sh\0-c\0a b", 9);
    CHECK(glob_match_arguments("sh -c a b", arguments));
    CHECK(glob_match_arguments("sh*b", arguments));
    CHECK_FALSE(glob_match_arguments("sh -ca b", arguments));
    CHECK_FALSE(glob_match("sh -c a b", arguments));
}
