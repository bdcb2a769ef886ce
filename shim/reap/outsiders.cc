// SPDX-License-Identifier: MIT
#include "outsiders.h"

#include <errno.h>
#include <sys/socket.h>

#include <new>

namespace leakshim::reap {

namespace {

u64 ipc_key(Kind kind, int id) {
    return hash_pair(static_cast<u32>(id), 0x100 + static_cast<u64>(kind));
}

/// What reading another session's ledger takes.
struct ForeignLedger {
    alignas(64) char header[sizeof(ledger::Header)];
    alignas(64) char walker[sizeof(ledger::Walker)];
};

Str last_component(Str path) {
    size_t at = path.size();
    while (at != 0 && path[at - 1] != '/')
        --at;
    path.remove_prefix(at);
    return path;
}

void process_path(TextBuffer& to, int pid, Str name) {
    to.clear();
    to.add("/proc/").add_decimal(static_cast<u64>(pid)).add('/').add(name);
}

}  // namespace

/// Everybody but us and what is dead: also a process of the session that lives on, kept or not to be killed.
template <typename Visit>
void Outsiders::for_each_other(Visit visit) {
    Array<int> pids;
    int proc = r_.kernel.open(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
    if (proc < 0) return;
    NameReader names(r_, proc);
    const char* name = nullptr;
    u8 type = 0;
    while (names.next(name, type)) {
        u64 pid = 0;
        if (parse_decimal(name, pid) && static_cast<int>(pid) != r_.self_pid)
            pids.push(static_cast<int>(pid));
    }
    r_.kernel.close(proc);
    for (int pid : pids)
        visit(pid);
}

void Outsiders::look_at(int pid) {
    Text<64> path;
    FileFacts facts;
    process_path(path, pid, "cwd");
    if (r_.kernel.target_facts(AT_FDCWD, path.c_str(), facts) == 0) used_.insert(file_key(facts.id));
    process_path(path, pid, "fd");
    int dir = r_.kernel.open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (dir < 0) return;
    NameReader names(r_, dir);
    const char* name = nullptr;
    u8 type = 0;
    bool has_sockets = false;
    while (names.next(name, type)) {
        if (r_.kernel.target_facts(dir, name, facts) != 0) continue;
        if (S_ISSOCK(facts.mode)) {
            sockets_.insert(hash_pair(facts.id.ino, 0));
            has_sockets = true;
        } else {
            used_.insert(file_key(facts.id));
        }
    }
    r_.kernel.close(dir);
    if (!has_sockets) return;
    char target[64];
    Str space = r_.kernel.read_link(pid, "ns/net", target, sizeof target);
    if (!space.empty()) spaces_.insert(hash_text(space), static_cast<u32>(pid));
}

/// The files of the sockets that somebody holds, from the table of the network name space that `pid` is in.
void Outsiders::look_at_sockets(int pid) {
    LineReader lines(r_, pid, "net/unix");
    Str line;
    lines.next(line);
    while (lines.next(line)) {
        for (int skipped = 0; skipped < 4; ++skipped)
            next_field(line);
        u64 type = 0, inode = 0;
        if (!parse_hex(next_field(line), type)) continue;
        next_field(line);
        if (!parse_decimal(next_field(line), inode) || !sockets_.contains(hash_pair(inode, 0))) continue;
        if (line.empty()) continue;
        if (line.front() != '/') {
            note_relative(line, type);
            continue;
        }
        Text<128> path;
        path.add(line);
        FileFacts facts;
        if (r_.kernel.entry_facts(AT_FDCWD, path.c_str(), facts) == 0) used_.insert(file_key(facts.id));
    }
}

/// Abstract names as well: they look like a relative one that begins with `@`.
void Outsiders::note_relative(Str name, u64 type) {
    u64 key = hash_text(last_component(name));
    const u32* known = relative_.find(key);
    relative_.insert(key, (known == nullptr ? 0 : *known) | 1U << (type & 31));
}

bool Outsiders::look() {
    if (looked_) return false;
    looked_ = true;
    for_each_other([&](int pid) { look_at(pid); });
    spaces_.for_each([&](u64, u32 pid) { look_at_sockets(static_cast<int>(pid)); });
    look_at_ledgers();
    if (r_.request.scope != 0) {
        look_at_self();
        look_at_other_scopes();
    }
    return true;
}

/// This process goes on: what it uses is spared as well, but for what it opened in the scope.
void Outsiders::look_at_self() {
    Text<64> path;
    FileFacts facts;
    process_path(path, r_.self_pid, "cwd");
    if (r_.kernel.target_facts(AT_FDCWD, path.c_str(), facts) == 0) used_.insert(file_key(facts.id));
    HashMap own;
    for (const Item& item : r_.open) {
        if (item.owner == r_.request.self) own.insert(hash_pair(static_cast<u32>(item.number), 0));
    }
    process_path(path, r_.self_pid, "fd");
    int dir = r_.kernel.open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (dir < 0) return;
    NameReader names(r_, dir);
    const char* name = nullptr;
    u8 type = 0;
    while (names.next(name, type)) {
        u64 fd = 0;
        if (!parse_decimal(name, fd) || static_cast<int>(fd) == dir) continue;
        if (own.contains(hash_pair(fd, 0))) continue;
        if (r_.kernel.target_facts(dir, name, facts) == 0 && S_ISREG(facts.mode))
            used_.insert(file_key(facts.id));
    }
    r_.kernel.close(dir);
}

/// Inside a tree of the scope lies what later tests make there: pytest's base directory is its first test's.
void Outsiders::look_at_other_scopes() {
    Paged<ForeignLedger> memory;
    if (!memory) return;
    auto& header = *reinterpret_cast<ledger::Header*>(memory->header);
    ledger::MappedSource source(r_.ledger);
    if (ledger::read_header(source, header) != ledger::Verdict::ok) return;
    auto* walker = new (memory->walker) ledger::Walker(source, header);
    ledger::Line line;
    Entry entry;
    while (walker->next(line)) {
        bool there =
            line.state() == State::live || line.state() == State::kept || line.state() == State::failed;
        if (!there || !ledger::is_path(line.kind()) || !walker->read(line, entry)) continue;
        if (!r_.concerns(entry.scope)) spare(entry.file_id());
    }
}

void Outsiders::look_at_maps() {
    if (maps_looked_) return;
    maps_looked_ = true;
    for_each_other([&](int pid) {
        LineReader lines(r_, pid, "maps");
        Str line;
        MapsLine mapped;
        while (lines.next(line)) {
            if (parse_maps_line(line, mapped) && mapped.inode != 0)
                used_.insert(hash_pair(mapped.device, mapped.inode));
        }
    });
}

void Outsiders::look_at_ledger(int fd) {
    Paged<ForeignLedger> memory;
    if (!memory) return;
    auto& header = *reinterpret_cast<ledger::Header*>(memory->header);
    ledger::FileSource source(fd);
    if (ledger::read_header(source, header) != ledger::Verdict::ok) return;
    if (Str(header.id) == Str(r_.header().id)) return;
    Liveness liveness = judge_liveness(r_.kernel, source, header);
    if (liveness == Liveness::ended || liveness == Liveness::dead) return;
    auto* walker = new (memory->walker) ledger::Walker(source, header);
    ledger::Line line;
    Entry entry;
    while (walker->next(line)) {
        bool live = line.state() == State::live && ledger::is_persistent(line.kind());
        if (!live || !walker->read(line, entry)) continue;
        if (ledger::is_path(entry.kind) || ledger::is_named_ipc(entry.kind))
            used_.insert(file_key(entry.file_id()));
        else if (ledger::is_sysv_ipc(entry.kind))
            ipc_.insert(ipc_key(entry.kind, entry.number));
    }
}

/// The other sessions of the same user have their ledgers beside ours.
void Outsiders::look_at_ledgers() {
    Text<512> path;
    path.add(r_.ledger.path());
    size_t end = path.size();
    while (end != 0 && path.c_str()[end - 1] != '/')
        --end;
    path.cut(end);
    if (end == 0) return;
    int dir = r_.kernel.open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (dir < 0) return;
    constexpr Str kSuffix = ".ledger";
    NameReader names(r_, dir);
    const char* name = nullptr;
    u8 type = 0;
    while (names.next(name, type)) {
        Str text = name;
        if (text.size() <= kSuffix.size()) continue;
        text.remove_prefix(text.size() - kSuffix.size());
        if (text != kSuffix) continue;
        int fd = r_.kernel.open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        FileFacts facts;
        if (fd < 0) continue;
        bool ours =
            r_.kernel.entry_facts(fd, "", facts) == 0 && facts.uid == r_.header().uid && S_ISREG(facts.mode);
        if (ours) look_at_ledger(fd);
        r_.kernel.close(fd);
    }
    r_.kernel.close(dir);
}

bool Outsiders::use(const FileId& id) {
    look();
    return used_.contains(file_key(id));
}

bool Outsiders::serve(int directory, const char* name, const FileFacts& facts) {
    if (!S_ISSOCK(facts.mode)) return false;
    look();
    const u32* types = relative_.find(hash_text(Str(name)));
    if (types == nullptr) return false;
    // Whoever is bound there must not hear of the question, so it is asked by another type than theirs.
    for (int type : {SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM}) {
        if ((*types >> type & 1) != 0) continue;
        int fd = r_.kernel.open(directory, name, O_PATH | O_NOFOLLOW);
        int answer = fd < 0 ? fd : r_.kernel.try_connect(fd, type);
        if (fd >= 0) r_.kernel.close(fd);
        return answer != -ECONNREFUSED && answer != -ENOENT;
    }
    return true;
}

bool Outsiders::use_or_map(const FileId& id) {
    look_at_maps();
    return use(id);
}

bool Outsiders::record(Kind kind, int id) {
    look();
    return ipc_.contains(ipc_key(kind, id));
}

bool Outsiders::alive(int pid) {
    ProcessStat stat;
    return pid > 0 && pid != r_.self_pid && r_.kernel.read_stat(pid, stat) && !stat.dead();
}

}  // namespace leakshim::reap
