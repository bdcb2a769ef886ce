// SPDX-License-Identifier: MIT
#include "text_table.h"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "text_advice.h"
#include "text_rows.h"
#include "text_rules.h"
#include "text_words.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using ledger::State;
using policy::Degree;

constexpr int kIndent = 2;
constexpr int kGap = 2;
constexpr int kLeastRoom = 40;  // columns for the thing itself, below which columns go below each other
constexpr std::string_view kBold = "1", kDim = "2", kRed = "31", kGreen = "32", kYellow = "33";

std::string painted(const Style& style, std::string_view code, std::string text) {
    return style.colour && !text.empty() ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
}

std::string_view colour_of(const Item& item) {
    if (item.degree == Degree::warning || item.state == State::kept) return kYellow;
    if (item.degree != Degree::error) return kDim;
    return item.state == State::reaped ? kGreen : kRed;
}

/// The cells of a row but the last, which takes the room that is left.
struct Cells {
    std::string kind, state, pid, at;
};

std::string at_of(const Report& report, const Item& item) {
    constexpr u64 kTick = kSecond / 50;  // the coarse clock lags by up to 16 ms behind the one of the start
    u64 start = report.session.started_boot;
    if (item.born + kTick < start) return "-";
    return "+" + short_span(item.born - std::min(item.born, start));
}

Cells cells_of(const Report& report, const Row& row) {
    const Item& item = report.items[row.item];
    const Process* process = report.process_of(item);
    return {row.branch + std::string(kind_title_of(item)), std::string(state_word(item)),
            process != nullptr ? std::to_string(process->pid) : "-", at_of(report, item)};
}

struct Widths {
    int kind = 4, state = 5, pid = 3, at = 2;

    void include(const Cells& cells) {
        kind = std::max(kind, display_width(cells.kind));
        state = std::max(state, display_width(cells.state));
        pid = std::max(pid, display_width(cells.pid));
        at = std::max(at, display_width(cells.at));
    }
    int before_what() const { return kIndent + kind + state + pid + at + 4 * kGap; }
};

std::string spaces(int count) {
    return std::string(static_cast<size_t>(std::max(count, 0)), ' ');
}
std::string left(const std::string& text, int width) {
    return text + spaces(width - display_width(text));
}
std::string right(const std::string& text, int width) {
    return spaces(width - display_width(text)) + text;
}

class Table {
  public:
    Table(const Report& report, const Style& style, const Sink& sink, const RowPlan& plan)
        : report_(report), style_(style), sink_(sink), rules_(report, shown_items(plan)) {
        for (const Group& group : plan.groups) {
            for (const Row& row : group.rows)
                widths_.include(cells_of(report, row));
        }
        narrow_ = style.width > 0 && style.width - widths_.before_what() < kLeastRoom;
    }

    void write_group(const Group& group) {
        std::string title =
            group.test.empty() ? "outside of any test" : terminal_safe(group.test, style_.unicode);
        std::string more;
        if (group.rows.size() < group.records)
            more = fmt::format("  ({} of {} shown)", group.rows.size(), group.records);
        sink_("\n" + painted(style_, kBold, title) + painted(style_, kDim, more) + "\n");
        for (const Row& row : group.rows)
            write_row(row);
    }

    bool has_rules() const { return has_rules_; }

    void write_column_names() {
        if (narrow_) return;
        Cells names = {"KIND", "STATE", "PID", "AT"};
        sink_("\n" + painted(style_, kDim, line_of(names, names.state) + "WHAT") + "\n");
    }

  private:
    static std::vector<u32> shown_items(const RowPlan& plan) {
        std::vector<u32> items;
        for (const Group& group : plan.groups) {
            for (const Row& row : group.rows)
                items.push_back(row.item);
        }
        return items;
    }

