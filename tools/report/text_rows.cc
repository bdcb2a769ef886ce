// SPDX-License-Identifier: MIT
#include "text_rows.h"

#include <absl/container/btree_map.h>

#include <algorithm>

namespace leakshim::tools {

namespace {

using ledger::Kind;
using policy::Degree;

constexpr u32 kMaxDepth = 6;  // deeper ones are shown at this depth: a screen is only so wide

/// Records that share one limit: worse degrees first, then by name.
struct QuotaKey {
    int badness = 0;
    std::string_view title;
    auto operator<=>(const QuotaKey&) const = default;
};

QuotaKey key_of(const Item& item) {
    return {-static_cast<int>(item.degree), kind_title_of(item)};
}

struct Quota {
    u64 count = 0;
    u64 allowed = 0;
    u64 shown = 0;
};
using Quotas = absl::btree_map<QuotaKey, Quota>;

/// Deals out `limit` rows: one to each kind, then in turn to the kinds of the worst degree that have more,
/// then to those of the next.
void deal(Quotas& quotas, size_t limit) {
    size_t left = limit;
    for (auto& [key, quota] : quotas) {
        quota.allowed = left != 0 ? 1 : 0;
        left -= quota.allowed;
    }
    for (int badness = -static_cast<int>(Degree::error); badness <= 0; ++badness) {
        for (bool dealt = true; dealt && left != 0;) {
            dealt = false;
            for (auto& [key, quota] : quotas) {
                if (key.badness != badness || quota.allowed == quota.count || left == 0) continue;
                ++quota.allowed;
                --left;
                dealt = true;
            }
        }
    }
}

/// Order below one process or test: processes, then what leads from a port to the tree it serves from.
int rank_of(const Item& item) {
    if (item.kind == Kind::process) return 0;
    if (holds_port(item)) return 1;
    if (item.kind == Kind::unix_socket) return 2;
    if (ledger::is_path(item.kind)) return 3;
    if (ledger::is_named_ipc(item.kind) || ledger::is_sysv_ipc(item.kind)) return 4;
    return item.kind == Kind::thread ? 6 : 5;
}

/// The items of one test as a forest.
class Forest {
  public:
    Forest(const Report& report, std::vector<u32> items) : report_(report), items_(std::move(items)) {
        std::stable_sort(items_.begin(), items_.end(),
                         [&](u32 a, u32 b) { return order_of(a) < order_of(b); });
        for (u32 item : items_)
            visited_[item] = false;
        for (u32 item : items_)
            adopt_tree_of(item);
        for (u32 item : items_) {
            u32 parent = parent_of(item);
            (parent == kNone ? roots_ : children_[parent]).push_back(item);
        }
    }

    /// Appends the rows that the quotas let through. Without recursion: a chain of processes may be long.
    void emit(Quotas& quotas, std::vector<Row>& rows) {
        for (u32 root : roots_)
            emit_tree(root, quotas, rows);
        // What only a cycle of parents leads to.
        for (u32 item : items_)
            emit_tree(item, quotas, rows);
    }

  private:
    /// A tree that the test made, and in which a process has put its socket file, is shown below the process:
    /// it can't go before that has.
    void adopt_tree_of(u32 index) {
        const Item& item = report_.items[index];
        if (item.kind != Kind::unix_socket || item.inside == kNone) return;
        u32 maker = maker_of(index);
        if (maker != kNone && visited_.contains(item.inside) && maker_of(item.inside) == kNone)
            adopted_.try_emplace(item.inside, maker);
    }

    std::pair<int, int> order_of(u32 index) const {
        const Item& item = report_.items[index];
        return {-static_cast<int>(item.degree), rank_of(item)};
    }

    u32 parent_of(u32 index) const {
        auto adopted = adopted_.find(index);
        return adopted != adopted_.end() ? adopted->second : maker_of(index);
    }

    /// The reported process that made it, of the same test.
    u32 maker_of(u32 index) const {
        const Item& item = report_.items[index];
        if (item.process == kNone) return kNone;
        const Process* process = &report_.processes[item.process];
        if (item.kind == Kind::process) {
            if (process->parent == kNone) return kNone;
            process = &report_.processes[process->parent];
        }
        u32 parent = process->item;
        return parent != index && visited_.contains(parent) ? parent : kNone;
    }

