// SPDX-License-Identifier: MIT
#include "work.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "action_log.h"
#include "actions.h"
#include "choose.h"
#include "encoding.h"
#include "ending.h"
#include "kinds.h"
#include "liveness.h"
#include "pretend.h"
#include "rulebook.h"

namespace leakshim::tools {

namespace {

using ledger::Handle;
using ledger::Outcome;
using ledger::State;
using nlohmann::json;
using reap::Liveness;

volatile sig_atomic_t hurried = 0;

std::string text_of(const std::function<void(TextBuffer&)>& fill) {
    static char storage[8192];
    TextBuffer text(storage, sizeof storage);
    fill(text);
    return to_utf8(text.str());
}

std::string name_of(Liveness liveness) {
    switch (liveness) {
        case Liveness::live:
            return "live";
        case Liveness::dead:
            return "dead";
        case Liveness::ended:
            return "ended";
        case Liveness::elsewhere:
            return "elsewhere";
    }
    return "";
}

/// One session, from attaching its ledger to the last decision.
class Work {
  public:
    Work(const Arguments& arguments, const SessionEntry& entry) : arguments_(arguments), entry_(entry) {}
    ~Work() {
        if (ledger_.ready()) ledger_.close();
    }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    json run();
    int status() const { return status_; }

  private:
    bool open();
    bool may_be_reaped();
    bool set_up();
    void reap_session(const reap::Request& request);
    void reap_scope(reap::Request& request);
    void refuse(int status, std::string why);
    static void decided(void* self, Handle handle, State state, Outcome outcome);
    void note(Handle handle, State state, Outcome outcome);
    reap::Request request();

    const Arguments& arguments_;
    const SessionEntry& entry_;
    int status_ = kDone;
    ledger::Ledger& ledger_ = the_ledger();
    ledger::ThreadLease lease_{};
    std::unique_ptr<ledger::Header> header_ = std::make_unique<ledger::Header>();
    Liveness liveness_ = Liveness::elsewhere;
    Options options_;
    policy::KeepRules rules_;
    reap::Kernel real_;
    PretendingKernel pretending_;
    std::vector<Handle> scopes_;
    json things_ = json::array();
    json result_;

