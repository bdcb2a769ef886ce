// SPDX-License-Identifier: MIT
//
// Hooks of threads. A thread starts in a trampoline of ours, which takes what to run out of a small table. A
// thread is done with when it was joined, or is detached and has ended.
#include <pthread.h>
#include <sys/prctl.h>
#include <threads.h>

#include "early_marks.h"
#include "record.h"
#include "sys.h"
#include "test_runner.h"
#include "thread_table.h"
#include "unwound.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

namespace flag = ledger::flag;

/// Nobody but this process looks a thread up, and most have few of them at a time: the session's index takes
/// what finds no room here.
constinit ThreadTable threads{};
std::atomic<bool> spilled;

/// A thread enters itself, as the first thing that it does.
constinit EarlyMarks early_marks{};
std::atomic<u32> not_entered;  ///< so many threads are between their pthread_create and that

bool is_live_thread(const ledger::Record& record) {
    return record.kind == Kind::thread && record.owner == the_session().self &&
           ledger::state_of(record) == ledger::State::live;
}

/// False when it is to be entered in the index.
bool enter_in_table(u64 pthread, Handle handle) {
    auto stale = [](Handle other) { return !is_live_thread(*the_ledger().mapped(other)); };
    if (threads.insert(pthread, handle, stale)) [[likely]]
        return true;
    spilled.store(true, std::memory_order_release);
    return false;
}

void remove_from_table(u64 pthread, Handle handle) {
    threads.remove(pthread, handle);
    if (spilled.load(std::memory_order_acquire)) [[unlikely]]
        the_ledger().index_remove(ledger::thread_key(the_session().self, pthread), handle);
}

/// The short way where it is open.
bool release_record(Handle handle, ledger::Record& record) {
    ledger::ThreadLease& lease = own_lease();
    return ledger::Ledger::release_line(lease, handle, record) || the_ledger().release(lease, handle);
}

void release_thread(Handle handle, u64 pthread) {
    ledger::Record* record = the_ledger().at(handle);
    if (record == nullptr) return;
    Handle scope = record->scope;
    remove_from_table(pthread, handle);
    if (!release_record(handle, *record)) return;
    ledger::count_in_scope(the_ledger(), scope, -1);
    process_state.threads.fetch_sub(1, std::memory_order_relaxed);
}

/// Takes back a record that no thread came of.
void drop_thread(Handle handle) {
    ledger::Record& record = *the_ledger().at(handle);
    Handle scope = record.scope;
    if (release_record(handle, record)) ledger::count_in_scope(the_ledger(), scope, -1);
}

/// Sets `bits`; true when `others` were set before, that is, when both conditions for the record's end now
/// hold.
bool set_and_test(ledger::Record& record, u8 bits, u8 others) {
    return (record.flags.fetch_or(bits, std::memory_order_acq_rel) & others) != 0;
}

/// Room for a record of one line; all behind its first word and flags is still to be written.
ledger::Record* take_record(u8 flags, Handle& handle) {
    ledger::ThreadLease& lease = own_lease();
    ledger::TakenLine taken = ledger::Ledger::take_line(lease, Kind::thread, flags);
    handle = taken.handle;
    if (taken.record != nullptr) return taken.record;
    ledger::Record* record = the_ledger().at(handle = the_ledger().allocate(lease, Kind::thread, 0));
    if (record != nullptr) record->flags.store(flags, std::memory_order_relaxed);
    return record;
}

Handle begin_thread(void* start, const pthread_attr_t* attributes) {
    int detached = PTHREAD_CREATE_JOINABLE;
    auto get_state = process_state.libc.pthread_attr_getdetachstate;
    if (attributes != nullptr && get_state != nullptr) get_state(attributes, &detached);
    Handle handle = 0;
    u8 flags = detached == PTHREAD_CREATE_DETACHED ? flag::kDetached : u8{0};
    ledger::Record* record = take_record(flags, handle);
    if (record == nullptr) return 0;
    record->owner = the_session().self;
    record->scope = current_scope();
    record->site = take_site(Kind::thread);
    record->born = now();
    record->number.store(0, std::memory_order_relaxed);
    record->a = reinterpret_cast<u64>(start);
    record->b = record->c = record->d = 0;
    ledger::count_in_scope(the_ledger(), record->scope, 1);
    the_ledger().publish(*record, ledger::State::live);
    return handle;
}

