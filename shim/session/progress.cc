// SPDX-License-Identifier: MIT
#include "progress.h"

#include <errno.h>

#include "proc.h"
#include "reader.h"
#include "sys.h"

namespace leakshim::session {

namespace {

using ledger::ChunkHeader;
using ledger::Header;

constexpr u64 kSlack = 20 * kMillisecond;  // two ticks of the kernel's accounts
constexpr u64 kQuickest = 50 * kMillisecond, kSlowest = 10 * kSecond;
constexpr u64 kLooks = 8;        // within the time that is waited
constexpr u64 kIdleShare = 100;  // a hundredth of a processor
constexpr int kDeepest = 16;

/// Adds up a tree of processes, bounded in depth and number: whatever cycle /proc may show while pids are
/// reused, it ends.
class Account {
  public:
    Work of(int pid) {
        add(pid, 0);
        if (!lists_children_) {
            work_ = {};
            for_each_process([&](int other) { add_one(other); });
        }
        return work_;
    }

  private:
    bool add_one(int pid) {
        ProcessStat stat;
        if (!read_process_stat(pid, stat)) return false;
        work_.processor_time += stat.processor_time;
        work_.ready = work_.ready || stat.state == 'R';
        return true;
    }

    void look_at_thread(const char* tid) {
        ProcessStat stat;
        u64 number = 0;
        if (parse_decimal(tid, number) && read_process_stat(static_cast<int>(number), stat))
            work_.ready = work_.ready || stat.state == 'R';
    }

    void add(int pid, int depth) {
        if (depth == kDeepest || left_ == 0 || !add_one(pid)) return;
        --left_;
        Text<64> path;
        path.add("/proc/").add_decimal(static_cast<u64>(pid)).add("/task");
        int tasks = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (tasks < 0) return;
        for_each_entry(tasks, [&](const char* tid) {
            look_at_thread(tid);
            add_children(path.str(), tid, depth);
            return lists_children_;
        });
        sys::close(tasks);
    }

    void add_children(Str tasks, const char* tid, int depth) {
        Text<96> path;
        char list[2048];
        path.add(tasks).add('/').add(tid).add("/children");
        int answer =
            for_each_child(path.c_str(), list, sizeof list, [&](int child) { add(child, depth + 1); });
        if (answer == -ENOENT && depth == 0) lists_children_ = is_gone(tasks, tid);
    }

    /// The thread, and not only the list of its children.
    static bool is_gone(Str tasks, const char* tid) {
        Text<96> path;
        path.add(tasks).add('/').add(tid).add("/stat");
        struct statx st {};
        return sys::statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE, &st) < 0;
    }

    Work work_;
    u32 left_ = 4096;
    bool lists_children_ = true;
};

}  // namespace

Work work_of_tree(int pid) {
    return Account().of(pid);
}

Progress::Progress(ledger::Ledger& ledger, int root, u64 patience)
    : ledger_(ledger), root_(root), patience_(patience), since_(sys::clock(CLOCK_MONOTONIC)) {
    if (patience_ == 0) return;
    trace_ = trace();
    used_ = work_of_tree(root_).processor_time;
}

/// A number that changes with each record that is made or released: the generations and bit maps of all
/// chunks, read so that a ledger that is cut short is no SIGBUS.
u64 Progress::trace() const {
    ledger::MappedSource source(ledger_);
    u32 words[2] = {};
    source.read(offsetof(Header, births), words, sizeof words);
    u32 end = 0;
    source.read(offsetof(Header, next_chunk), &end, sizeof end);
    end = end < ledger::kMaxChunks ? end : ledger::kMaxChunks;
    u64 trace = hash_bytes(words, sizeof words);
    for (u32 chunk = ledger::kHeaderChunks; chunk < end; ++chunk) {
        alignas(ChunkHeader) char bytes[offsetof(ChunkHeader, reserved)];
        if (!source.read(u64{chunk} * ledger::kChunkSize, bytes, sizeof bytes)) break;
        trace = hash_bytes(bytes, sizeof bytes, trace);
    }
    return trace;
}

u64 Progress::pause() const {
    u64 pause = patience_ / kLooks;
    if (pause < kQuickest) return kQuickest;
    return pause < kSlowest ? pause : kSlowest;
}

bool Progress::look() {
    if (!watched()) return false;
    u64 now = sys::clock(CLOCK_MONOTONIC);
    u64 trace_now = trace();
    Work work = work_of_tree(root_);
    u64 used_now = work.processor_time;
    u64 quiet = now - since_;
    // Less than before: one has ended who was not waited for.
    bool worked = work.ready || used_now < used_ || used_now - used_ > quiet / kIdleShare + kSlack;
    if (worked || trace_now != trace_) {
        since_ = now, trace_ = trace_now, used_ = used_now;
        return false;
    }
    if (quiet < patience_) return false;
    patience_ *= 2;
    ++said_;
    return true;
}

}  // namespace leakshim::session
