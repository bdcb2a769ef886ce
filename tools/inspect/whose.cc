// SPDX-License-Identifier: MIT
#include "whose.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "encoding.h"
#include "kinds.h"
#include "open_files.h"
#include "sys.h"
#include "task.h"
#include "text_words.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostTable = 64 << 20;

bool takes_port(const SocketFacts& socket, int port) {
    bool internet = socket.family == "inet" || socket.family == "inet6";
    return internet && socket.port == port;
}

/// Of sockets with this port those that hold it: connections of theirs have the same number.
bool holds_it(const SocketFacts& socket) {
    return socket.listening || socket.type != "stream";
}

class Finder {
  public:
    explicit Finder(const Knowledge& knowledge) : knowledge_(knowledge) {}

    Whose find(const WhoseQuestion& question) {
        if (question.port != 0) find_port(question.port);
        if (!question.path.empty()) find_path(question.path);
        if (question.pid != 0) find_process(question.pid);
        for (const std::string& problem : knowledge_.problems())
            whose_.notes.push_back(problem);
        return std::move(whose_);
    }

  private:
    Owner owner_of(int pid, std::string what, std::string how) {
        Owner owner;
        owner.what = std::move(what), owner.how = std::move(how);
        owner.now = owner.alive = true;
        owner.pid = pid;
        if (auto look = look_at(pid)) {
            owner.command = look->command.empty() ? std::vector{look->name} : look->command;
            owner.since = sys::clock(CLOCK_REALTIME) - sys::boottime() + look->start;
        }
        owner.test = knowledge_.test_of(pid);
        if (const Report* report = knowledge_.session_of(pid)) {
            owner.session = report->session.id;
            owner.session_state = session_state_name(report->session.state);
        }
        return owner;
    }

    void add_record(const KnownItem& known, std::string what, std::string how) {
        const Item& item = *known.item;
        const Report& report = *known.report;
        Owner owner;
        owner.what = std::move(what), owner.how = std::move(how);
        owner.test = policy::test_name(report.test_of(item));
        owner.site = report.site_of(item);
        owner.state = ledger::state_name(item.state);
        owner.session = report.session.id;
        owner.session_state = session_state_name(report.session.state);
        const Session& session = report.session;
        if (session.started != 0) owner.since = session.started + item.born - session.started_boot;
        if (const Process* process = report.process_of(item)) {
            owner.pid = process->pid;
            owner.alive = is_alive(process->identity);
            owner.command = command_of(*process, false);
        }
        whose_.owners.push_back(std::move(owner));
    }

    void find_port(int port) {
        HoldsReader reader;
        std::vector<Owner> connected;
        for (int pid : all_processes()) {
            for (const SocketFacts& socket : reader.of(pid).sockets) {
                if (!takes_port(socket, port)) continue;
                std::vector<Owner>& to = holds_it(socket) ? whose_.owners : connected;
                bool again =
                    !to.empty() && to.back().pid == pid && to.back().what == socket_words(socket, true);
                if (again) continue;
                to.push_back(owner_of(pid, socket_words(socket, true),
                                      socket.listening          ? "listens"
                                      : socket.type == "stream" ? "is connected"
                                                                : "is bound"));
            }
        }
        if (whose_.owners.empty()) whose_.owners = std::move(connected);
        if (whose_.owners.empty()) note_unseen_port(port);
        for (const KnownItem& known : knowledge_.items_with_port(port))
            add_record(known, socket_words(socket_of(*known.item), true), "made it");
    }

    /// The kernel's table names the socket also where its process may not be looked at.
    void note_unseen_port(int port) {
        for (const char* kind : {"tcp", "tcp6", "udp", "udp6"}) {
            absl::flat_hash_map<u64, SocketFacts> table;
            parse_socket_table(kind, read_small(fmt::format("/proc/self/net/{}", kind), kMostTable), table);
            for (const auto& [inode, socket] : table) {
                if (!takes_port(socket, port) || !holds_it(socket)) continue;
                whose_.notes.push_back(fmt::format(
                    "{} is held by a process that may not be looked at: another user's, or one of another "
                    "container; ask as root",
                    socket_words(socket, true)));
            }
        }
    }

    void find_path(const std::string& asked) {
        std::error_code error;
        std::string path = std::filesystem::absolute(asked, error).lexically_normal();
        while (path.size() > 1 && path.back() == '/')
            path.pop_back();
        struct stat st {};
        if (lstat(path.c_str(), &st) != 0)
            whose_.notes.push_back(fmt::format("there is no {} now ({})", path, strerror(errno)));
        HoldsReader reader;
        for (int pid : all_processes()) {
            std::string how = use_of(pid, path, reader);
            if (!how.empty()) whose_.owners.push_back(owner_of(pid, path, how));
        }
        for (const KnownItem& known : knowledge_.items_at(path)) {
            std::string name(known.item->text);
            bool opened = ledger::is_fd(known.item->kind);
            add_record(known, name, opened ? "opened it" : name == path ? "made it" : "made what it lies in");
        }
    }

    /// How a process uses a path; empty when it does not.
    std::string use_of(int pid, const std::string& path, HoldsReader& reader) {
        if (pid == getpid()) return {};
        std::string directory = link_target(fmt::format("/proc/{}/cwd", pid));
        auto is_below = [&](std::string_view name) {
            return name.starts_with(path) && (name.size() == path.size() || name[path.size()] == '/');
        };
        if (is_below(directory)) return "has it as its directory";
        Holds holds = reader.of(pid);
        for (const std::string& file : holds.files) {
            if (file == path) return "has it open";
            if (is_below(file)) return "has a file in it open";
        }
        for (const SocketFacts& socket : holds.sockets) {
            if (socket.family == "unix" && socket.path == path) return "has the socket";
        }
        return {};
    }

    void find_process(int pid) {
        if (look_at(pid)) {
            Owner owner = owner_of(pid, "process", "runs");
            owner.holds = HoldsReader().of(pid);
            whose_.owners.push_back(std::move(owner));
        }
        for (const KnownProcess& known : knowledge_.bearers_of(pid)) {
            const Process& process = known.process();
            if (process.item == kNone) continue;
            add_record({known.report, &known.report->items[process.item]}, "process",
                       is_alive(process.identity) ? "is recorded" : "bore this number, and is dead");
        }
    }

    const Knowledge& knowledge_;
    Whose whose_;
};

}  // namespace

Whose find_owners(const WhoseQuestion& question, const Knowledge& knowledge) {
    return Finder(knowledge).find(question);
}

}  // namespace leakshim::tools
