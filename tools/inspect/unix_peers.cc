// SPDX-License-Identifier: MIT
//
// Unix sockets and their peers. /proc/net/unix does not tell who is connected to whom; the kernel's socket
// diagnostics do (sock_diag(7), UNIX_DIAG_PEER), to every user.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>

#include "open_files.h"

namespace leakshim::tools {

namespace {

constexpr u32 kAllStates = ~0U;

bool ask(int fd) {
    struct {
        nlmsghdr head;
        unix_diag_req request;
    } question{};
    question.head.nlmsg_len = sizeof question;
    question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    question.request.sdiag_family = AF_UNIX;
    question.request.udiag_states = kAllStates;
    question.request.udiag_show = UDIAG_SHOW_PEER;
    return send(fd, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question);
}

void take(const nlmsghdr& head, absl::flat_hash_map<u64, u64>& to) {
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || head.nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg)))
        return;
    const auto* socket = static_cast<const unix_diag_msg*>(NLMSG_DATA(&head));
    size_t left = head.nlmsg_len - NLMSG_LENGTH(sizeof(unix_diag_msg));
    const char* at = reinterpret_cast<const char*>(socket) + NLMSG_ALIGN(sizeof(unix_diag_msg));
    while (left >= sizeof(rtattr)) {
        rtattr attribute;
        std::memcpy(&attribute, at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > left) return;
        u32 peer = 0;
        bool is_peer = attribute.rta_type == UNIX_DIAG_PEER && attribute.rta_len >= RTA_LENGTH(sizeof peer);
        if (is_peer) {
            std::memcpy(&peer, at + RTA_LENGTH(0), sizeof peer);
            if (peer != 0) to[socket->udiag_ino] = peer;
        }
        size_t step = RTA_ALIGN(attribute.rta_len);
        if (step > left) return;
        at += step, left -= step;
    }
}

}  // namespace

absl::flat_hash_map<u64, u64> read_unix_peers() {
    absl::flat_hash_map<u64, u64> peers;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return peers;
    struct timeval patience {
        2, 0
    };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool more = ask(fd);
    alignas(nlmsghdr) char buffer[32 * 1024];
    while (more) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        more = got > 0;
        auto left = static_cast<u32>(got > 0 ? got : 0);
        for (auto* head = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(head, left);
             head = NLMSG_NEXT(head, left)) {
            if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR) more = false;
            if (more) take(*head, peers);
        }
    }
    close(fd);
    return peers;
}

}  // namespace leakshim::tools
