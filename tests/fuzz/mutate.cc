// SPDX-License-Identifier: MIT
#include "mutate.h"

#include <string.h>

#include <iterator>

#include "layout.h"

namespace leakshim::fuzz {

using namespace leakshim::ledger;

namespace {

constexpr size_t kRecords = kHeaderChunks * kChunkSize;
constexpr size_t kHead = 16;  // magic, version and size of the header

constexpr u64 kTelling[] = {0,
                            1,
                            2,
                            3,
                            7,
                            8,
                            63,
                            64,
                            65,
                            100,
                            110,
                            127,
                            128,
                            255,
                            511,
                            512,
                            1000,
                            4095,
                            4096,
                            0x7fff,
                            0xffff,
                            0x10000,
                            0x7fffffff,
                            0x80000000,
                            0xffffffff,
                            0x100000000,
                            0x7fffffffffffffff,
                            0x8000000000000000,
                            ~u64{0}};
constexpr const char* kPaths[] = {
    "/",          "/tmp",     "/tmp/..", "/home/you", "/tmp/theirs", "/tmp/tree/../theirs",     "//",
    "/tmp/tree/", "/dev/shm", "/proc/1", "tmp",       ".",           "/tmp/became-a-link/file", "/../sem",
    "/anew",      "/tmp/same"};

/// Where fields of a record begin.
constexpr size_t kFields[] = {offsetof(Record, state), offsetof(Record, kind),   offsetof(Record, lines),
                              offsetof(Record, flags), offsetof(Record, owner),  offsetof(Record, scope),
                              offsetof(Record, born),  offsetof(Record, number), offsetof(Record, a),
                              offsetof(Record, b),     offsetof(Record, c),      offsetof(Record, d)};
constexpr size_t kHeaderFields[] = {offsetof(Header, boot_id),
                                    offsetof(Header, pid_namespace),
                                    offsetof(Header, ipc_namespace),
                                    offsetof(Header, uid),
                                    offsetof(Header, root_pid),
                                    offsetof(Header, root),
                                    offsetof(Header, flags),
                                    offsetof(Header, created_realtime),
                                    offsetof(Header, created_boottime),
                                    offsetof(Header, chunk_limit),
                                    offsetof(Header, root_ancestors),
                                    offsetof(Header, ancestors),
                                    offsetof(Header, phase),
                                    offsetof(Header, end_pid),
                                    offsetof(Header, ended_realtime),
                                    offsetof(Header, guard_pid),
                                    offsetof(Header, next_chunk),
                                    offsetof(Header, idle_hint),
                                    offsetof(Header, hand),
                                    offsetof(Header, index_level),
                                    offsetof(Header, counters),
                                    offsetof(Header, command),
                                    offsetof(Header, temp_roots),
                                    offsetof(Header, exempt_roots),
                                    offsetof(Header, options),
                                    offsetof(Header, births)};

void put(std::string& bytes, size_t at, u64 value, size_t size) {
    if (at >= kHead && at + size <= bytes.size()) memcpy(bytes.data() + at, &value, size);
}

u64 value_of(Random& random) {
    return random.one_in(3) ? random.next() : kTelling[random.below(std::size(kTelling))];
}

size_t width_of(Random& random) {
    return size_t{1} << random.below(4);
}

/// Any line behind the header.
size_t line_in(const std::string& bytes, Random& random) {
    return kRecords + random.below((bytes.size() - kRecords) / kLineSize) * kLineSize;
}

/// A line that begins a record, most of the time.
size_t record_in(const std::string& bytes, Random& random) {
    size_t at = line_in(bytes, random);
    for (int tries = 0; tries < 200; ++tries, at = line_in(bytes, random)) {
        auto state = static_cast<u8>(bytes[at]);
        auto lines = static_cast<u8>(bytes[at + offsetof(Record, lines)]);
        if (at % kChunkSize != 0 && state >= 1 && state <= 8 && lines >= 1 && lines < kLinesPerChunk) break;
    }
    return at;
}

void flip_a_byte(std::string& bytes, Random& random) {
    size_t at =
        random.one_in(4) ? kHead + random.below(kRecords - kHead) : line_in(bytes, random) + random.below(64);
    bytes[at] = static_cast<char>(random.next());
}

void set_a_field(std::string& bytes, Random& random) {
    size_t field = kFields[random.below(std::size(kFields))];
    put(bytes, record_in(bytes, random) + field, value_of(random), width_of(random));
}

void set_the_header(std::string& bytes, Random& random) {
    size_t field = kHeaderFields[random.below(std::size(kHeaderFields))];
    put(bytes, field + 4 * random.below(2), value_of(random), random.one_in(2) ? 4 : width_of(random));
}

void set_a_chunk_header(std::string& bytes, Random& random) {
    size_t chunk = kRecords + random.below((bytes.size() - kRecords) / kChunkSize) * kChunkSize;
    put(bytes, chunk + 8 * random.below(5), value_of(random), 8);
}

/// What is true of one record is said of another.
void copy_fields(std::string& bytes, Random& random) {
    size_t from = record_in(bytes, random), to = record_in(bytes, random);
    size_t field = kFields[random.below(std::size(kFields))];
    size_t size = random.one_in(3) ? kLineSize - field : 8;
    if (field + size <= kLineSize) bytes.replace(to + field, size, bytes.substr(from + field, size));
}

void copy_lines(std::string& bytes, Random& random) {
    size_t from = line_in(bytes, random), to = line_in(bytes, random);
    size_t size = kLineSize * (1 + random.below(4));
    if (from + size <= bytes.size() && to + size <= bytes.size())
        bytes.replace(to, size, bytes.substr(from, size));
}

/// A record that refers to another, to itself, or to nothing that is.
void set_a_handle(std::string& bytes, Random& random) {
    size_t at = record_in(bytes, random);
    size_t target = random.one_in(4)   ? at
                    : random.one_in(3) ? random.next() % (1 << 24)
                                       : record_in(bytes, random);
    constexpr size_t kHandles[] = {offsetof(Record, owner), offsetof(Record, scope), kLineSize,
                                   kLineSize + offsetof(ProcessTail, scope)};
    put(bytes, at + kHandles[random.below(std::size(kHandles))], target / kLineSize, 4);
}

/// Another number: that of a bystander, of nobody, of a group.
void set_a_pid(std::string& bytes, Random& random) {
    constexpr i32 kPids[] = {0, -1, 1, 2, 50, 60, 100, 110, 120, 121, 300, 301, 302, 303, 9000};
    auto pid = static_cast<u32>(kPids[random.below(std::size(kPids))]);
    put(bytes, record_in(bytes, random) + offsetof(Record, number), pid, 4);
}

void set_a_path(std::string& bytes, Random& random) {
    size_t at = record_in(bytes, random) + kLineSize;
    std::string path = kPaths[random.below(std::size(kPaths))];
    if (random.one_in(5)) path.insert(random.below(path.size() + 1), 1, static_cast<char>(random.next()));
    if (at + kTextTailFixed + path.size() + 1 > bytes.size()) return;
    put(bytes, at, random.one_in(8) ? random.next() : path.size(), 2);
    memcpy(bytes.data() + at + kTextTailFixed, path.c_str(), path.size() + 1);
}

/// A piece that was never written, or was written over.
void blot(std::string& bytes, Random& random) {
    size_t at = kHead + random.below(bytes.size() - kHead);
    size_t size = std::min<size_t>(1 + random.below(random.one_in(4) ? 8192 : 300), bytes.size() - at);
    bool zero = random.one_in(2);
    for (size_t i = 0; i < size; ++i)
        bytes[at + i] = zero ? '\0' : static_cast<char>(random.next());
}

}  // namespace

void mutate(std::string& bytes, Random& random, u32 most) {
    using Change = void (*)(std::string&, Random&);
    constexpr Change kChanges[] = {flip_a_byte,        flip_a_byte, set_a_field, set_a_field, set_the_header,
                                   set_a_chunk_header, copy_fields, copy_fields, copy_lines,  set_a_handle,
                                   set_a_pid,          set_a_path,  blot};
    for (u64 left = 1 + random.below(most); left != 0; --left)
        kChanges[random.below(std::size(kChanges))](bytes, random);
}

}  // namespace leakshim::fuzz
