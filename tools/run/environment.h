// SPDX-License-Identifier: MIT
//
// The environment that the command gets, and the settings that its session begins with.
//
// Both are ours, but for what leakshim-run says with its options. The command sees of that: LD_PRELOAD,
// LEAKSHIM_SESSION, LEAKSHIM, LEAKSHIM_OPTIONS and LEAKSHIM_RULES where an option set them, ASAN_OPTIONS, and
// TMPDIR with --private-tmp. CI is never touched: it means something to others.
#pragma once

#include <string>
#include <vector>

#include "arguments.h"

namespace leakshim::tools {

/// Entries of an environment, in their order.
class Environment {
  public:
    explicit Environment(char* const* entries);
    /// The value of a variable, nullptr when it is not there.
    const std::string* get(const std::string& name) const;
    void set(const std::string& name, const std::string& value);
    void remove(const std::string& name);
    /// Null-terminated, for exec. Good until the next change.
    std::vector<char*> block();

  private:
    struct Entry {
        std::string text;  ///< NAME=value
        std::string value;
    };
    Entry* find(const std::string& name);
    std::vector<Entry> entries_;
};

/// Puts the settings of the options in the place of those in the environment, and what a program that was
/// built with g++'s address sanitizer needs to bear a preload: it ends at once when it finds another library
/// loaded before its own, unless ASAN_OPTIONS says not to look. The command may start such programs later
/// on, so this is set for all; nobody else reads it.
void apply_settings(const RunArguments& arguments, Environment& environment);

/// Puts `library` into LD_PRELOAD: in the place of another libleakshim.so, else in front of all others.
void add_preload(const std::string& library, Environment& environment);

/// Takes every libleakshim.so out of LD_PRELOAD.
void remove_preload(Environment& environment);

}  // namespace leakshim::tools
