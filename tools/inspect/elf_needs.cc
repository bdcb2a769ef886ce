// SPDX-License-Identifier: MIT
#include "elf_needs.h"

#include <elf.h>
#include <string.h>

#include <optional>

#include "types.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostLibraries = 1000;

/// The `size` bytes at `offset`; nothing when the file is shorter.
std::optional<std::string_view> piece(std::string_view file, u64 offset, u64 size) {
    if (offset > file.size() || size > file.size() - offset) return std::nullopt;
    return file.substr(offset, size);
}

template <typename Header>
std::optional<Header> header_at(std::string_view file, u64 offset) {
    auto bytes = piece(file, offset, sizeof(Header));
    if (!bytes) return std::nullopt;
    Header header;
    memcpy(&header, bytes->data(), sizeof header);
    return header;
}

/// The text at `offset`, up to its NUL or the file's end.
std::string text_at(std::string_view file, u64 offset) {
    if (offset >= file.size()) return {};
    std::string_view rest = file.substr(offset);
    return std::string(rest.substr(0, rest.find('\0')));
}

std::vector<Elf64_Phdr> parts_of(std::string_view file) {
    std::vector<Elf64_Phdr> parts;
    auto header = header_at<Elf64_Ehdr>(file, 0);
    bool usable = header && file.starts_with(ELFMAG) && header->e_ident[EI_CLASS] == ELFCLASS64 &&
                  header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phoff < file.size();
    for (u64 i = 0; usable && i < header->e_phnum; ++i) {
        auto part = header_at<Elf64_Phdr>(file, header->e_phoff + i * sizeof(Elf64_Phdr));
        if (!part) break;
        parts.push_back(*part);
    }
    return parts;
}

/// Where the file has what will be loaded at `address`.
std::optional<u64> offset_of(const std::vector<Elf64_Phdr>& parts, u64 address) {
    for (const Elf64_Phdr& part : parts) {
        bool inside =
            part.p_type == PT_LOAD && address >= part.p_vaddr && address - part.p_vaddr < part.p_filesz;
        if (inside) return part.p_offset + (address - part.p_vaddr);
    }
    return std::nullopt;
}

std::vector<std::string> libraries_of(std::string_view file, const std::vector<Elf64_Phdr>& parts,
                                      const Elf64_Phdr& dynamic) {
    std::vector<u64> names;
    std::optional<u64> strings;
    for (u64 at = 0; at < dynamic.p_filesz && names.size() < kMostLibraries; at += sizeof(Elf64_Dyn)) {
        auto entry = header_at<Elf64_Dyn>(file, dynamic.p_offset + at);
        if (!entry || entry->d_tag == DT_NULL) break;
        if (entry->d_tag == DT_NEEDED) names.push_back(entry->d_un.d_val);
        if (entry->d_tag == DT_STRTAB) strings = offset_of(parts, entry->d_un.d_ptr);
    }
    std::vector<std::string> libraries;
    for (u64 name : names) {
        // A sum that wraps around would be an offset that the file never had.
        if (strings && name < file.size()) libraries.push_back(text_at(file, *strings + name));
    }
    return libraries;
}

}  // namespace

ElfNeeds elf_needs(std::string_view file) {
    ElfNeeds needs;
    std::vector<Elf64_Phdr> parts = parts_of(file);
    for (const Elf64_Phdr& part : parts) {
        if (part.p_type == PT_DYNAMIC) needs.libraries = libraries_of(file, parts, part);
        auto loader = part.p_type == PT_INTERP ? piece(file, part.p_offset, part.p_filesz) : std::nullopt;
        if (loader) needs.loader = text_at(*loader, 0);
    }
    return needs;
}

}  // namespace leakshim::tools
