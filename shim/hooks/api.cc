// SPDX-License-Identifier: MIT
//
// The functions of leakshim.h that say something: whether there is a session, what is meant to stay, and
// where the next thing is made. Those about scopes are in api_scope.cc.
#include "leakshim.h"

#include "births.h"
#include "proc.h"
#include "record.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

int mark(Handle handle, u8 flags) {
    ledger::Record* record = the_ledger().at(handle);
    if (record == nullptr) return 0;
    record->flags.fetch_or(flags, std::memory_order_acq_rel);
    return 1;
}

bool is_child(int pid) {
    ProcessStat stat;
    return pid > 0 && read_process_stat(pid, stat) && stat.ppid == the_session().pid;
}

/// A child may be about to register itself, and then drops the record that its parent made for it, with the
/// marks that it sees there. A mark that came too late for that is set once more, on its own record.
int mark_process(int pid, u8 flags) {
    constexpr int kEnough = 8;
    for (int attempt = 0; attempt < kEnough; ++attempt) {
        Handle handle = ledger::find_process(the_ledger(), pid);
        if (handle == 0 && attempt == 0 && is_child(pid)) {
            know_child(pid);
            continue;
        }
        ledger::Record* record = the_ledger().at(handle);
        if (record == nullptr) return 0;
        u32 word = record->state.load(std::memory_order_acquire);
        mark(handle, flags);
        if (record->state.load(std::memory_order_acquire) == word) return 1;
    }
    return 0;
}

}  // namespace

extern "C" {

LEAKSHIM_EXPORT int leakshim_v1_version(void) {
    return LEAKSHIM_VERSION;
}

LEAKSHIM_EXPORT int leakshim_v1_active(void) {
    return recording() ? 1 : 0;
}

LEAKSHIM_EXPORT unsigned leakshim_v1_site(const char* text) {
    if (text == nullptr || text[0] == '\0' || !recording()) return 0;
    return ledger::intern_site(author(), text);
}

LEAKSHIM_EXPORT void leakshim_v1_annotate(unsigned site, unsigned long long kinds, unsigned uses) {
    if (!recording()) return;
    ledger::Record* text = the_ledger().at(site);
    bool known = text != nullptr && text->kind == Kind::scope &&
                 (text->flags.load(std::memory_order_relaxed) & ledger::flag::kSite) != 0;
    // A signal handler in between finds no half of an annotation.
    thread_state.site = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    thread_state.site_kinds = kinds;
    thread_state.site_uses = uses;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (known && kinds != 0 && uses != 0) thread_state.site = site;
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
    return recording() ? mark_process(pid, ledger::flag::kWanted | ledger::flag::kKeep) : 0;
}

}  // extern "C"
