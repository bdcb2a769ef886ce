// SPDX-License-Identifier: MIT
//
// The settings: what each variable means, and what is said when one makes no sense.
#include "options.h"

#include <catch2/catch.hpp>
#include <string>

using namespace leakshim;
using Catch::Matchers::Contains;

namespace {

struct Parsed {
    explicit Parsed(const OptionTexts& texts) {
        Text<8192> buffer;
        parse_options(texts, options, buffer);
        complaints = buffer.str();
    }
    size_t lines() const {
        return static_cast<size_t>(std::count(complaints.begin(), complaints.end(), '\n'));
    }

    Options options;
    std::string complaints;
};

Parsed mode(Str leakshim) {
    return Parsed(OptionTexts{leakshim, {}, {}, {}, {}, {}});
}
Parsed ci(Str value) {
    return Parsed(OptionTexts{{}, value, {}, {}, {}, {}});
}
Parsed keys(Str options) {
    return Parsed(OptionTexts{{}, {}, options, {}, {}, {}});
}
Parsed keep(Str value) {
    return Parsed(OptionTexts{{}, {}, {}, {}, {}, value});
}

}  // namespace

TEST_CASE("with_nothing_set_the_defaults_are_in_force") {
    Parsed parsed(OptionTexts{});
    const Options& options = parsed.options;
    CHECK(parsed.complaints.empty());
    CHECK_FALSE(options.off);
    CHECK(options.reap);
    CHECK_FALSE(options.fail);
    CHECK_FALSE(options.ci);
    CHECK_FALSE(options.keep);
    CHECK_FALSE(options.help);
    CHECK(options.guard);
    CHECK(options.tmp == TempPolicy::by_ci);
    CHECK(options.linger == 300 * kMillisecond);
    CHECK(options.polite == kSecond);
    CHECK(options.term == 1500 * kMillisecond);
    CHECK(options.deadline == 30 * kSecond);
    CHECK(options.tree_limit == 1'000'000);
    CHECK(options.keep_ledgers == 16);
    CHECK(options.dir.empty());
    CHECK(options.rules.empty());
    CHECK(options.roots.empty());
    CHECK(options.temp_roots.empty());
}

TEST_CASE("the_mode_and_fail_are_named_in_any_order") {
    struct Row {
        Str text;
        bool off, reap, fail;
    };
    for (const Row& row :
         {Row{"", false, true, false}, Row{"reap", false, true, false}, Row{"report", false, false, false},
          Row{"off", true, false, false}, Row{"fail", false, true, true}, Row{"reap,fail", false, true, true},
          Row{"fail,report", false, false, true}, Row{"report,fail", false, false, true},
          Row{"report,report", false, false, false}}) {
        Parsed parsed = mode(row.text);
        INFO(row.text);
        CHECK(parsed.complaints.empty());
        CHECK(parsed.options.off == row.off);
        CHECK(parsed.options.reap == row.reap);
        CHECK(parsed.options.fail == row.fail);
    }
}

TEST_CASE("an_unknown_mode_is_one_sentence_and_the_default_stays_in_force") {
    for (Str text : {"reprot", "Reap", "1", " reap", "reap;fail", "reap fail"}) {
        Parsed parsed = mode(text);
        CHECK(parsed.lines() == 1);
        CHECK_THAT(parsed.complaints, Contains("\"" + std::string(text) + "\""));
        CHECK_THAT(parsed.complaints, Contains("off, report or reap"));
        CHECK(parsed.options.reap);
        CHECK_FALSE(parsed.options.off);
    }
    CHECK_FALSE(mode("report,fial").options.reap);
    CHECK(mode("report,fial").lines() == 1);
}

TEST_CASE("two_modes_are_one_sentence_and_the_first_is_in_force") {
    Parsed parsed = mode("report,reap");
    CHECK(parsed.lines() == 1);
    CHECK_THAT(parsed.complaints, Contains("report and reap"));
    CHECK_FALSE(parsed.options.reap);
}

TEST_CASE("ci_is_set_unless_it_is_empty_or_a_word_for_no") {
    for (Str yes : {"1", "true", "yes", "woodpecker", "00"})
        CHECK(ci(yes).options.ci);
    for (Str no : {"", "0", "false", "False", "FALSE", "no", "No", "off", "Off"})
        CHECK_FALSE(ci(no).options.ci);
}

TEST_CASE("keep_is_1_and_anything_else_is_told") {
    CHECK(keep("1").options.keep);
    CHECK_FALSE(keep("0").options.keep);
    CHECK_FALSE(keep("").options.keep);
    Parsed parsed = keep("forever");
    CHECK_FALSE(parsed.options.keep);
    CHECK(parsed.lines() == 1);
    CHECK_THAT(parsed.complaints, Contains("LEAKSHIM_KEEP") && Contains("forever"));
}

