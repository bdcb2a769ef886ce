// SPDX-License-Identifier: MIT
//
// Work on a ledger is done in a process of its own, with the rights of the ledger's owner and no others.
//
// Guarantees: where the owner is another user than the caller, the child has given up groups, gid and uid for
// good, and has checked that it did, before `work` begins. A child that crashes, as a damaged ledger may make
// it, costs nothing but its answer.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <functional>
#include <set>
#include <string>

namespace leakshim::tools {

/// Runs `work` as `uid` in a child and returns the text that it answers. Errors in one sentence.
absl::StatusOr<std::string> run_as(uid_t uid, const std::function<std::string()>& work);

/// The number of a user given by name or number; NotFound when there is none.
absl::StatusOr<uid_t> find_user(const std::string& text);

/// Everybody who owns a default directory of ledgers in /dev/shm.
std::set<uid_t> owners_of_ledgers();

}  // namespace leakshim::tools
