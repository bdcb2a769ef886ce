// SPDX-License-Identifier: MIT
#include "load.h"

#include <algorithm>

#include "encoding.h"
#include "settle.h"
#include "stacks.h"
#include "summary.h"

namespace leakshim::tools {

namespace {

using ledger::Entry;
using ledger::Handle;
using ledger::Header;
using ledger::Kind;
using ledger::State;
using policy::Degree;

Session read_session(LedgerFile& file) {
    const Header& header = file.header();
    Session session;
    session.id = header.id;
    if ((header.flags & ledger::session_flag::kNamed) != 0 && header.name.size != 0)
        session.name = header.name.text;
    session.ledger = file.path();
    session.state = judge_session(file, session.judged);
    session.flags = header.flags;
    session.guard = static_cast<ledger::Guard>(header.guard.load());
    session.started = header.created_realtime;
    session.started_boot = header.created_boottime;
    session.ended = header.ended_realtime.load(std::memory_order_relaxed);
    session.ended_by = header.ended_by.load(std::memory_order_relaxed);
    session.root_pid = header.root_pid;
    session.command = texts_of(header.command);
    session.cwd = header.cwd.size != 0 ? header.cwd.text : "";
    session.exit_status = header.exit_status.load(std::memory_order_relaxed);
    session.boot_id = header.boot_id;
    session.layout_version = header.layout_version;
    for (const std::string& text : texts_of(header.options)) {
        if (!session.options.empty()) session.options += ':';
        session.options += text;
    }
    session.rules = header.rules.size != 0 ? header.rules.text : "";
    return session;
}

/// Builds one Report from one ledger, in two passes: processes and scopes first, since anything may refer to
/// them.
class Loader {
  public:
    Loader(LedgerFile& file, TreeMeasure* measure) : file_(file), measure_(measure) {}

    Report load() {
        report_.session = read_session(file_);
        for (u32 i = 0; i < ledger::kCounters; ++i) {
            report_.counters[i] = file_.header().counters[i].load(std::memory_order_relaxed);
        }
        bool same_boot = own_boot_id() == report_.session.boot_id;
        OfStreams<FileId> output;
        output.of(1) = file_.header().stdout_at_load, output.of(2) = file_.header().stderr_at_load;
        holds_reader_ = HoldsReader(output);
        settler_ = Settler(same_boot, own_pid_namespace() == file_.header().pid_namespace);
        read_processes_and_scopes();
        read_items();
        // Lines of the file first, as they are asked: where they lie in the ledger says nothing.
        std::stable_sort(report_.rules.begin(), report_.rules.end(),
                         [](const RuleHits& a, const RuleHits& b) {
                             return a.builtin != b.builtin ? b.builtin : a.line < b.line;
                         });
        connect_trees();
        read_living_holds();
        if (measure_ != nullptr) measure_what_is_left();
        report_.summary = summary_of(report_);
        return std::move(report_);
    }

  private:
    bool is_live() const { return report_.session.state == SessionState::live; }

    void read_processes_and_scopes() {
        ledger::Walker walker(file_.source(), file_.header());
        ledger::Line line;
        Entry entry;
        while (walker.next(line)) {
            bool is_either = line.kind() == Kind::scope || line.kind() == Kind::process;
            if (!is_either || !walker.read(line, entry)) continue;
            if (entry.kind == Kind::scope) add_text(entry);
            if (entry.kind == Kind::process && entry.state != State::intent) add_process(entry);
        }
        for (Process& process : report_.processes) {
            auto parent = by_handle_.find(parents_[process.handle]);
            if (parent != by_handle_.end()) process.parent = parent->second;
        }
    }

    void add_text(const Entry& entry) {
        if ((entry.flags & ledger::flag::kRule) != 0)
            add_rule(entry);
        else if ((entry.flags & (ledger::flag::kStack | ledger::flag::kModule)) != 0)
            stacks_.add(entry);
        else
            report_.scopes[entry.handle] = report_.arena.keep(entry.text);
    }

    /// Of several ends of the session the last one counts.
    void add_rule(const Entry& entry) {
        if (entry.born < rules_told_) return;
        if (entry.born > rules_told_) report_.rules.clear();
        rules_told_ = entry.born;
        RuleHits rule;
        size_t newline = std::min(entry.text.find('\n'), entry.text.size());
        rule.text = entry.text.substr(0, newline);
        if (newline < entry.text.size()) rule.reason = entry.text.substr(newline + 1);
        auto flags = static_cast<u32>(entry.d >> 32);
        rule.builtin = (flags & ledger::rule_flag::kBuiltin) != 0;
        rule.expired = (flags & ledger::rule_flag::kExpired) != 0;
        rule.full = (flags & ledger::rule_flag::kFull) != 0;
        rule.bad = (flags & ledger::rule_flag::kBad) != 0;
        if (!rule.builtin) rule.file = report_.session.rules;
        if (!rule.builtin) rule.line = static_cast<u32>(std::max(entry.number, 0));
        rule.hits = entry.b, rule.missed = entry.c;
        rule.until = static_cast<u32>(entry.d) % 100'000'000;
        report_.rules.push_back(std::move(rule));
    }

