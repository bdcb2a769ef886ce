// SPDX-License-Identifier: MIT
#include "stack.h"

#include "hook.h"
#include "modules.h"
#include "state.h"
#include "sys.h"

namespace leakshim::hooks {

namespace {

using ledger::Frame;
using ledger::Handle;

constexpr u32 kMaxFrames = 16;  // of the host
constexpr u32 kMaxOwn = 8;      // of ours, in front of them
constexpr u64 kLowest = 4096;   // no code lies in the first page

using Backtrace = int(void**, int);
Backtrace* backtrace;  ///< libc's; nullptr: frame pointers

/// Stacks that were met in this process: under the hash of their addresses, the handle of the text. Two words
/// that belong together are told by their exclusive or, so no lock is needed.
constexpr u32 kMet = 512;
struct Met {
    std::atomic<u64> key;  ///< hash ^ handle
    std::atomic<u64> handle;
};
Met met[kMet];

/// Follows the chain of frame pointers as far as it goes up in this thread's stack.
[[gnu::noinline]] u32 walk_frame_pointers(u64* frames, u32 room) {
    auto at = reinterpret_cast<u64>(__builtin_frame_address(0));
    ThreadState& thread = thread_state;
    if (at < thread.stack_start || at >= thread.stack_end) {
        Range stack = find_mapping(at);
        thread.stack_start = stack.start, thread.stack_end = stack.end;
    }
    u64 end = thread.stack_end;
    u32 count = 0;
    while (count < room && at % sizeof(u64) == 0 && at + 2 * sizeof(u64) <= end) {
        const auto* frame = reinterpret_cast<const u64*>(at);
        if (frame[1] < kLowest) break;
        frames[count++] = frame[1];
        if (frame[0] <= at) break;
        at = frame[0];
    }
    return count;
}

u32 collect(u64* frames, u32 room) {
    if (backtrace == nullptr) return walk_frame_pointers(frames, room);
    KeepErrno keep;
    int count = backtrace(reinterpret_cast<void**>(frames), static_cast<int>(room));
    return count < 0 ? 0 : static_cast<u32>(count);
}

/// The hash by which this process knows a stack.
u64 hash_of(const u64* frames, u32 count, Handle site) {
    u64 hash = site + 1;
    for (u32 i = 0; i < count; ++i)
        hash = (hash ^ frames[i]) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 32;
}

[[gnu::noinline]] Handle write_stack(const u64* frames, u32 count, Handle site, bool& complete) {
    ledger::FrameWriter text;
    complete = true;
    for (u32 i = 0; i < count; ++i) {
        Frame frame;
        // The return address is behind the call, perhaps in another function.
        if (!find_frame(frames[i] - 1, frame)) {
            frame = Frame{0, frames[i] - 1};
            complete = false;
        }
        if (!text.add(frame)) break;
    }
    return ledger::intern_stack(author(), text.text(), site);
}

}  // namespace

void prepare_stacks() {
    u32 flags = the_header().flags;
    bool unwinds = (flags & ledger::session_flag::kStacksUnwind) != 0;
    bool walks = (flags & ledger::session_flag::kStacksFp) != 0;
    process_state.stacks = unwinds || walks;
    if (!unwinds) return;
    backtrace = reinterpret_cast<Backtrace*>(find_libc_function("backtrace"));
    void* frame = nullptr;
    KeepErrno keep;
    if (backtrace != nullptr) backtrace(&frame, 1);
}

Handle capture_stack(Handle site) {
    u64 frames[kMaxOwn + kMaxFrames];
    u32 count = collect(frames, kMaxOwn + kMaxFrames), first = 0;
    while (first < count && is_own_code(frames[first] - 1))
        ++first;
    if (first == count) return site;
    count = count - first < kMaxFrames ? count - first : kMaxFrames;
    u64 hash = hash_of(frames + first, count, site);
    Met& slot = met[hash % kMet];
    u64 known = slot.handle.load(std::memory_order_relaxed);
    if (known != 0 && (slot.key.load(std::memory_order_relaxed) ^ known) == hash)
        return static_cast<Handle>(known);
    bool complete = true;
    Handle handle = write_stack(frames + first, count, site, complete);
    if (handle == 0) return site;
    if (complete) {
        slot.key.store(hash ^ handle, std::memory_order_relaxed);
        slot.handle.store(handle, std::memory_order_relaxed);
    }
    return handle;
}

}  // namespace leakshim::hooks
