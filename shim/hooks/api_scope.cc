// SPDX-License-Identifier: MIT
//
// The functions of leakshim.h about scopes: which one a thread is in, what one has left, and the text of each
// leak.
#include <sys/socket.h>

#include "frames.h"
#include "kinds.h"
#include "leaks.h"
#include "leakshim.h"
#include "output.h"
#include "proc.h"
#include "scope.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

using ledger::Record;
namespace flag = ledger::flag;

constexpr int kMostNested = 256;

/// True when `scope` is `inner`, or one that it was begun in.
bool encloses(Handle scope, Handle inner) {
    for (int step = 0; inner != 0 && step < kMostNested; ++step) {
        if (inner == scope) return true;
        Record* record = ledger::scope_at(the_ledger(), inner);
        if (record == nullptr) return false;
        inner = static_cast<Handle>(std::atomic_ref<u64>(record->c).load(std::memory_order_relaxed));
    }
    return false;
}

bool holds_port(const Finding& finding) {
    return finding.kind == Kind::socket && (finding.record->a >> 32) != 0;
}

// --- Texts

void add_address(const Record& record, TextBuffer& to) {
    auto family = static_cast<u16>(record.a);
    u8 bytes[16];
    __builtin_memcpy(bytes, &record.b, 8);
    __builtin_memcpy(bytes + 8, &record.c, 8);
    bool datagram = static_cast<u16>(record.a >> 16) == SOCK_DGRAM;
    to.add(datagram ? "udp " : "tcp ");
    for (int i = 0; family == AF_INET && i < 4; ++i)
        to.add(i == 0 ? "" : ".").add_decimal(bytes[i]);
    if (family == AF_INET6) {
        to.add('[');
        for (int i = 0; i < 16; i += 2)
            to.add(i == 0 ? "" : ":").add_hex(static_cast<u64>(bytes[i]) << 8 | bytes[i + 1]);
        to.add(']');
    }
    to.add(':').add_decimal(static_cast<u16>(record.a >> 32));
}

/// What the kernel calls it: a path, `pipe:[4711]`, `anon_inode:[eventpoll]`.
void add_descriptor(const Finding& finding, TextBuffer& to) {
    if (holds_port(finding)) return add_address(*finding.record, to);
    Text<32> name;
    name.add("fd/").add_decimal(static_cast<u32>(finding.record->number.load(std::memory_order_relaxed)));
    char target[1024];
    to.add_safe(read_process_link(the_session().pid, name.c_str(), target, sizeof target));
}

void add_command(Record& record, TextBuffer& to) {
    auto* tail = ledger::tail_of<ledger::ProcessTail>(record);
    u32 size = tail->command_size;
    Str command(tail->command, size <= ledger::kMaxCommand ? size : 0);
    for (bool first = true; !command.empty(); first = false) {
        if (!first) to.add(' ');
        to.add_safe(take_until(command, '\0'));
    }
}

void add_thread(const Record& record, TextBuffer& to) {
    char name[17] = {};
    __builtin_memcpy(name, &record.c, 8);
    __builtin_memcpy(name + 8, &record.d, 8);
    if (name[0] == '\0' && (record.flags.load(std::memory_order_acquire) & flag::kStarted) != 0) {
        Text<64> file;
        file.add("task/").add_decimal(static_cast<u32>(record.number.load(std::memory_order_relaxed)));
        file.add("/comm");
        long size = read_process_file(the_session().pid, file.c_str(), name, sizeof name - 1);
        name[size > 0 ? size - 1 : 0] = '\0';
    }
    to.add_safe(Str(name));
}

void add_what(const Finding& finding, TextBuffer& to) {
    Record& record = *finding.record;
    if (finding.kind == Kind::process) {
        add_command(record, to);
    } else if (finding.kind == Kind::thread) {
        add_thread(record, to);
    } else if (ledger::is_fd(finding.kind)) {
        add_descriptor(finding, to);
    } else if (ledger::is_sysv_ipc(finding.kind)) {
        to.add("key 0x").add_hex(record.a, 8);
    } else {
        to.add_safe(ledger::name_of(record));
    }
}