    void add_process(const Entry& entry) {
        Process process;
        process.handle = entry.handle;
        process.pid = entry.number;
        process.ppid = entry.ppid;
        process.command = report_.arena.keep(entry.text);
        process.state = entry.state;
        process.identity = {entry.number, entry.a, entry.b, entry.born};
        // A session that ended well has said what became of each; only what may still be there is asked for.
        bool may_live = entry.state == State::live || entry.state == State::leaked ||
                        entry.state == State::kept || entry.state == State::failed;
        process.alive = may_live && settler_.lives(entry);
        Holds held;
        for (int fd = 1; fd <= 2; ++fd)
            held.output.of(fd) = ledger::stream_of(entry.c, fd);
        if (!held.empty()) report_.holds[static_cast<u32>(report_.processes.size())] = std::move(held);
        by_handle_[entry.handle] = static_cast<u32>(report_.processes.size());
        parents_[entry.handle] = entry.parent;
        report_.processes.push_back(process);
    }

    void read_items() {
        ledger::Walker walker(file_.source(), file_.header());
        ledger::Line line;
        Entry entry;
        while (walker.next(line)) {
            if (line.kind() == Kind::scope || line.state() == State::ended || !walker.read(line, entry))
                continue;
            // A fork that is under way, or whose parent was killed in it: nobody knows of a process.
            if (entry.kind == Kind::process && entry.state == State::intent) continue;
            if (ledger::is_fd(entry.kind)) note_hold(entry);
            // While the session lives somebody may be in the middle of making it.
            if (entry.state == State::intent && !is_live())
                entry.outcome = ledger::Outcome::unresolved_intent;
            if (entry.state == State::live && !is_live() && !settle(entry)) continue;
            add_item(entry);
        }
        // Two descriptors of one file are one file.
        for (auto& [process, holds] : report_.holds) {
            std::sort(holds.files.begin(), holds.files.end());
            holds.files.erase(std::unique(holds.files.begin(), holds.files.end()), holds.files.end());
        }
        report_.broken_chunks = walker.broken();
        std::stable_sort(report_.items.begin(), report_.items.end(),
                         [](const Item& a, const Item& b) { return a.born < b.born; });
        for (u32 i = 0; i < report_.items.size(); ++i) {
            const Item& item = report_.items[i];
            if (item.kind == Kind::process && item.process != kNone) report_.processes[item.process].item = i;
        }
    }

    /// Decides on a record that was left live. False when there is nothing to report.
    bool settle(Entry& entry) {
        auto owner = by_handle_.find(entry.owner);
        // Of a process that the session has judged, all that it held has been judged as well.
        bool owner_lives = owner != by_handle_.end() && report_.processes[owner->second].alive &&
                           report_.processes[owner->second].state == State::live;
        if (entry.kind == Kind::process) {
            bool is_root = (entry.flags & ledger::flag::kRoot) != 0;
            if (is_root || !owner_lives) return false;
            bool keep = (entry.flags & (ledger::flag::kKeep | ledger::flag::kWanted)) != 0;
            entry.state = keep ? State::kept : State::leaked;
            if (keep) entry.outcome = ledger::Outcome::kept_by_mark;
            return true;
        }
        if (ledger::is_persistent(entry.kind)) {
            settler_.settle_persistent(entry);
            return true;
        }
        // Threads and descriptors went with their process. What a living one holds is said with that process;
        // only a port is a leak of its own.
        if (entry.kind != Kind::socket || !owner_lives) return false;
        Item probe = item_of(entry);
        if (!holds_port(probe) || !still_held(report_.processes[owner->second], socket_of(probe)))
            return false;
        entry.state = State::leaked;
        return true;
    }

    bool still_held(const Process& process, const SocketFacts& wanted) {
        Holds now = holds_reader_.of(process.pid);
        return std::any_of(now.sockets.begin(), now.sockets.end(), [&](const SocketFacts& socket) {
            return socket.port == wanted.port && socket.type == wanted.type && socket.family == wanted.family;
        });
    }

    static Item item_of(const Entry& entry) {
        Item item;
        item.handle = entry.handle;
        item.generation = entry.generation;
        item.born = entry.born;
        item.a = entry.a, item.b = entry.b, item.c = entry.c, item.d = entry.d;
        item.text = entry.text;
        item.scope = entry.scope;
        item.site = entry.site;
        item.number = entry.number;
        item.kind = entry.kind;
        item.state = entry.state;
        item.outcome = entry.outcome;
        item.flags = entry.flags;
        return item;
    }

