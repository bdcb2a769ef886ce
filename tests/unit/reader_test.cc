// SPDX-License-Identifier: MIT
//
// The reader against hostile ledgers: cut short, foreign, random, mutated, with lengths that lead outside.
// Run it under a sanitizer or valgrind to see reads out of bounds that happen to go well.
#include "reader.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "kinds.h"
#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

/// A ledger in memory of exactly its size, so that a read beyond it is seen by a sanitizer.
class BytesSource : public Source {
  public:
    explicit BytesSource(const std::vector<char>& bytes) : bytes_(bytes) {}
    bool read(u64 offset, void* to, size_t size) override {
        if (offset > bytes_.size() || size > bytes_.size() - offset) return false;
        memcpy(to, bytes_.data() + offset, size);
        return true;
    }

  private:
    const std::vector<char>& bytes_;
};

Handle add_named(const Author& author, Kind kind, Str name) {
    Handle handle = begin_named(author, kind, name);
    commit_named(author, handle, FileId{1, 2, 3, 4});
    return handle;
}

/// Some records of every sort, then the bytes of the file as far as it was used.
std::vector<char> sample_ledger() {
    TestLedger ledger;
    Author author = ledger.author();
    author.scope = intern_scope(author, "tests/test_a.py::test_b");
    for (u32 i = 0; i < 40; ++i) {
        std::string number = std::to_string(i);
        add_named(author, Kind::temp_dir, "/tmp/pytest-of-you/" + std::string(i * 20, 'd') + number);
        add_named(author, Kind::posix_shm, "/shm" + number);
        add_sysv(author, Kind::sysv_msg, static_cast<int>(i), i, i, i);
        begin_named(author, Kind::unix_socket, "/tmp/intent" + number);
        Handle socket = ledger->allocate(author.lease, Kind::socket, 0);
        ledger->publish(*ledger->at(socket), State::live);
        release_persistent(author, add_named(author, Kind::fifo, "/tmp/released" + number));
    }
    std::string bytes(ledger->header()->next_chunk * kChunkSize, '\0');
    int fd = open(ledger.path().c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(pread(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    close(fd);
    return {bytes.begin(), bytes.end()};
}

struct Reading {
    Verdict verdict = Verdict::unreadable;
    u32 entries = 0;
    u32 broken = 0;
};

bool outcome_known(Outcome outcome) {
    return outcome == Outcome::none || outcome_name(outcome) != "none";
}

bool is_of(const Line& line, const Entry& entry) {
    return line.handle() == entry.handle && line.state() == entry.state &&
           line.generation() == entry.generation && line.kind() == entry.kind &&
           line.flags() == entry.flags && line.outcome() == entry.outcome && line.owner() == entry.owner &&
           line.scope() == entry.scope && line.number() == entry.number;
}

/// The next record by its line, read in full or, where only that is wrong, passed over.
bool next_by_line(Walker& walker, Entry& entry) {
    for (Line line; walker.next(line);) {
        if (line.state() == State::free || line.state() > State::gone) FAIL("a state out of range");
        if (kind_name(line.kind()) == "unknown") FAIL("a kind out of range");
        if (!outcome_known(line.outcome())) FAIL("an outcome out of range");
        if (!walker.read(line, entry)) continue;
        if (!is_of(line, entry)) FAIL("a line says something else than its record");
        return true;
    }
    return false;
}

/// Reads all there is and uses every field as a report would; a wrong byte within a text is no harm.
Reading read_all(Source& source) {
    Reading reading;
    auto header = std::make_unique<Header>();
    reading.verdict = read_header(source, *header);
    if (reading.verdict != Verdict::ok) return reading;
    auto walker = std::make_unique<Walker>(source, *header);
    auto looker = std::make_unique<Walker>(source, *header);
    auto by_line = std::make_unique<Walker>(source, *header);
    u64 checksum = strlen(header->id) + strlen(header->boot_id);
    Entry same;
    for (Entry entry; walker->next(entry);) {
        ++reading.entries;
        if (!next_by_line(*by_line, same) || same.handle != entry.handle || same.text != entry.text)
            FAIL("a walk by lines comes to something else");
        checksum += hash_text(entry.text);
        bool in_range = state_of(static_cast<u32>(entry.state)) <= State::gone &&
                        outcome_known(entry.outcome) && kind_name(entry.kind) != "unknown";
        if (!in_range) FAIL("an enum out of range");
        bool named = is_path(entry.kind) || is_named_ipc(entry.kind) || entry.kind == Kind::scope;
        if (named && memchr(entry.text.data(), 0, entry.text.size()) != nullptr) FAIL("a NUL within a name");
        if (named && entry.text.data()[entry.text.size()] != '\0') FAIL("a name without its end");
        for (Handle handle : {entry.owner, entry.scope, entry.site, entry.parent, entry.process_scope}) {
            Entry other;
            if (looker->get(handle, other)) checksum += hash_text(other.text);
        }
    }
    if (next_by_line(*by_line, same)) FAIL("a walk by lines comes to more");
    reading.broken = walker->broken();
    volatile u64 sink = checksum;
    (void)sink;
    return reading;
}

Reading read_bytes(const std::vector<char>& bytes) {
    BytesSource source(bytes);
    return read_all(source);
}

template <typename T>
T& field(std::vector<char>& bytes, u64 offset) {
    return *reinterpret_cast<T*>(bytes.data() + offset);
}

/// Offset of the first record of `kind` in a state other than free.
u64 find_record(const std::vector<char>& bytes, Kind kind) {
    BytesSource source(bytes);
    auto header = std::make_unique<Header>();
    REQUIRE(read_header(source, *header) == Verdict::ok);
    auto walker = std::make_unique<Walker>(source, *header);
    for (Entry entry; walker->next(entry);) {
        if (entry.kind == kind) return offset_of(entry.handle);
    }
    FAIL("no such record in the sample");
    return 0;
}

}  // namespace

TEST_CASE("a_sound_ledger_is_read_with_all_its_records") {
    Reading reading = read_bytes(sample_ledger());
    CHECK(reading.verdict == Verdict::ok);
    CHECK(reading.entries == 2 + 40 * 5);
    CHECK(reading.broken == 0);
}

TEST_CASE("a_line_of_a_walk_is_that_of_the_record_and_says_whether_there_is_more") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle path = add_named(author, Kind::temp_dir, "/tmp/a");
    Handle socket = ledger->allocate(author.lease, Kind::socket, 0);
    Record& record = *ledger->at(socket);
    record.owner = author.process, record.scope = 0x1234;
    record.number.store(17);
    record.flags.store(flag::kListening);
    record.outcome.store(static_cast<Outcome>(255));  // as a damaged ledger may have it
    ledger->publish(record, State::leaked);
    MappedSource source(*ledger);
    auto header = std::make_unique<Header>();
    REQUIRE(read_header(source, *header) == Verdict::ok);
    auto walker = std::make_unique<Walker>(source, *header);
    u32 found = 0;
    for (Line line; walker->next(line);) {
        if (line.handle() == path) {
            ++found;
            CHECK(line.kind() == Kind::temp_dir);
            CHECK(line.state() == State::live);
            CHECK(line.has_more());
        }
        if (line.handle() != socket) continue;
        ++found;
        CHECK(line.kind() == Kind::socket);
        CHECK(line.state() == State::leaked);
        CHECK(line.generation() == generation_of(record));
        CHECK(line.owner() == author.process);
        CHECK(line.scope() == 0x1234);
        CHECK(line.number() == 17);
        CHECK(line.flags() == flag::kListening);
        CHECK(line.outcome() == Outcome::none);
        CHECK_FALSE(line.has_more());
    }
    CHECK(found == 2);
}

TEST_CASE("every_verdict_is_a_sentence_of_its_own") {
    std::vector<Str> texts;
    for (int verdict = 0; verdict <= static_cast<int>(Verdict::corrupt); ++verdict) {
        Str text = verdict_text(static_cast<Verdict>(verdict));
        CHECK(text.size() > 10);
        for (Str other : texts)
            CHECK(other != text);
        texts.push_back(text);
    }
}

TEST_CASE("a_ledger_cut_short_anywhere_is_refused_or_read_as_far_as_it_goes") {
    std::vector<char> whole = sample_ledger();
    u32 all = read_bytes(whole).entries;
    u32 refused = 0;
    for (size_t size = 0; size < whole.size(); size += size < 200 ? 1 : 997) {
        std::vector<char> cut(whole.begin(), whole.begin() + static_cast<long>(size));
        Reading reading = read_bytes(cut);
        if (size < sizeof(Header)) {
            CHECK(reading.verdict == (size < 16 ? Verdict::unreadable : Verdict::corrupt));
            ++refused;
        } else {
            CHECK(reading.verdict == Verdict::ok);
            CHECK(reading.broken > 0);
            CHECK(reading.entries <= all);
        }
    }
    CHECK(refused > 200);
}

TEST_CASE("another_layout_version_is_refused") {
    std::vector<char> bytes = sample_ledger();
    for (u32 version : {0U, kLayoutVersion + 1, ~0U}) {
        field<u32>(bytes, offsetof(Header, layout_version)) = version;
        CHECK(read_bytes(bytes).verdict == Verdict::foreign_version);
    }
}

TEST_CASE("what_does_not_begin_like_a_ledger_is_none") {
    std::vector<char> bytes = sample_ledger();
    bytes[0] ^= 1;
    CHECK(read_bytes(bytes).verdict == Verdict::not_a_ledger);
    CHECK(read_bytes(std::vector<char>(1 << 16, '\0')).verdict == Verdict::not_a_ledger);
    Random random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<char> noise(1 + random.below(100'000));
        for (char& c : noise)
            c = static_cast<char>(random.next());
        Verdict verdict = read_bytes(noise).verdict;
        CHECK((verdict == Verdict::not_a_ledger || verdict == Verdict::unreadable));
    }
}

TEST_CASE("random_bytes_behind_a_good_beginning_do_no_harm") {
    std::vector<char> sample = sample_ledger();
    Random random(2);
    for (int round = 0; round < 300; ++round) {
        std::vector<char> bytes = sample;
        // Sometimes the header stays good, so that the records are reached.
        size_t from = round % 2 == 0 ? 16 : kHeaderChunks * kChunkSize;
        for (size_t i = from; i < bytes.size(); ++i)
            bytes[i] = static_cast<char>(random.next());
        Verdict verdict = read_bytes(bytes).verdict;
        CHECK(verdict == (round % 2 == 0 ? Verdict::corrupt : Verdict::ok));
    }
}

TEST_CASE("mutated_ledgers_do_no_harm") {
    std::vector<char> sample = sample_ledger();
    std::vector<char> bytes = sample;
    Random random(3);
    u32 read = 0;
    for (int round = 0; round < 4000; ++round) {
        std::vector<size_t> touched;
        for (u64 i = 1 + random.below(30); i != 0; --i) {
            // Headers of chunks and beginnings of lines hold most of what decides.
            size_t at = random.below(bytes.size());
            if (random.below(2) == 0) at = at / kLineSize * kLineSize + random.below(8);
            bytes[at] = static_cast<char>(random.below(3) == 0 ? 0xff : random.next());
            touched.push_back(at);
        }
        read += read_bytes(bytes).verdict == Verdict::ok;
        for (size_t at : touched)
            bytes[at] = sample[at];
    }
    CHECK(read > 1000);
    CHECK(bytes == sample);
}

TEST_CASE("headers_that_contradict_themselves_are_refused") {
    std::vector<char> sample = sample_ledger();
    struct Row {
        u64 offset;
        u32 value;
    };
    constexpr u32 kSizes[] = {~0U, 0x80000000U, 5000};
    std::vector<Row> rows = {
        {offsetof(Header, header_size), 0},
        {offsetof(Header, header_size), 1 << 20},
        {offsetof(Header, chunk_limit), ~0U},
        {offsetof(Header, chunk_limit), 5},
        {offsetof(Header, root_ancestors), 33},
        {offsetof(Header, phase), 3},
        {offsetof(Header, next_chunk), ~0U},
        {offsetof(Header, index_level), 3},
        {offsetof(Header, index_level) + 4, kMaxChunks},
        {offsetof(Header, index_level) + 16, kMaxChunks - 5},
    };
    for (u32 size : kSizes) {
        rows.push_back({offsetof(Header, command), size});
        rows.push_back({offsetof(Header, cwd), size});
        rows.push_back({offsetof(Header, temp_roots), size});
        rows.push_back({offsetof(Header, exempt_roots), size == 5000 ? 9000 : size});
        rows.push_back({offsetof(Header, options), size});
        rows.push_back({offsetof(Header, rules), size});
        rows.push_back({offsetof(Header, home), size});
        rows.push_back({offsetof(Header, name), size});
    }
    for (const Row& row : rows) {
        std::vector<char> bytes = sample;
        field<u32>(bytes, row.offset) = row.value;
        INFO("offset " << row.offset << " value " << row.value);
        CHECK(read_bytes(bytes).verdict == Verdict::corrupt);
    }
}

TEST_CASE("texts_of_the_header_without_an_end_are_refused") {
    std::vector<char> bytes = sample_ledger();
    memset(&field<char>(bytes, offsetof(Header, id)), 'x', sizeof(Header::id));
    CHECK(read_bytes(bytes).verdict == Verdict::corrupt);
    bytes = sample_ledger();
    field<u32>(bytes, offsetof(Header, command)) = 3;
    memcpy(&field<char>(bytes, offsetof(Header, command) + 4), "abc", 3);
    CHECK(read_bytes(bytes).verdict == Verdict::corrupt);
    bytes = sample_ledger();
    field<u32>(bytes, offsetof(Header, home)) = 5;
    memcpy(&field<char>(bytes, offsetof(Header, home) + 4), "/root", 5);
    CHECK(read_bytes(bytes).verdict == Verdict::corrupt);
}

TEST_CASE("a_ledger_that_claims_more_chunks_than_it_has_is_read_as_far_as_it_goes") {
    std::vector<char> bytes = sample_ledger();
    u32 all = read_bytes(bytes).entries;
    field<u32>(bytes, offsetof(Header, chunk_limit)) = kMaxChunks;
    field<u32>(bytes, offsetof(Header, next_chunk)) = kMaxChunks;
    Reading reading = read_bytes(bytes);
    CHECK(reading.verdict == Verdict::ok);
    CHECK(reading.entries == all);
    CHECK(reading.broken > 0);
}

TEST_CASE("lengths_that_lead_outside_hide_the_record_and_no_other") {
    std::vector<char> sample = sample_ledger();
    u32 all = read_bytes(sample).entries;
    u64 path = find_record(sample, Kind::posix_shm);
    u64 process = find_record(sample, Kind::process);
    u64 tail = sizeof(Record);
    struct Row {
        u64 offset;
        u8 size;
        u32 value;
    };
    for (const Row& row : {Row{path + tail, 2, 0xffff}, Row{path + tail, 2, 62}, Row{path + tail, 2, 4},
                           Row{process + tail + offsetof(ProcessTail, command_size), 4, ~0U},
                           Row{process + tail + offsetof(ProcessTail, command_size), 4, 4096},
                           Row{path + offsetof(Record, kind), 1, 255},
                           Row{path + offsetof(Record, kind), 1, 0}, Row{path, 1, 9}, Row{path, 1, 255}}) {
        std::vector<char> bytes = sample;
        memcpy(bytes.data() + row.offset, &row.value, row.size);
        INFO("offset " << row.offset << " value " << row.value);
        CHECK(read_bytes(bytes).entries == all - 1);
    }
    for (u8 lines : {u8{0}, u8{64}, u8{255}}) {
        std::vector<char> bytes = sample;
        field<u8>(bytes, path + offsetof(Record, lines)) = lines;
        Reading reading = read_bytes(bytes);
        CHECK(reading.verdict == Verdict::ok);
        CHECK(reading.entries < all);
    }
}

TEST_CASE("a_mapped_ledger_that_is_cut_under_its_reader_is_an_answer_and_no_SIGBUS") {
    TestLedger ledger;
    CHECK(succeeded(in_child([&] {
        for (u32 i = 0; i < 1000; ++i)
            add_named(ledger.author(), Kind::temp_dir, "/tmp/" + std::to_string(i));
        MappedSource source(*ledger);
        if (read_all(source).entries != 1001) return 1;
        auto header = std::make_unique<Header>();
        if (read_header(source, *header) != Verdict::ok) return 2;
        if (truncate(ledger.path().c_str(), kHeaderChunks * kChunkSize) != 0) return 3;
        auto walker = std::make_unique<Walker>(source, *header);
        Entry entry;
        while (walker->next(entry)) {
        }
        if (walker->broken() == 0) return 4;
        if (truncate(ledger.path().c_str(), 0) != 0) return 5;
        return read_header(source, *header) == Verdict::unreadable ? 0 : 6;
    })));
}

TEST_CASE("a_mapped_ledger_and_its_file_read_the_same") {
    TestLedger ledger;
    for (u32 i = 0; i < 1000; ++i)
        add_named(ledger.author(), Kind::temp_dir, "/tmp/" + std::to_string(i));
    MappedSource mapped(*ledger);
    int fd = open(ledger.path().c_str(), O_RDONLY | O_CLOEXEC);
    FileSource file(fd);
    CHECK(read_all(mapped).entries == read_all(file).entries);
    close(fd);
    char byte = 0;
    CHECK_FALSE(mapped.read(kMaxFileSize, &byte, 1));
    CHECK_FALSE(FileSource(-1).read(0, &byte, 1));
}
