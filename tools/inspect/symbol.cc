// SPDX-License-Identifier: MIT
#include "symbol.h"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <memory>

#include "encoding.h"
#include "task.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostMaps = 16 << 20;

int no_debug_information(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word,
                         char**) {
    return -1;
}

std::string readable(const char* name) {
    int status = 0;
    std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                 std::free);
    return status == 0 && plain != nullptr ? plain.get() : name;
}

std::string name_at(int pid, u64 address) {
    static const Dwfl_Callbacks kCallbacks = {dwfl_linux_proc_find_elf, no_debug_information, nullptr,
                                              nullptr};
    std::unique_ptr<Dwfl, void (*)(Dwfl*)> dwfl(dwfl_begin(&kCallbacks), dwfl_end);
    if (dwfl == nullptr || dwfl_linux_proc_report(dwfl.get(), pid) != 0) return {};
    dwfl_report_end(dwfl.get(), nullptr, nullptr);
    Dwfl_Module* module = dwfl_addrmodule(dwfl.get(), address);
    const char* name = module != nullptr ? dwfl_module_addrname(module, address) : nullptr;
    return name != nullptr ? readable(name) : std::string();
}

/// `file+0x12` from /proc/PID/maps: `55d0-55e0 r-xp 00001000 08:01 42   /usr/bin/x`.
std::string place_of(int pid, u64 address) {
    for (const std::string& line :
         split_bytes(read_small(fmt::format("/proc/{}/maps", pid), kMostMaps), '\n')) {
        u64 from = 0, to = 0, offset = 0;
        const char* end = line.data() + line.size();
        auto dash = std::from_chars(line.data(), end, from, 16);
        if (dash.ptr == end || address < from) continue;
        auto blank = std::from_chars(dash.ptr + 1, end, to, 16);
        size_t path = line.find('/');
        if (address >= to || end - blank.ptr < 14 || path == line.npos) continue;
        std::from_chars(blank.ptr + 6, end, offset, 16);
        return fmt::format("{}+0x{:x}", line.substr(line.rfind('/') + 1), address - from + offset);
    }
    return {};
}

}  // namespace

std::string symbol_at(int pid, u64 address) {
    std::string name = name_at(pid, address);
    if (name.empty()) name = place_of(pid, address);
    return name.empty() ? fmt::format("0x{:x}", address) : name;
}

}  // namespace leakshim::tools
