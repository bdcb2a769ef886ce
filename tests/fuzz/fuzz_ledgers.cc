// SPDX-License-Identifier: MIT
//
// Damaged ledgers, by the thousand, for all that reads them: the walker, the tools' loader with its formats,
// and the reaper on a machine in memory (world.h). None may crash or hang; the reaper acts on nothing but
// what the session made, or what the damaged ledger claims by its full identity; and leaves no descriptor
// open.
//
//     fuzz_ledgers [--seed N] [--rounds N | --minutes N] [--keep DIRECTORY]
//
// Every round follows from seed and number alone: a failure prints the line that repeats it. Rounds run in
// children, a batch each, so that a crash is an answer; 60 s for a batch are a hang.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "formats.h"
#include "load.h"
#include "mutate.h"
#include "scene.h"
#include "session_end.h"

namespace leakshim::fuzz {

namespace {

constexpr u64 kBatch = 200;
constexpr unsigned kPatience = 60;  // seconds for a batch, which takes less than one

/// What the parent sees of the child's work.
struct Progress {
    u64 round = 0;
    u64 readable = 0, reaped = 0, actions = 0;
};

struct Settings {
    u64 seed = 20251121;
    u64 first = 0;
    u64 rounds = 4000;
    u64 minutes = 0;
    std::string directory;
    std::string keep;
};

/// The tools: their loader, and all that the formats say of it.
bool show(const std::string& path) {
    auto file = tools::LedgerFile::open(path);
    if (!file.ok()) return false;
    tools::Reports reports;
    reports.all.push_back(tools::load_report(**file));
    size_t said = 0;
    for (const tools::Format& format : tools::formats())
        format.write_reports(reports, {}, [&](std::string_view piece) { said += piece.size(); });
    return said != 0;
}

/// The reaper. True when there was a ledger for it to act on.
bool reap(World& world, const std::string& path, Role role) {
    auto ledger = std::make_unique<ledger::Ledger>();
    if (ledger->attach(path.c_str()) != 0) return false;
    ledger::ThreadLease lease;
    Options options;
    options.ci = true;
    policy::KeepRules rules;
    reap::Request request{*ledger, lease, options, rules, world};
    request.in_root = role == Role::root;
    if (request.in_root) request.self = ledger->header()->root;
    request.again = world.random.one_in(4);
    if (world.random.one_in(4)) request.ended_realtime = World::kBoot + 4500 * kSecond;
    reap::Result result;
    reap::finish_session(request, ledger::EndedBy::guard, -1, result);
    reap::count_findings(*ledger);
    return true;
}

/// One damaged ledger for all readers. The number of things that went wrong.
int play(const Settings& settings, u64 round, Progress& progress) {
    World world(settings.seed ^ round * 0x2545f4914f6cdd1dULL);
    Random& random = world.random;
    std::string path = settings.directory + "/session.ledger";
    Role role = random.one_in(2) ? Role::root : Role::guard;
    std::string bytes = furnish(world, path, role);
    if (round != 0) mutate(bytes, random, random.one_in(8) ? 64 : 6);
    if (random.one_in(16)) {
        bytes.resize(random.below(bytes.size()));
        write_ledger(path, bytes, false);
        show(path);
        return 0;  // who maps a ledger that was cut is another story
    }
    write_ledger(path, bytes);
    progress.readable += show(path);
    if (!read_claims(world, bytes)) return 0;
    if (random.one_in(3)) world.fail_one_in = 20 + random.below(200), world.spares_hold = false;
    if (random.one_in(3)) world.reuse_one_in = 10 + random.below(100);
    progress.reaped += reap(world, path, role);
    progress.actions += world.actions;
    if (world.open_handles() != 0) world.violations.push_back("descriptors left open");
    for (const std::string& what : world.violations)
        fprintf(stderr, "round %llu: %s\n", static_cast<unsigned long long>(round), what.c_str());
    if (!world.violations.empty() && !settings.keep.empty())
        write_ledger(settings.keep + "/" + std::to_string(round) + ".ledger", bytes);
    return static_cast<int>(world.violations.size());
}

/// Plays a batch in a child. True when all went well.
bool play_batch(const Settings& settings, u64 first, u64 count, Progress& progress) {
    pid_t child = fork();
    if (child == 0) {
        alarm(kPatience);
        int faults = 0;
        for (u64 round = first; round < first + count; ++round) {
            progress.round = round;
            faults += play(settings, round, progress);
        }
        _exit(faults == 0 ? 0 : 1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status == 0) return true;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "round %llu: %s (signal %d)\n", static_cast<unsigned long long>(progress.round),
                WTERMSIG(status) == SIGALRM ? "hangs" : "crashed", WTERMSIG(status));
    }
    fprintf(stderr, "repeat: --seed %llu --first %llu --rounds %llu\n",
            static_cast<unsigned long long>(settings.seed), static_cast<unsigned long long>(first),
            static_cast<unsigned long long>(progress.round - first + 1));
    return false;
}

u64 seconds() {
    struct timespec now {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<u64>(now.tv_sec);
}

int run(const Settings& settings) {
    void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 2;
    auto& progress = *new (shared) Progress;
    u64 until = seconds() + settings.minutes * 60, bad = 0, played = 0;
    auto more = [&] { return settings.minutes != 0 ? seconds() < until : played < settings.rounds; };
    while (more() && bad < 20) {
        u64 left = settings.minutes != 0 ? kBatch : settings.rounds - played;
        u64 count = left < kBatch ? left : kBatch;
        bad += !play_batch(settings, settings.first + played, count, progress);
        played += count;
    }
    printf("seed %llu: %llu damaged ledgers, %llu readable, %llu reaped, %llu actions, %llu bad batches\n",
           static_cast<unsigned long long>(settings.seed), static_cast<unsigned long long>(played),
           static_cast<unsigned long long>(progress.readable),
           static_cast<unsigned long long>(progress.reaped),
           static_cast<unsigned long long>(progress.actions), static_cast<unsigned long long>(bad));
    // With nothing readable, or nothing done, nothing was tried.
    bool tried = progress.readable > played / 4 && progress.actions > played;
    if (!tried && played > kBatch) fputs("too few of them were readable, or acted on\n", stderr);
    return bad != 0 || (!tried && played > kBatch);
}

bool parse(int argc, char** argv, Settings& settings) {
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view key = argv[i];
        u64 number = strtoull(argv[i + 1], nullptr, 10);
        if (key == "--seed")
            settings.seed = number;
        else if (key == "--first")
            settings.first = number;
        else if (key == "--rounds")
            settings.rounds = number;
        else if (key == "--minutes")
            settings.minutes = number;
        else if (key == "--keep")
            settings.keep = argv[i + 1];
        else
            return false;
    }
    return argc % 2 == 1;
}

}  // namespace

int run_all(int argc, char** argv) {
    Settings settings;
    if (!parse(argc, argv, settings)) {
        fputs("usage: fuzz_ledgers [--seed N] [--first N] [--rounds N | --minutes N] [--keep DIRECTORY]\n",
              stderr);
        return 2;
    }
    settings.directory = "/dev/shm/leakshim-fuzz-XXXXXX";
    if (mkdtemp(settings.directory.data()) == nullptr) return 2;
    int status = run(settings);
    unlink((settings.directory + "/session.ledger").c_str());
    rmdir(settings.directory.c_str());
    return status;
}

}  // namespace leakshim::fuzz

int main(int argc, char** argv) {
    return leakshim::fuzz::run_all(argc, argv);
}
