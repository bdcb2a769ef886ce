// SPDX-License-Identifier: MIT
//
// What a program's ELF file asks of the dynamic linker.
//
// Guarantees: the file is read as if somebody had prepared it: no number in it is believed beyond the file's
// end. A file that is none, or is damaged, has no needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakshim::tools {

struct ElfNeeds {
    std::string loader;                  ///< PT_INTERP; empty when it names none
    std::vector<std::string> libraries;  ///< DT_NEEDED, in order
};

/// The needs of a 64-bit program whose whole content is `file`.
ElfNeeds elf_needs(std::string_view file);

}  // namespace leakshim::tools
