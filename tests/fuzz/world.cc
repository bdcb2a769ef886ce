// SPDX-License-Identifier: MIT
#include "world.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace leakshim::fuzz {

using ledger::Kind;

namespace {

constexpr u64 kTick = 10 * kMillisecond;
Str copied(const std::string& text, char* to, size_t size) {
    size_t count = std::min(text.size(), size);
    std::memcpy(to, text.data(), count);
    return {to, count};
}

}  // namespace

u64 Random::next() {
    u64 z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

bool Claims::process(const Process& process) const {
    bool given = std::find(ancestors.begin(), ancestors.end(), process.ppid) != ancestors.end();
    if (given && !process.session.empty()) return true;
    return std::any_of(all.begin(), all.end(), [&](const Claim& claim) {
        if (claim.kind != Kind::process || claim.number != process.pid) return false;
        if (claim.a != 0) return claim.a == process.inode;
        return claim.b != 0 ? claim.b == process.start : process.start <= claim.born + kTick;
    });
}

bool Claims::node(const Node& node) const {
    return std::any_of(all.begin(), all.end(), [&](const Claim& claim) {
        bool named = ledger::is_path(claim.kind) || ledger::is_named_ipc(claim.kind);
        return named && claim.a == node.id.dev && claim.b == node.id.ino &&
               (claim.c == 0 || claim.c == node.id.birth) && (claim.d == 0 || claim.d == node.id.handle);
    });
}

bool Claims::sysv(const SysV& object) const {
    return std::any_of(all.begin(), all.end(), [&](const Claim& claim) {
        return claim.kind == object.kind && claim.number == object.id &&
               static_cast<u32>(claim.a) == object.facts.key;
    });
}

World::World(u64 seed) : random(seed) {
    root_.mode = S_IFDIR | 0755;
    root_.id = {1, 2, kBoot, 2};
}

// Furnishing

Process& World::add_process(int pid, int ppid, u64 start, bool ours) {
    auto process = std::make_unique<Process>();
    process->pid = pid, process->ppid = ppid, process->ours = ours;
    process->start = start / kTick * kTick;
    process->inode = 1'000'000 + processes_.size();
    process->uid = kUser;
    processes_.push_back(std::move(process));
    return *processes_.back();
}

Node& World::add_node(std::string_view path, u32 mode, u64 born, bool ours) {
    size_t slash = path.rfind('/');
    Node* parent = walk(path.substr(0, slash));
    auto node = std::make_unique<Node>();
    node->name = path.substr(slash + 1);
    node->mode = mode, node->ours = ours, node->uid = kUser, node->parent = parent;
    u64 ino = ++next_ino_;
    node->id = {1, ino, kBoot + born, ino * 7919};
    node->mount = parent->mount;
    Node& place = *node;
    parent->children[place.name] = std::move(node);
    return place;
}

SysV& World::add_sysv(Kind kind, int id, u64 key, bool ours) {
    auto object = std::make_unique<SysV>();
    object->kind = kind, object->id = id, object->ours = ours;
    object->facts.key = key, object->facts.changed = kBoot / kSecond + 4000 + static_cast<u64>(id);
    object->facts.creator_uid = kUser, object->facts.members = 1;
    objects_.push_back(std::move(object));
    return *objects_.back();
}

Process* World::find(int pid) {
    for (auto& process : processes_) {
        if (process->pid == pid && !process->dead) return process.get();
    }
    return nullptr;
}

Node* World::walk(std::string_view path) {
    return resolve(AT_FDCWD, path.empty() ? "/" : path, false);
}

// Whose things are

bool World::may_signal(const Process& process) const {
    const Process* at = &process;
    for (int depth = 0; at != nullptr && depth < 64; ++depth) {
        if (at->ours || claims.process(*at)) return true;
        auto parent = std::find_if(processes_.begin(), processes_.end(), [&](const auto& other) {
            return other->pid == at->ppid && other->start <= at->start && other.get() != at;
        });
        at = parent == processes_.end() ? nullptr : parent->get();
    }
    return false;
}

/// The session's own, or claimed, or within such a directory; but not what is to be spared inside one.
bool World::may_touch(const Node& node) const {
    if (node.spared && spares_hold && !claims.node(node)) return false;
    for (const Node* at = &node; at != nullptr; at = at->parent) {
        if (at->ours || claims.node(*at)) return true;
    }
    return false;
}

void World::judge(const Node& node, const char* what) {
    if (may_touch(node)) {
        ++actions;
        return;
    }
    accuse(std::string(what) + " of " + (node.parent != nullptr ? node.parent->name + "/" : "") + node.name);
}

void World::die(Process& process) {
    process.dead = true;
    if (!process.restarts || processes_.size() > 60) return;
    Process& next = add_process(next_pid_++, 1, now_, process.ours);
    next.session = process.session, next.restarts = true;
}

/// Now and then somebody ends just when he is looked at, and his number goes to somebody else.
void World::maybe_reuse(Process& process) {
    if (reuse_one_in == 0 || !random.one_in(reuse_one_in) || process.lasting || processes_.size() > 60)
        return;
    process.dead = true;
    add_process(process.pid, 1, now_, false);
}

bool World::fails() {
    return fail_one_in != 0 && random.one_in(fail_one_in);
}

// Processes

bool World::exists(int pid) {
    return find(pid) != nullptr;
}

bool World::read_stat(int pid, ProcessStat& stat) {
    Process* process = find(pid);
    if (process == nullptr || fails()) return false;
    stat = ProcessStat{};
    stat.pid = pid, stat.ppid = process->ppid, stat.state = process->zombie ? 'Z' : 'S';
    stat.threads = 1, stat.start = process->start;
    maybe_reuse(*process);
    return true;
}

bool World::read_signals(int pid, ProcessSignals& signals) {
    Process* process = find(pid);
    if (process == nullptr || fails()) return false;
    signals = {0, process->ignored, process->caught, process->uid};
    return true;
}

Str World::read_variable(int pid, Str key, char* to, size_t size) {
    Process* process = find(pid);
    bool known = process != nullptr && !process->session.empty() && key == "LEAKSHIM_SESSION=" && !fails();
    return known ? copied(process->session, to, size) : Str{};
}

long World::read_process(int pid, const char*, char* to, size_t size) {
    if (find(pid) == nullptr) return -ESRCH;
    return static_cast<long>(copied(std::string("actor\0stay\0", 11), to, size).size());
}

Str World::read_link(int pid, const char* name, char* to, size_t size) {
    Process* process = find(pid);
    std::string_view what = name;
    if (what == "ns/pid") return copied("pid:[4026531836]", to, size);
    if (what == "ns/net") return copied("net:[4026531840]", to, size);
    if (process == nullptr || fails()) return {};
    if (what.substr(0, 3) == "fd/") {
        auto socket = process->sockets.find(atoi(name + 3));
        if (socket == process->sockets.end()) return {};
        return copied("socket:[" + std::to_string(socket->second) + "]", to, size);
    }
    return what == "cwd" ? copied("/tmp", to, size) : Str{};
}

int World::pidfd_open(int pid) {
    if (fails()) return -EMFILE;
    Process* process = find(pid);
    if (process == nullptr) return -ESRCH;
    Open open;
    open.process = process;
    return hand_out(std::move(open));
}

u64 World::pidfd_inode(int pidfd) {
    Open* open = handle(pidfd);
    return open == nullptr || open->process == nullptr ? 0 : open->process->inode;
}

int World::pidfd_signal(int pidfd, int signal) {
    Open* open = handle(pidfd);
    if (open == nullptr || open->process == nullptr) return -EBADF;
    Process& process = *open->process;
    if (process.dead) return -ESRCH;
    if (signal == 0) return 0;
    if (process.uid != kUser) return -EPERM;
    if (!may_signal(process))
        accuse("signal " + std::to_string(signal) + " to " + std::to_string(process.pid));
    ++actions;
    if (fails()) return -EPERM;
    bool ends = signal == SIGKILL || signal == SIGTERM || signal == SIGINT;
    bool heard = signal == SIGKILL || (process.ignored >> (signal - 1) & 1) == 0;
    if (ends && heard) die(process);
    return 0;
}

int World::poll(struct pollfd* fds, size_t count, u64 timeout) {
    int ready = 0;
    for (size_t i = 0; i < count; ++i) {
        Open* open = handle(fds[i].fd);
        bool over =
            open == nullptr || open->process == nullptr || open->process->dead || open->process->zombie;
        fds[i].revents = over ? POLLIN : 0;
        ready += over;
    }
    now_ += ready != 0 ? 1000 : std::min(timeout, 60 * kSecond);
    return ready;
}

// IPC

int World::ipc_facts(Kind kind, int id, reap::IpcFacts& facts) {
    if (fails()) return -EACCES;
    for (auto& object : objects_) {
        if (object->kind != kind || object->id != id || object->gone) continue;
        facts = object->facts;
        return 0;
    }
    return -EINVAL;
}

int World::ipc_remove(Kind kind, int id) {
    for (auto& object : objects_) {
        if (object->kind != kind || object->id != id || object->gone) continue;
        if (!object->ours && !claims.sysv(*object)) accuse("removal of IPC object " + std::to_string(id));
        ++actions;
        if (fails()) return -EPERM;
        object->gone = true;
        return 0;
    }
    return -EINVAL;
}

int World::queue_open(const char* name) {
    return open(AT_FDCWD, (std::string("/mqueue/") + name).c_str(), 0);
}

int World::queue_unlink(const char* name) {
    return remove(AT_FDCWD, (std::string("/mqueue/") + name).c_str(), false);
}

}  // namespace leakshim::fuzz
