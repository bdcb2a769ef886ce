// SPDX-License-Identifier: MIT
#include "hang.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <set>

#include "proc.h"
#include "symbol.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostProcesses = 12;
constexpr size_t kMostDescriptors = 256;

bool is_runner(int pid) {
    std::string program = program_of(pid);
    return program.substr(program.rfind('/') + 1) == "leakshim-run";
}

/// The command of a leakshim-run: the eldest of its children but its witness. 0 when there is none.
int command_of_runner(int runner) {
    for (const ProcessLook& child : children_of(runner)) {
        if (child.name != "leakshim-witns" && !child.dead) return child.pid;
    }
    return 0;
}

class Explainer {
  public:
    explicit Explainer(const Knowledge& knowledge) : knowledge_(knowledge) {}

    std::optional<Hang> explain(int pid) {
        hang_.pid = pid;
        auto look = look_at(pid);
        if (!look || look->dead)
            return explain_survivors(pid) ? std::optional(std::move(hang_)) : std::nullopt;
        if (is_runner(pid)) {
            int command = command_of_runner(pid);
            hang_.runner = command != 0 ? pid : 0;
            if (command != 0) hang_.pid = command;
        }
        if (const Report* report = knowledge_.session_of(pid)) take_session(*report);
        queue_.push_back({hang_.pid, HangRole::asked, 0});
        seen_.insert(hang_.pid);
        work();
        return std::move(hang_);
    }

  private:
    struct Step {
        int pid;
        HangRole role;
        int waiter;
    };

    void take_session(const Report& report) {
        hang_.session = report.session.id;
        hang_.ledger = report.session.ledger;
    }

    void work() {
        while (!queue_.empty()) {
            Step step = queue_.front();
            queue_.pop_front();
            if (hang_.processes.size() == kMostProcesses) {
                hang_.more = true;
                break;
            }
            if (auto process = explain_process(step)) hang_.processes.push_back(std::move(*process));
        }
        say_what_was_unseen();
    }

    void say_what_was_unseen() {
        if (files_.unseen() != 0) {
            hang_.unseen.push_back(fmt::format(
                "the descriptors of {} processes of other users could not be looked at; one of them may hold "
                "a pipe too",
                files_.unseen()));
        }
        for (const HangProcess& process : hang_.processes) {
            if (!process.hidden) continue;
            hang_.unseen.push_back(fmt::format(
                "the system calls of process {} may not be seen (another user's, or kernel.yama.ptrace_scope "
                "forbids it); as root more can be said",
                process.who.pid));
        }
        for (const std::string& problem : knowledge_.problems())
            hang_.unseen.push_back(problem);
    }

    Party party_of(int pid, int fd = -1) const {
        Party party;
        party.pid = pid, party.fd = fd;
        if (auto look = look_at(pid)) {
            party.state = look->state, party.name = look->name, party.command = look->command;
        }
        party.test = knowledge_.test_of(pid);
        if (const Report* report = knowledge_.session_of(pid)) party.session = report->session.id;
        return party;
    }

    void follow(const Party& party, int waiter) {
        if (party.pid <= 1 || party.pid == waiter || party.pid == getpid() || !seen_.insert(party.pid).second)
            return;
        queue_.push_back({party.pid, HangRole::waited_for, waiter});
    }

    std::optional<HangProcess> explain_process(const Step& step) {
        std::vector<Task> tasks = tasks_of(step.pid);
        if (tasks.empty()) return std::nullopt;
        HangProcess process;
        process.who = party_of(step.pid);
        process.role = step.role, process.waiter = step.waiter;
        bool native = is_native(step.pid);
        auto known = knowledge_.process(step.pid);
        for (const Task& task : tasks) {
            if (!task.call_known && task.state == 'S') process.hidden = true;
            process.threads.push_back(explain_thread(step.pid, task, tasks, native));
            if (known) take_record(*known, process.threads.back());
        }
        explain_outputs(process, step.role == HangRole::survivor);
        return process;
    }

    HangThread explain_thread(int pid, const Task& task, const std::vector<Task>& tasks, bool native) {
        HangThread thread;
        thread.tid = task.tid, thread.state = task.state, thread.name = task.name;
        thread.first = task.tid == pid;
        thread.wait = wait_of(pid, task, tasks, native);
        // Who waits for a signal with children alive waits for SIGCHLD: timeout(1), and many a shell.
        if (thread.wait.kind == WaitKind::child || thread.wait.kind == WaitKind::vfork ||
            thread.wait.kind == WaitKind::signal) {
            for (const ProcessLook& child : children_of(pid)) {
                bool meant = thread.wait.child == 0 || thread.wait.child == child.pid;
                if (!meant || child.dead) continue;
                thread.children.push_back(party_of(child.pid));
                follow(thread.children.back(), pid);
            }
        }
        size_t limit = std::min(thread.wait.descriptors.size(), kMostDescriptors);
        for (size_t i = 0; i < limit; ++i)
            thread.descriptors.push_back(explain_descriptor(pid, thread.wait.descriptors[i]));
        return thread;
    }

