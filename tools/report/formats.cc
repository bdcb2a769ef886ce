// SPDX-License-Identifier: MIT
#include "formats.h"

namespace leakshim::tools {

namespace {

constexpr Format kFormats[] = {
    {"text", "for people", write_text_reports, write_text_sessions},
    {"json", "for programs, schema leakshim.report/1", write_json_reports, write_json_sessions},
};

}  // namespace

std::span<const Format> formats() {
    return kFormats;
}

const Format* find_format(std::string_view name) {
    for (const Format& format : kFormats) {
        if (format.name == name) return &format;
    }
    return nullptr;
}

std::string format_names(bool of_lists) {
    std::string names;
    for (const Format& format : kFormats) {
        if (of_lists && format.write_sessions == nullptr) continue;
        names += (names.empty() ? "" : ", ") + std::string(format.name);
    }
    return names;
}

}  // namespace leakshim::tools
