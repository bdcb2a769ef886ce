// SPDX-License-Identifier: MIT
//
// Environment blocks: finding variables without getenv, and making the block that a descendant gets, with
// LD_PRELOAD and LEAKSHIM_SESSION put back. Pure functions over memory that the caller owns;
// async-signal-safe.
#pragma once

#include "text.h"

namespace leakshim::session {

inline constexpr Str kPreloadKey = "LD_PRELOAD=";
inline constexpr Str kSessionKey = "LEAKSHIM_SESSION=";
/// The scope that whoever is started belongs to: the handle of its record, "0" for none.
inline constexpr Str kScopeKey = "LEAKSHIM_SCOPE=";
inline constexpr Str kKeepKey = "LEAKSHIM_KEEP=";
/// LEAKSHIM_SESSION of those whose root could make no ledger.
inline constexpr Str kNoSession = "none";

/// Value of `key` (with its `=`) in an environment array; no data when it is not there. `environment` may be
/// null.
Str find_variable(char* const* environment, Str key);

/// Entries of an environment array, without the terminating null pointer.
size_t count_variables(char* const* environment);

/// What a descendant shall find in its environment.
struct Carried {
    Str preload_entry;          ///< path of our library; empty: LD_PRELOAD is left as it is
    const char* session_entry;  ///< whole `LEAKSHIM_SESSION=…` entry
    bool strip_preload;         ///< take our library out instead (the program is of another ELF class)
    const char* scope_entry = nullptr;  ///< whole `LEAKSHIM_SCOPE=…` entry; null: as it is
};

/// True when the block already is as `carried` wants it, so that it can be passed on unchanged.
bool carries(char* const* environment, const Carried& carried);

/// Bytes that build_environment() needs for its array and texts.
size_t carried_size(char* const* environment, const Carried& carried);

/// Builds the block in `memory` (carried_size() bytes, pointer-aligned). Entries other than ours keep
/// their order and are shared with the old block; other preloads keep theirs, with ours in front when it was
/// missing.
char** build_environment(char* const* environment, const Carried& carried, void* memory);

/// The entry of LD_PRELOAD (separated by spaces or colons) that names our library; empty when there is none.
Str find_preload_entry(Str preload);

}  // namespace leakshim::session