/// The record of a thread of this process that has entered itself; `is_it(record)`: and is the one.
template <typename IsIt>
Handle find_thread(pthread_t thread, IsIt is_it) {
    auto pthread = static_cast<u64>(thread);
    auto match = [&](const ledger::Record& record) {
        return is_live_thread(record) &&
               (record.flags.load(std::memory_order_acquire) & flag::kStarted) != 0 && record.b == pthread &&
               is_it(record);
    };
    Handle found = threads.find(pthread, [&](Handle handle) { return match(*the_ledger().mapped(handle)); });
    if (found != 0 || !spilled.load(std::memory_order_acquire)) [[likely]]
        return found;
    return the_ledger().index_find(ledger::thread_key(the_session().self, pthread),
                                   [&](Handle, ledger::Record& record) { return match(record); });
}

Handle find_thread(pthread_t thread) {
    return find_thread(thread, [](const ledger::Record&) { return true; });
}

/// The same; where the thread has not entered itself, a mark is left for it.
Handle find_or_mark(pthread_t thread, EarlyMarks::What what) {
    // Asked first: where all have entered themselves by now, this one is found.
    bool may_come = not_entered.load(std::memory_order_acquire) != 0;
    Handle handle = find_thread(thread);
    auto pthread = static_cast<u64>(thread);
    if (handle != 0 || !may_come || !early_marks.leave(pthread, what)) return handle;
    // Of its look for marks, and our second one for it, at least one sees the other.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    handle = find_thread(thread);
    return handle != 0 && early_marks.take(pthread, what) ? handle : 0;
}

/// What a new thread is to run. Kept in our own memory: function pointers in a shared ledger could be forged.
/// Constant-initialised: a constructor of ours would empty the table under threads that other constructors
/// started before it.
struct Launch {
    std::atomic<u32> taken;
    Handle handle;
    Handle scope;
    void* start;
    void* argument;
};
constexpr u32 kLaunches = 256;  // threads between pthread_create and their first instruction, at any one time
constinit Launch launches[kLaunches]{};
std::atomic<u32> next_launch;

Launch* take_launch(Handle handle, void* start, void* argument) {
    for (u32 i = 0; handle != 0 && i < kLaunches; ++i) {
        Launch& launch = launches[next_launch.fetch_add(1, std::memory_order_relaxed) % kLaunches];
        if (launch.taken.exchange(1, std::memory_order_acquire) != 0) continue;
        launch.handle = handle, launch.start = start, launch.argument = argument;
        // What a thread makes belongs to the scope that started it, also when the next one has begun.
        launch.scope = current_scope();
        not_entered.fetch_add(1, std::memory_order_relaxed);
        process_state.threads.fetch_add(1, std::memory_order_relaxed);
        return &launch;
    }
    return nullptr;
}

/// A thread and its record in the making; when either can't be had, the thread starts without us.
Launch* begin_launch(void* start, void* argument, const pthread_attr_t* attributes) {
    if (!recording()) return nullptr;
    WhenUnwound::prepare();
    Handle handle = begin_thread(start, attributes);
    Launch* launch = take_launch(handle, start, argument);
    if (launch == nullptr && handle != 0) drop_thread(handle);
    if (launch == nullptr) close_short_ways();  // nobody counts that thread
    return launch;
}

void cancel_launch(Launch& launch) {
    not_entered.fetch_sub(1, std::memory_order_relaxed);
    process_state.threads.fetch_sub(1, std::memory_order_relaxed);
    if (recording()) drop_thread(launch.handle);
    launch.taken.store(0, std::memory_order_release);
}

