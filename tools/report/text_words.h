// SPDX-License-Identifier: MIT
//
// What the text report says of one record, in words. Everything that comes from outside is made safe for a
// terminal here.
#pragma once

#include <string>
#include <vector>

#include "formats.h"
#include "report.h"

namespace leakshim::tools {

/// The thing itself: a command line, a path, `tcp 127.0.0.1:4242`.
std::string what_of(const Report& report, const Item& item, const Style& style);

/// True when what_of() may be cut to fit: a command line may, a path that somebody will paste may not.
bool may_be_cut(const Item& item);

/// One word: what became of it. A warning is called so, since what was merely open needs no verdict.
std::string_view state_word(const Item& item);

struct Detail {
    std::string text;
    bool once = false;        ///< holds for many records alike: said with the first, it is said
    bool may_be_cut = false;  ///< ends in a command line
};

/// What else there is to say, one sentence each: what was done and why, who made it, how large it is, what it
/// holds. `nested`: it stands below the process that made it, which need not be named again.
std::vector<Detail> details_of(const Report& report, const Item& item, bool nested, const Style& style);

/// `tcp 127.0.0.1:4242`, `unix /run/x.sock`.
std::string socket_words(const SocketFacts& socket, bool unicode);

}  // namespace leakshim::tools
