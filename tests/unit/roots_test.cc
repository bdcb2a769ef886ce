// SPDX-License-Identifier: MIT
//
// What is temporary by its place, asked name by name and directory by directory.
#include "roots.h"

#include <string.h>

#include <catch2/catch.hpp>
#include <memory>

#include "support.h"

using namespace leakshim;
using namespace leakshim::session;
using namespace leakshim::test;

namespace {

template <u32 kSize>
void add(ledger::TextList<kSize>& list, const std::string& entry) {
    memcpy(list.text + list.size, entry.c_str(), entry.size() + 1);
    list.size += static_cast<u32>(entry.size()) + 1;
}

struct Roots {
    std::unique_ptr<ledger::Header> header{new ledger::Header{}};

    Roots(const std::vector<std::string>& temporary, const std::vector<std::string>& exempt) {
        for (const std::string& entry : temporary)
            add(header->temp_roots, entry);
        for (const std::string& entry : exempt)
            add(header->exempt_roots, entry);
    }
    bool is_temporary(const std::string& path) const { return is_temporary_place(*header, path); }
    Place all_in(const std::string& directory) const { return place_of_all_in(*header, directory); }
};

/// A path of up to `depth` parts out of a few names, so that many meet; the root directory is empty.
std::string some_path(Random& random, u64 depth) {
    std::string path;
    for (u64 parts = random.below(depth + 1); parts != 0; --parts)
        path += std::string("/") + static_cast<char>('a' + random.below(3));
    return path;
}

}  // namespace

TEST_CASE("the_more_specific_root_decides_and_of_two_equal_ones_the_exemption") {
    Roots roots({"/tmp", "/home/me/tmp"}, {"/home/me", "/tmp/checkout", "/"});
    CHECK(roots.is_temporary("/tmp/x"));
    CHECK(roots.is_temporary("/tmp/x/y"));
    CHECK(roots.is_temporary("/home/me/tmp/x"));
    CHECK_FALSE(roots.is_temporary("/tmp"));
    CHECK_FALSE(roots.is_temporary("/tmpx/y"));
    CHECK_FALSE(roots.is_temporary("/tmp/checkout"));
    CHECK_FALSE(roots.is_temporary("/tmp/checkout/x"));
    CHECK_FALSE(roots.is_temporary("/home/me/x"));
    CHECK_FALSE(roots.is_temporary("/etc/x"));
}

TEST_CASE("a_directory_with_a_root_in_it_answers_for_no_name") {
    Roots roots({"/tmp", "/home/me/tmp"}, {"/home/me", "/tmp/checkout"});
    CHECK(roots.all_in("/tmp/x") == Place::temporary);
    CHECK(roots.all_in("/tmp/checkout") == Place::permanent);
    CHECK(roots.all_in("/etc") == Place::permanent);
    CHECK(roots.all_in("/home/me/tmp") == Place::temporary);
    for (const char* directory : {"", "/tmp", "/home", "/home/me"})
        CHECK(roots.all_in(directory) == Place::mixed);
}

TEST_CASE("what_a_directory_says_holds_for_every_name_in_it") {
    Random random(20261122);
    u32 seen[3] = {};
    for (int round = 0; round < 4000; ++round) {
        std::vector<std::string> temporary, exempt;
        for (u64 i = random.below(3); i != 0; --i)
            temporary.push_back(some_path(random, 3));
        for (u64 i = random.below(3); i != 0; --i)
            exempt.push_back(some_path(random, 3));
        for (auto* list : {&temporary, &exempt}) {
            for (std::string& entry : *list)
                entry = entry.empty() ? "/" : entry;
        }
        Roots roots(temporary, exempt);
        std::string directory = some_path(random, 4);
        Place place = roots.all_in(directory);
        ++seen[static_cast<u32>(place)];
        if (place == Place::mixed) continue;
        for (const char* name : {"/a", "/b", "/c", "/d", "/aa"}) {
            INFO(directory << name);
            REQUIRE(roots.is_temporary(directory + name) == (place == Place::temporary));
        }
    }
    for (u32 count : seen)
        CHECK(count > 200);
}

TEST_CASE("whatever_may_be_a_path_in_an_argument_is_exempt") {
    auto is_temporary = [](std::vector<std::string> arguments, const std::string& path) {
        std::vector<char*> list;
        for (std::string& argument : arguments)
            list.push_back(argument.data());
        list.push_back(nullptr);
        auto header = std::make_unique<ledger::Header>();
        fill_roots(*header, list.data(), "/home/nobody", "/srv/tmpdir", "");
        return is_temporary_place(*header, path);
    };
    CHECK(is_temporary({"dd"}, "/tmp/out/file"));
    for (const char* argument :
         {"/tmp/out", "of=/tmp/out", "--basetemp=/tmp/out", "-o/tmp/out", "-xf/tmp/out", "json:/tmp/out",
          "--mount=type=bind,src=/tmp/out,dst=/x", "/x:/tmp/out:ro", "@/tmp/out", "me@host:/tmp/out",
          "A=B=/tmp/out", "file:///tmp/out", "-Wl,-Map,/tmp/out", "/x/../tmp//out", "/tmp/out\n"}) {
        INFO(argument);
        bool whole = argument[strlen(argument) - 1] == '\n';
        CHECK_FALSE(is_temporary({"dd", argument}, whole ? "/tmp/out\n" : "/tmp/out/file"));
        CHECK(is_temporary({"dd", argument}, "/tmp/other"));
    }
    CHECK_FALSE(is_temporary({"dd", "of=/srv/tmpdir/out"}, "/srv/tmpdir/out"));
    // What says where temporary things go, and a script, which is no path.
    CHECK(is_temporary({"env", "TMPDIR=/tmp/out"}, "/tmp/out/file"));
    CHECK(is_temporary({"sh", "-c", "true\nd=/tmp/out"}, "/tmp/out"));
}

TEST_CASE("what_makes_no_difference_takes_no_room_from_what_does") {
    std::string long_name(200, 'n');
    std::vector<std::string> arguments;
    for (int i = 0; i < 100; ++i)
        arguments.push_back("/srv/" + std::to_string(i) + long_name);
    arguments.push_back("/tmp/out");
    std::vector<char*> list;
    for (std::string& argument : arguments)
        list.push_back(argument.data());
    list.push_back(nullptr);
    auto header = std::make_unique<ledger::Header>();
    fill_roots(*header, list.data(), "", "", "");
    CHECK_FALSE(is_temporary_place(*header, "/tmp/out"));
}
