// SPDX-License-Identifier: MIT
#include "scene.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <stdexcept>

#include "reader.h"
#include "records.h"

namespace leakshim::fuzz {

using namespace leakshim::ledger;

namespace {

constexpr u64 kBorn = 4000 * kSecond;  ///< of the session, since boot
constexpr u64 kOld = 100 * kSecond;    ///< what was there long before
constexpr u32 kDirectory = S_IFDIR | 0700, kFile = S_IFREG | 0600, kSocket = S_IFSOCK | 0700;
constexpr u64 kTerm = u64{1} << (SIGTERM - 1);

template <u32 kSize>
void fill(TextList<kSize>& list, const std::string& texts) {
    memcpy(list.text, texts.data(), texts.size());
    list.size = static_cast<u32>(texts.size());
}

/// Writes the session's side of the world into its ledger.
class Furnisher {
  public:
    Furnisher(World& world, const std::string& path, Role role) : world_(world), path_(path), role_(role) {
        unlink(path.c_str());
        if (ledger_->create(path.c_str()) != 0) throw std::runtime_error("no ledger can be made at " + path);
    }

    std::string run() {
        fill_header();
        add_innocents();
        add_processes();
        add_things();
        add_bystanding_things();
        add_ipc();
        return content();
    }

  private:
    Author author(Handle process) { return {*ledger_, lease_, process, scope_, 0, kBorn + 20 * kSecond}; }

    Handle record(const Process& process, Handle parent, u8 flags = 0) {
        NewProcess facts;
        facts.pid = process.pid, facts.ppid = process.ppid, facts.uid = process.uid;
        facts.pidfd_inode = process.inode, facts.parent = parent, facts.flags = flags;
        facts.command = Str("actor\0stay\0", 11);
        return ledger::add_process(author(0), facts);
    }

    Record& descriptor(Kind kind, Handle owner, int fd) {
        Record* record = ledger_->at(ledger_->allocate(lease_, kind, 0));
        if (record == nullptr) throw std::runtime_error("no room in the ledger");
        record->owner = owner, record->number = fd;
        ledger_->publish(*record, State::live);
        return *record;
    }

    void record(Kind kind, const char* path, const FileId& id, u8 flags = 0) {
        commit_named(author(root_), begin_named(author(root_), kind, path, flags), id);
    }

    Process& innocent(int pid, int ppid, u64 start) {
        Process& process = world_.add_process(pid, ppid, start, false);
        process.lasting = true;
        return process;
    }
    Process& ours(int pid, int ppid, u64 after = 10) {
        return world_.add_process(pid, ppid, kBorn + after * kSecond, true);
    }
    Node& ours(Kind kind, const char* path, u32 mode) {
        Node& node = world_.add_node(path, mode, kBorn + 20 * kSecond, true);
        record(kind, path, node.id);
        return node;
    }
    Node& theirs(const char* path, u32 mode, u64 born = kOld) {
        Node& node = world_.add_node(path, mode, born, false);
        node.spared = true;
        return node;
    }
    /// Recorded once, gone, and made anew by somebody else: `same` also under the same inode.
    void anew(Kind kind, const char* path, u32 mode, bool same) {
        Node& node = world_.add_node(path, mode, kBorn + 30 * kSecond, false);
        FileId id = node.id;
        if (same)
            id.handle += 1;
        else
            id.ino += 100'000;
        record(kind, path, id);
    }

    void fill_header();
    void add_innocents();
    void add_processes();
    void add_things();
    void add_bystanding_things();
    void add_ipc();
    std::string content();

