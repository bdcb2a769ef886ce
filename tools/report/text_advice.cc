// SPDX-License-Identifier: MIT
#include "text_advice.h"

#include "encoding.h"
#include "text_commands.h"
#include "text_rules.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;

std::string_view remedy_for_thread(const Item& item) {
    if ((item.flags & ledger::flag::kFinished) != 0) return "join it, or start it detached";
    return "tell it to end where the test ends, and join it";
}

std::string_view remedy_for_path(const Item& item) {
    if (item.text.find("/pytest-of-") != item.text.npos)
        return "pytest keeps these: tmp_path_retention_policy = failed in its settings (7.3 and newer)";
    if (item.kind == Kind::unix_socket) return "unlink it where its server ends, also when the test fails";
    return "remove it where the test ends, also when it fails";
}

}  // namespace

std::string_view remedy_for(const Report& report, const Item& item) {
    bool lives = report.session.state == SessionState::live;
    if (lives || !is_finding(item) || goes_with_its_process(report, item)) return {};
    if (ledger::is_path(item.kind)) return remedy_for_path(item);
    switch (item.kind) {
        case Kind::process:
            if (item.outcome == Outcome::exited_alone) return "wait for it where the test ends";
            return "end it where the test ends, also when that fails, and wait for it";
        case Kind::thread:
            return remedy_for_thread(item);
        case Kind::pipe:
            if ((item.flags & ledger::flag::kWriteEnd) != 0)
                return "close it: its reader waits for the end of the stream until then";
            break;
        case Kind::posix_shm:
            return "shm_unlink it as soon as all who need it have opened it";
        case Kind::named_semaphore:
            return "sem_unlink it as soon as all who need it have opened it";
        case Kind::message_queue:
            return "mq_unlink it where the test ends";
        case Kind::sysv_shm:
            return "mark it with IPC_RMID as soon as it is attached: it goes with its last user then";
        case Kind::sysv_sem:
        case Kind::sysv_msg:
            return "remove it with IPC_RMID where the test ends";
        default:
            break;
    }
    return "close it where the test ends, also when it fails";
}

void write_advice(const Report& report, bool has_rules, const Style& style, const Sink& sink) {
    if (report.session.state == SessionState::live) return;
    write_commands(report, style, sink);
    if (!has_rules) return;
    constexpr std::string_view kWhere =
        "meant to stay? a rule line keeps it, from the file that LEAKSHIM_RULES names on; --gen-rules prints "
        "rules for all";
    sink("\n");
    std::string_view indent;
    for (const std::string& line : wrapped(kWhere, style.width > 0 ? style.width - 2 : 0)) {
        sink(std::string(indent) + line + "\n");
        indent = "  ";
    }
}

}  // namespace leakshim::tools
