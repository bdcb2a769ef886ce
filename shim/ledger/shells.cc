// SPDX-License-Identifier: MIT
#include "shells.h"

#include <errno.h>

#include "sys.h"

namespace leakshim::ledger {

namespace {

constexpr u32 kMostAtOnce = 16;  // entries under one key that are looked at

/// Collects what stands under `key` and `wanted(handle, record)`: the index must not be changed meanwhile.
template <typename Wanted>
u32 collect(Ledger& ledger, u64 key, Handle (&found)[kMostAtOnce], Wanted wanted) {
    u32 count = 0;
    ledger.index_find(key, [&](Handle handle, Record& record) {
        if (count < kMostAtOnce && wanted(handle, record)) found[count++] = handle;
        return false;
    });
    return count;
}

/// Takes back what `process` has told: a scope, or itself for none.
void take_back(Ledger& ledger, Handle process, u64 key) {
    Handle told[kMostAtOnce];
    u32 count = collect(ledger, key, told, [&](Handle handle, const Record& record) {
        return handle == process || record.kind == Kind::scope;
    });
    for (u32 i = 0; i < count; ++i)
        ledger.index_remove(key, told[i]);
}

bool is_dead(const Record& process) {
    int pid = process.number.load(std::memory_order_relaxed);
    return pid > 0 && sys::process_exists(pid) == -ESRCH;
}

}  // namespace

u64 shell_key(Handle parent, Str command) {
    constexpr size_t kCompared = 1024;  // of a longer one; the ledger keeps some 4,000 bytes
    constexpr u64 kShell = 0x7368656c6c;
    Str start(command.data(), command.size() < kCompared ? command.size() : kCompared);
    return hash_pair(hash_text(start), kShell << 32 ^ parent);
}

bool find_shell_command(Str arguments, Str& command) {
    if (take_until(arguments, '\0') != "sh" || take_until(arguments, '\0') != "-c") return false;
    command = take_until(arguments, '\0');
    // glibc 2.38 and later put that in front.
    if (command == "--" && !arguments.empty()) command = take_until(arguments, '\0');
    return true;
}

void tell_shell(const Author& author, u64 key) {
    take_back(author.ledger, author.process, key);
    author.ledger.index_insert(key, author.scope != 0 ? author.scope : author.process);
}

bool was_shell_told(Ledger& ledger, Handle parent, u64 key, Handle& scope) {
    Handle told = ledger.index_find(key, [&](Handle handle, const Record& record) {
        return handle == parent || record.kind == Kind::scope;
    });
    scope = scope_at(ledger, told) != nullptr ? told : 0;
    return told != 0;
}

bool forget_shell(const Author& author, u64 key, int status) {
    take_back(author.ledger, author.process, key);
    Handle shells[kMostAtOnce];
    u32 count = collect(author.ledger, key, shells, [&](Handle handle, const Record& record) {
        ProcessTail* tail = author.ledger.process_tail(handle);
        return tail != nullptr && tail->parent == author.process && is_dead(record);
    });
    bool ended = false;
    for (u32 i = 0; i < count; ++i) {
        author.ledger.index_remove(key, shells[i]);
        ended |= end_process(author, shells[i], status);
    }
    return ended;
}

}  // namespace leakshim::ledger
