// SPDX-License-Identifier: MIT
//
// Texts as exec(3) takes them.
#pragma once

#include <string>
#include <vector>

namespace leakshim::tools {

/// Pointers to the texts, and a null pointer behind them. They are as good as the texts are, which nobody may
/// change by way of them.
inline std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts)
        pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace leakshim::tools
