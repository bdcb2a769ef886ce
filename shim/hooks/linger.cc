// SPDX-License-Identifier: MIT
//
// The linger before a verdict: who is about to go gets the time to go, on a loaded machine too, and who is
// not does not hold up the run.
//
// A thread or process on its way out is running, or would run if it were given a processor. So what is waited
// for is activity, not time: when all that is pending has been asleep for a while it stays, and is a leak. A
// machine under load gives little time to everybody: what can run and has hardly been let is waited for
// longer.
#include "leaks.h"
#include "proc.h"
#include "sys.h"

namespace leakshim::hooks {

using ledger::Record;
using ledger::State;
namespace flag = ledger::flag;

namespace {

constexpr u32 kMostPending = 32;
constexpr u64 kAsleep = 100 * kMillisecond;     // all pending asleep for so long: they stay
constexpr u64 kStarved = 50 * kMillisecond;     // processor time that nobody needs to get out
constexpr u64 kPatience = 20;                   // times the limit, while somebody starves
constexpr u64 kFirstPause = kMillisecond / 20;  // between two looks; doubled each time
constexpr u64 kLongestPause = 5 * kMillisecond;

/// What a task does, as two looks can be compared.
struct Activity {
    bool can_run = false;  ///< running, in line for a processor, waiting for a disk, or exiting
    u64 ran = 0;           ///< ns on a processor
    u64 mark = 0;          ///< changes with everything that it does
};

/// Field `wanted` (from 0) of `text`, which blanks separate.
u64 field(Str text, int wanted) {
    u64 value = 0;
    for (int i = 0; i < wanted; ++i)
        take_until(text, ' ');
    parse_decimal(take_until(text, ' '), value);
    return value;
}

/// Adds one task of process `pid`: its state, and its time and turns on a processor (schedstat; proc(5)).
void look_at_task(int pid, Str task, Activity& activity) {
    char text[512];
    Text<64> name;
    name.add("task/").add(task).add("/schedstat");
    long size = read_process_file(pid, name.c_str(), text, sizeof text - 1);
    if (size > 0) {
        Str line(text, static_cast<size_t>(size));
        if (line.back() == '\n') line.remove_suffix(1);
        u64 ran = field(line, 0);
        activity.ran += ran;
        activity.mark += ran + field(line, 2);
    }
    name.clear();
    name.add("task/").add(task).add("/stat");
    size = read_process_file(pid, name.c_str(), text, sizeof text - 1);
    if (size <= 0) return;
    Str line(text, static_cast<size_t>(size));
    size_t end = line.rfind(')');
    if (end == Str::npos || end + 2 >= line.size()) return;
    line.remove_prefix(end + 2);
    constexpr u64 kExiting = 4;  // PF_EXITING of the kernel, in the flags
    char state = line.front();
    bool zombie = state == 'Z' || state == 'X';
    if (state == 'R' || state == 'D' || (!zombie && (field(line, 6) & kExiting) != 0))
        activity.can_run = true;
}

Activity look_at_process(int pid) {
    Activity activity;
    Text<64> path;
    path.add("/proc/").add_decimal(static_cast<u64>(pid)).add("/task");
    int tasks = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tasks < 0) return activity;
    int left = 64;  // of a process with more, the first
    for_each_entry(tasks, [&](const char* task) {
        look_at_task(pid, task, activity);
        return --left > 0;
    });
    sys::close(tasks);
    return activity;
}

Activity look_at(const Finding& finding) {
    int number = finding.record->number.load(std::memory_order_relaxed);
    if (finding.kind == Kind::process) return look_at_process(number);
    Activity activity;
    if ((finding.record->flags.load(std::memory_order_acquire) & flag::kStarted) == 0) {
        activity.can_run = true;  // it has not come to its first instruction
        return activity;
    }
    Text<16> task;
    task.add_decimal(static_cast<u64>(number));
    look_at_task(the_session().pid, task.str(), activity);
    return activity;
}

/// What may go by itself. A thread that has finished waits for its join and for nothing else.
bool may_go(const Finding& finding) {
    if (finding.kind != Kind::process && finding.kind != Kind::thread) return false;
    u8 flags = finding.record->flags.load(std::memory_order_acquire);
    if (finding.kind == Kind::thread && (flags & flag::kFinished) != 0) return false;
    if (finding.handle == thread_state.thread) return false;  // we ourselves
    return is_leak(finding);
}

bool is_gone(const Finding& finding) {
    if (finding.record->state.load(std::memory_order_acquire) != finding.word) return true;
    u8 flags = finding.record->flags.load(std::memory_order_acquire);
    if (finding.kind == Kind::thread) return (flags & flag::kFinished) != 0;
    return !process_lives(*finding.record);
}

/// Those of a scope that may go, and what was last seen of them.
class Pending {
  public:
    explicit Pending(Handle scope) : scope_(scope) {}

    /// Looks for them anew; false when there is none.
    bool find() {
        count_ = 0;
        ScopeWalk walk(scope_, u64{1} << 32);  // no descriptors
        Finding finding;
        while (count_ < kMostPending && walk.next(finding)) {
            if (may_go(finding)) who_[count_++] = finding;
        }
        mark_ = 0;
        return count_ != 0;
    }

    /// Looks at each once more; false when all are gone.
    bool look() {
        u32 left = 0;
        Activity all;
        for (u32 i = 0; i < count_; ++i) {
            if (is_gone(who_[i])) continue;
            Activity one = look_at(who_[i]);
            all.can_run |= one.can_run;
            all.ran += one.ran;
            all.mark += one.mark;
            who_[left++] = who_[i];
        }
        bool fewer = left != count_;
        count_ = left;
        awake_ = all.can_run || fewer || all.mark != mark_;
        if (mark_ == 0 || fewer) ran_at_first_ = all.ran;
        starved_ = all.can_run && all.ran - ran_at_first_ < kStarved;
        mark_ = all.mark;
        return count_ != 0;
    }

    bool awake() const { return awake_; }      ///< somebody did something since the last look, or would
    bool starved() const { return starved_; }  ///< somebody would run and was hardly let

  private:
    Handle scope_;
    u32 count_ = 0;
    u64 mark_ = 0;
    u64 ran_at_first_ = 0;
    bool awake_ = false;
    bool starved_ = false;
    Finding who_[kMostPending];
};

}  // namespace

u64 linger_for(Handle scope, u64 limit) {
    Pending pending(scope);
    if (limit == 0 || !pending.find()) return 0;
    u64 start = sys::boottime(), last_awake = start, pause = kFirstPause, now = start;
    for (;;) {
        // When those that were there are gone, others may have come: a child's child.
        if (!pending.look() && !pending.find()) break;
        now = sys::boottime();
        if (pending.awake()) last_awake = now;
        if (now - last_awake >= kAsleep) break;
        if (now - start >= limit && !pending.starved()) break;
        if (now - start >= limit * kPatience) break;
        sys::sleep(pause);
        if (pause < kLongestPause) pause *= 2;
    }
    u64 waited = sys::boottime() - start;
    return waited != 0 ? waited : 1;
}

}  // namespace leakshim::hooks
