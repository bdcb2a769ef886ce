// SPDX-License-Identifier: MIT
//
// Holds layout.h against the numbers in layout.inc: append, never move. With LEAKSHIM_LAYOUT_ONLY it is a
// compile-time check that needs no library, for machines that this one can compile for but not run.
#include "layout.h"

// Asked of structs with std::atomic inside, which are no standard layout by the letter; both compilers know
// theirs.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

#ifdef LEAKSHIM_LAYOUT_ONLY

namespace leakshim::ledger {

#define FIELD(type, name, where, bytes) \
    static_assert(offsetof(type, name) == where && sizeof(type::name) == bytes, #type "::" #name);
#define SIZE(type, bytes) static_assert(sizeof(type) == bytes, #type);
#define AT_LEAST(type, bytes) static_assert(sizeof(type) >= bytes, #type);
#define VALUE(name, number) static_assert(static_cast<u64>(name) == number, #name);
#include "layout.inc"

}  // namespace leakshim::ledger

#else

#include <catch2/catch.hpp>

using namespace leakshim;
using namespace leakshim::ledger;

namespace {

enum class Row { field, whole, at_least, constant };

struct Pinned {
    Row row;
    const char* name;
    u64 number, wanted;
    u64 size = 0, wanted_size = 0;
};

const Pinned rows[] = {
#define FIELD(type, name, where, bytes) \
    {Row::field, #type "::" #name, offsetof(type, name), where, sizeof(type::name), bytes},
#define SIZE(type, bytes) {Row::whole, #type, sizeof(type), bytes},
#define AT_LEAST(type, bytes) {Row::at_least, #type, sizeof(type), bytes},
#define VALUE(name, number) {Row::constant, #name, static_cast<u64>(name), number},
#include "layout.inc"
};

}  // namespace

TEST_CASE("no field of the ledger was moved") {
    for (const Pinned& row : rows) {
        if (row.row != Row::field) continue;
        INFO(row.name);
        CHECK(row.number == row.wanted);
        CHECK(row.size == row.wanted_size);
    }
}

TEST_CASE("no structure of the ledger has another size") {
    for (const Pinned& row : rows) {
        INFO(row.name);
        if (row.row == Row::whole) CHECK(row.number == row.wanted);
        if (row.row == Row::at_least) CHECK(row.number >= row.wanted);
    }
}

TEST_CASE("no number in a ledger has got another meaning") {
    for (const Pinned& row : rows) {
        if (row.row != Row::constant) continue;
        INFO(row.name);
        CHECK(row.number == row.wanted);
    }
}

TEST_CASE("every counter and outcome has its row") {
    u64 counters = 0, outcomes = 0;
    for (const Pinned& row : rows) {
        std::string_view name = row.name;
        counters += name.substr(0, 9) == "Counter::";
        outcomes += name.substr(0, 9) == "Outcome::";
    }
    CHECK(counters == kCounters);
    CHECK(outcomes == static_cast<u64>(kLastOutcome) + 1);
}

#endif
