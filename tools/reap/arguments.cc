// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace leakshim::tools {

namespace {

constexpr const char* kFooter =
    "Without --session and --scope: every dead session, that is one whose root and guard are\n"
    "both gone. Each is reaped under its own mode and rules; temporary trees go as well.\n"
    "\n"
    "Exit status: 0 done, 2 usage, 3 no such session or unreadable ledger, 4 something could\n"
    "not be reaped. Sessions are looked for in $LEAKSHIM_DIR, else in /dev/shm/leakshim-<uid>.\n"
    "See leakshim-reap(1) and leakshim(7).";

}  // namespace

std::optional<Arguments> read_arguments(int argc, char** argv, int& status) {
    Arguments arguments;
    bool dead = false;
    CLI::App app("Reaps what a run under leakshim left behind, and nothing else.", "leakshim-reap");
    app.footer(kFooter);
    add_version(app, kTool);
    app.add_flag("--dead", dead, "Reap all dead sessions (this is the default)");
    app.add_option("--session", arguments.session,
                   "Reap this session: a name, an id, or the beginning of one")
        ->option_text("ID");
    app.add_option("--scope", arguments.scope, "Reap only this test of a session that is running")
        ->option_text("TEST");
    app.add_flag("-n,--dry-run", arguments.dry_run, "Say what would be done, and why each thing is ours");
    app.add_flag("--keep-tmp", arguments.keep_trees, "Leave temporary trees as they are");
    app.add_flag("--force", arguments.force, "Also reap what ran under LEAKSHIM=report");
    app.add_option("--user", arguments.user, "Root only: the sessions of this user, with that user's rights")
        ->option_text("USER");
    app.add_flag("--all-users", arguments.all_users,
                 "Root only: the sessions of all users, each with their rights");
    app.add_flag("--json", arguments.json, "Print a document of the schema leakshim.reap/1");
    app.add_flag("-q,--quiet", arguments.quiet, "Say only what could not be reaped");
    if (!parse(app, kTool, argc, argv, status)) return std::nullopt;
    if (dead && (!arguments.session.empty() || !arguments.scope.empty()))
        return mistake(kTool, "--dead means all dead sessions; leave out --session and --scope", status);
    if (arguments.all_users &&
        (!arguments.user.empty() || !arguments.session.empty() || !arguments.scope.empty()))
        return mistake(kTool,
                       "--all-users means the dead sessions of all; leave out --user, --session and --scope",
                       status);
    if ((arguments.all_users || !arguments.user.empty()) && geteuid() != 0)
        return mistake(kTool, "only root may reap for other users", status);
    const char* directory = std::getenv("LEAKSHIM_DIR");
    if (directory != nullptr && !arguments.all_users) arguments.directory = directory;
    return arguments;
}

}  // namespace leakshim::tools
