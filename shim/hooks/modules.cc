// SPDX-License-Identifier: MIT
#include "modules.h"

#include <elf.h>

#include "lines.h"
#include "proc.h"
#include "state.h"
#include "sys.h"

extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}

namespace leakshim::hooks {

namespace {

using ledger::Frame;
using ledger::Handle;

/// Executable memory that has been met.
struct Code {
    Range range;
    u64 base;       ///< where the file's first byte is mapped
    Handle module;  ///< 0: of no file (a just-in-time compiler's)
};

constexpr u32 kMaxCode = 256;
constinit Code code[kMaxCode]{};
std::atomic<u32> code_count;
std::atomic<i32> reading;  ///< our pid while a thread is in read_code()

/// Calls `visit(mapping)` for each mapping until it returns false. What stands behind the first 1,000 bytes
/// of a line is cut off.
template <typename Visit>
void for_each_mapping(Visit visit) {
    int fd = sys::open("/proc/self/maps", O_RDONLY);
    if (fd < 0) return;
    char block[1024];
    Lines lines(block, sizeof block);
    Str line;
    MapsLine mapping;
    auto read = [fd](char* to, size_t size) { return sys::read(fd, to, size); };
    while (lines.next(line, read) && (!parse_maps_line(line, mapping) || visit(mapping))) {
    }
    sys::close(fd);
}

/// The build ID of the file whose first page, at `range`, begins with an ELF header, in hexadecimal.
void add_build_id(Range range, TextBuffer& to) {
    constexpr u32 kGnuBuildId = 3;
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(range.start);
    u64 size = range.end - range.start;
    if (size < sizeof *header || __builtin_memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
    u64 end_of_table = header->e_phoff + u64{header->e_phnum} * sizeof(Elf64_Phdr);
    if (header->e_phentsize != sizeof(Elf64_Phdr) || end_of_table > size) return;
    const auto* segments = reinterpret_cast<const Elf64_Phdr*>(range.start + header->e_phoff);
    for (u32 i = 0; i < header->e_phnum; ++i) {
        const Elf64_Phdr& segment = segments[i];
        if (segment.p_type != PT_NOTE || segment.p_offset > size ||
            segment.p_filesz > size - segment.p_offset)
            continue;
        u64 at = range.start + segment.p_offset, end = at + segment.p_filesz;
        while (at + sizeof(Elf64_Nhdr) <= end) {
            const auto* note = reinterpret_cast<const Elf64_Nhdr*>(at);
            u64 name = at + sizeof *note, text = name + ((note->n_namesz + 3) & ~3U);
            at = text + ((note->n_descsz + 3) & ~3U);
            if (at > end || note->n_type != kGnuBuildId || note->n_namesz != 4 || note->n_descsz > 64)
                continue;
            const auto* bytes = reinterpret_cast<const unsigned char*>(text);
            for (u32 byte = 0; byte < note->n_descsz; ++byte)
                to.add_hex(bytes[byte], 2);
            return;
        }
    }
}

bool is_known(Range range) {
    u32 count = code_count.load(std::memory_order_relaxed);
    for (u32 i = 0; i < count; ++i) {
        if (code[i].range.start == range.start && code[i].range.end == range.end) return true;
    }
    return false;
}

/// Writes down all executable memory that is new.
void read_code() {
    Range first;  // where the first byte of the file met last is mapped, if it is
    u64 device = 0, inode = 0;
    bool readable = false;
    for_each_mapping([&](const MapsLine& line) {
        Range range{line.start, line.end};
        if (line.offset == 0)
            first = range, device = line.device, inode = line.inode, readable = line.readable();
        u32 count = code_count.load(std::memory_order_relaxed);
        if (count == kMaxCode) return false;
        if (!line.executable() || is_known(range)) return true;
        Code& added = code[count];
        added = Code{range, line.start - line.offset, 0};
        if (starts_with(line.path, "/")) {
            bool has_first = line.device == device && line.inode == inode;
            Text<1152> text;
            if (has_first) added.base = first.start;
            if (has_first && readable) add_build_id(first, text);
            text.add(' ').add(line.path);
            added.module = ledger::intern_module(author(), text.str());
        }
        code_count.store(count + 1, std::memory_order_release);
        return true;
    });
}

bool look_up_code(u64 address, Frame& frame) {
    u32 count = code_count.load(std::memory_order_acquire);
    for (u32 i = 0; i < count; ++i) {
        if (!code[i].range.holds(address)) continue;
        frame.module = code[i].module;
        frame.offset = frame.module != 0 ? address - code[i].base : address;
        return true;
    }
    return false;
}

}  // namespace

bool find_frame(u64 address, Frame& frame) {
    if (look_up_code(address, frame)) return true;
    if (code_count.load(std::memory_order_relaxed) == kMaxCode) return false;
    i32 me = the_session().pid, reader = 0;
    // A fork may have copied the mark of a thread that the child does not have.
    if (!reading.compare_exchange_strong(reader, me, std::memory_order_acquire) &&
        (reader == me || !reading.compare_exchange_strong(reader, me, std::memory_order_acquire)))
        return false;
    read_code();
    reading.store(0, std::memory_order_release);
    return look_up_code(address, frame);
}

Range find_mapping(u64 address) {
    Range found;
    for_each_mapping([&](const MapsLine& line) {
        if (!line.holds(address)) return true;
        if (line.readable() && line.writable()) found = {line.start, line.end};
        return false;
    });
    return found;
}

bool is_own_code(u64 address) {
    return address >= reinterpret_cast<u64>(__ehdr_start) && address < reinterpret_cast<u64>(_end);
}

}  // namespace leakshim::hooks
