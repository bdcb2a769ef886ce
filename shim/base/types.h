// SPDX-License-Identifier: MIT
//
// The integer names used all over the project. Everything that reaches shared memory is built from these.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leakshim {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

inline constexpr u64 kMillisecond = 1'000'000;  // in nanoseconds, as every duration here
inline constexpr u64 kSecond = 1'000'000'000;   // in nanoseconds

}  // namespace leakshim
