// SPDX-License-Identifier: MIT
#include "follow.h"

#include <errno.h>

#include "create.h"
#include "directory.h"
#include "guard.h"
#include "proc.h"
#include "sys.h"

namespace leakshim::session {

namespace {

constexpr int kMaxAncestry = 64;
constexpr int kTries = 200;  // two processes may come first at the same time
constexpr u64 kPause = 5 * kMillisecond;

/// `…/<id>.ledger` → id; empty when the path is no ledger's.
Str id_of(Str path) {
    while (!path.empty() && path.back() != '.')
        path.remove_suffix(1);
    if (path.size() < kIdSize + 2) return {};
    return {path.data() + path.size() - 1 - kIdSize, kIdSize};
}

/// True when `pid` is our parent, its parent, and so on. Which processes are above us nobody can forge.
bool is_ancestor(int pid) {
    int above = sys::getppid();
    ProcessStat stat;
    for (int step = 0; step < kMaxAncestry && above > 1; ++step) {
        if (above == pid) return true;
        if (!read_process_stat(above, stat)) return false;
        above = stat.ppid;
    }
    return above == pid;
}

/// LEAKSHIM_DIR may be the other user's; then the default it is.
bool find_own_directory(const Session& session, DirectoryPath& directory) {
    Text<16> unheard;
    Str wanted = session.options.dir;
    if (!wanted.empty() && find_directory(wanted, directory, unheard)) return true;
    directory.clear();
    return find_directory({}, directory, unheard);
}

int make(Session& session, const Startup& startup, Str directory, const Followed& followed) {
    int answer = create_following(session, startup, directory, followed);
    if (answer != 0) return answer;
    session.ledger.seal();
    if (session.options.guard)
        start_guard(session.ledger, session.preload_entry);
    else
        session.ledger.header()->guard = static_cast<u32>(ledger::Guard::off);
    return 0;
}

}  // namespace

bool attach_following_ledger(Session& session, const Startup& startup, Str path) {
    Followed followed;
    followed.id = id_of(path);
    followed.root_pid = root_pid_of(followed.id);
    DirectoryPath directory;
    if (followed.root_pid <= 0 || !is_ancestor(followed.root_pid)) return false;
    if (!find_own_directory(session, directory)) return false;
    Text<512> own;
    own.add(directory.str()).add('/').add(followed.id).add(".ledger");
    // Ours after all, and not to be joined: whatever is wrong with it, another one of the name is no cure.
    if (own.truncated() || own.str() == path) return false;
    for (int i = 0; i < kTries; ++i) {
        int answer = session.ledger.attach(own.c_str());
        if (answer == -ENOENT) answer = make(session, startup, directory.str(), followed);
        if (answer == 0) return true;
        bool is_being_made = answer == -EEXIST || answer == -EINVAL;
        if (!is_being_made) return false;
        sys::sleep(kPause);
    }
    return false;
}

}  // namespace leakshim::session
