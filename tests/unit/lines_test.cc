// SPDX-License-Identifier: MIT
//
// Files of /proc line by line, and a line of maps.
#include "lines.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "proc.h"
#include "support.h"

using namespace leakshim;
using leakshim::test::Random;

namespace {

/// All lines of `text` through a block of `size` bytes, read in pieces of random sizes.
std::vector<std::string> lines_of(const std::string& text, size_t size, Random& random) {
    std::string block(size, '#');
    Lines lines(block.data(), size);
    std::vector<std::string> found;
    size_t at = 0;
    auto read = [&](char* to, size_t room) {
        size_t most = std::min(room, text.size() - at);
        size_t piece = most == 0 ? 0 : 1 + random.below(most);
        std::copy_n(text.data() + at, piece, to);
        at += piece;
        return static_cast<long>(piece);
    };
    Str line;
    while (lines.next(line, read))
        found.emplace_back(line);
    return found;
}

std::vector<std::string> expected_of(const std::string& text, size_t size) {
    std::vector<std::string> expected;
    std::string line;
    for (char c : text) {
        if (c != '\n') {
            line += c;
            continue;
        }
        expected.push_back(line.substr(0, size));
        line.clear();
    }
    if (!line.empty()) expected.push_back(line.substr(0, size));
    return expected;
}

/// Texts of fewer than `most` lines, each shorter than `longest`, through a block of `size` bytes.
void check_many(size_t size, u64 most, u64 longest, Random& random) {
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (u64 count = random.below(most); count != 0; --count)
            text += std::string(random.below(longest), static_cast<char>('a' + random.below(26))) + '\n';
        if (random.below(2) != 0) text += "no newline";
        if (lines_of(text, size, random) != expected_of(text, size)) FAIL(text);
    }
}

}  // namespace

TEST_CASE("lines_come_whole_whatever_pieces_they_are_read_in") {
    Random random(20261122);
    check_many(64, 12, 20, random);
}

TEST_CASE("of_a_line_longer_than_the_block_its_beginning_comes_once") {
    Random random(20261122);
    check_many(8, 8, 40, random);
    CHECK(lines_of("", 8, random).empty());
    CHECK(lines_of("12345678\n", 8, random) == std::vector<std::string>{"12345678"});
    CHECK(lines_of("123456789", 8, random) == std::vector<std::string>{"12345678"});
}

TEST_CASE("a_line_of_maps_is_read_in_full") {
    MapsLine line;
    REQUIRE(parse_maps_line("7f12a000-7f12b000 rw-s 00001000 fd:1a 1234                /dev/shm/a b", line));
    CHECK(line.start == 0x7f12a000);
    CHECK(line.end == 0x7f12b000);
    CHECK(line.offset == 0x1000);
    CHECK(line.device == (u64{0xfd} << 32 | 0x1a));
    CHECK(line.inode == 1234);
    CHECK(line.path == "/dev/shm/a b");
    CHECK((line.readable() && line.writable() && line.shared() && !line.executable()));
    CHECK((line.holds(0x7f12a000) && line.holds(0x7f12afff) && !line.holds(0x7f12b000)));
    REQUIRE(parse_maps_line("7f12a000-7f12b000 ---p 00000000 00:00 0 ", line));
    CHECK(line.path.empty());
    CHECK_FALSE((line.readable() || line.shared()));
    for (Str bad : {"", "7f12a000", "7f12a000-7f12b000", "7f12a000-7f12b000 rw- 00001000 fd:1a 1234",
                    "7f12a000-7f12b00g rw-s 00001000 fd:1a 1234", "7f12a000-7f12b000 rw-s 00001000 fd1a 1234",
                    "7f12a000-7f12b000 rw-s 00001000 fd:1a x"}) {
        INFO(bad);
        CHECK_FALSE(parse_maps_line(bad, line));
    }
}

TEST_CASE("every_line_of_our_own_maps_is_understood") {
    std::ifstream file("/proc/self/maps");
    std::string text;
    bool found = false;
    auto here = reinterpret_cast<u64>(&found);
    while (std::getline(file, text)) {
        MapsLine line;
        REQUIRE(parse_maps_line(text, line));
        if (line.holds(here)) found = line.path == "[stack]" && line.writable();
    }
    CHECK(found);
}
