// SPDX-License-Identifier: MIT
#include "frames.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace leakshim::ledger {

namespace {

std::vector<Frame> read_all(Str text) {
    std::vector<Frame> frames;
    FrameReader reader(text);
    Frame frame;
    while (reader.next(frame))
        frames.push_back(frame);
    return frames;
}

}  // namespace

TEST_CASE("frames_are_read_as_they_were_written") {
    const Frame written[] = {{0, 0},
                             {7, 0x3f},
                             {7, 0x40},
                             {7, 0x12345},
                             {0xffffffff, 0x7fffffffffff},
                             {1, 1},
                             {0, 0x7fffffffffffffff}};
    FrameWriter writer;
    for (const Frame& frame : written)
        REQUIRE(writer.add(frame));
    std::vector<Frame> frames = read_all(writer.text());
    REQUIRE(frames.size() == std::size(written));
    for (size_t i = 0; i < frames.size(); ++i) {
        CHECK(frames[i].module == written[i].module);
        CHECK(frames[i].offset == written[i].offset);
    }
}

TEST_CASE("a_stack_has_no_NUL_in_it_and_sixteen_frames_of_a_program_fit_in_a_line_and_a_half") {
    FrameWriter writer;
    for (u64 i = 0; i < 16; ++i)
        REQUIRE(writer.add({i < 12 ? 0x1041U : 0x1081U, 0x1000 + i * 0x1111}));
    for (char byte : writer.text())
        CHECK(static_cast<unsigned char>(byte) >= 0x40);
    CHECK(writer.text().size() <= 96);
}

TEST_CASE("a_stack_that_does_not_fit_ends_with_the_last_frame_that_does") {
    FrameWriter writer;
    size_t count = 0;
    while (writer.add({static_cast<Handle>(0xf0000000 + count), 0x7fffffffffff0000 + count}))
        ++count;
    CHECK(count >= 15);
    CHECK(writer.text().size() <= FrameWriter::kSize);
    CHECK(read_all(writer.text()).size() == count);
}

TEST_CASE("whatever_bytes_a_ledger_holds_are_read_to_an_end") {
    std::mt19937 random(20261121);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (char& byte : bytes)
            byte = static_cast<char>(random());
        CHECK(read_all(Str(bytes.data(), bytes.size())).size() <= bytes.size());
    }
    CHECK(read_all(Str("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)).empty());
    CHECK(read_all(Str("\x81", 1)).empty());
}

}  // namespace leakshim::ledger
