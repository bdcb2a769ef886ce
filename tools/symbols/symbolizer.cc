// SPDX-License-Identifier: MIT
#include "symbolizer.h"

#include <absl/container/flat_hash_map.h>
#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <cstdlib>

namespace leakshim::tools {

namespace {

std::string demangled(const char* name) {
    int status = 0;
    std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                std::free);
    return status == 0 && text != nullptr ? text.get() : name;
}

std::string build_id_of(Dwfl_Module* module) {
    const unsigned char* bytes = nullptr;
    GElf_Addr address = 0;
    int count = dwfl_module_build_id(module, &bytes, &address);
    std::string text;
    for (int i = 0; i < count; ++i)
        text += fmt::format("{:02x}", bytes[i]);
    return text;
}

/// Virtual address of the file's first byte, as its program headers have it: 0 but for programs that are
/// linked to a fixed place.
GElf_Addr first_address(Elf* elf) {
    size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0) return 0;
    for (size_t i = 0; i < count; ++i) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr || segment.p_type != PT_LOAD)
            continue;
        return segment.p_vaddr - segment.p_offset;
    }
    return 0;
}

}  // namespace

/// One file, opened at its first frame.
class Symbolizer::Module {
  public:
    explicit Module(std::string_view text) {
        size_t space = text.find(' ');
        if (space == text.npos) return;
        path_ = text.substr(space + 1);
        open(std::string(text.substr(0, space)));
    }
    ~Module() {
        if (dwfl_ != nullptr) dwfl_end(dwfl_);
    }
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    SourceFrame find(u64 offset) const {
        SourceFrame frame;
        frame.module = path_;
        frame.offset = offset;
        frame.rebuilt = rebuilt_;
        if (module_ == nullptr) return frame;
        GElf_Addr address = first_ + offset;
        GElf_Off into = 0;
        GElf_Sym symbol;
        const char* name = dwfl_module_addrinfo(module_, address, &into, &symbol, nullptr, nullptr, nullptr);
        if (name != nullptr) frame.function = demangled(name);
        Dwfl_Line* line = dwfl_module_getsrc(module_, address);
        const char* file =
            line == nullptr ? nullptr : dwfl_lineinfo(line, nullptr, &frame.line, nullptr, nullptr, nullptr);
        if (file != nullptr) frame.file = file;
        return frame;
    }

  private:
    void open(const std::string& build_id) {
        static const Dwfl_Callbacks callbacks = {dwfl_build_id_find_elf, dwfl_standard_find_debuginfo,
                                                 dwfl_offline_section_address, nullptr};
        dwfl_ = dwfl_begin(&callbacks);
        if (dwfl_ == nullptr) return;
        dwfl_report_begin(dwfl_);
        Dwfl_Module* module = dwfl_report_elf(dwfl_, path_.c_str(), path_.c_str(), -1, 0, true);
        dwfl_report_end(dwfl_, nullptr, nullptr);
        GElf_Addr bias = 0;
        Elf* elf = module == nullptr ? nullptr : dwfl_module_getelf(module, &bias);
        if (elf == nullptr) return;
        rebuilt_ = !build_id.empty() && build_id_of(module) != build_id;
        if (rebuilt_) return;
        first_ = first_address(elf) + bias;
        module_ = module;
    }

    std::string path_;
    Dwfl* dwfl_ = nullptr;
    Dwfl_Module* module_ = nullptr;
    GElf_Addr first_ = 0;
    bool rebuilt_ = false;
};

struct Symbolizer::Modules {
    absl::flat_hash_map<std::string, std::unique_ptr<Module>> by_text;
};

Symbolizer::Symbolizer() : modules_(std::make_unique<Modules>()) {}
Symbolizer::~Symbolizer() = default;

SourceFrame Symbolizer::find(std::string_view module, u64 offset) {
    if (module.empty()) {
        SourceFrame frame;
        frame.offset = offset;
        return frame;
    }
    auto& opened = modules_->by_text[std::string(module)];
    if (opened == nullptr) opened = std::make_unique<Module>(module);
    return opened->find(offset);
}

}  // namespace leakshim::tools
