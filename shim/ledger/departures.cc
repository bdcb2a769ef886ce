// SPDX-License-Identifier: MIT
#include "departures.h"

#include <errno.h>

#include "sys.h"

namespace leakshim::ledger {

namespace {

/// True when the process was started by one that has hooks and lives: that will see it die.
bool has_watcher(Ledger& ledger, const ProcessTail& tail) {
    Record* parent = ledger.at(tail.parent);
    if (tail.parent == 0 || parent == nullptr || parent->kind != Kind::process) return false;
    bool is_it =
        state_of(*parent) == State::live && parent->number.load(std::memory_order_relaxed) == tail.ppid;
    constexpr u8 kNoHooks = flag::kBlind | flag::kExpected;
    return is_it && (parent->flags.load(std::memory_order_relaxed) & kNoHooks) == 0;
}

void end_if_dead(const Author& author, Handle process, u32 generation) {
    Record* record = author.ledger.at(process);
    if (record == nullptr || record->kind != Kind::process) return;
    u32 word = record->state.load(std::memory_order_acquire);
    if (state_of(word) != State::live || generation_of(word) != generation) return;
    int pid = record->number.load(std::memory_order_relaxed);
    if (pid > 0 && sys::process_exists(pid) == -ESRCH) end_process(author, process, -1, generation);
}

}  // namespace

void note_departure(const Author& author, Handle process) {
    ProcessTail* tail = author.ledger.process_tail(process);
    if (tail == nullptr || has_watcher(author.ledger, *tail)) return;
    Header& header = *author.ledger.header();
    u32 place = header.departed.fetch_add(1, std::memory_order_relaxed) % kDepartures;
    u64 own = u64{generation_of(*author.ledger.at(process))} << 32 | process;
    u64 earlier = header.departures[place].exchange(own, std::memory_order_relaxed);
    end_if_dead(author, static_cast<Handle>(earlier), static_cast<u32>(earlier >> 32));
}

}  // namespace leakshim::ledger
