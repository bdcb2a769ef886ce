// SPDX-License-Identifier: MIT
//
// Ledgers that nobody wrote: cut short, random, changed at random. Whatever they hold, the tool says
// something sensible: a whole report, strictly UTF-8 and harmless for a terminal, or one sentence.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "encoding.h"
#include "golden.h"
#include "ledger_builder.h"
#include "sessions.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::test;

namespace {

std::string problem_with(const std::string& path) {
    auto file = tools::LedgerFile::open(path);
    return file.ok() ? std::string() : std::string(file.status().message());
}

/// Both formats, of a file that may be anything. True when it was readable.
bool survives(const std::string& path) {
    if (!problem_with(path).empty()) return false;
    std::string text = text_of(path), json = json_of(path);
    REQUIRE(tools::is_utf8(text));
    REQUIRE(tools::is_utf8(json));
    for (unsigned char c : text)
        REQUIRE((c == '\n' || (c >= 0x20 && c != 0x7f)));
    REQUIRE(nlohmann::json::accept(json));
    return true;
}

/// Changes a few bytes; more often in the header and at the starts of lines, where they matter.
void mutate(std::string& content, std::mt19937& random) {
    for (unsigned i = random() % 24 + 1; i != 0; --i) {
        size_t at = random() % content.size();
        if (random() % 4 == 0) at = random() % (ledger::kHeaderChunks * ledger::kChunkSize);
        if (random() % 4 == 0) at = at / ledger::kLineSize * ledger::kLineSize + random() % 8;
        constexpr unsigned char kTelling[] = {0x00, 0x01, 0x02, 0x04, 0x7f, 0x80, 0xff, 0x1b};
        content[at] = static_cast<char>(random() % 2 == 0 ? kTelling[random() % sizeof kTelling] : random());
    }
}

}  // namespace

TEST_CASE("a ledger cut short anywhere is a sentence, or a report that says what is missing") {
    ScratchDirectory scratch;
    std::string whole = content_of(make_everything(scratch.path()));
    std::string cut = scratch / "cut.ledger";
    size_t header = ledger::kHeaderChunks * ledger::kChunkSize;
    for (size_t size :
         {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{4096}, sizeof(ledger::Header) - 1}) {
        write_file(cut, whole.substr(0, size));
        CHECK_FALSE(survives(cut));
        CHECK_FALSE(problem_with(cut).empty());
    }
    for (size_t size = header; size < whole.size(); size += 1111) {
        write_file(cut, whole.substr(0, size));
        CHECK(survives(cut));
        CHECK(contains(text_of(cut), "pieces of the ledger could not be read"));
    }
}

TEST_CASE("random bytes are no ledger, even behind the right first ones") {
    ScratchDirectory scratch;
    std::mt19937 random(1);
    std::string whole = content_of(make_everything(scratch.path()));
    std::string noise(whole.size(), '\0');
    for (char& c : noise)
        c = static_cast<char>(random());
    write_file(scratch / "noise", noise);
    CHECK(contains(problem_with(scratch / "noise"), "no leakshim ledger"));
    noise.replace(0, 16, whole, 0, 16);
    write_file(scratch / "noise", noise);
    CHECK(contains(problem_with(scratch / "noise"), "damaged"));
    noise.replace(0, sizeof(ledger::Header), whole, 0, sizeof(ledger::Header));
    write_file(scratch / "noise", noise);
    CHECK(survives(scratch / "noise"));
}

TEST_CASE("another layout version is refused with both versions named") {
    ScratchDirectory scratch;
    std::string content = content_of(make_clean(scratch.path()));
    u32 version = 4711;
    std::memcpy(content.data() + offsetof(ledger::Header, layout_version), &version, sizeof version);
    write_file(scratch / "foreign", content);
    CHECK(contains(problem_with(scratch / "foreign"), "version 4711"));
    CHECK(contains(problem_with(scratch / "foreign"), fmt::format("version {}", ledger::kLayoutVersion)));
}

TEST_CASE("a thousand ledgers with changed bytes do no harm") {
    ScratchDirectory scratch;
    const std::string originals[] = {
        content_of(make_everything(scratch.path())), content_of(make_odd_names(scratch.path())),
        content_of(make_dead(scratch.path(), "/tmp", "/nowhere")), content_of(make_cycles(scratch.path()))};
    std::mt19937 random(20251121);
    int readable = 0;
    for (int round = 0; round < 1000; ++round) {
        std::string content = originals[random() % 4];
        mutate(content, random);
        write_file(scratch / "mutated", content);
        readable += survives(scratch / "mutated");
    }
    CHECK(readable > 100);   // else nothing but the header was tried
    CHECK(readable < 1000);  // and some must have been refused
}

TEST_CASE("a file that is no regular file is refused without waiting for it") {
    ScratchDirectory scratch;
    REQUIRE(mkfifo((scratch / "fifo").c_str(), 0600) == 0);
    CHECK(contains(problem_with(scratch / "fifo"), "no regular file"));
    CHECK(contains(problem_with("/dev/null"), "no regular file"));
    CHECK(contains(problem_with(scratch.path()), "no regular file"));
    CHECK(contains(problem_with(scratch / "missing"), "No such file"));
}
