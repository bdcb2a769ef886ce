// SPDX-License-Identifier: MIT
#include "modules.h"

#include <elf.h>

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

/// One line of the file.
struct Line {
    Range range;
    bool reads, writes, executes;
    u64 offset;
    Str file;  ///< device and inode as the line has them; of anonymous memory the inode is 0
    Str path;
};

Str next_word(Str& rest) {
    while (!rest.empty() && rest.front() == ' ')
        take_until(rest, ' ');
    return take_until(rest, ' ');
}

u64 hexadecimal(Str text) {
    u64 value = 0;
    for (char c : text)
        value = value << 4 | static_cast<u64>(c <= '9' ? c - '0' : c - 'a' + 10);
    return value;
}

/// "7f0000000000-7f0000021000 r-xp 00001000 fd:01 1234    /usr/lib/libx.so"
bool parse(Str text, Line& line) {
    line.range.start = hexadecimal(take_until(text, '-'));
    line.range.end = hexadecimal(take_until(text, ' '));
    Str mode = next_word(text);
    if (mode.size() < 4) return false;
    line.reads = mode[0] == 'r', line.writes = mode[1] == 'w', line.executes = mode[2] == 'x';
    line.offset = hexadecimal(next_word(text));
    const char* file = text.data();
    next_word(text);
    Str inode = next_word(text);
    line.file = Str(file, static_cast<size_t>(inode.data() + inode.size() - file));
    while (!text.empty() && text.front() == ' ')
        text = Str(text.data() + 1, text.size() - 1);
    line.path = text;
    return true;
}

/// Calls `visit(line)` for each mapping until it returns false. What stands behind the first 1,000 bytes of a
/// line is cut off.
template <typename Visit>
void for_each_mapping(Visit visit) {
    int fd = sys::open("/proc/self/maps", O_RDONLY);
    if (fd < 0) return;
    char block[1024];
    size_t filled = 0;
    bool tail = false, wanted = true;  // tail: of a line that was too long
    for (long got = 0; wanted && (got = sys::read(fd, block + filled, sizeof block - filled)) > 0;) {
        filled += static_cast<size_t>(got);
        size_t at = 0;
        for (size_t i = 0; i < filled && wanted; ++i) {
            bool whole = block[i] == '\n';
            bool full = !whole && at == 0 && i + 1 == sizeof block;
            if (!whole && !full) continue;
            Line line;
            if (!tail && parse(Str(block + at, i - at), line)) wanted = visit(line);
            tail = full;
            at = i + 1;
        }
        __builtin_memmove(block, block + at, filled - at);
        filled -= at;
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
    Range first;  // where the file's first byte is mapped
    Text<64> file_of_first;
    bool readable = false;
    for_each_mapping([&](const Line& line) {
        if (line.offset == 0) {
            first = line.range;
            readable = line.reads;
            file_of_first.clear();
            file_of_first.add(line.file);
        }
        u32 count = code_count.load(std::memory_order_relaxed);
        if (count == kMaxCode) return false;
        if (!line.executes || is_known(line.range)) return true;
        Code& added = code[count];
        added = Code{line.range, line.range.start - line.offset, 0};
        if (!line.path.empty() && line.path.front() == '/') {
            bool has_first = file_of_first.str() == line.file;
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
    for_each_mapping([&](const Line& line) {
        if (!line.range.holds(address)) return true;
        if (line.reads && line.writes) found = line.range;
        return false;
    });
    return found;
}

bool is_own_code(u64 address) {
    return address >= reinterpret_cast<u64>(__ehdr_start) && address < reinterpret_cast<u64>(_end);
}

}  // namespace leakshim::hooks
