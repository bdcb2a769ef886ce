// SPDX-License-Identifier: MIT
//
// Hooks of sockets. Who holds a port in the end is read from the kernel when the report is made; what is
// noted here is which test made the socket, and the socket files that bind leaves in the file system.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "readable.h"
#include "short_way.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

namespace flag = ledger::flag;

int domain_of(const ledger::Record& record) {
    return static_cast<u16>(record.a);
}
int type_of(const ledger::Record& record) {
    return static_cast<u16>(record.a >> 16);
}

/// Where the socket is bound, as the kernel says (the port asked for may have been 0).
void note_address(int fd, u8 flags) {
    ledger::Record* record = own_record_or_new(fd, Kind::socket);
    if (record == nullptr) return;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } address{};
    socklen_t size = sizeof address;
    if (sys::call(SYS_getsockname, fd, sys::ptr(&address), sys::ptr(&size)) == 0) {
        int type = type_of(*record);
        if (address.any.sa_family == AF_INET) {
            record->a = socket_word(AF_INET, type, ntohs(address.v4.sin_port));
            record->b = address.v4.sin_addr.s_addr;
        } else if (address.any.sa_family == AF_INET6) {
            record->a = socket_word(AF_INET6, type, ntohs(address.v6.sin6_port));
            __builtin_memcpy(&record->b, &address.v6.sin6_addr, 16);
        } else {
            record->a = socket_word(address.any.sa_family, type);
        }
    }
    record->flags.fetch_or(flags, std::memory_order_relaxed);
}

int note_accepted(int listener, int fd) {
    ledger::Record* from = recording() ? own_record_shortly(listener) : nullptr;
    u64 word = from == nullptr ? 0 : socket_word(domain_of(*from), type_of(*from));
    return note_fd_shortly(fd, Kind::socket, flag::kConnected, word);
}

/// The name that a bind to `address` makes in the file system, empty for none (another family, abstract,
/// unnamed).
struct SocketName {
    char path[sizeof(sockaddr_un::sun_path) + 1] = {};

    SocketName(const struct sockaddr* address, socklen_t size) {
        constexpr size_t kStart = offsetof(struct sockaddr_un, sun_path);
        if (size <= kStart || size > sizeof(struct sockaddr_un)) return;
        if (!readable(address) || !readable(reinterpret_cast<const char*>(address) + size - 1)) return;
        if (address->sa_family != AF_UNIX) return;
        __builtin_memcpy(path, reinterpret_cast<const char*>(address) + kStart, size - kStart);
    }
};

}  // namespace

HOOK_BODY(int, socket, (int domain, int type, int protocol)) {
    int fd = REAL(socket)(domain, type, protocol);
    return fd >= 0 ? note_fd_shortly(fd, Kind::socket, 0, socket_word(domain, type)) : fd;
}

HOOK_BODY(int, socketpair, (int domain, int type, int protocol, int ends[2])) {
    int result = REAL(socketpair)(domain, type, protocol, ends);
    if (result == 0 && recording()) {
        note_fd(ends[0], Kind::socket, flag::kConnected, socket_word(domain, type));
        note_fd(ends[1], Kind::socket, flag::kConnected, socket_word(domain, type));
    }
    return result;
}

HOOK_BODY(int, accept, (int listener, struct sockaddr* address, socklen_t* size)) {
    int fd = REAL(accept)(listener, address, size);
    return fd >= 0 ? note_accepted(listener, fd) : fd;
}

HOOK_BODY(int, accept4, (int listener, struct sockaddr* address, socklen_t* size, int flags)) {
    int fd = REAL(accept4)(listener, address, size, flags);
    return fd >= 0 ? note_accepted(listener, fd) : fd;
}

HOOK_BODY(int, bind, (int fd, const struct sockaddr* address, socklen_t size)) {
    if (!recording()) return REAL(bind)(fd, address, size);
    SocketName name(address, size);
    Making making(AT_FDCWD, name.path, Kind::unix_socket, flag::kByName);
    int result = REAL(bind)(fd, address, size);
    making.made(result == 0);
    if (result == 0) note_address(fd, flag::kBound);
    return result;
}

HOOK_BODY(int, listen, (int fd, int backlog)) {
    int result = REAL(listen)(fd, backlog);
    if (result == 0 && recording()) note_address(fd, flag::kListening);
    return result;
}

HOOK_BODY(int, connect, (int fd, const struct sockaddr* address, socklen_t size)) {
    int result = REAL(connect)(fd, address, size);
    if (result == 0 && recording()) {
        ledger::Record* record = own_record_shortly(fd);
        if (record != nullptr) record->flags.fetch_or(flag::kConnected, std::memory_order_relaxed);
    }
    return result;
}
HOOK_ALIAS(int, __connect, connect, (int fd, const struct sockaddr* address, socklen_t size));