    void add_item(const Entry& entry) {
        Item item = item_of(entry);
        // A process that was made outside of any test may have gone into one.
        if (entry.kind == Kind::process && item.scope == 0) item.scope = entry.process_scope;
        auto owner = by_handle_.find(entry.kind == Kind::process ? entry.handle : entry.owner);
        if (owner != by_handle_.end()) item.process = owner->second;
        item.degree = policy::degree_of(entry);
        if (item.degree == Degree::none) {
            if (!is_live() || entry.state != State::live) return;
            item.degree = Degree::note;
        }
        item.text = entry.kind == Kind::process ? std::string_view() : report_.arena.keep(entry.text);
        add_stacks(item);
        report_.items.push_back(item);
    }

    /// Only the stacks of what is reported are symbolised: that means opening files.
    void add_stacks(Item& item) {
        bool routine = item.kind == Kind::thread && (item.flags & ledger::flag::kRoutine) != 0;
        if (routine) symbolise(item.routine = static_cast<ledger::Handle>(item.b));
        ledger::Handle said = stacks_.site_of(item.site);
        if (said == item.site) return;
        symbolise(item.stack = item.site);
        item.site = said;
    }

    void symbolise(ledger::Handle stack) {
        auto [frames, is_new] = report_.stacks.try_emplace(stack);
        if (is_new) frames->second = stacks_.frames_of(stack, symbolizer_);
    }

    /// Which reported tree each path lies in: the deepest one, by walking up its name.
    void connect_trees() {
        absl::flat_hash_map<std::string_view, u32> trees;
        for (u32 i = 0; i < report_.items.size(); ++i) {
            if (report_.items[i].kind == Kind::temp_dir) trees[report_.items[i].text] = i;
        }
        if (trees.empty()) return;
        for (Item& item : report_.items) {
            if (!ledger::is_path(item.kind)) continue;
            std::string_view name = item.text;
            for (size_t slash = name.rfind('/'); slash != name.npos && slash != 0; slash = name.rfind('/')) {
                name = name.substr(0, slash);
                auto tree = trees.find(name);
                if (tree == trees.end()) continue;
                item.inside = tree->second;
                break;
            }
        }
    }

    /// A process that was reaped holds nothing any more; what it held is what the ledger still says.
    void note_hold(const Entry& entry) {
        auto owner = by_handle_.find(entry.owner);
        if (owner == by_handle_.end()) return;
        const Process& process = report_.processes[owner->second];
        if (process.state == State::live || process.state == State::ended) return;
        Holds& holds = report_.holds[owner->second];
        if (entry.kind == Kind::socket) holds.sockets.push_back(socket_of(item_of(entry)));
        if (entry.kind != Kind::socket && !entry.text.empty()) holds.files.emplace_back(entry.text);
    }

    void read_living_holds() {
        for (u32 i = 0; i < report_.processes.size(); ++i) {
            const Process& process = report_.processes[i];
            if (process.alive && process.item != kNone) report_.holds[i] = holds_reader_.of(process.pid);
        }
    }

    /// Of trees that lie in others nothing: they were counted there.
    void measure_what_is_left() {
        for (u32 i = 0; i < report_.items.size(); ++i) {
            const Item& item = report_.items[i];
            bool left = item.state == State::live || item.state == State::leaked ||
                        item.state == State::kept || item.state == State::failed;
            FileId id = {item.a, item.b, item.c, item.d};
            if (!left || !ledger::is_path(item.kind) || item.inside != kNone || !id.known()) continue;
            if (settler_.is_still_there(item.kind, item.text, id))
                report_.sizes[i] = measure_->of(std::string(item.text));
        }
    }

    LedgerFile& file_;
    TreeMeasure* measure_;
    Report report_;
    Settler settler_{false, false};
    HoldsReader holds_reader_;
    StackTable stacks_;
    Symbolizer symbolizer_;
    absl::flat_hash_map<Handle, u32> by_handle_;
    u64 rules_told_ = 0;
    absl::flat_hash_map<Handle, Handle> parents_;
};

}  // namespace

Report load_report(LedgerFile& file, TreeMeasure* measure) {
    return Loader(file, measure).load();
}

Report load_tombstone(const SessionEntry& entry) {
    Report report;
    report.session.id = entry.id;
    report.session.name = entry.name;
    report.session.tombstone = true;
    report.session.state = SessionState::ended;
    report.session.started = entry.started;
    report.session.ended = entry.ended;
    report.session.command = entry.command;
    report.session.settings_known = entry.settings_known;
    if (!entry.settings_known) return report;
    report.session.flags = static_cast<u32>(entry.flags);
    bool known_way = entry.ended_by <= static_cast<u64>(ledger::kLastEndedBy);
    report.session.ended_by =
        known_way ? static_cast<ledger::EndedBy>(entry.ended_by) : ledger::EndedBy::unknown;
    report.session.exit_status = static_cast<int>(entry.exit_status & 0xff);
    report.session.root_pid = static_cast<int>(entry.root_pid);
    report.session.cwd = entry.cwd;
    return report;
}

}  // namespace leakshim::tools
