// SPDX-License-Identifier: MIT
//
// A machine in memory for the reaper to act on: processes, a file system and IPC objects that exist nowhere
// else, behind the reaper's own kernel interface. It knows of each thing whose it is, and writes down every
// action on one that is neither the session's nor claimed, with its full identity, by the ledger at hand.
//
// Guarantees: no method touches the real machine; time passes only by being asked for and waited for, so that
// a run is over in microseconds and is the same each time for the same random numbers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel.h"

namespace leakshim::fuzz {

/// A small random generator; the same seed gives the same numbers.
class Random {
  public:
    explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
    u64 next();
    u64 below(u64 limit) { return next() % limit; }
    bool one_in(u64 many) { return below(many) == 0; }

  private:
    u64 state_;
};

/// A file, directory, link, socket file or named IPC object.
struct Node {
    std::string name;
    FileId id;
    u32 mode = 0;
    u32 uid = 0;
    u64 links = 1;
    u64 mount = 1;
    bool ours = false;    ///< made by the session
    bool spared = false;  ///< lies in a tree of ours, and is not to be touched all the same
    bool gone = false;
    Node* parent = nullptr;
    std::map<std::string, std::unique_ptr<Node>> children;
};

struct Process {
    int pid = 0;
    int ppid = 1;
    u64 start = 0;  ///< ns since boot, whole ticks
    u64 inode = 0;  ///< of its pidfd
    u32 uid = 0;
    u64 caught = 0;
    u64 ignored = 0;
    bool ours = false;
    bool dead = false;
    bool zombie = false;
    bool lasting = false;   ///< its number goes to nobody else
    bool restarts = false;  ///< goes on as another process when it is asked to end, a few times
    std::string session;    ///< LEAKSHIM_SESSION in its environment
    Node* cwd = nullptr;
    std::map<int, u64> sockets;  ///< descriptor → inode
};

struct SysV {
    ledger::Kind kind = ledger::Kind::sysv_shm;
    int id = 0;
    reap::IpcFacts facts;
    bool ours = false;
    bool gone = false;
};

/// What the ledger says, after it was damaged, of what is its own.
struct Claims {
    struct Claim {
        ledger::Kind kind;
        i32 number;
        u64 a, b, c, d, born;
    };
    std::vector<Claim> all;
    std::vector<i32> ancestors;  ///< whose children may be orphans of the session's

    bool process(const Process& process) const;
    bool node(const Node& node) const;
    bool sysv(const SysV& object) const;
};

class World : public reap::Kernel {
  public:
    static constexpr u32 kUser = 1000, kOther = 1001;
    static constexpr u64 kBoot = 1'700'000'000ULL * kSecond;  ///< ns since the epoch at boot
    static constexpr u64 kNow = 5000 * kSecond;               ///< since boot
    static constexpr u64 kIpcNamespace = 4026531839;

    explicit World(u64 seed);

    // Furnishing it.
    Process& add_process(int pid, int ppid, u64 start, bool ours);
    Node& add_node(std::string_view path, u32 mode, u64 born, bool ours);
    SysV& add_sysv(ledger::Kind kind, int id, u64 key, bool ours);
    Process* find(int pid);
    Node* walk(std::string_view path);

    Random random;
    Claims claims;
    int self_pid = 9000;
    u64 fail_one_in = 0;      ///< 0: never
    u64 reuse_one_in = 0;     ///< how often a pid becomes somebody else's
    bool spares_hold = true;  ///< false: what spares things inside a tree can't be relied on
    std::map<int, bool> own;  ///< descriptors of the session's root when it is us: true: it may be retired
    std::string unix_table;   ///< /proc/PID/net/unix
    /// What was done that must not be done, in words.
    std::vector<std::string> violations;
    u64 actions = 0;  ///< signals and removals of what is ours
    size_t open_handles() const { return handles_.size(); }

    // reap::Kernel
    u64 boottime() override { return now_ += 1000; }
    u64 realtime() override { return kBoot + boottime(); }
    void sleep(u64 ns) override { now_ += ns; }
    int self() override { return self_pid; }
    u32 uid() override { return kUser; }
    bool has_children() override { return true; }
    bool exists(int pid) override;
    bool read_stat(int pid, ProcessStat& stat) override;
    bool read_signals(int pid, ProcessSignals& signals) override;
    Str read_variable(int pid, Str key, char* to, size_t size) override;
    long read_process(int pid, const char* name, char* to, size_t size) override;
    Str read_link(int pid, const char* name, char* to, size_t size) override;
    int pidfd_open(int pid) override;
    u64 pidfd_inode(int pidfd) override;
    int pidfd_signal(int pidfd, int signal) override;
    int poll(struct pollfd* fds, size_t count, u64 timeout) override;
    int raise_fd_limit() override { return 0; }
    int open(int dirfd, const char* path, int flags) override;
    int open_beneath(int dirfd, const char* name, int flags) override;
    int close(int fd) override;
    long read(int fd, void* to, size_t size) override;
    long read_entries(int fd, void* to, size_t size) override;
    int facts(int dirfd, const char* path, FileFacts& facts) override;
    int entry_facts(int dirfd, const char* name, FileFacts& facts) override;
    int target_facts(int dirfd, const char* path, FileFacts& facts) override;
    int unlink(int dirfd, const char* name) override { return remove(dirfd, name, false); }
    int rmdir(int dirfd, const char* name) override { return remove(dirfd, name, true); }
    int chmod_directory(int fd, u32 mode) override;
    int retire(int dead, int fd) override;
    int try_connect(int, int) override { return fails() ? -EACCES : -ECONNREFUSED; }
    int descriptor_flags(int fd) override;
    u64 ipc_namespace() override { return kIpcNamespace; }
    int ipc_facts(ledger::Kind kind, int id, reap::IpcFacts& facts) override;
    int ipc_remove(ledger::Kind kind, int id) override;
    int semaphore_pid(int, u32) override { return 0; }
    int queue_open(const char* name) override;
    int queue_unlink(const char* name) override;

  private:
    /// What a descriptor stands for: one of these.
    struct Open {
        Node* node = nullptr;
        Process* process = nullptr;
        std::string text;                ///< of a file of /proc
        std::vector<std::string> names;  ///< of a directory that is being read
        size_t at = 0;
        int pid_of_fds = 0;  ///< /proc/PID/fd
        bool listed = false;
    };

    bool fails();
    void maybe_reuse(Process& process);
    Open* handle(int fd);
    int hand_out(Open open);
    Node* resolve(int dirfd, std::string_view path, bool follow_last);
    int open_proc(std::string_view path);
    int remove(int dirfd, const char* name, bool directory);
    void judge(const Node& node, const char* what);
    bool may_touch(const Node& node) const;
    bool may_signal(const Process& process) const;
    void die(Process& process);
    void accuse(const std::string& what) { violations.push_back(what); }

    u64 now_ = kNow;
    u64 next_ino_ = 100;
    int next_fd_ = 1000;
    int next_pid_ = 700;
    std::map<int, Open> handles_;
    std::vector<std::unique_ptr<Process>> processes_;  ///< also the dead: a pidfd may hold one
    std::vector<std::unique_ptr<SysV>> objects_;
    std::vector<std::unique_ptr<Node>> removed_;
    Node root_;
};

}  // namespace leakshim::fuzz
