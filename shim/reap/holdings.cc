// SPDX-License-Identifier: MIT
#include "holdings.h"

#include <sys/socket.h>

#include "kinds.h"

namespace leakshim::reap {

namespace {

namespace flag = ledger::flag;
using ledger::Record;

constexpr u32 kMaxFiles = 64;            // of one process
constexpr size_t kMaxSockets = 16384;    // of all
constexpr u64 kListenState = 0x0a;       // TCP_LISTEN in /proc/net/tcp
constexpr u64 kUnconnectedState = 0x07;  // a UDP socket without a peer
constexpr size_t kSocketPath = 108;

/// A socket that a suspect has open.
struct HeldSocket {
    u32 suspect;
    i32 fd;
    bool recorded;
};

/// Reads what the suspects have open. A socket that several share is that of the first.
class Holdings {
  public:
    Holdings(Reaping& reaping, size_t first) : r_(reaping), first_(first) {}

    void read_all();

  private:
    void read_descriptors(u32 index);
    void read_link(u32 index, int fd, u32& files);
    bool read_target(u32 index, int fd, FileFacts& facts);
    void look_for_streams(u32 index, const FileFacts& facts, Str target);
    void mark_stream(u32 index, int fd, ledger::Stream stream);
    void add_socket(u32 index, int fd, u64 inode);
    void add_file(u32 index, int fd, Str path);
    void read_tables(u32 index);
    void read_inet(u32 index, const char* table, int family, int type);
    void read_unix(u32 index);
    void add_port(HeldSocket& held, int family, int type, Str address);
    bool take_recorded_port(const HeldSocket& held);
    void add_socket_file(const HeldSocket& held, Str path);
    HeldSocket* held(u64 inode);
    void remember(Handle handle, u32 index, Kind kind);

