// SPDX-License-Identifier: MIT
//
// What a living process is and holds, read from the kernel at this moment. A process that goes away while it
// is looked at is an ordinary answer. Nothing here changes anything, sends a signal or opens a device.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>
#include <vector>

#include "file_id.h"
#include "kinds.h"

namespace leakshim::tools {

/// Which process is meant: a pid alone may be somebody else's by now.
struct ProcessIdentity {
    int pid = 0;
    u64 pidfd_inode = 0;  ///< 0: not known
    u64 start = 0;        ///< ns since boot; 0: not known
    u64 born = 0;         ///< ns since boot at which it was first seen: it can't have started later
};

/// Whether exactly that process lives. A zombie with no other thread is dead.
bool is_alive(const ProcessIdentity& identity);

/// Inode of /proc/self/ns/pid, and the text of /proc/sys/kernel/random/boot_id. 0 and empty when not
/// readable.
u64 own_pid_namespace();
std::string own_boot_id();

/// One socket, as a person names it.
struct SocketFacts {
    int fd = -1;          ///< in the process that was asked; -1: not known
    std::string family;   ///< `inet`, `inet6`, `unix`, `netlink`, … ; empty: not known
    std::string type;     ///< `stream`, `dgram`, `seqpacket`, `raw`; empty: not known
    std::string address;  ///< without port; empty for a socket that is bound to none
    std::optional<int> port;
    std::string path;  ///< of a unix socket; an abstract one begins with `@`
    bool listening = false;
    bool operator==(const SocketFacts&) const = default;
};

/// What a run's own output goes to, or how somebody holds it; by descriptor, 1 or 2.
template <typename What>
struct OfStreams {
    What values[2] = {};
    What& of(int fd) { return values[fd - 1]; }
    const What& of(int fd) const { return values[fd - 1]; }
};

/// What a process has open, other than its standard devices.
struct Holds {
    std::vector<SocketFacts> sockets;
    std::vector<std::string> files;  ///< full paths, sorted, each once; of files that have one
    /// How it holds the run's own stdout and stderr, by whatever number: whoever reads them waits for it.
    OfStreams<ledger::Stream> output;
    bool has_output() const {
        return output.of(1) != ledger::Stream::none || output.of(2) != ledger::Stream::none;
    }
    bool empty() const { return sockets.empty() && files.empty() && !has_output(); }
};

/// Looks up what processes hold. Keeps the socket tables of the network namespaces that it has read, so that
/// a thousand processes cost one read of each; make a new one to look anew.
class HoldsReader {
  public:
    HoldsReader() = default;
    /// `output`: the run's own stdout and stderr as they were when it began; not known() where it had none.
    explicit HoldsReader(OfStreams<FileId> output) : output_(output) {}

    /// What process `pid` holds now; empty when it is gone or another user's.
    Holds of(int pid);

  private:
    using SocketTable = absl::flat_hash_map<u64, SocketFacts>;
    const SocketTable& sockets_seen_by(int pid);
    void look_for_output(const std::string& link, const std::string& target, Holds& holds) const;

    OfStreams<FileId> output_;
    absl::flat_hash_map<std::string, SocketTable> tables_;  ///< by network namespace
};

/// Reads one of /proc/net's tables (`kind` is `tcp`, `tcp6`, `udp`, `udp6`, `unix`) into `to`, by inode.
/// Apart from the reader for the tests.
void parse_socket_table(std::string_view kind, std::string_view text,
                        absl::flat_hash_map<u64, SocketFacts>& to);

}  // namespace leakshim::tools