    World& world_;
    std::string path_;
    Role role_;
    // Larger than a stack should hold; what it maps stays mapped until this process ends.
    std::unique_ptr<Ledger> ledger_ = std::make_unique<Ledger>();
    ThreadLease lease_;
    Handle root_ = 0;
    Handle scope_ = 0;
};

void Furnisher::fill_header() {
    Header& head = *ledger_->header();
    strcpy(head.id, "00112233445566778899aabbccddeeff");
    strcpy(head.boot_id, "11111111-2222-4333-8444-555555555555");
    head.pid_namespace = 4026531836;
    head.ipc_namespace = World::kIpcNamespace;
    head.uid = World::kUser;
    head.root_pid = 100;
    head.flags = session_flag::kReap | session_flag::kCi;
    head.created_boottime = kBorn, head.created_realtime = World::kBoot + kBorn;
    head.ancestors[0] = 50, head.ancestors[1] = 1, head.root_ancestors = 2;
    fill(head.command, std::string("pytest\0", 7));
    fill(head.cwd, std::string("/home/you/project\0", 18));
    fill(head.temp_roots, std::string("/tmp\0/dev/shm\0", 14));
    fill(head.exempt_roots, std::string("/home/you\0", 10));
    for (const char* path :
         {"/tmp", "/home", "/home/you", "/home/you/project", "/dev", "/dev/shm", "/mqueue"})
        world_.add_node(path, S_IFDIR | 0755, kOld, false);
    world_.add_node("/home/you/project/file", kFile, kOld, false);
}

void Furnisher::add_innocents() {
    innocent(1, 0, 0).uid = 0;
    innocent(50, 1, kOld);                                    // the shell of the user
    innocent(60, 50, kOld);                                   // a server that was there before
    innocent(300, 60, kBorn + 40 * kSecond).session = path_;  // what it did for a test of ours
    innocent(301, 1, kBorn + 40 * kSecond);                   // same command line, user and time
    innocent(302, 50, kBorn + 40 * kSecond);
    innocent(303, 1, kBorn + 40 * kSecond).uid = World::kOther;
    innocent(304, 1, kBorn + 15 * kSecond).sockets[3] = 7001;
}

void Furnisher::add_processes() {
    Process& root = ours(100, 50, 0);
    root.lasting = true;
    root_ = ledger_->header()->root = record(root, 0, flag::kRoot);
    ledger_->seal();
    lease_.process = root_;
    scope_ = intern_scope(author(root_), "tests/test_a.py::test_b");
    if (role_ == Role::root)
        world_.self_pid = 100;
    else
        root.dead = true;
    if (role_ == Role::guard) ours(9000, 1, 1).lasting = true;
    Process& child = ours(110, role_ == Role::root ? 100 : 1);
    Handle handle = record(child, root_);
    Process& deaf = ours(111, 110);
    deaf.ignored = kTerm, deaf.sockets[5] = 7000;
    Handle deaf_handle = record(deaf, handle);
    record(ours(112, 1), handle);
    ours(113, 111, 12);                // met by no hook, but by its parent
    ours(114, 1, 12).session = path_;  // an orphan that no hook met
    Process& supervisor = ours(115, 1);
    supervisor.session = path_, supervisor.restarts = true, supervisor.caught = kTerm;
    record(supervisor, root_);
    Process& kept = ours(116, 1);
    record(kept, root_, flag::kKeep);
    // Dead ones, whose numbers others have by now.
    for (int pid : {120, 121, 122}) {
        Process& other = world_.add_process(pid, 1, kBorn + 50 * kSecond, false);
        Process was = other;
        was.inode += 500'000;
        record(was, root_);
    }
    Record& port = descriptor(Kind::socket, deaf_handle, 5);
    port.a = AF_INET | u64{1} << 16 | u64{8080} << 32;
    port.flags = flag::kBound | flag::kListening;
    for (int fd : {4, 5, 6}) {
        world_.own[fd] = fd != 6;
        descriptor(fd == 6 ? Kind::file : Kind::socket, root_, fd);
    }
}

void Furnisher::add_things() {
    ours(Kind::temp_file, "/tmp/file", kFile);
    ours(Kind::fifo, "/tmp/fifo", S_IFIFO | 0600);
    ours(Kind::link, "/tmp/link", S_IFLNK | 0777);
    ours(Kind::temp_dir, "/tmp/empty", kDirectory);
    ours(Kind::unix_socket, "/tmp/socket", kSocket);
    ours(Kind::temp_dir, "/tmp/tree", kDirectory);
    for (const char* path : {"/tmp/tree/a", "/tmp/tree/a/b", "/tmp/tree/locked", "/tmp/tree/mounted"})
        world_.add_node(path, kDirectory, kBorn + 25 * kSecond, true);
    world_.walk("/tmp/tree/locked")->mode = S_IFDIR;
    for (const char* path :
         {"/tmp/tree/file", "/tmp/tree/a/file", "/tmp/tree/a/b/file", "/tmp/tree/locked/file"})
        world_.add_node(path, kFile, kBorn + 25 * kSecond, true);
    world_.add_node("/tmp/tree/a/link", S_IFLNK | 0777, kBorn + 25 * kSecond, true);
    ours(Kind::unix_socket, "/tmp/tree/a/socket", kSocket);
    ours(Kind::temp_file, "/tmp/tree/recorded", kFile);
    begin_named(author(root_), Kind::temp_dir, "/tmp/intent");
    world_.unix_table =
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 7000 /tmp/by-no-hook\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 7001 /tmp/tree/theirs\n";
    world_.add_node("/tmp/by-no-hook", kSocket, kBorn + 26 * kSecond, true);
}

void Furnisher::add_bystanding_things() {
    anew(Kind::temp_dir, "/tmp/anew", kDirectory, false);
    anew(Kind::temp_dir, "/tmp/same", kDirectory, true);
    anew(Kind::temp_file, "/tmp/same-file", kFile, true);
    anew(Kind::unix_socket, "/tmp/same-socket", kSocket, true);
    anew(Kind::temp_dir, "/tmp/became-a-link", S_IFLNK | 0777, false);
    theirs("/tmp/theirs", kDirectory);
    theirs("/tmp/theirs/file", kFile);
    theirs("/tmp/tree/old", kFile);
    theirs("/tmp/tree/theirs", kSocket, kBorn + 25 * kSecond);
    theirs("/tmp/tree/a/other-user", kFile, kBorn + 25 * kSecond).uid = World::kOther;
    Node& stood_in = theirs("/tmp/tree/a/stood-in", kDirectory, kBorn + 25 * kSecond);
    world_.find(302)->cwd = &stood_in;
    Node& mounted = *world_.walk("/tmp/tree/mounted");
    mounted.mount = 2, mounted.spared = true, mounted.ours = false;
    theirs("/tmp/tree/mounted/precious", kFile, kBorn + 25 * kSecond);
}

void Furnisher::add_ipc() {
    ours(Kind::posix_shm, "/dev/shm/ours", kFile);
    ours(Kind::named_semaphore, "/dev/shm/sem.ours", kFile);
    ours(Kind::message_queue, "/mqueue/ours", kFile);
    // As libc is given them, beside the paths that they have here.
    record(Kind::posix_shm, "/ours", world_.walk("/dev/shm/ours")->id);
    record(Kind::named_semaphore, "/ours", world_.walk("/dev/shm/sem.ours")->id);
    record(Kind::message_queue, "/ours", world_.walk("/mqueue/ours")->id);
    for (auto [kind, path, name] : {std::tuple{Kind::posix_shm, "/dev/shm/anew", "/anew"},
                                    std::tuple{Kind::named_semaphore, "/dev/shm/sem.anew", "/anew"},
                                    std::tuple{Kind::message_queue, "/mqueue/anew", "/anew"}}) {
        FileId id = world_.add_node(path, kFile, kBorn + 30 * kSecond, false).id;
        id.ino += 100'000;
        record(kind, name, id);
    }
    int id = 10;
    for (Kind kind : {Kind::sysv_shm, Kind::sysv_sem, Kind::sysv_msg}) {
        id += 3;
        SysV& object = world_.add_sysv(kind, id, 0x4c4b0000u + static_cast<u32>(id), true);
        ledger::add_sysv(author(root_), kind, object.id, object.facts.key, object.facts.changed, 0);
        SysV& other = world_.add_sysv(kind, id + 1, 0x4c4b0001u + static_cast<u32>(id), false);
        // The same key, with another id: that was removed, and made anew by somebody else.
        ledger::add_sysv(author(root_), kind, other.id + 32768, other.facts.key, other.facts.changed - 1, 0);
        world_.add_sysv(kind, id + 2, 0, false);
    }
}

std::string Furnisher::content() {
    std::string bytes(ledger_->header()->next_chunk * kChunkSize, '\0');
    int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    bool whole = pread(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    close(fd);
    if (!whole) throw std::runtime_error("the ledger can't be read back");
    return bytes;
}

class BytesSource : public Source {
  public:
    explicit BytesSource(const std::string& bytes) : bytes_(bytes) {}
    bool read(u64 offset, void* to, size_t size) override {
        if (offset > bytes_.size() || size > bytes_.size() - offset) return false;
        memcpy(to, bytes_.data() + offset, size);
        return true;
    }

  private:
    const std::string& bytes_;
};

}  // namespace

std::string furnish(World& world, const std::string& path, Role role) {
    return Furnisher(world, path, role).run();
}

void write_ledger(const std::string& path, const std::string& bytes, bool whole) {
    static u64 made_size = 0;
    struct stat made {};
    if (made_size == 0 && stat(path.c_str(), &made) == 0) made_size = static_cast<u64>(made.st_size);
    unlink(path.c_str());
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    // As long as the one that was made: sparse, and larger than what is in use.
    if (whole) written = written && ftruncate(fd, static_cast<off_t>(made_size)) == 0;
    close(fd);
    if (!written) throw std::runtime_error("a ledger could not be written");
}

bool read_claims(World& world, const std::string& bytes) {
    BytesSource source(bytes);
    auto header = std::make_unique<Header>();
    if (read_header(source, *header) != Verdict::ok) return false;
    auto walker = std::make_unique<Walker>(source, *header);
    for (Entry entry; walker->next(entry);)
        world.claims.all.push_back(
            {entry.kind, entry.number, entry.a, entry.b, entry.c, entry.d, entry.born});
    for (u32 i = 0; i < header->root_ancestors && i < std::size(header->ancestors); ++i)
        world.claims.ancestors.push_back(header->ancestors[i]);
    bool same = header->uid == World::kUser && header->created_realtime == World::kBoot + kBorn;
    world.spares_hold = same && header->created_boottime == kBorn;
    return true;
}

}  // namespace leakshim::fuzz