struct Work {
    void* start;
    void* argument;
};

/// What was done to this thread before it came so far.
void take_marks(ledger::Record& record, u64 pthread) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!early_marks.any()) [[likely]]
        return;
    if (early_marks.take(pthread, EarlyMarks::detached))
        record.flags.fetch_or(flag::kDetached, std::memory_order_acq_rel);
    if (early_marks.take(pthread, EarlyMarks::named)) sys::call(SYS_prctl, PR_GET_NAME, sys::ptr(&record.c));
}

/// In the new thread: takes over its record.
void enter_record(Handle handle) {
    auto pthread = static_cast<u64>(process_state.libc.pthread_self());
    ledger::Record& record = *the_ledger().at(handle);
    thread_state.thread = handle;
    record.b = pthread;
    record.number.store(sys::gettid(), std::memory_order_relaxed);
    record.flags.fetch_or(flag::kStarted, std::memory_order_release);
    if (!enter_in_table(pthread, handle)) [[unlikely]]
        the_ledger().index_insert(ledger::thread_key(the_session().self, pthread), handle);
    take_marks(record, pthread);
}

Work enter_thread(Launch& launch) {
    Work work{launch.start, launch.argument};
    Handle handle = launch.handle;
    thread_state.scope = launch.scope;
    launch.taken.store(0, std::memory_order_release);
    if (recording() && process_state.libc.pthread_self != nullptr) enter_record(handle);
    not_entered.fetch_sub(1, std::memory_order_release);
    return work;
}

/// In the ending thread: its record and its lease.
void leave_thread() {
    Handle handle = thread_state.thread;
    if (handle == 0 || !recording()) return;
    thread_state.thread = 0;
    ledger::Record* record = the_ledger().at(handle);
    if (record == nullptr || record->kind != Kind::thread || record->owner != the_session().self) return;
    u64 pthread = record->b;
    if (set_and_test(*record, flag::kFinished, flag::kDetached)) release_thread(handle, pthread);
    if (thread_state.lease.chunk != 0) the_ledger().drop_lease(own_lease());
    own_lease().busy = ledger::kNoLease;  // for what destructors of thread-specific data make from here on
}

/// A thread that is cancelled, or ends by thrd_exit, does not come back to its trampoline.
void leave_unwound_thread(void*) {
    leave_thread();
}

void* run_pthread(void* launch) {
    Work work = enter_thread(*static_cast<Launch*>(launch));
    WhenUnwound when_unwound(leave_unwound_thread, nullptr, Ways::but_exceptions);
    void* result = reinterpret_cast<void* (*)(void*)>(work.start)(work.argument);
    leave_thread();
    return result;
}

int run_thrd(void* launch) {
    Work work = enter_thread(*static_cast<Launch*>(launch));
    WhenUnwound when_unwound(leave_unwound_thread, nullptr, Ways::but_exceptions);
    int result = reinterpret_cast<int (*)(void*)>(work.start)(work.argument);
    leave_thread();
    return result;
}

/// The number may be another thread's already, which runs.
void note_joined(pthread_t thread) {
    Handle handle = find_thread(thread, [](const ledger::Record& record) {
        return (record.flags.load(std::memory_order_acquire) & flag::kFinished) != 0;
    });
    if (handle == 0) handle = find_thread(thread);
    if (handle != 0) release_thread(handle, static_cast<u64>(thread));
}

void note_detached(pthread_t thread) {
    Handle handle = find_or_mark(thread, EarlyMarks::detached);
    ledger::Record* record = the_ledger().at(handle);
    if (record == nullptr) return;
    if (set_and_test(*record, flag::kDetached, flag::kFinished))
        release_thread(handle, static_cast<u64>(thread));
}

