// SPDX-License-Identifier: MIT
//
// The kernel's socket tables as text (proc(5), /proc/net). Chosen over sock_diag(7) since a table of any
// process's network namespace can be read through its own /proc directory, without entering the namespace.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "encoding.h"
#include "process_facts.h"

namespace leakshim::tools {

namespace {

constexpr u64 kTcpListen = 0x0a;
constexpr u64 kUnixAcceptsConnections = 1 << 16;  // __SO_ACCEPTCON

bool parse_number(std::string_view text, int base, u64& value) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool parse_hex(std::string_view text, u64& value) {
    return parse_number(text, 16, value);
}

/// Takes the next field off `line`; empty at its end.
std::string_view take_field(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::string_view field = line.substr(0, line.find(' '));
    line.remove_prefix(field.size());
    return field;
}

std::vector<std::string_view> take_fields(std::string_view& line, size_t count) {
    std::vector<std::string_view> fields;
    for (size_t i = 0; i < count; ++i)
        fields.push_back(take_field(line));
    return fields;
}

/// `0100007F:1F90`: each 32-bit word of the address as the kernel holds it, then the port.
bool parse_endpoint(std::string_view text, bool v6, std::string& address, int& port) {
    size_t digits = v6 ? 32 : 8;
    if (text.size() != digits + 5 || text[digits] != ':') return false;
    u64 number = 0;
    if (!parse_hex(text.substr(digits + 1), number)) return false;
    port = static_cast<int>(number);
    u32 words[4] = {};
    for (size_t i = 0; i < digits / 8; ++i) {
        if (!parse_hex(text.substr(i * 8, 8), number)) return false;
        words[i] = static_cast<u32>(number);
    }
    char readable[INET6_ADDRSTRLEN] = {};
    if (inet_ntop(v6 ? AF_INET6 : AF_INET, words, readable, sizeof readable) == nullptr) return false;
    address = readable;
    return true;
}

/// Columns: number, local, remote, state, queues, timer, retransmits, uid, timeout, inode, …
void parse_inet_line(std::string_view line, bool v6, bool tcp, absl::flat_hash_map<u64, SocketFacts>& to) {
    std::vector<std::string_view> fields = take_fields(line, 10);
    u64 state = 0, inode = 0;
    SocketFacts socket;
    int port = 0;
    if (!parse_endpoint(fields[1], v6, socket.address, port)) return;
    if (!parse_hex(fields[3], state) || !parse_number(fields[9], 10, inode) || inode == 0) return;
    socket.family = v6 ? "inet6" : "inet";
    socket.type = tcp ? "stream" : "dgram";
    socket.port = port;
    socket.listening = tcp && state == kTcpListen;
    to[inode] = std::move(socket);
}

/// Columns: number, references, protocol, flags, type, state, inode, and a path that may hold blanks.
void parse_unix_line(std::string_view line, absl::flat_hash_map<u64, SocketFacts>& to) {
    std::vector<std::string_view> fields = take_fields(line, 7);
    u64 flags = 0, type = 0, inode = 0;
    if (!parse_hex(fields[3], flags) || !parse_hex(fields[4], type) || !parse_number(fields[6], 10, inode))
        return;
    SocketFacts socket;
    socket.family = "unix";
    socket.type = type == 1 ? "stream" : type == 2 ? "dgram" : type == 5 ? "seqpacket" : "";
    socket.listening = (flags & kUnixAcceptsConnections) != 0;
    if (!line.empty()) socket.path = line.substr(1);  // one blank separates it
    to[inode] = std::move(socket);
}

}  // namespace

void parse_socket_table(std::string_view kind, std::string_view text,
                        absl::flat_hash_map<u64, SocketFacts>& to) {
    bool header = true;
    for (const std::string& line : split_bytes(text, '\n')) {
        if (header) {
            header = false;
        } else if (kind == "unix") {
            parse_unix_line(line, to);
        } else {
            parse_inet_line(line, kind.ends_with('6'), kind.starts_with("tcp"), to);
        }
    }
}

}  // namespace leakshim::tools