    /// Too large for a stack, and made to be static.
    static ledger::Ledger& the_ledger() {
        static ledger::Ledger ledger;
        return ledger;
    }
};

void Work::refuse(int status, std::string why) {
    status_ = std::max(status_, status);
    result_["refused"] = to_utf8(why);
}

bool Work::open() {
    int answer =
        arguments_.dry_run ? ledger_.attach_copy(entry_.path.c_str()) : ledger_.attach(entry_.path.c_str());
    if (answer == 0) {
        ledger::MappedSource source(ledger_);
        ledger::Verdict verdict = ledger::read_header(source, *header_);
        if (verdict == ledger::Verdict::ok) return true;
        refuse(kUnreadable, std::string(ledger::verdict_text(verdict)));
    } else {
        refuse(kUnreadable,
               entry_.problem.empty() ? "the ledger can't be opened, or is damaged" : entry_.problem);
    }
    return false;
}

/// Whether the session is in a state in which what was asked for can be done.
bool Work::may_be_reaped() {
    ledger::MappedSource source(ledger_);
    liveness_ = reap::judge_liveness(real_, source, *header_);
    result_["state"] = name_of(liveness_);
    bool named = (header_->flags & ledger::session_flag::kNamed) != 0;
    if (liveness_ == Liveness::elsewhere) {
        refuse(arguments_.session.empty() ? kDone : kNotReaped,
               "it belongs to another pid namespace, where its processes have other numbers; reap it from "
               "there");
    } else if (!arguments_.scope.empty()) {
        if (liveness_ == Liveness::live) return true;
        refuse(kNotReaped, "it is not running any more; reap it as a whole, without --scope");
    } else if (liveness_ == Liveness::live && !named) {
        refuse(kNotReaped,
               fmt::format("it is running (process {}), and reaps itself when it ends; end it first, or name "
                           "a test of it with --scope",
                           header_->root_pid));
    } else {
        return true;
    }
    return false;
}

/// The session's own settings and rules; without its rules nothing is touched.
bool Work::set_up() {
    session::settings_of(*header_, options_);
    if (arguments_.force) options_.reap = true;
    if (arguments_.keep_trees)
        options_.tmp = TempPolicy::keep;
    else if (options_.tmp != TempPolicy::keep && arguments_.scope.empty())
        options_.tmp = TempPolicy::reap;
    Str home = header_->home.size != 0 ? Str(header_->home.text) : Str();
    static char storage[4096];
    TextBuffer complaints(storage, sizeof storage);
    session::Rulebook book = session::read_rules(options_, home, complaints);
    rules_ = book.rules;
    if (!book.complete) {
        std::string why(complaints.str());
        refuse(kNotReaped,
               "what its rules keep is not known, and might be hit: " + why.substr(0, why.find('\n')));
        return false;
    }
    if (!options_.reap) {
        refuse(kDone, "it ran under LEAKSHIM=report, which touches nothing; --force reaps it all the same");
        return false;
    }
    if (arguments_.scope.empty()) return true;
    ledger::MappedSource source(ledger_);
    auto scopes = choose_scope(source, *header_, arguments_.scope);
    if (scopes.ok()) {
        scopes_ = *scopes;
        return true;
    }
    refuse(absl::IsNotFound(scopes.status()) ? kUnreadable : kUsage, std::string(scopes.status().message()));
    return false;
}

void Work::decided(void* self, Handle handle, State state, Outcome outcome) {
    static_cast<Work*>(self)->note(handle, state, outcome);
}

void Work::note(Handle handle, State state, Outcome outcome) {
    ledger::MappedSource source(ledger_);
    auto header = std::make_unique<ledger::Header>();
    if (ledger::read_header(source, *header) != ledger::Verdict::ok) return;
    auto walker = std::make_unique<ledger::Walker>(source, *header);
    auto others = std::make_unique<ledger::Walker>(source, *header);
    ledger::Entry entry;
    if (!walker->get(handle, entry) || outcome == Outcome::ignored_by_rule) return;
    json thing;
    thing["kind"] = ledger::kind_name(entry.kind);
    thing["state"] = ledger::state_name(state);
    thing["outcome"] = ledger::outcome_name(outcome);
    thing["action"] = ledger::outcome_text(outcome);
    thing["pid"] = nullptr;
    if (entry.kind == ledger::Kind::process) thing["pid"] = entry.number;
    if (ledger::is_path(entry.kind)) thing["path"] = to_utf8(entry.text);
    thing["what"] = text_of([&](TextBuffer& to) { reap::add_target(to, entry); });
    thing["identity"] = text_of([&](TextBuffer& to) { reap::add_identity(to, entry); });
    thing["evidence"] = text_of([&](TextBuffer& to) { reap::add_evidence(to, entry, *others, *others); });
    things_.push_back(std::move(thing));
}

reap::Request Work::request() {
    reap::Kernel& kernel = arguments_.dry_run ? pretending_ : real_;
    reap::Request request{ledger_, lease_, options_, rules_, kernel};
    request.run_failed = true;
    request.decided = {decided, this};
    request.interrupted = {[](void*) { return hurried != 0; }, nullptr};
    bool shows = !arguments_.quiet && !arguments_.dry_run && isatty(STDERR_FILENO) == 1;
    if (shows) request.progress = session::sink_to(STDERR_FILENO);
    return request;
}

void Work::reap_session(const reap::Request& request) {
    reap::Result found;
    reap::Finish finish = reap::finish_session(request, ledger::EndedBy::request, -1, found);
    if (finish == reap::Finish::in_progress) refuse(kNotReaped, "somebody else is ending it at this moment");
    if (finish == reap::Finish::not_ours) refuse(kNotReaped, "it belongs to another pid namespace");
    if (finish == reap::Finish::done && !arguments_.dry_run) session::tidy(ledger_, found);
}

void Work::reap_scope(reap::Request& request) {
    u32 retiring = 0;
    for (Handle scope : scopes_) {
        request.scope = scope;
        reap::Result result = reap::reap(request);
        retiring += result.retiring;
    }
    result_["retiring"] = retiring;
}

json Work::run() {
    result_ = {{"id", to_utf8(entry_.id)},
               {"ledger", to_utf8(entry_.path)},
               {"name", to_utf8(entry_.name)},
               {"user", geteuid()},
               {"refused", nullptr},
               {"state", nullptr},
               {"retiring", 0}};
    if (open() && may_be_reaped() && set_up()) {
        reap::Request request = this->request();
        request.again = liveness_ == Liveness::ended;
        if (request.again) request.ended_realtime = header_->ended_realtime.load(std::memory_order_relaxed);
        session::ActionLog log(ledger_.path());
        if (!arguments_.dry_run) request.log = log.sink();
        if (arguments_.scope.empty())
            reap_session(request);
        else
            reap_scope(request);
    }
    for (const json& thing : things_) {
        bool spared = thing["outcome"] == ledger::outcome_name(Outcome::not_ours_anymore);
        if (thing["state"] == ledger::state_name(State::failed) && !spared)
            status_ = std::max<int>(status_, kNotReaped);
    }
    result_["things"] = things_;
    return result_;
}

}  // namespace

json reap_as_owner(const Arguments& arguments) {
    struct sigaction action {};
    action.sa_handler = [](int) { hurried = 1; };
    sigaction(SIGINT, &action, nullptr);
    json answer = {{"status", kDone}, {"problem", nullptr}, {"sessions", json::array()}};
    auto sessions = choose_sessions(arguments);
    if (!sessions.ok()) {
        answer["status"] = absl::IsNotFound(sessions.status()) ? kUnreadable : kUsage;
        answer["problem"] = to_utf8(std::string(sessions.status().message()));
        return answer;
    }
    int status = kDone;
    for (const SessionEntry& session : *sessions) {
        if (session.tombstone) continue;  // of a clean run nothing is left
        Work work(arguments, session);
        answer["sessions"].push_back(work.run());
        status = std::max(status, work.status());
    }
    answer["status"] = status;
    return answer;
}

}  // namespace leakshim::tools
