// SPDX-License-Identifier: MIT
#include "text_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "settle.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;
using ledger::State;

/// What nobody wants to stay, as far as the ledger knows; what a rule or a mark keeps is not to be removed.
bool is_left(const Item& item) {
    bool by_mode = item.outcome == Outcome::kept_at_desk || item.outcome == Outcome::kept_on_failure ||
                   item.outcome == Outcome::kept_by_mode;
    return item.state == State::leaked || item.state == State::failed ||
           (item.state == State::kept && by_mode);
}

/// What somebody else has or uses by now, or what no command of ours should ever remove.
bool is_not_to_be_touched(const Item& item) {
    return item.outcome == Outcome::not_ours_anymore || item.outcome == Outcome::partly_spared ||
           item.outcome == Outcome::brake_mount || item.outcome == Outcome::brake_home ||
           item.outcome == Outcome::brake_work_tree;
}

class Commands {
  public:
    Commands(const Report& report, const Style& style)
        : report_(report), style_(style), same_boot_(own_boot_id() == report.session.boot_id) {}

    void collect() {
        for (const Item& item : report_.items) {
            if (!is_left(item) || is_not_to_be_touched(item) || lies_in_a_named_tree(item)) continue;
            if (!style_.all && named_ == std::clamp<size_t>(style_.rows / 2, 3, 20))
                ++left_out_;
            else
                add(item);
        }
    }

    void write(const Sink& sink) {
        if (named_ == 0) return;
        sink("\nstill there; to remove all of it, or one by one:\n");
        bool reports = (report_.session.flags & ledger::session_flag::kReap) == 0;
        sink(fmt::format("  leakshim-reap {}--session {}\n", reports ? "--force " : "",
                         terminal_safe(report_.session.id.substr(0, 12), style_.unicode)));
        if (!pids_.empty()) sink("  kill" + pids_ + "\n");
        // A few of very many help nobody.
        bool few_of_many = left_out_ > 3 * named_;
        if (few_of_many) return sink(fmt::format("  (--all names the {} one by one)\n", named_ + left_out_));
        for (const std::string& line : lines_)
            sink("  " + line + "\n");
        if (left_out_ != 0) sink(fmt::format("  and {} more; --all names them\n", left_out_));
    }

  private:
    bool lies_in_a_named_tree(const Item& item) const {
        return item.inside != kNone && is_left(report_.items[item.inside]) &&
               !is_not_to_be_touched(report_.items[item.inside]);
    }

    void add(const Item& item) {
        if (item.kind == Kind::process) return add_process(item);
        std::string line;
        FileId id = {item.a, item.b, item.c, item.d};
        if (ledger::is_path(item.kind) && id.known()) {
            bool tree = item.kind == Kind::temp_dir;
            line =
                fmt::format("{} -- {}", tree ? "rm -rf" : "rm -f", shell_quoted(item.text, style_.unicode));
        } else if (ledger::is_sysv_ipc(item.kind)) {
            char letter = item.kind == Kind::sysv_shm ? 'm' : item.kind == Kind::sysv_sem ? 's' : 'q';
            line = fmt::format("ipcrm -{} {}", letter, item.number);
        } else if (ledger::is_named_ipc(item.kind) && id.known()) {
            line = "rm -f -- " + shell_quoted(path_of_name(item.kind, item.text), style_.unicode);
        } else {
            return;
        }
        if (!is_there(item)) return;
        lines_.push_back(std::move(line));
        ++named_;
    }

    bool is_there(const Item& item) {
        ledger::Entry entry;
        entry.kind = item.kind;
        entry.text = item.text;
        entry.number = item.number;
        entry.a = item.a, entry.b = item.b, entry.c = item.c, entry.d = item.d;
        settler_.settle_persistent(entry);
        return entry.state != State::gone;
    }

    void add_process(const Item& item) {
        const Process* process = report_.process_of(item);
        // Of a saved report only the number is known, and that may be anybody's.
        if (process == nullptr || (process->identity.pidfd_inode | process->identity.start) == 0) return;
        if (!same_boot_ || !process->alive || !is_alive(process->identity)) return;
        pids_ += fmt::format(" {}", process->pid);
        ++named_;
    }

    const Report& report_;
    const Style& style_;
    bool same_boot_;
    Settler settler_{same_boot_, true};
    std::string pids_;
    std::vector<std::string> lines_;
    size_t named_ = 0, left_out_ = 0;
};

}  // namespace

void write_commands(const Report& report, const Style& style, const Sink& sink) {
    Commands commands(report, style);
    commands.collect();
    commands.write(sink);
}

}  // namespace leakshim::tools
