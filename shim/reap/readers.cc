// SPDX-License-Identifier: MIT
#include "readers.h"

namespace leakshim::reap {

namespace {

/// Calls `visit(directory, name, fd)` for each descriptor of a process, as far as it may be looked at.
template <typename Visit>
void for_each_descriptor(Reaping& reaping, int pid, Visit visit) {
    Text<64> path;
    path.add("/proc/").add_decimal(static_cast<u64>(pid)).add("/fd");
    int dir = reaping.kernel.open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (dir < 0) return;
    alignas(8) char block[1024];  // who asks may be in the middle of a list himself
    NameReader names(reaping.kernel, dir, block, sizeof block);
    const char* name = nullptr;
    u8 type = 0;
    while (names.next(name, type)) {
        u64 fd = 0;
        if (parse_decimal(name, fd)) visit(dir, name, static_cast<int>(fd));
    }
    reaping.kernel.close(dir);
}

/// Notes the file behind a descriptor of our own when it is a pipe or fifo, open for writing.
void note_pipe(Reaping& reaping, int fd) {
    FileFacts facts;
    int flags = reaping.kernel.descriptor_flags(fd);
    if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_RDONLY) return;
    if (reaping.kernel.entry_facts(fd, "", facts) != 0 || !S_ISFIFO(facts.mode)) return;
    reaping.own_pipes.insert(file_key(facts.id));
}

/// What a reader has started may have its pipe from it: `sh -c "gzip | ssh …"`.
void add_children_of_readers(Reaping& reaping) {
    auto descends = [&](const Suspect& child) {
        for (const Suspect& parent : reaping.suspects) {
            if (parent.life != Suspect::Life::reader || &parent == &child) continue;
            if (parent.pid == child.ppid || (child.parent != 0 && parent.handle == child.parent)) return true;
        }
        return false;
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (Suspect& suspect : reaping.suspects) {
            if (!is_alive(suspect) || !descends(suspect)) continue;
            suspect.life = Suspect::Life::reader;
            changed = true;
        }
    }
}

}  // namespace

bool is_reader(Reaping& reaping, int pid) {
    if (reaping.own_pipes.size() == 0) return false;
    bool found = false;
    for_each_descriptor(reaping, pid, [&](int dir, const char* name, int) {
        FileFacts link, target;
        // The mode of the link itself says how the descriptor was opened: proc_pid_fd(5).
        if (found || reaping.kernel.entry_facts(dir, name, link) != 0 || (link.mode & S_IRUSR) == 0) return;
        if (reaping.kernel.target_facts(dir, name, target) != 0 || !S_ISFIFO(target.mode)) return;
        found = reaping.own_pipes.contains(file_key(target.id));
    });
    return found;
}

void find_readers(Reaping& reaping) {
    // What is not known yet can only be found while something is alive, or the root has a child.
    if (!reaping.any(is_alive) && !reaping.kernel.has_children()) return;
    for_each_descriptor(reaping, reaping.self_pid, [&](int, const char*, int fd) { note_pipe(reaping, fd); });
    bool any = false;
    for (Suspect& suspect : reaping.suspects) {
        if (!is_alive(suspect) || !is_reader(reaping, suspect.pid)) continue;
        suspect.life = Suspect::Life::reader;
        any = true;
    }
    if (any) add_children_of_readers(reaping);
}

}  // namespace leakshim::reap