    void take_record(const KnownProcess& known, HangThread& thread) {
        const Item* item = knowledge_.thread(known, thread.tid);
        if (item == nullptr) return;
        thread.test = policy::test_name(known.report->test_of(*item));
        thread.site = known.report->site_of(*item);
        std::string name = thread_name_of(*item);
        if (!name.empty()) thread.name = name;
        if (item->a != 0) thread.routine = symbol_at(known.process().pid, item->a);
    }

    HangDescriptor explain_descriptor(int pid, const WaitedDescriptor& waited) {
        HangDescriptor descriptor;
        descriptor.waited = waited;
        descriptor.file = open_file(pid, waited.fd);
        if (!descriptor.file) return descriptor;
        const OpenFile& file = *descriptor.file;
        std::vector<OpenFile> others;
        if (file.kind == FileKind::pipe || file.kind == FileKind::fifo) {
            descriptor.has_other_end = true;
            others = files_.sharers_of(file);
            std::erase_if(others, [&](const OpenFile& other) {
                return waited.to_write ? !other.reads : !other.writes;
            });
        } else if (file.kind == FileKind::socket) {
            descriptor.socket = files_.facts_of(file);
            others = files_.peers_of(file);
            descriptor.has_other_end = !others.empty();
        }
        for (const OpenFile& other : others) {
            bool again = !descriptor.others.empty() && descriptor.others.back().pid == other.pid;
            if (!again) descriptor.others.push_back(party_of(other.pid, other.fd));
        }
        if (file.kind == FileKind::pidfd && file.process > 0)
            descriptor.others.push_back(party_of(file.process));
        for (const Party& other : descriptor.others)
            follow(other, pid);
        return descriptor;
    }

    /// The pipes that the process may write to: its standard output and error, or `all`.
    void explain_outputs(HangProcess& process, bool all) {
        int pid = process.who.pid;
        std::vector<OpenFile> files;
        if (all) files = open_files_of(pid);
        for (int fd : {1, 2}) {
            auto file = all ? std::nullopt : open_file(pid, fd);
            if (file) files.push_back(*file);
        }
        for (const OpenFile& file : files) {
            if (!file.writes || (file.kind != FileKind::pipe && file.kind != FileKind::fifo)) continue;
            auto known = std::find_if(process.outputs.begin(), process.outputs.end(),
                                      [&](const HangOutput& o) { return o.file.target == file.target; });
            if (known != process.outputs.end())
                known->fds.push_back(file.fd);
            else
                process.outputs.push_back(output_of(pid, file));
        }
    }

    HangOutput output_of(int pid, const OpenFile& file) {
        HangOutput output;
        output.file = file;
        output.fds = {file.fd};
        for (const OpenFile& other : files_.sharers_of(file)) {
            std::vector<Party>& list = other.writes ? output.writers : output.readers;
            bool again = !list.empty() && list.back().pid == other.pid;
            bool own_writing = other.pid == pid && other.writes;
            if (!again && !own_writing) list.push_back(party_of(other.pid, other.fd));
        }
        return output;
    }

    /// The root of a session has ended: who of the session is left. False when it was nobody's root.
    bool explain_survivors(int pid) {
        for (const KnownProcess& known : knowledge_.bearers_of(pid)) {
            const Report& report = *known.report;
            if (report.session.root_pid != pid) continue;
            hang_.ended = true;
            take_session(report);
            for (int survivor : survivors_of(report)) {
                seen_.insert(survivor);
                queue_.push_back({survivor, HangRole::survivor, 0});
            }
            work();
            return true;
        }
        return false;
    }

    std::set<int> survivors_of(const Report& report) {
        std::set<int> survivors;
        for (const Process& process : report.processes) {
            if (process.pid != report.session.root_pid && is_alive(process.identity))
                survivors.insert(process.pid);
        }
        char buffer[560];
        for (int pid : all_processes()) {
            ProcessStat stat;
            if (!read_process_stat(pid, stat) || stat.dead() || stat.state == 'D') continue;
            Str session = read_process_variable(pid, "LEAKSHIM_SESSION=", buffer, sizeof buffer);
            if (session == report.session.ledger) survivors.insert(pid);
        }
        survivors.erase(report.session.root_pid);
        return survivors;
    }

    const Knowledge& knowledge_;
    OpenFiles files_;
    Hang hang_;
    std::deque<Step> queue_;
    std::set<int> seen_;
};

}  // namespace

const HangProcess* Hang::find(int wanted) const {
    for (const HangProcess& process : processes) {
        if (process.who.pid == wanted) return &process;
    }
    return nullptr;
}

std::optional<Hang> explain_hang(int pid, const Knowledge& knowledge) {
    return Explainer(knowledge).explain(pid);
}

}  // namespace leakshim::tools