/// The text behind a handle of a scope.
void add_text(Handle handle, TextBuffer& to) {
    Record* record = the_ledger().at(handle);
    if (record != nullptr && record->kind == Kind::scope) to.add(ledger::name_of(*record));
}

/// Where something was made: what the program said, or else the innermost frame, "module+0xoffset".
void add_site(Handle handle, TextBuffer& to) {
    Record* record = the_ledger().at(handle);
    if (record == nullptr || record->kind != Kind::scope) return;
    if ((record->flags.load(std::memory_order_relaxed) & flag::kStack) == 0) return add_text(handle, to);
    if (record->c != 0) return add_text(static_cast<Handle>(record->c), to);
    ledger::Frame frame;
    ledger::FrameReader frames(ledger::name_of(*record));
    if (!frames.next(frame)) return;
    Record* module = the_ledger().at(frame.module);
    Str path = module != nullptr && module->kind == Kind::scope ? ledger::name_of(*module) : Str();
    take_until(path, ' ');
    to.add_safe(path).add("+0x").add_hex(frame.offset);
}

Str kind_name_of(const Finding& finding) {
    return holds_port(finding) ? Str("listening_port") : ledger::kind_name(finding.kind);
}

int pid_of(Handle process) {
    Record* record = the_ledger().at(process);
    bool known = record != nullptr && record->kind == Kind::process;
    return known ? record->number.load(std::memory_order_relaxed) : 0;
}

unsigned flags_of(const Finding& finding) {
    const Record& record = *finding.record;
    u8 flags = record.flags.load(std::memory_order_relaxed);
    unsigned said = record.owner == the_session().self ? LEAKSHIM_OWN : 0;
    if (finding.kind == Kind::socket && (flags & flag::kListening) != 0) said |= LEAKSHIM_LISTENING;
    if (finding.kind == Kind::thread && (flags & flag::kFinished) != 0) said |= LEAKSHIM_FINISHED;
    if (finding.kind == Kind::thread && (flags & flag::kDetached) != 0) said |= LEAKSHIM_DETACHED;
    return said;
}

void describe(const Finding& finding, leakshim_leak& leak) {
    Record& record = *finding.record;
    leak.kind = static_cast<unsigned>(finding.kind);
    leak.flags = flags_of(finding);
    leak.number = record.number.load(std::memory_order_relaxed);
    Handle maker = record.owner;
    if (finding.kind == Kind::process) maker = ledger::tail_of<ledger::ProcessTail>(record)->parent;
    leak.maker = pid_of(maker);
    leak.port = finding.kind == Kind::socket ? static_cast<u16>(record.a >> 32) : 0;
    leak.born = record.born;
    leak.start_routine = finding.kind == Kind::thread ? record.a : 0;
    TextBuffer kind_name(leak.kind_name, sizeof leak.kind_name), what(leak.what, sizeof leak.what);
    TextBuffer site(leak.site, sizeof leak.site), test(leak.test, sizeof leak.test);
    kind_name.add(kind_name_of(finding));
    add_what(finding, what);
    add_site(std::atomic_ref<Handle>(record.site).load(std::memory_order_relaxed), site);
    add_text(record.scope, test);
}

/// A caller that was built with an older header has a shorter struct.
bool fits(unsigned size, size_t least) {
    return size >= least;
}

void count(const Finding& finding, leakshim_verdict* verdict) {
    if (verdict == nullptr) return;
    ++verdict->by_kind[static_cast<u32>(finding.kind) % LEAKSHIM_KINDS];
    if (holds_port(finding)) ++verdict->ports;
}

}  // namespace

