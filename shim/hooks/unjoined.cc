// SPDX-License-Identifier: MIT
//
// Threads that the root leaves running: what they run and what they call themselves is looked up when the
// session ends, since most threads are joined and nobody ever asks.
#include "arena.h"
#include "exit.h"
#include "modules.h"
#include "proc.h"
#include "reader.h"
#include "sys.h"

namespace leakshim::hooks {

namespace {

using ledger::Record;
namespace flag = ledger::flag;

/// The start routine as a stack of one frame. Its address means nothing when the process is gone.
void note_routine(Record& record) {
    ledger::Frame frame;
    ledger::FrameWriter text;
    if (record.a == 0 || !find_frame(record.a, frame) || !text.add(frame)) return;
    ledger::Handle stack = ledger::intern_stack(author(), text.text(), 0);
    if (stack == 0) return;
    record.b = stack;
    record.flags.fetch_or(flag::kRoutine, std::memory_order_release);
}

/// Its name as it is now: prctl(PR_SET_NAME) gives one too.
void note_name(Record& record) {
    Text<64> file;
    file.add("task/")
        .add_decimal(static_cast<u32>(record.number.load(std::memory_order_relaxed)))
        .add("/comm");
    char name[17] = {};
    long size = read_process_file(the_session().pid, file.c_str(), name, sizeof name - 1);
    if (size <= 1) return;
    name[size - 1] = '\0';  // a line break
    __builtin_memcpy(&record.c, name, 8);
    __builtin_memcpy(&record.d, name + 8, 8);
}

/// Too large for a host's stack.
struct WalkerRoom {
    alignas(64) char bytes[sizeof(ledger::Walker)];
};

}  // namespace

void describe_threads() {
    if (process_state.threads.load(std::memory_order_relaxed) <= 0) return;
    reap::Paged<WalkerRoom> room;
    if (!room) return;
    ledger::MappedSource source(the_ledger());
    auto* walker = new (room->bytes) ledger::Walker(source, the_header());
    ledger::Line line;
    while (walker->next(line)) {
        bool runs = line.kind() == ledger::Kind::thread && line.owner() == the_session().self &&
                    line.state() == ledger::State::live && (line.flags() & flag::kStarted) != 0;
        Record* record = runs ? the_ledger().at(line.handle()) : nullptr;
        if (record == nullptr) continue;
        // One that has finished and waits to be joined has no name any more.
        if ((line.flags() & flag::kFinished) == 0) note_name(*record);
        note_routine(*record);
    }
}

}  // namespace leakshim::hooks
