// SPDX-License-Identifier: MIT
//
// The functions of leakshim.h, as the library exports them.
#include "leakshim.h"

#include "record.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

int mark(Handle handle, u8 flags) {
    ledger::Record* record = the_ledger().at(handle);
    if (record == nullptr) return 0;
    record->flags.fetch_or(flags, std::memory_order_relaxed);
    return 1;
}

}  // namespace

extern "C" {

LEAKSHIM_EXPORT int leakshim_v1_version(void) {
    return LEAKSHIM_VERSION;
}

LEAKSHIM_EXPORT int leakshim_v1_active(void) {
    return recording() ? 1 : 0;
}

LEAKSHIM_EXPORT unsigned leakshim_v1_scope_begin(const char* name) {
    unsigned before = thread_state.scope;
    if (name != nullptr && recording()) thread_state.scope = ledger::intern_scope(author(), name);
    return before;
}

LEAKSHIM_EXPORT void leakshim_v1_scope_end(unsigned token) {
    thread_state.scope = token;
}

LEAKSHIM_EXPORT int leakshim_v1_keep_fd(int fd) {
    if (!recording() || own_record(fd) == nullptr) return 0;
    return mark(process_state.fds.get(fd), ledger::flag::kWanted);
}

LEAKSHIM_EXPORT int leakshim_v1_keep_path(const char* path) {
    PathText text;
    if (!recording() || !absolute_path(AT_FDCWD, path, text)) return 0;
    return mark(ledger::find_named(the_ledger(), Kind::temp_file, text.str()), ledger::flag::kWanted);
}

LEAKSHIM_EXPORT int leakshim_v1_keep_pid(pid_t pid) {
    if (!recording()) return 0;
    return mark(ledger::find_process(the_ledger(), pid), ledger::flag::kWanted | ledger::flag::kKeep);
}

}  // extern "C"