extern "C" {

LEAKSHIM_EXPORT unsigned leakshim_v1_scope_begin(const char* name) {
    if (name == nullptr || !recording()) return 0;
    Handle scope = ledger::begin_scope(author(), name, thread_state.scope);
    if (scope != 0) thread_state.scope = scope;
    return scope;
}

LEAKSHIM_EXPORT unsigned leakshim_v1_scope_enter(unsigned scope) {
    if (!recording()) return 0;
    Handle before = thread_state.scope;
    if (scope == 0 || ledger::scope_at(the_ledger(), scope) != nullptr) thread_state.scope = scope;
    return before;
}

LEAKSHIM_EXPORT void leakshim_v1_scope_end(unsigned scope) {
    Record* record = recording() ? ledger::scope_at(the_ledger(), scope) : nullptr;
    if (record == nullptr) return;
    if (encloses(scope, thread_state.scope)) thread_state.scope = static_cast<Handle>(record->c);
    // What it left must not be found again in the next scope of its name.
    ScopeWalk walk(scope);
    Finding finding;
    ledger::end_scope(the_ledger(), scope, walk.next(finding));
}

LEAKSHIM_EXPORT int leakshim_v1_scope_verdict(unsigned scope, int linger_ms, leakshim_verdict* verdict) {
    if (verdict != nullptr && !fits(verdict->size, sizeof *verdict)) verdict = nullptr;
    if (!recording() || ledger::scope_at(the_ledger(), scope) == nullptr) return 0;
    u64 limit = linger_ms < 0 ? the_session().options.linger : static_cast<u64>(linger_ms) * kMillisecond;
    know_own_children();
    // Rarely more than a moment, but for a child on a loaded machine; once for each that never comes.
    wait_for_arrivals(limit < kSecond ? 4 * limit : limit);
    u64 waited = linger_for(scope, limit);
    unsigned total = 0;
    ScopeWalk walk(scope);
    Finding finding;
    while (walk.next(finding)) {
        if (!is_leak(finding)) continue;
        ++total;
        count(finding, verdict);
    }
    if (verdict != nullptr) {
        verdict->total = total;
        verdict->waited_ms = static_cast<unsigned>((waited + kMillisecond - 1) / kMillisecond);
    }
    return static_cast<int>(total);
}

LEAKSHIM_EXPORT int leakshim_v1_scope_next(unsigned scope, unsigned long long* cursor, leakshim_leak* leak) {
    if (cursor == nullptr || leak == nullptr || !fits(leak->size, sizeof *leak) || !recording()) return 0;
    ScopeWalk walk(scope, *cursor);
    Finding finding;
    bool found = false;
    while (!found && walk.next(finding))
        found = is_leak(finding);
    *cursor = walk.cursor();
    if (found) describe(finding, *leak);
    return found ? 1 : 0;
}

LEAKSHIM_EXPORT int leakshim_v1_scope_reap(unsigned scope) {
    if (!recording() || ledger::scope_at(the_ledger(), scope) == nullptr) return 0;
    reap::Result result;
    bool done = session::reap_scope(the_session(), own_lease(), scope,
                                    {[](void*) { retire_marked(); }, nullptr}, result);
    return done ? static_cast<int>(result.reaped) : -1;
}

LEAKSHIM_EXPORT int leakshim_v1_report(unsigned scope, int fd) {
    if (!recording()) return 0;
    ScopeWalk walk(scope);
    Finding finding;
    int lines = 0;
    while (walk.next(finding)) {
        if (!is_leak(finding)) continue;
        Text<2048> line;
        line.add("leakshim: ").add(kind_name_of(finding)).add(' ');
        int number = finding.record->number.load(std::memory_order_relaxed);
        if (number > 0) line.add_decimal(static_cast<u64>(number)).add(' ');
        add_what(finding, line);
        size_t before = line.size();
        add_site(std::atomic_ref<Handle>(finding.record->site).load(std::memory_order_relaxed),
                 line.add(", made at "));
        if (line.size() == before + Str(", made at ").size()) line.cut(before);
        before = line.size();
        add_text(finding.record->scope, line.add(", in "));
        if (line.size() == before + Str(", in ").size()) line.cut(before);
        line.add('\n');
        write_harmlessly(fd, line.str());
        ++lines;
    }
    return lines;
}

}  // extern "C"
