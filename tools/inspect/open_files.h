// SPDX-License-Identifier: MIT
//
// Who has which pipe, fifo and socket open, over all processes that may be looked at: whoever waits for the
// end of a pipe waits for everybody who holds its write end.
//
// Guarantees: as in task.h. What could not be seen is counted, since an answer that leaves it out is half an
// answer.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>
#include <vector>

#include "process_facts.h"

namespace leakshim::tools {

enum class FileKind {
    pipe,
    fifo,
    socket,
    terminal,
    file,
    pidfd,
    epoll,
    eventfd,
    timerfd,
    signalfd,
    inotify,
    other
};

/// `pipe`, `unix socket` …, for people.
std::string_view file_kind_name(FileKind kind);

/// One descriptor of one process.
struct OpenFile {
    int pid = 0;
    int fd = -1;
    FileKind kind = FileKind::other;
    std::string target;  ///< as /proc shows it: a path, `pipe:[123]`
    bool reads = false;
    bool writes = false;
    int process = 0;           ///< of a pidfd: whom it stands for; 0 when he is gone
    std::vector<int> watched;  ///< of an epoll: descriptors in its set
    std::optional<u64> inode;  ///< of a socket
};

/// All descriptors of a process, ascending; none when they may not be seen.
std::vector<OpenFile> open_files_of(int pid);

/// Descriptor `fd` of `pid`; nothing when it is not open, or may not be looked at.
std::optional<OpenFile> open_file(int pid, int fd);

class OpenFiles {
  public:
    /// Everybody who has the same pipe, fifo or socket open, in the order of pids. The whole of /proc is read
    /// once, with the first question.
    std::vector<OpenFile> sharers_of(const OpenFile& file);

    /// Who has the other end of a connected socket open; empty when nobody has, or when it is on another
    /// machine.
    std::vector<OpenFile> peers_of(const OpenFile& socket);

    /// The socket as a person names it; its family is empty when nothing is known of it.
    SocketFacts facts_of(const OpenFile& socket);

    /// Processes whose descriptors we may not see.
    size_t unseen() const { return unseen_; }

  private:
    struct Holder {
        int pid, fd;
    };
    void scan();
    const absl::flat_hash_map<u64, SocketFacts>& sockets_near(int pid);
    std::vector<OpenFile> holders_of(const std::string& target);

    bool scanned_ = false;
    size_t unseen_ = 0;
    absl::flat_hash_map<std::string, std::vector<Holder>> holders_;
    absl::flat_hash_map<std::string, absl::flat_hash_map<u64, SocketFacts>> sockets_;
    std::optional<absl::flat_hash_map<u64, u64>> unix_peers_;
};

/// Which unix socket (by inode) is connected to which, in this network namespace (sock_diag(7)). Empty where
/// the kernel does not say.
absl::flat_hash_map<u64, u64> read_unix_peers();

}  // namespace leakshim::tools