    std::string line_of(const Cells& cells, const std::string& state) const {
        return spaces(kIndent) + left(cells.kind, widths_.kind) + spaces(kGap) + state +
               spaces(widths_.state - display_width(cells.state)) + spaces(kGap) +
               right(cells.pid, widths_.pid) + spaces(kGap) + right(cells.at, widths_.at) + spaces(kGap);
    }

    void write_row(const Row& row) {
        const Item& item = report_.items[row.item];
        Cells cells = cells_of(report_, row);
        std::string state = painted(style_, colour_of(item), cells.state);
        int indent = narrow_ ? kIndent + 2 * static_cast<int>(row.depth) + 4 : widths_.before_what();
        int room = style_.width > 0 ? std::max(style_.width - indent, 20) : 0;
        std::string what = what_of(report_, item, style_);
        if (room > 0 && !style_.all && may_be_cut(item)) what = cut_to(what, room, style_.unicode);
        if (narrow_) {
            sink_(fmt::format("{}{}: {}, pid {}, {}\n", spaces(kIndent), cells.kind, state, cells.pid,
                              cells.at));
            sink_(left(spaces(kIndent) + row.below, indent) + what + "\n");
        } else {
            sink_(line_of(cells, state) + what + "\n");
        }
        std::string before = left(spaces(kIndent) + row.below, indent);
        const Process* maker = report_.process_of(item);
        bool below_maker = row.depth != 0 && maker != nullptr && maker->item != kNone;
        for (Detail& detail : details_of(report_, item, below_maker, style_)) {
            if (detail.once && !style_.all && !said_.insert(detail.text).second) continue;
            bool cut = detail.may_be_cut && room > 0 && !style_.all;
            if (cut) detail.text = cut_to(detail.text, room, style_.unicode);
            for (const std::string& line : wrapped(detail.text, room))
                sink_(before + painted(style_, kDim, line) + "\n");
        }
        write_advice_below(row, before, room);
    }

    void write_advice_below(const Row& row, const std::string& before, int room) {
        std::string remedy(remedy_for(report_, report_.items[row.item]));
        if (!remedy.empty() && said_.insert(remedy).second) {
            for (const std::string& line : wrapped("fix: " + remedy, room))
                sink_(before + line + "\n");
        }
        if (report_.session.state == SessionState::live || !style_.rules) return;
        std::string rule = rules_.line_for(row.item);
        if (rule.empty() || !said_.insert(rule).second) return;
        has_rules_ = true;
        // In one piece, however long, since it is there to be copied.
        sink_(before + painted(style_, kDim, "rule: ") + terminal_safe(rule, style_.unicode) + "\n");
    }

    const Report& report_;
    const Style& style_;
    const Sink& sink_;
    Widths widths_;
    bool narrow_ = false;
    bool has_rules_ = false;
    RuleBook rules_;
    absl::flat_hash_set<std::string> said_;  ///< what is said once, however many records it holds for
};

}  // namespace

bool write_table(const Report& report, const Style& style, const Sink& sink) {
    RowPlan plan = plan_rows(report, style.all ? 0 : style.rows, style.unicode);
    Table table(report, style, sink, plan);
    if (!plan.groups.empty()) table.write_column_names();
    for (const Group& group : plan.groups)
        table.write_group(group);
    if (plan.hidden.empty()) return table.has_rules();
    sink("\n");
    for (const Hidden& hidden : plan.hidden) {
        bool mild = hidden.degree != Degree::error && report.session.state != SessionState::live;
        std::string degree = mild ? fmt::format(" ({})", policy::degree_name(hidden.degree)) : std::string();
        sink(fmt::format("  and {} more of this kind: {}{}\n", hidden.count, hidden.title, degree));
    }
    std::string tests;
    if (plan.hidden_tests != 0)
        tests = fmt::format("in {} more {}; ", plan.hidden_tests, plan.hidden_tests == 1 ? "test" : "tests");
    sink(fmt::format("  ({}--all shows every one, --json as well)\n", tests));
    return table.has_rules();
}

}  // namespace leakshim::tools