TEST_CASE("every_key_is_read") {
    Parsed parsed = keys(
        "help=1:tmp=keep-on-failure:linger=1s:polite=2s:term=250ms:deadline=1m:tree-limit=7:"
        "temp-roots=/a,/b:roots=py*,ctest:keep-ledgers=0:guard=0");
    const Options& options = parsed.options;
    CHECK(parsed.complaints.empty());
    CHECK(options.help);
    CHECK(options.tmp == TempPolicy::keep_on_failure);
    CHECK(options.linger == kSecond);
    CHECK(options.polite == 2 * kSecond);
    CHECK(options.term == 250 * kMillisecond);
    CHECK(options.deadline == 60 * kSecond);
    CHECK(options.tree_limit == 7);
    CHECK(options.temp_roots == "/a,/b");
    CHECK(options.roots == "py*,ctest");
    CHECK(options.keep_ledgers == 0);
    CHECK_FALSE(options.guard);
}

TEST_CASE("empty_pairs_are_skipped_and_the_last_of_a_key_counts") {
    Parsed parsed = keys(":linger=1s::linger=2s:");
    CHECK(parsed.complaints.empty());
    CHECK(parsed.options.linger == 2 * kSecond);
}

TEST_CASE("a_value_that_makes_no_sense_is_one_sentence_and_the_default_stays_in_force") {
    struct Row {
        Str text, key, expected, in_force;
    };
    for (const Row& row :
         {Row{"linger=300", "linger", "unit", "linger=300ms"}, Row{"term=", "term", "unit", "term=1.5s"},
          Row{"deadline=-1s", "deadline", "unit", "deadline=30s"},
          Row{"tmp=maybe", "tmp", "keep-on-failure", "tmp=by-ci"},
          Row{"tree-limit=1e6", "tree-limit", "whole number", "tree-limit=1000000"},
          Row{"guard=2", "guard", "0 or 1", "guard=1"}}) {
        Parsed parsed = keys(row.text);
        INFO(parsed.complaints);
        CHECK(parsed.lines() == 1);
        CHECK_THAT(parsed.complaints, Contains(std::string(row.key)));
        CHECK_THAT(parsed.complaints, Contains(std::string(row.expected)));
        CHECK_THAT(parsed.complaints, Contains(std::string(row.in_force) + " is in force"));
    }
    CHECK(keys("linger=300").options.linger == 300 * kMillisecond);
    CHECK(keys("tmp=maybe").options.tmp == TempPolicy::by_ci);
}

TEST_CASE("an_unknown_key_is_one_loud_sentence_that_says_where_the_keys_are") {
    Parsed parsed = keys("lingr=1s:polite=3s");
    CHECK(parsed.lines() == 1);
    CHECK_THAT(parsed.complaints, Contains("lingr") && Contains("help=1"));
    CHECK(parsed.options.polite == 3 * kSecond);
}

TEST_CASE("a_key_without_a_value_is_one_sentence") {
    Parsed parsed = keys("guard");
    CHECK(parsed.lines() == 1);
    CHECK_THAT(parsed.complaints, Contains("\"guard\"") && Contains("key=value"));
    CHECK(parsed.options.guard);
}

TEST_CASE("whatever_is_in_the_environment_a_complaint_stays_a_short_clean_line") {
    std::string junk = "\x1b[31m" + std::string(100'000, 'j');
    Parsed parsed(OptionTexts{junk, junk, junk, junk, junk, junk});
    CHECK(parsed.lines() == 3);
    CHECK(parsed.complaints.size() < 1500);
    CHECK(parsed.complaints.find('\x1b') == std::string::npos);
}

TEST_CASE("complaints_that_do_not_fit_are_cut_and_nothing_else_is") {
    char memory[64];
    TextBuffer complaints(memory, sizeof memory);
    Options options;
    parse_options(OptionTexts{"bad", {}, "x=1:y=2:linger=2s", {}, {}, {}}, options, complaints);
    CHECK(complaints.truncated());
    CHECK(options.linger == 2 * kSecond);
}

TEST_CASE("help_has_a_line_for_every_key_with_its_default") {
    Text<4096> help;
    print_options_help(help);
    std::string text(help.str());
    CHECK_FALSE(help.truncated());
    CHECK_THAT(text, Contains("  linger        300ms     longest wait"));
#define LEAKSHIM_OPTION(type, field, key, default_value, meaning) \
    CHECK_THAT(text, Contains("\n  " key) && Contains(meaning "\n"));
#include "options.inc"
#undef LEAKSHIM_OPTION
}

TEST_CASE("temporary_trees_are_reaped_when_mode_ci_and_policy_say_so") {
    auto reaps = [](Str leakshim, Str ci, Str options, bool run_failed) {
        return Parsed(OptionTexts{leakshim, ci, options, {}, {}, {}}).options.reaps_trees(run_failed);
    };
    CHECK_FALSE(reaps("", "", "", false));
    CHECK(reaps("", "1", "", false));
    CHECK(reaps("", "1", "", true));
    CHECK_FALSE(reaps("report", "1", "", false));
    CHECK(reaps("", "", "tmp=reap", true));
    CHECK_FALSE(reaps("", "1", "tmp=keep", false));
    CHECK(reaps("", "1", "tmp=keep-on-failure", false));
    CHECK_FALSE(reaps("", "1", "tmp=keep-on-failure", true));
    CHECK_FALSE(reaps("report", "1", "tmp=reap", false));
}
