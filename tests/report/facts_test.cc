// SPDX-License-Identifier: MIT
//
// What the kernel says of living processes, against things that this test makes itself.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "ledger_builder.h"
#include "proc.h"
#include "process_facts.h"
#include "sys.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;

namespace {

/// A child that only waits to be killed.
class Sleeper {
  public:
    Sleeper() : pid_(fork()) {
        if (pid_ == 0) {
            for (;;)
                pause();
        }
    }
    ~Sleeper() {
        kill_and_keep_zombie();
        waitpid(pid_, nullptr, 0);
    }
    void kill_and_keep_zombie() {
        kill(pid_, SIGKILL);
        siginfo_t info;
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    }
    int pid() const { return pid_; }

  private:
    pid_t pid_;
};

u64 inode_of(int pid) {
    int fd = sys::pidfd_open(pid);
    struct stat st {};
    fstat(fd, &st);
    close(fd);
    return st.st_ino;
}

int listen_on_loopback(u16& port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(fd, reinterpret_cast<struct sockaddr*>(&address), size) == 0);
    REQUIRE(listen(fd, 1) == 0);
    REQUIRE(getsockname(fd, reinterpret_cast<struct sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    return fd;
}

int listen_on_path(const std::string& path) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(fd, 1) == 0);
    return fd;
}

const SocketFacts* socket_at(const Holds& holds, int fd) {
    auto found = std::find_if(holds.sockets.begin(), holds.sockets.end(),
                              [&](const SocketFacts& s) { return s.fd == fd; });
    return found == holds.sockets.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("a process is alive until it is killed, and a zombie is dead") {
    Sleeper sleeper;
    ProcessStat stat;
    REQUIRE(read_process_stat(sleeper.pid(), stat));
    u64 inode = inode_of(sleeper.pid());
    CHECK(is_alive({sleeper.pid(), inode, stat.start, 0}));
    CHECK(is_alive({sleeper.pid(), 0, stat.start, 0}));
    CHECK(is_alive({sleeper.pid(), 0, 0, sys::boottime()}));
    sleeper.kill_and_keep_zombie();
    CHECK_FALSE(is_alive({sleeper.pid(), inode, stat.start, 0}));
    CHECK_FALSE(is_alive({sleeper.pid(), 0, stat.start, 0}));
}

TEST_CASE("another process with the same pid is not taken for the one that was recorded") {
    Sleeper sleeper;
    ProcessStat stat;
    REQUIRE(read_process_stat(sleeper.pid(), stat));
    CHECK_FALSE(is_alive({sleeper.pid(), inode_of(sleeper.pid()) + 1, 0, 0}));
    CHECK_FALSE(is_alive({sleeper.pid(), 0, stat.start + kSecond, 0}));
    CHECK_FALSE(is_alive({sleeper.pid(), 0, 0, stat.start / 2}));
    CHECK_FALSE(is_alive({0, 0, 0, 0}));
    CHECK_FALSE(is_alive({-1, 0, 0, 0}));
}

TEST_CASE("the ports, socket files and files that a process holds are read from the kernel") {
    ScratchDirectory scratch;
    u16 port = 0;
    int tcp = listen_on_loopback(port);
    int unix_socket = listen_on_path(scratch / "with a blank.sock");
    int file = open((scratch / "log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    HoldsReader reader;
    Holds holds = reader.of(getpid());
    const SocketFacts* port_held = socket_at(holds, tcp);
    REQUIRE(port_held != nullptr);
    CHECK(port_held->family == "inet");
    CHECK(port_held->type == "stream");
    CHECK(port_held->address == "127.0.0.1");
    CHECK(port_held->port == port);
    CHECK(port_held->listening);
    const SocketFacts* path_held = socket_at(holds, unix_socket);
    REQUIRE(path_held != nullptr);
    CHECK(path_held->path == scratch / "with a blank.sock");
    CHECK(path_held->listening);
    CHECK(std::count(holds.files.begin(), holds.files.end(), scratch / "log") == 1);
    CHECK(std::count(holds.files.begin(), holds.files.end(), "/dev/null") == 0);
    for (int fd : {tcp, unix_socket, file, null})
        close(fd);
    CHECK(socket_at(HoldsReader().of(getpid()), tcp) == nullptr);
}

TEST_CASE("what a process that is gone holds is nothing") {
    int pid = 0;
    {
        Sleeper sleeper;
        pid = sleeper.pid();
    }
    CHECK(HoldsReader().of(pid).empty());
}

TEST_CASE("lines of the socket tables are understood, and broken ones passed over") {
    absl::flat_hash_map<u64, SocketFacts> table;
    parse_socket_table("tcp6",
                       "header\n"
                       "  0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A "
                       "0:0 00:0 0 0 0 77 1\n"
                       "  1: 0000:1F90 00:0000 0A 0:0 00:0 0 0 0 78 1\n"
                       "  2: short\n",
                       table);
    REQUIRE(table.size() == 1);
    CHECK(table[77].address == "::1");
    CHECK(table[77].port == 8080);
    CHECK(table[77].listening);
    parse_socket_table("udp", "header\n  0: 0100007F:14E9 00000000:0000 07 0:0 00:0 0 0 0 79 1\n", table);
    CHECK(table[79].type == "dgram");
    CHECK_FALSE(table[79].listening);
    parse_socket_table(
        "unix", "header\n0000: 00000002 00000000 00010000 0001 01 80 @abstract\n0000: 1 0 0 0005 03 81\n",
        table);
    CHECK(table[80].path == "@abstract");
    CHECK(table[80].listening);
    CHECK(table[81].type == "seqpacket");
    CHECK(table[81].path.empty());
}