/// A join that frees the thread's number: the record is looked up before, and goes after.
template <typename Call>
int join(pthread_t thread, int success, Call real) {
    Handle handle = recording() ? find_thread(thread) : 0;
    u32 word = handle == 0 ? 0 : the_ledger().at(handle)->state.load(std::memory_order_acquire);
    int result = real();
    if (result != success || !recording()) return result;
    if (handle == 0)
        note_joined(thread);
    else if (the_ledger().at(handle)->state.load(std::memory_order_acquire) == word)
        release_thread(handle, static_cast<u64>(thread));
    return result;
}

}  // namespace

HOOK_BODY(int, pthread_create,
          (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument)) {
    Launch* launch = begin_launch(reinterpret_cast<void*>(start), argument, attributes);
    if (launch == nullptr) return REAL(pthread_create)(thread, attributes, start, argument);
    int result = REAL(pthread_create)(thread, attributes, run_pthread, launch);
    if (result != 0) cancel_launch(*launch);
    return result;
}

HOOK_BODY(int, thrd_create, (thrd_t * thread, thrd_start_t start, void* argument)) {
    Launch* launch = begin_launch(reinterpret_cast<void*>(start), argument, nullptr);
    if (launch == nullptr) return REAL(thrd_create)(thread, start, argument);
    int result = REAL(thrd_create)(thread, run_thrd, launch);
    if (result != thrd_success) cancel_launch(*launch);
    return result;
}

HOOK_BODY(void, pthread_exit, (void* value)) {
    leave_thread();
    REAL(pthread_exit)(value);
    __builtin_unreachable();
}

HOOK_BODY(int, pthread_join, (pthread_t thread, void** value)) {
    return join(thread, 0, [&] { return REAL(pthread_join)(thread, value); });
}

HOOK_BODY(int, pthread_tryjoin_np, (pthread_t thread, void** value)) {
    return join(thread, 0, [&] { return REAL(pthread_tryjoin_np)(thread, value); });
}

HOOK_BODY(int, pthread_timedjoin_np, (pthread_t thread, void** value, const struct timespec* until)) {
    return join(thread, 0, [&] { return REAL(pthread_timedjoin_np)(thread, value, until); });
}

HOOK_BODY(int, pthread_clockjoin_np,
          (pthread_t thread, void** value, clockid_t clock, const struct timespec* until)) {
    return join(thread, 0, [&] { return REAL(pthread_clockjoin_np)(thread, value, clock, until); });
}

HOOK_BODY(int, thrd_join, (thrd_t thread, int* value)) {
    return join(thread, thrd_success, [&] { return REAL(thrd_join)(thread, value); });
}

HOOK_BODY(int, pthread_detach, (pthread_t thread)) {
    if (recording()) note_detached(thread);
    return REAL(pthread_detach)(thread);
}

HOOK_BODY(int, thrd_detach, (thrd_t thread)) {
    if (recording()) note_detached(thread);
    return REAL(thrd_detach)(thread);
}

namespace {

/// libtest gives each of its tests a thread, which names itself after it.
void enter_scope_of_name(pthread_t thread, const char* name) {
    auto self = process_state.libc.pthread_self;
    if (current_scope() != 0 || self == nullptr || self() != thread) return;
    ledger::Record* process = the_ledger().at(the_session().self);
    auto* tail = ledger::tail_of<ledger::ProcessTail>(*process);
    u32 size = tail->command_size;
    if (size > ledger::kMaxCommand || !session::runs_tests_as_threads(Str(tail->command, size))) return;
    thread_state.scope = ledger::intern_scope(author(), name);
}

}  // namespace

HOOK_BODY(int, pthread_setname_np, (pthread_t thread, const char* name)) {
    int result = REAL(pthread_setname_np)(thread, name);
    if (result != 0 || !recording()) return result;
    enter_scope_of_name(thread, name);
    ledger::Record* record = the_ledger().at(find_or_mark(thread, EarlyMarks::named));
    if (record == nullptr) return result;
    char bytes[16] = {};
    for (size_t i = 0; i < sizeof bytes - 1 && name[i] != '\0'; ++i)
        bytes[i] = name[i];
    __builtin_memcpy(&record->c, bytes, sizeof bytes);
    return result;
}
