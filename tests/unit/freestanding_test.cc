// SPDX-License-Identifier: MIT
//
// The memory functions that the library brings along, under other names, against libc's.
#include <string.h>

#include <catch2/catch.hpp>
#include <string>

#include "support.h"
#include "types.h"

#define memcpy shim_memcpy
#define memmove shim_memmove
#define memset shim_memset
#define memcmp shim_memcmp
#define strlen shim_strlen
#include "../../shim/base/freestanding.cc"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

using leakshim::test::Random;

namespace {

constexpr size_t kLargest = 100, kMargin = 24;

std::string any_bytes(Random& random) {
    std::string bytes(kLargest + 2 * kMargin, '\0');
    for (char& byte : bytes)
        byte = static_cast<char>(random.below(256));
    return bytes;
}

int sign(int value) {
    return (value > 0) - (value < 0);
}

}  // namespace

TEST_CASE("memory_is_copied_as_libc_copies_it_and_nothing_beside_it") {
    Random random(20261122);
    for (size_t size = 0; size <= kLargest; ++size) {
        std::string from = any_bytes(random), to = any_bytes(random), expected = to;
        REQUIRE(shim_memcpy(&to[kMargin], &from[3], size) == &to[kMargin]);
        memcpy(&expected[kMargin], &from[3], size);
        REQUIRE(to == expected);
    }
}

TEST_CASE("memory_is_moved_over_itself_by_any_distance") {
    Random random(20261122);
    for (size_t size = 0; size <= kLargest; ++size) {
        for (size_t target = 0; target <= 2 * kMargin; ++target) {
            std::string bytes = any_bytes(random), expected = bytes;
            REQUIRE(shim_memmove(&bytes[target], &bytes[kMargin], size) == &bytes[target]);
            memmove(&expected[target], &expected[kMargin], size);
            CAPTURE(size, target);
            REQUIRE(bytes == expected);
        }
    }
}

TEST_CASE("memory_is_filled_compared_and_measured_as_by_libc") {
    Random random(20261122);
    for (size_t size = 0; size <= kLargest; ++size) {
        std::string bytes = any_bytes(random), expected = bytes;
        REQUIRE(shim_memset(&bytes[kMargin], 0x5a, size) == &bytes[kMargin]);
        memset(&expected[kMargin], 0x5a, size);
        REQUIRE(bytes == expected);

        std::string other = bytes;
        if (size != 0) other[kMargin + random.below(size)] ^= 0x40;
        int difference = shim_memcmp(&bytes[kMargin], &other[kMargin], size);
        REQUIRE(sign(difference) == sign(memcmp(&bytes[kMargin], &other[kMargin], size)));
        REQUIRE(shim_memcmp(&bytes[kMargin], &expected[kMargin], size) == 0);

        std::string text(size, 'x');
        REQUIRE(shim_strlen(text.c_str()) == size);
    }
}
