// SPDX-License-Identifier: MIT
#include "library.h"

#include <elf.h>
#include <errno.h>
#include <fmt/format.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "encoding.h"
#include "types.h"

namespace leakshim::tools {

namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "libleakshim.so";
constexpr std::string_view kSymbol = "leakshim_v1_version";
constexpr size_t kMaxTable = size_t{16} << 20;  // of symbols or their names; ours are some kilobytes

/// An ELF file, read as if somebody had prepared it.
class ElfFile {
  public:
    explicit ElfFile(const std::string& path) : stream_(path, std::ios::binary) {
        is_elf_ = read(&header_, 0, sizeof header_) && memcmp(header_.e_ident, ELFMAG, SELFMAG) == 0;
    }

    bool is_library() const { return is_elf_ && header_.e_type == ET_DYN; }
    bool is_for_the_machine_of(const ElfFile& other) const {
        return header_.e_ident[EI_CLASS] == other.header_.e_ident[EI_CLASS] &&
               header_.e_ident[EI_DATA] == other.header_.e_ident[EI_DATA] &&
               header_.e_machine == other.header_.e_machine;
    }
    /// False also where the file has no table of sections, which neither ld nor strip(1) takes out.
    bool exports(std::string_view name);

  private:
    bool read(void* to, u64 offset, size_t size) {
        stream_.clear();
        stream_.seekg(static_cast<std::streamoff>(offset));
        return static_cast<bool>(stream_.read(static_cast<char*>(to), static_cast<std::streamsize>(size)));
    }
    bool section(u32 number, ElfW(Shdr) & to) {
        return header_.e_shentsize == sizeof to && number < header_.e_shnum &&
               read(&to, header_.e_shoff + u64{number} * sizeof to, sizeof to);
    }

    std::ifstream stream_;
    ElfW(Ehdr) header_{};
    bool is_elf_ = false;
};

bool ElfFile::exports(std::string_view name) {
    ElfW(Shdr) symbols{}, names{};
    bool found = false;
    for (u32 number = 0; !found && number < header_.e_shnum && section(number, symbols); ++number)
        found = symbols.sh_type == SHT_DYNSYM;
    if (!found || !section(symbols.sh_link, names)) return false;
    if (symbols.sh_size > kMaxTable || names.sh_size > kMaxTable) return false;
    std::vector<ElfW(Sym)> table(symbols.sh_size / sizeof(ElfW(Sym)));
    std::string texts(names.sh_size, '\0');
    if (!read(table.data(), symbols.sh_offset, table.size() * sizeof table[0])) return false;
    if (!read(texts.data(), names.sh_offset, texts.size())) return false;
    for (const ElfW(Sym) & symbol : table) {
        if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= texts.size()) continue;
        std::string_view rest = std::string_view(texts).substr(symbol.st_name);
        if (rest.substr(0, rest.find('\0')) == name) return true;
    }
    return false;
}

/// Why the file is no leakshim for this machine; empty when it is. ld.so merely warns of one that it can't
/// load, and a run with nothing recorded would pass for a clean one.
std::string objection_to_content(const std::string& path) {
    ElfFile file(path);
    if (!file.is_library()) return "it is no shared library";
    if (!file.is_for_the_machine_of(ElfFile("/proc/self/exe"))) return "it was built for another machine";
    if (!file.exports(kSymbol)) return "it is a library, but not leakshim's";
    return "";
}

/// Why `path` can't be preloaded; empty when it can.
std::string objection_to(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return strerror(errno);
    if (!S_ISREG(st.st_mode)) return "it is no regular file";
    if (access(path.c_str(), R_OK) != 0) return strerror(errno);
    if (path.find_first_of(": $") != std::string::npos)
        return "its path has a colon, a blank or a dollar sign, and LD_PRELOAD can't name such a one";
    return "";
}

/// From bin/ the way to the library's directory as it was installed, or as it was built.
fs::path installed_way() {
    fs::path directory = LEAKSHIM_LIBDIR;
    return directory.is_absolute() ? directory : fs::path("..") / directory;
}

}  // namespace

absl::StatusOr<std::string> find_library(const std::string& wanted) {
    std::error_code error;
    if (!wanted.empty()) {
        std::string path = fs::absolute(wanted, error).lexically_normal();
        std::string objection = objection_to(path);
        if (objection.empty()) objection = objection_to_content(path);
        if (objection.empty()) return path;
        return absl::NotFoundError(
            fmt::format("{} can't be preloaded: {}", terminal_safe(path, true), objection));
    }
    fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    std::string why = "it is missing";
    for (const fs::path& way : {installed_way(), fs::path("../shim")}) {
        std::string path = (here / way / kName).lexically_normal();
        if (here.empty() || access(path.c_str(), F_OK) != 0) continue;
        std::string objection = objection_to(path);
        if (objection.empty()) return path;
        why = fmt::format("{}: {}", terminal_safe(path, true), objection);
    }
    if (here.empty()) why = "/proc does not say where that is";
    return absl::NotFoundError(fmt::format(
        "{} is not where it belongs beside this program ({}); name it with --library", kName, why));
}

}  // namespace leakshim::tools
