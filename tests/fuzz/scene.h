// SPDX-License-Identifier: MIT
//
// A session with one of everything, its bystanders, and the ledger that tells the one from the other.
#pragma once

#include <string>

#include "world.h"

namespace leakshim::fuzz {

/// Which process the reaper plays.
enum class Role { root, guard };

/// Furnishes the world and writes the ledger `path` about it, through the very functions that the shim writes
/// with. Returns the bytes of the ledger that are in use, without the hole behind them.
std::string furnish(World& world, const std::string& path, Role role);

/// Makes `path` a ledger file of these bytes, as long as ledgers are. With `whole` false it ends where the
/// bytes end, as one that was cut does.
void write_ledger(const std::string& path, const std::string& bytes, bool whole = true);

/// Reads what the ledger claims now into world.claims. False when it is no readable ledger.
bool read_claims(World& world, const std::string& bytes);

}  // namespace leakshim::fuzz