    void emit_tree(u32 root, Quotas& quotas, std::vector<Row>& rows) {
        std::vector<Row> pending = {{root, 0, {}, {}}};
        while (!pending.empty()) {
            Row row = std::move(pending.back());
            pending.pop_back();
            bool& visited = visited_[row.item];
            if (visited) continue;
            visited = true;
            Quota& quota = quotas[key_of(report_.items[row.item])];
            bool shown = quota.shown < quota.allowed;
            u32 depth_below = std::min(row.depth + (shown ? 1 : 0), kMaxDepth);
            if (shown) {
                ++quota.shown;
                rows.push_back(std::move(row));
            }
            auto children = children_.find(shown ? rows.back().item : row.item);
            if (children == children_.end()) continue;
            for (auto child = children->second.rbegin(); child != children->second.rend(); ++child) {
                pending.push_back({*child, depth_below, {}, {}});
            }
        }
    }

    const Report& report_;
    std::vector<u32> items_;
    std::vector<u32> roots_;
    absl::flat_hash_map<u32, std::vector<u32>> children_;
    absl::flat_hash_map<u32, bool> visited_;
    absl::flat_hash_map<u32, u32> adopted_;  ///< trees by index, and the process that each is shown below
};

/// Draws the tree, from the last row to the first: a line goes on where a later row has the same depth.
void draw_branches(std::vector<Row>& rows, bool unicode) {
    std::string_view on = unicode ? "│ " : "| ", off = "  ";
    bool goes_on[kMaxDepth + 2] = {};
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
        for (u32 level = 1; level < row->depth; ++level)
            row->branch += goes_on[level] ? on : off;
        row->below = row->branch;
        if (row->depth != 0) {
            bool last = !goes_on[row->depth];
            row->branch += unicode ? (last ? "└ " : "├ ") : (last ? "`-" : "|-");
            row->below += last ? off : on;
        }
        if (goes_on[row->depth + 1]) row->below += on;
        for (u32 level = row->depth + 1; level <= kMaxDepth; ++level)
            goes_on[level] = false;
        goes_on[row->depth] = true;
    }
}

struct Members {
    std::vector<u32> items;
    Quotas quotas;
    u64 errors = 0, warnings = 0;
};

/// All tests, those of which something was made first, and the one without a name last.
class Tests {
  public:
    explicit Tests(const Report& report) {
        for (u32 i = 0; i < report.items.size(); ++i) {
            const Item& item = report.items[i];
            if (item.known == Degree::none) add(i, item, policy::test_name(report.test_of(item)));
        }
        std::stable_partition(names_.begin(), names_.end(),
                              [](std::string_view test) { return !test.empty(); });
    }

    /// What was dealt to a kind goes to its tests in turn: ten tests with one example each say more than ten
    /// examples of one test.
    void spread(const Quotas& quotas) {
        for (const auto& [key, quota] : quotas) {
            u64 left = quota.allowed;
            bool all = quota.allowed == quota.count;
            for (bool dealt = true; dealt && left != 0;) {
                dealt = false;
                for (std::string_view name : names_) {
                    auto own = members_[name].quotas.find(key);
                    if (own == members_[name].quotas.end() || own->second.allowed == own->second.count)
                        continue;
                    u64 share = std::min(left, all ? own->second.count : u64{1});
                    own->second.allowed += share;
                    left -= share;
                    dealt = true;
                }
            }
        }
    }

    const std::vector<std::string_view>& names() const { return names_; }
    Members& of(std::string_view name) { return members_[name]; }

  private:
    void add(u32 index, const Item& item, std::string_view test) {
        auto [entry, is_new] = members_.try_emplace(test);
        if (is_new) names_.push_back(test);
        entry->second.items.push_back(index);
        ++entry->second.quotas[key_of(item)].count;
        if (item.degree == Degree::error) ++entry->second.errors;
        if (item.degree == Degree::warning) ++entry->second.warnings;
    }

    std::vector<std::string_view> names_;
    absl::flat_hash_map<std::string_view, Members> members_;
};

}  // namespace

RowPlan plan_rows(const Report& report, size_t limit, bool unicode) {
    Quotas quotas;
    for (const Item& item : report.items) {
        if (item.known != Degree::none) continue;  // is only counted
        ++quotas[key_of(item)].count;
    }
    deal(quotas, limit == 0 ? report.items.size() : limit);
    Tests tests(report);
    tests.spread(quotas);
    RowPlan plan;
    for (std::string_view test : tests.names()) {
        Members& members = tests.of(test);
        Group group = {test, {}, members.errors, members.warnings, members.items.size()};
        Forest(report, std::move(members.items)).emit(members.quotas, group.rows);
        draw_branches(group.rows, unicode);
        if (!group.rows.empty())
            plan.groups.push_back(std::move(group));
        else if (!test.empty())
            ++plan.hidden_tests;
    }
    for (const auto& [key, quota] : quotas) {
        auto degree = static_cast<Degree>(-key.badness);
        if (quota.allowed < quota.count)
            plan.hidden.push_back({key.title, degree, quota.count - quota.allowed});
    }
    return plan;
}

}  // namespace leakshim::tools