    Reaping& r_;
    size_t first_;
    Array<HeldSocket> sockets_;
    HashMap by_inode_;
};

void Holdings::remember(Handle handle, u32 index, Kind kind) {
    Record* record = r_.ledger.at(handle);
    if (record == nullptr) return;
    Item item;
    item.handle = handle;
    item.generation = ledger::generation_of(*record);
    item.number = static_cast<i32>(index);
    item.kind = kind;
    r_.holdings.push(item);
}

void Holdings::read_descriptors(u32 index) {
    Text<64> path;
    path.add("/proc/").add_decimal(static_cast<u64>(r_.suspects[index].pid)).add("/fd");
    int dir = r_.kernel.open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (dir < 0) return;
    NameReader names(r_, dir);
    const char* name = nullptr;
    u8 type = 0;
    u32 files = 0;
    while (names.next(name, type)) {
        u64 fd = 0;
        if (parse_decimal(name, fd)) read_link(index, static_cast<int>(fd), files);
    }
    r_.kernel.close(dir);
}

bool Holdings::read_target(u32 index, int fd, FileFacts& facts) {
    Text<64> path;
    path.add("/proc/").add_decimal(static_cast<u64>(r_.suspects[index].pid));
    path.add("/fd/").add_decimal(static_cast<u64>(fd));
    return r_.kernel.target_facts(AT_FDCWD, path.c_str(), facts) == 0;
}

/// Whether it is the run's own stdout or stderr: what a reader of the run's output waits for.
void Holdings::look_for_streams(u32 index, const FileFacts& facts, Str target) {
    ledger::Stream kind = ledger::stream_kind(facts.mode, target);
    if (kind == ledger::Stream::none) return;
    const FileId* streams[] = {&r_.header().stdout_at_load, &r_.header().stderr_at_load};
    for (int fd = 1; fd <= 2; ++fd) {
        const FileId& stream = *streams[fd - 1];
        bool same = stream.known() && stream.dev == facts.id.dev && stream.ino == facts.id.ino &&
                    stream.birth == facts.id.birth;
        if (same) mark_stream(index, fd, kind);
    }
}

void Holdings::mark_stream(u32 index, int fd, ledger::Stream stream) {
    const Suspect& suspect = r_.suspects[index];
    Record* record = r_.ledger.at(suspect.handle);
    if (record == nullptr || ledger::generation_of(*record) != suspect.generation) return;
    record->c = ledger::with_stream(record->c, fd, stream);
}

void Holdings::read_link(u32 index, int fd, u32& files) {
    Text<32> link;
    link.add("fd/").add_decimal(static_cast<u64>(fd));
    int pid = r_.suspects[index].pid;
    Str target = r_.kernel.read_link(pid, link.c_str(), r_.buffers.text, sizeof r_.buffers.text);
    constexpr Str kSocket = "socket:[", kPipe = "pipe:[";
    FileFacts facts;
    if (starts_with(target, kSocket) || starts_with(target, kPipe)) {
        bool is_socket = starts_with(target, kSocket);
        Str number = target;
        number.remove_prefix(is_socket ? kSocket.size() : kPipe.size());
        u64 inode = 0;
        if (!parse_decimal(take_until(number, ']'), inode)) return;
        bool may_be_stream =
            inode == r_.header().stdout_at_load.ino || inode == r_.header().stderr_at_load.ino;
        if (may_be_stream && read_target(index, fd, facts)) look_for_streams(index, facts, target);
        if (is_socket) add_socket(index, fd, inode);
    } else if (!target.empty() && target.front() == '/') {
        if ((files >= kMaxFiles && fd > 2) || !read_target(index, fd, facts)) return;
        look_for_streams(index, facts, target);
        if (!S_ISREG(facts.mode) || facts.links == 0 || files >= kMaxFiles) return;
        ++files;
        add_file(index, fd, target);
    }
}

void Holdings::add_socket(u32 index, int fd, u64 inode) {
    if (by_inode_.contains(hash_pair(inode, 0)) || sockets_.size() >= kMaxSockets) return;
    auto place = static_cast<u32>(sockets_.size());
    if (sockets_.push({index, fd, false})) by_inode_.insert(hash_pair(inode, 0), place);
}

void Holdings::add_file(u32 index, int fd, Str path) {
    if (path.size() > ledger::kMaxText) return;
    u32 tail_size = ledger::kTextTailFixed + static_cast<u32>(path.size()) + 1;
    Handle handle = r_.ledger.allocate(r_.request.lease, Kind::file, tail_size);
    if (handle == 0) return;
    Record& record = *r_.ledger.at(handle);
    const Suspect& suspect = r_.suspects[index];
    record.owner = suspect.handle;
    record.scope = suspect.scope;
    record.born = r_.now();
    record.number.store(fd, std::memory_order_relaxed);
    auto* tail = ledger::tail_of<ledger::TextTail>(record);
    tail->size = static_cast<u16>(path.size());
    __builtin_memcpy(tail->text, path.data(), path.size());
    tail->text[path.size()] = '\0';
    r_.ledger.publish(record, State::live);
    remember(handle, index, Kind::file);
}

HeldSocket* Holdings::held(u64 inode) {
    const u32* place = inode == 0 ? nullptr : by_inode_.find(hash_pair(inode, 0));
    return place == nullptr ? nullptr : &sockets_[*place];
}

/// "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 34567 …"
void Holdings::read_inet(u32 index, const char* table, int family, int type) {
    LineReader lines(r_, r_.suspects[index].pid, table);
    Str line;
    lines.next(line);  // the heading
    while (lines.next(line)) {
        next_field(line);
        Str local = next_field(line);
        next_field(line);
        u64 state = 0, inode = 0;
        if (!parse_hex(next_field(line), state)) continue;
        if (state != (type == SOCK_STREAM ? kListenState : kUnconnectedState)) continue;
        for (int skipped = 4; skipped < 9; ++skipped)
            next_field(line);
        if (!parse_decimal(next_field(line), inode)) continue;
        HeldSocket* socket = held(inode);
        if (socket != nullptr && !socket->recorded) add_port(*socket, family, type, local);
    }
}

/// True when a hook has recorded the socket: then that record is the one.
bool Holdings::take_recorded_port(const HeldSocket& held) {
    for (const Item& port : r_.ports) {
        if (port.owner != r_.suspects[held.suspect].handle || port.number != held.fd) continue;
        remember(port.handle, held.suspect, Kind::socket);
        return true;
    }
    return false;
}

/// `address`: the words of the address in hexadecimal, as this machine has them in memory, `:`, the port.
void Holdings::add_port(HeldSocket& held, int family, int type, Str address) {
    held.recorded = true;
    if (take_recorded_port(held)) return;
    Str words = take_until(address, ':');
    u64 port = 0;
    if (!parse_hex(address, port) || port == 0) return;
    u32 bytes[4] = {};
    for (u32 i = 0; i < 4 && words.size() >= 8; ++i) {
        u64 word = 0;
        if (!parse_hex(Str(words.data(), 8), word)) return;
        bytes[i] = static_cast<u32>(word);
        words.remove_prefix(8);
    }
    Handle handle = r_.ledger.allocate(r_.request.lease, Kind::socket, 0);
    if (handle == 0) return;
    Record& record = *r_.ledger.at(handle);
    const Suspect& suspect = r_.suspects[held.suspect];
    u8 flags = type == SOCK_STREAM ? flag::kBound | flag::kListening : flag::kBound;
    record.flags.store(flags, std::memory_order_relaxed);
    record.owner = suspect.handle;
    record.scope = suspect.scope;
    record.born = r_.now();
    record.number.store(held.fd, std::memory_order_relaxed);
    record.a = static_cast<u64>(family) | static_cast<u64>(type) << 16 | port << 32;
    __builtin_memcpy(&record.b, bytes, sizeof record.b);
    __builtin_memcpy(&record.c, bytes + 2, sizeof record.c);
    r_.ledger.publish(record, State::live);
    remember(handle, held.suspect, Kind::socket);
}

/// "0000000000000000: 00000002 00000000 00010000 0001 01 34568 /tmp/a.sock"
void Holdings::read_unix(u32 index) {
    LineReader lines(r_, r_.suspects[index].pid, "net/unix");
    Str line;
    lines.next(line);
    while (lines.next(line)) {
        for (int skipped = 0; skipped < 6; ++skipped)
            next_field(line);
        u64 inode = 0;
        if (!parse_decimal(next_field(line), inode) || line.empty()) continue;
        HeldSocket* socket = held(inode);
        if (socket != nullptr) add_socket_file(*socket, line);
    }
}

/// The file of a socket that no hook saw being bound. It is ours if it came to be during the session, belongs
/// to the session's user, and no hook has recorded it; whether an outsider holds it too is looked at before
/// it is removed.
void Holdings::add_socket_file(const HeldSocket& held, Str name) {
    Suspect& suspect = r_.suspects[held.suspect];
    TextBuffer path(r_.buffers.path, sizeof r_.buffers.path);
    if (name.front() == '@' || name.size() > kSocketPath) return;
    if (name.front() != '/') {
        Str cwd = r_.kernel.read_link(suspect.pid, "cwd", r_.buffers.text, sizeof r_.buffers.text);
        path.add(cwd).add('/');
    }
    path.add(name);
    if (path.truncated() || path.str().front() != '/') return;
    if (ledger::find_named(r_.ledger, Kind::unix_socket, path.str()) != 0) return;
    FileFacts facts;
    if (r_.kernel.facts(AT_FDCWD, path.c_str(), facts) != 0 || !S_ISSOCK(facts.mode)) return;
    if (!r_.is_member(facts.uid) || is_older(r_.header(), facts.id)) return;
    ledger::Author author = r_.author(suspect.handle, suspect.scope);
    Handle handle = ledger::begin_named(author, Kind::unix_socket, path.str(), flag::kByName);
    ledger::commit_named(author, handle, facts.id);
}

void Holdings::read_tables(u32 index) {
    read_inet(index, "net/tcp", AF_INET, SOCK_STREAM);
    read_inet(index, "net/tcp6", AF_INET6, SOCK_STREAM);
    read_inet(index, "net/udp", AF_INET, SOCK_DGRAM);
    read_inet(index, "net/udp6", AF_INET6, SOCK_DGRAM);
    read_unix(index);
}

/// Each network name space has tables of its own; nearly always there is one.
void Holdings::read_all() {
    HashMap spaces;
    for (size_t i = first_; i < r_.suspects.size(); ++i) {
        const Suspect& suspect = r_.suspects[i];
        if (is_alive(suspect) && suspect.handle != 0) read_descriptors(static_cast<u32>(i));
    }
    if (sockets_.empty()) return;
    for (const HeldSocket& socket : sockets_) {
        char name[64];
        Str space = r_.kernel.read_link(r_.suspects[socket.suspect].pid, "ns/net", name, sizeof name);
        u64 key = hash_text(space);
        if (spaces.contains(key)) continue;
        spaces.insert(key);
        read_tables(socket.suspect);
    }
}

}  // namespace

void record_holdings(Reaping& reaping, size_t first) {
    if (first >= reaping.suspects.size()) return;
    Holdings(reaping, first).read_all();
}

void settle_holdings(Reaping& reaping) {
    for (const Item& holding : reaping.holdings) {
        const Suspect& suspect = reaping.suspects[static_cast<u32>(holding.number)];
        bool dead = suspect.life == Suspect::Life::dead;
        State state = State::leaked;
        Outcome outcome = reaping.options.reap ? suspect.outcome : Outcome::kept_by_mode;
        if (dead) {
            state = holding.kind == Kind::socket ? State::reaped : State::gone;
            outcome = Outcome::gone_with_holder;
        } else if (suspect.life == Suspect::Life::spared) {
            state = State::failed;
        }
        // A session that goes on must not be told that a survivor's files were opened just now.
        if (reaping.request.scope != 0 && !dead && holding.kind == Kind::file)
            reaping.ledger.release(reaping.request.lease, holding.handle, holding.generation);
        else
            reaping.settle(holding.handle, holding.generation, State::live, state, outcome);
    }
}

}  // namespace leakshim::reap
