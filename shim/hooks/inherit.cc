// SPDX-License-Identifier: MIT
#include "inherit.h"

#include "record.h"
#include "sys.h"

namespace leakshim::hooks {

using ledger::Record;

// The chain uses Record::d, which descriptors have no use for, and Record::d of the process for its head.

void chain_own_fds() {
    Record* self = the_ledger().at(the_session().self);
    if (self == nullptr) return;
    u64 head = 0;
    process_state.fds.for_each_own([&](int fd, Handle handle) {
        Record* record = own_record(fd);
        if (record == nullptr) return;
        record->d = head;
        head = handle;
    });
    self->d = head;
}

void adopt_inherited_fds() {
    ledger::Ledger& ledger = the_ledger();
    Record* self = ledger.at(the_session().self);
    auto next = static_cast<Handle>(self->d);
    self->d = 0;
    for (u32 steps = 0; next != 0 && steps < FdTable::kLimit; ++steps) {
        Handle handle = next;
        Record* record = ledger.at(handle);
        if (record == nullptr || record->owner != the_session().self || !ledger::is_fd(record->kind)) return;
        next = static_cast<Handle>(record->d);
        record->d = 0;
        int fd = record->number.load(std::memory_order_relaxed);
        if (sys::fcntl(fd, F_GETFD) < 0)
            ledger.release(own_lease(), handle);
        else
            process_state.fds.exchange(fd, handle);
    }
}

}  // namespace leakshim::hooks
