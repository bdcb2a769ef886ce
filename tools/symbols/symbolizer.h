// SPDX-License-Identifier: MIT
//
// From an offset in a file to function, source file and line, through the debug information that the file has
// now (elfutils' libdw). The process that the offset was taken in may be long gone.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "types.h"

namespace leakshim::tools {

/// One call. What is not known is empty or 0.
struct SourceFrame {
    std::string module;    ///< path of the file; empty for code that lies in none
    u64 offset = 0;        ///< from where its first byte was mapped; with no module an address
    std::string function;  ///< demangled
    std::string file;      ///< of the source
    int line = 0;
    bool rebuilt = false;  ///< the file is not the one any more that was loaded, and so was not asked
};

/// Keeps what it has opened. Not for several threads.
class Symbolizer {
  public:
    Symbolizer();
    ~Symbolizer();
    Symbolizer(const Symbolizer&) = delete;
    Symbolizer& operator=(const Symbolizer&) = delete;

    /// `module` as the ledger has it: "build-id path", the build ID in hexadecimal, empty where the file has
    /// none. Whatever can't be read leaves the frame with module and offset.
    SourceFrame find(std::string_view module, u64 offset);

  private:
    class Module;
    struct Modules;
    std::unique_ptr<Modules> modules_;
};

}  // namespace leakshim::tools
