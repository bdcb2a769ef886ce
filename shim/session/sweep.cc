// SPDX-License-Identifier: MIT
#include "sweep.h"

#include "create.h"
#include "directory.h"
#include "ending.h"
#include "kernel.h"
#include "liveness.h"
#include "output.h"
#include "proc.h"
#include "self.h"
#include "sys.h"

namespace leakshim::session {

namespace {

using ledger::Header;
using ledger::Phase;

constexpr u32 kMaxListed = 4096;
constexpr u64 kTreesDeadline = 5 * kSecond;   // for trees of old: the first test waits
constexpr u64 kUnsealedFor = 3600 * kSecond;  // a ledger that was never finished is nobody's by then
constexpr u64 kSettled = ~u64{0};

/// A session that has ended, as far as retention needs it.
struct Listed {
    char id[kIdSize + 1];
    bool has_ledger;
    u64 ended;  ///< realtime ns
};

/// One of the caller's own directories of ledgers, and what was found in it.
struct Sweep {
    Str path;
    int fd;
    const Options& options;
    Listed* ended;  ///< kMaxListed of them
    u32 count;
};

ledger::Ledger swept;
ledger::ThreadLease swept_lease;
alignas(64) char header_copy[sizeof(Header)];

bool ends_with(Str text, Str suffix) {
    return text.size() > suffix.size() &&
           Str(text.data() + text.size() - suffix.size(), suffix.size()) == suffix;
}

u64 changed(int directory, const char* name) {
    struct statx st {};
    if (sys::statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_MTIME, &st) < 0) return 0;
    return static_cast<u64>(st.stx_mtime.tv_sec) * kSecond + st.stx_mtime.tv_nsec;
}

void remember(Sweep& sweep, Str id, bool has_ledger, u64 ended) {
    if (sweep.count == kMaxListed) return;
    Listed& listed = sweep.ended[sweep.count++];
    TextBuffer(listed.id, sizeof listed.id).add(id);
    listed.has_ledger = has_ledger;
    listed.ended = ended;
}

/// What the first look at a ledger tells, without mapping it.
struct Glance {
    u64 magic = 0;
    u32 phase = 0;
    u64 ended = 0;
};

bool glance_at(int directory, const char* name, Glance& glance) {
    int fd = sys::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return false;
    bool read = sys::pread(fd, &glance.magic, sizeof glance.magic, offsetof(Header, magic)) > 0 &&
                sys::pread(fd, &glance.phase, sizeof glance.phase, offsetof(Header, phase)) > 0 &&
                sys::pread(fd, &glance.ended, sizeof glance.ended, offsetof(Header, ended_realtime)) > 0;
    sys::close(fd);
    return read;
}

/// Maps a session of the directory. The copy of its header is checked; nullptr when it is no ledger of ours.
const Header* open_session(const Sweep& sweep, Str id) {
    Text<512> path;
    path.add(sweep.path).add('/').add(id).add(".ledger");
    if (path.truncated() || swept.attach(path.c_str()) != 0) return nullptr;
    ledger::MappedSource source(swept);
    auto& copy = *reinterpret_cast<Header*>(header_copy);
    if (ledger::read_header(source, copy) == ledger::Verdict::ok) return &copy;
    swept.close();
    return nullptr;
}

void say(const Header& header, const reap::Result& result) {
    if (result.errors == 0 || !is_terminal(2)) return;
    Text<512> line;
    line.add("leakshim: a run that was killed (process ").add_decimal(static_cast<u64>(header.root_pid));
    line.add(") had left ").add_decimal(result.errors).add(" things; ").add_decimal(result.reaped);
    line.add(" reaped; see leakshim-report --session ").add_safe(Str(header.id)).add('\n');
    write_harmlessly(2, line.str());
}

Ending ending_of(const Header& header, const Options& options) {
    Ending ending{.ledger = swept, .lease = swept_lease, .options = options, .home = {}};
    if (header.home.size != 0) ending.home = header.home.text;
    ending.how = ledger::EndedBy::sweep;
    return ending;
}

/// Ends the session if it is dead.
void end_if_dead(const Sweep& sweep, Str id) {
    const Header* header = open_session(sweep, id);
    if (header == nullptr) return;
    reap::Kernel kernel;
    ledger::MappedSource source(swept);
    if (reap::judge_liveness(kernel, source, *header) == reap::Liveness::dead) {
        Options options;
        settings_of(*header, options);
        Ended ended = end_session(ending_of(*header, options));
        if (ended.finish == reap::Finish::done) say(*header, ended.result);
    }
    swept.close();
}

/// Removes the temporary trees that the session kept at the desk, and nothing that a rule kept: the rules may
/// be others by now, and a server that was to stay has been in use since. False when that is for a later run
/// to do: time ran out, or this one is not to touch anything.
bool remove_kept_trees(const Sweep& sweep, Str id) {
    const Header* header = open_session(sweep, id);
    if (header == nullptr) return true;
    Options options;
    settings_of(*header, options);
    u64 started = sys::boottime();
    bool kept_for_a_while =
        options.reap && options.tmp != TempPolicy::keep && options.tmp != TempPolicy::reap;
    bool wanted = kept_for_a_while && !(options.ci && options.tmp == TempPolicy::by_ci);
    if (wanted && sweep.options.reap) {
        options.tmp = TempPolicy::reap;
        options.deadline = kTreesDeadline;
        Ending ending = ending_of(*header, options);
        ending.clearing = true;
        ending.ended_realtime = header->ended_realtime.load(std::memory_order_relaxed);
        end_session(ending);
    }
    swept.close();
    return (!wanted || sweep.options.reap) && sys::boottime() - started < kTreesDeadline;
}

/// Ends what is dead, drops what never began, and remembers what has ended.
void look_at(Sweep& sweep, const char* name) {
    bool is_ledger = ends_with(name, ".ledger");
    if (!is_ledger && !ends_with(name, ".clean")) return;
    Str id = name;
    id = take_until(id, '.');
    if (id.size() != kIdSize) return;
    if (!is_ledger) return remember(sweep, id, false, changed(sweep.fd, name));
    Glance glance;
    if (!glance_at(sweep.fd, name, glance)) return;
    if (glance.magic == 0) {
        if (changed(sweep.fd, name) + kUnsealedFor < sys::clock(CLOCK_REALTIME))
            sys::unlinkat(sweep.fd, name, 0);
        return;
    }
    if (glance.phase == static_cast<u32>(Phase::ended))
        remember(sweep, id, true, glance.ended);
    else if (sweep.options.reap)
        end_if_dead(sweep, id);
}

/// Clears away all but the newest. Few are above the limit at a time, so the oldest is looked for anew each
/// time.
void clear_old(Sweep& sweep) {
    for (u64 left = sweep.count; left > sweep.options.keep_ledgers; --left) {
        Listed* oldest = nullptr;
        for (u32 i = 0; i < sweep.count; ++i) {
            Listed& listed = sweep.ended[i];
            if (listed.ended != kSettled && (oldest == nullptr || listed.ended < oldest->ended))
                oldest = &listed;
        }
        if (oldest == nullptr) return;
        if (!oldest->has_ledger || remove_kept_trees(sweep, oldest->id)) remove_session(sweep.fd, oldest->id);
        oldest->ended = kSettled;
    }
}

}  // namespace

void sweep_directory(Str directory, const Options& options) {
    DirectoryPath path;
    path.add(directory);
    int fd = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return;
    size_t size = kMaxListed * sizeof(Listed);
    long memory = sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sys::failed(memory)) {
        u64 mask = 0;
        sys::block_signals(&mask);
        Sweep sweep{path.str(), fd, options, reinterpret_cast<Listed*>(memory), 0};
        for_each_entry(fd, [&](const char* name) {
            look_at(sweep, name);
            return true;
        });
        clear_old(sweep);
        sys::munmap(sweep.ended, size);
        sys::restore_signals(&mask);
    }
    sys::close(fd);
}

}  // namespace leakshim::session
