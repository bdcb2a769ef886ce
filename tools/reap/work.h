// SPDX-License-Identifier: MIT
//
// What leakshim-reap does, as the owner of the ledgers: chooses sessions, reaps them or a scope of one, and
// tells of each decision with the evidence behind it.
#pragma once

#include <nlohmann/json.hpp>

#include "arguments.h"

namespace leakshim::tools {

/// An answer: {"status": …, "problem": sentence or null, "sessions": […]} as leakshim.reap/1 has them. Texts
/// are UTF-8.
nlohmann::json reap_as_owner(const Arguments& arguments);

}  // namespace leakshim::tools
