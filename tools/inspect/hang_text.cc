// SPDX-License-Identifier: MIT
//
// The explanation for people: a block for each process, from the one that was asked for on to those that it
// waits for, and one sentence of it all as the last line.
#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "hang_words.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostThreads = 16;
constexpr size_t kMostDescriptors = 8;
constexpr int kDeepest = 6;  // links of the chain in the last line
constexpr int kLeastRoom = 40;

/// Whom a thread waits for outside of its process, where that is one alone or the first of them.
int next_of(const HangProcess& process, const HangThread& thread) {
    if (!thread.children.empty()) return thread.children.front().pid;
    for (const HangDescriptor& descriptor : thread.descriptors) {
        for (const Party& other : descriptor.others) {
            if (other.pid != process.who.pid) return other.pid;
        }
    }
    return 0;
}

/// The thread in the same process that a thread waits for; nullptr when it waits for none.
const HangThread* inner_of(const HangProcess& process, const HangThread& thread) {
    if (thread.wait.thread == 0) return nullptr;
    for (const HangThread& other : process.threads) {
        if (other.tid == thread.wait.thread && other.tid != thread.tid) return &other;
    }
    return nullptr;
}

std::string pipe_clause(const HangProcess& process, const HangThread& thread, const Style& style) {
    if (thread.descriptors.size() != 1 || !thread.descriptors[0].has_other_end) return {};
    std::vector<Party> others = thread.descriptors[0].others;
    std::erase_if(others, [&](const Party& party) { return party.pid == process.who.pid; });
    if (others.empty()) return {};
    return fmt::format(", a {} whose other end is held by {}",
                       file_kind_name(thread.descriptors[0].file->kind), parties_words(others, style));
}

class Writer {
  public:
    Writer(const Hang& hang, const Style& style, const Sink& sink)
        : hang_(hang), style_(style), sink_(sink) {}

    void write() {
        write_head();
        for (const HangProcess& process : hang_.processes)
            write_process(process);
        if (hang_.more) line(0, "and more processes, which are not shown");
        if (!hang_.unseen.empty()) sink_("\n");
        for (const std::string& sentence : hang_.unseen)
            line(0, "not seen: " + terminal_safe(sentence, style_.unicode));
        sink_("\n");
        sink_(fmt::format("SUMMARY: leakshim: {}\n", hang_summary(hang_, style_)));
    }

  private:
    void line(int indent, const std::string& text) {
        int room = style_.width > 0 ? std::max(style_.width - indent, kLeastRoom) : 0;
        bool first = true;
        for (const std::string& piece : wrapped(text, first ? room : room - 2)) {
            sink_(std::string(static_cast<size_t>(indent + (first ? 0 : 2)), ' ') + piece + "\n");
            first = false;
        }
    }

    void write_head() {
        std::string session = hang_.session.empty() ? "no ledger knows it, so this is what the kernel shows"
                                                    : fmt::format("session {}", hang_.session);
        std::string runner =
            hang_.runner != 0 ? fmt::format(", run by leakshim-run (pid {})", hang_.runner) : "";
        if (hang_.ended)
            line(0,
                 fmt::format("process {} has ended ({}); what is left of its session:", hang_.pid, session));
        else
            line(0, fmt::format("why process {} does not end ({}{}):", hang_.pid, session, runner));
        if (hang_.ended && hang_.processes.empty()) line(0, "nothing");
    }

    void write_process(const HangProcess& process) {
        sink_("\n");
        std::string words = party_words(process.who, style_);
        if (process.role == HangRole::waited_for) words += fmt::format(", waited for by {}", process.waiter);
        line(0, words);
        size_t limit = style_.all ? process.threads.size() : kMostThreads;
        for (size_t i = 0; i < process.threads.size() && i < limit; ++i)
            write_thread(process, process.threads[i]);
        if (process.threads.size() > limit)
            line(2, fmt::format("and {} more threads (--all shows them)", process.threads.size() - limit));
        for (const HangOutput& output : process.outputs) {
            std::string sentence = output_words(process, output, style_);
            if (!sentence.empty()) line(2, sentence);
        }
        if (process.who.state == 'T') line(2, fmt::format("to let it go on: kill -CONT {}", process.who.pid));
    }

    void write_thread(const HangProcess& process, const HangThread& thread) {
        line(2, fmt::format("{} {}{}", thread_words(thread, style_), wait_words(process, thread, style_),
                            thread_origin(thread, style_)));
        size_t limit = style_.all ? thread.descriptors.size() : kMostDescriptors;
        for (size_t i = 0; i < thread.descriptors.size() && i < limit; ++i)
            line(4, descriptor_words(process, thread.descriptors[i], style_));
        if (thread.wait.descriptors.size() > limit)
            line(4, fmt::format("and {} more descriptors", thread.wait.descriptors.size() - limit));
    }

    const Hang& hang_;
    const Style& style_;
    const Sink& sink_;
};

/// What keeps one process, and then whom it waits for.
void add_chain(const Hang& hang, const HangProcess& process, const HangThread* thread, int depth,
               const Style& style, std::string& to) {
    if (thread == nullptr) return;
    to += wait_words(process, *thread, style) + pipe_clause(process, *thread, style);
    if (depth == kDeepest || thread->wait.kind == WaitKind::stopped) return;
    if (const HangThread* inner = inner_of(process, *thread)) {
        to += thread_origin(*inner, style) + "; that " + (inner->first ? "one " : "thread ");
        return add_chain(hang, process, inner, depth + 1, style, to);
    }
    int next = next_of(process, *thread);
    const HangProcess* other = next != 0 ? hang.find(next) : nullptr;
    if (other == nullptr || other->waiter != process.who.pid) return;
    to += fmt::format("; {} ", next);
    add_chain(hang, *other, key_thread(*other), depth + 1, style, to);
}

}  // namespace

std::string hang_summary(const Hang& hang, const Style& style) {
    if (hang.ended) {
        for (const HangProcess& process : hang.processes) {
            for (const HangOutput& output : process.outputs) {
                if (output.readers.empty()) continue;
                return fmt::format("process {} has ended, but {} still holds a pipe that {} reads", hang.pid,
                                   party_words(process.who, style), parties_words(output.readers, style));
            }
        }
        return fmt::format("process {} has ended, and {} of its session {}", hang.pid, hang.processes.size(),
                           hang.processes.size() == 1 ? "process is left" : "processes are left");
    }
    if (hang.processes.empty()) return fmt::format("process {} is gone", hang.pid);
    const HangProcess& first = hang.processes.front();
    std::string words = fmt::format("process {} ", first.who.pid);
    add_chain(hang, first, key_thread(first), 0, style, words);
    return words;
}

void write_hang_text(const Hang& hang, const Style& style, const Sink& sink) {
    Writer(hang, style, sink).write();
}

}  // namespace leakshim::tools
