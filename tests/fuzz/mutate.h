// SPDX-License-Identifier: MIT
//
// Damages the bytes of a ledger: as a failing disk would, as a torn write would, and as somebody would who
// knows the layout and wants the reader to fall or the reaper to hit the wrong one.
#pragma once

#include <string>

#include "world.h"

namespace leakshim::fuzz {

/// One to `most` changes. Magic and version are left alone, so that what comes behind is reached.
void mutate(std::string& bytes, Random& random, u32 most);

}  // namespace leakshim::fuzz
