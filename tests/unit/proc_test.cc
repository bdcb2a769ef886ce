// SPDX-License-Identifier: MIT
//
// Reading /proc, on this very process and on children with odd names, signals and environments.
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "support.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::test;

namespace {

/// A child that prepares itself with `body`, then waits until this object goes.
class Waiting {
  public:
    explicit Waiting(const std::function<int()>& body) {
        int ready[2];
        REQUIRE(pipe(ready) == 0);
        pid_ = start_child([&] {
            char byte = static_cast<char>(body());
            if (write(ready[1], &byte, 1) != 1) return 1;
            for (;;)
                pause();
            return 0;
        });
        REQUIRE(read(ready[0], &answer_, 1) == 1);
        close(ready[0]);
        close(ready[1]);
    }
    ~Waiting() {
        kill(pid_, SIGKILL);
        wait_for(pid_);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    pid_t pid() const { return pid_; }
    int answer() const { return answer_; }

  private:
    pid_t pid_ = 0;
    char answer_ = 0;
};

u64 bit(int signal) {
    return u64{1} << (signal - 1);
}

}  // namespace

TEST_CASE("this_process_is_read_from_proc") {
    ProcessStat stat;
    REQUIRE(read_process_stat(getpid(), stat));
    CHECK(stat.pid == getpid());
    CHECK(stat.ppid == getppid());
    CHECK(stat.group == getpgrp());
    CHECK(stat.session == getsid(0));
    CHECK(stat.threads == 1);
    CHECK(stat.state == 'R');
    CHECK_FALSE(stat.dead());
    CHECK(stat.start > 0);
    CHECK(stat.start <= sys::boottime());
    CHECK(stat.start % (10 * kMillisecond) == 0);
}

TEST_CASE("a_process_whose_name_holds_spaces_and_parentheses_is_read_right") {
    for (const char* name : {"a) b (c", ")", "(", ") R 1 2 3", "a b", "", "fifteen letters"}) {
        Waiting child([&] { return prctl(PR_SET_NAME, name); });
        ProcessStat stat;
        REQUIRE(read_process_stat(child.pid(), stat));
        CHECK(std::string(stat.name) == name);
        CHECK(stat.ppid == getpid());
        CHECK(stat.session == getsid(0));
        CHECK(stat.start > 0);
    }
}

TEST_CASE("a_zombie_is_dead_and_a_zombie_leader_with_threads_is_not") {
    pid_t child = start_child([] { return 0; });
    siginfo_t info;
    REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    ProcessStat stat;
    REQUIRE(read_process_stat(child, stat));
    CHECK(stat.state == 'Z');
    CHECK(stat.dead());
    wait_for(child);
    CHECK_FALSE(read_process_stat(child, stat));

    // The leader ends, another thread goes on.
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_t leader = start_child([&] {
        std::thread([&] {
            ProcessStat self;
            while (read_process_stat(getpid(), self) && self.state != 'Z')
                sys::sleep(kMillisecond);
            char byte = 0;
            if (write(ready[1], &byte, 1) != 1) _exit(1);
            for (;;)
                pause();
        }).detach();
        sys::call(SYS_exit, 0);
        return 0;
    });
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    REQUIRE(read_process_stat(leader, stat));
    CHECK(stat.state == 'Z');
    CHECK(stat.threads >= 2);
    CHECK_FALSE(stat.dead());
    kill(leader, SIGKILL);
    wait_for(leader);
    close(ready[0]);
    close(ready[1]);
}

TEST_CASE("blocked_ignored_and_caught_signals_are_told_apart") {
    Waiting child([] {
        signal(SIGINT, [](int) {});
        signal(SIGTERM, SIG_IGN);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGRTMIN);
        return sigprocmask(SIG_SETMASK, &set, nullptr);
    });
    ProcessSignals signals;
    REQUIRE(read_process_signals(child.pid(), signals));
    CHECK((signals.caught & (bit(SIGINT) | bit(SIGTERM))) == bit(SIGINT));
    CHECK((signals.ignored & (bit(SIGINT) | bit(SIGTERM))) == bit(SIGTERM));
    CHECK(signals.blocked == (bit(SIGUSR1) | bit(SIGRTMIN)));
    CHECK(signals.uid == getuid());
}

TEST_CASE("a_process_in_thousands_of_groups_still_shows_its_signals") {
    if (geteuid() != 0) {
        WARN("needs root for setgroups: nothing was tested");
        return;
    }
    Waiting child([] {
        std::vector<gid_t> groups(5000);
        for (size_t i = 0; i < groups.size(); ++i)
            groups[i] = static_cast<gid_t>(100'000 + i);
        signal(SIGINT, [](int) {});
        return setgroups(groups.size(), groups.data());
    });
    REQUIRE(child.answer() == 0);
    ProcessSignals signals;
    REQUIRE(read_process_signals(child.pid(), signals));
    CHECK((signals.caught & bit(SIGINT)) != 0);
    CHECK(signals.uid == getuid());
}

TEST_CASE("a_process_that_is_gone_is_an_answer_and_no_error") {
    pid_t gone = start_child([] { return 0; });
    wait_for(gone);
    ProcessStat stat;
    ProcessSignals signals;
    char buffer[64];
    CHECK_FALSE(read_process_stat(gone, stat));
    CHECK_FALSE(read_process_signals(gone, signals));
    CHECK(read_process_file(gone, "cmdline", buffer, sizeof buffer) < 0);
    CHECK(read_process_link(gone, "exe", buffer, sizeof buffer).empty());
    CHECK(read_process_variable(gone, "PATH=", buffer, sizeof buffer).data() == nullptr);
}

TEST_CASE("links_of_a_process_are_read") {
    char buffer[4096], expected[4096];
    ssize_t size = readlink("/proc/self/exe", expected, sizeof expected);
    REQUIRE(size > 0);
    CHECK(read_process_link(getpid(), "exe", buffer, sizeof buffer) ==
          Str(expected, static_cast<size_t>(size)));
}

TEST_CASE("all_processes_are_visited_among_them_this_one_and_its_child") {
    Waiting child([] { return 0; });
    std::set<int> seen;
    CHECK(for_each_process([&](int pid) { seen.insert(pid); }));
    CHECK(seen.count(getpid()) == 1);
    CHECK(seen.count(child.pid()) == 1);
    CHECK(seen.count(1) == 1);
    for (int pid : seen)
        CHECK(pid > 0);
}

TEST_CASE("a_directory_is_visited_whole_and_left_early_when_asked") {
    TempDir dir;
    for (int i = 0; i < 1000; ++i)
        write_file(dir / ("entry-with-a-long-name-" + std::to_string(i)), "");
    int fd = sys::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::set<std::string> seen;
    CHECK(for_each_entry(fd, [&](const char* name) { return seen.insert(name).second; }));
    CHECK(seen.size() == 1000);
    CHECK(seen.count("entry-with-a-long-name-999") == 1);
    sys::close(fd);

    fd = sys::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int visits = 0;
    CHECK_FALSE(for_each_entry(fd, [&](const char*) { return ++visits < 3; }));
    CHECK(visits == 3);
    sys::close(fd);
    CHECK_FALSE(for_each_entry(-1, [](const char*) { return true; }));
}

TEST_CASE("a_variable_is_found_in_an_environment_block") {
    Str block("A=1\0PATH=/bin\0EMPTY=\0XPATH=/wrong\0LAST=end", 42);
    CHECK(find_in_environment(block, "PATH=") == "/bin");
    CHECK(find_in_environment(block, "LAST=") == "end");
    CHECK(find_in_environment(block, "EMPTY=").empty());
    CHECK(find_in_environment(block, "EMPTY=").data() != nullptr);
    CHECK(find_in_environment(block, "ATH=").data() == nullptr);
    CHECK(find_in_environment(block, "MISSING=").data() == nullptr);
    CHECK(find_in_environment({}, "A=").data() == nullptr);
}

TEST_CASE("a_variable_of_another_process_is_found_wherever_it_stands") {
    // Around the size of the reader's buffer, so that names and values are cut by it at every place.
    for (size_t padding :
         {0UL, 1UL, 2000UL, 2030UL, 2035UL, 2040UL, 2041UL, 2042UL, 2047UL, 2048UL, 100'000UL}) {
        std::string filler = "FILLER=" + std::string(padding, 'x');
        std::string wanted = "LEAKSHIM_SESSION=/dev/shm/leakshim-0/abc";
        std::string decoy = "XLEAKSHIM_SESSION=/wrong";
        int ready[2];
        REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
        pid_t pid = start_child([&] {
            const char* arguments[] = {"sleep", "1000", nullptr};
            const char* environment[] = {
                filler.c_str(), decoy.c_str(), "EMPTY=", wanted.c_str(), "Z=1", nullptr};
            execve("/bin/sleep", const_cast<char**>(arguments), const_cast<char**>(environment));
            return 1;
        });
        close(ready[1]);
        char byte = 0;
        REQUIRE(read(ready[0], &byte, 1) == 0);  // the exec closed the other end
        close(ready[0]);
        char buffer[256];
        CHECK(read_process_variable(pid, "LEAKSHIM_SESSION=", buffer, sizeof buffer) ==
              "/dev/shm/leakshim-0/abc");
        CHECK(read_process_variable(pid, "EMPTY=", buffer, sizeof buffer).data() != nullptr);
        CHECK(read_process_variable(pid, "EMPTY=", buffer, sizeof buffer).empty());
        CHECK(read_process_variable(pid, "SESSION=", buffer, sizeof buffer).data() == nullptr);
        CHECK(read_process_variable(pid, "LEAKSHIM_SESSION=", buffer, 4) == "/dev");
        kill(pid, SIGKILL);
        wait_for(pid);
    }
}

TEST_CASE("a_list_of_children_that_does_not_fit_names_nobody_who_is_none") {
    std::set<int> children;
    for (int i = 0; i < 12; ++i)
        children.insert(start_child([] {
            for (;;)
                pause();
            return 0;
        }));
    std::string path = "/proc/self/task/" + std::to_string(sys::gettid()) + "/children";
    size_t all = 0;
    // Of each length the last number is cut at another place.
    for (size_t size = 1; size <= 120; ++size) {
        std::string room(size, '?');
        std::set<int> seen;
        CHECK(for_each_child(path.c_str(), room.data(), size, [&](int pid) { seen.insert(pid); }) == 0);
        CHECK(std::includes(children.begin(), children.end(), seen.begin(), seen.end()));
        CHECK(seen.size() >= all);
        all = seen.size();
    }
    CHECK(all == children.size());
    char room[8];
    CHECK(for_each_child("/proc/self/task/0/children", room, sizeof room, [](int) {}) == -ENOENT);
    for (int pid : children) {
        kill(pid, SIGKILL);
        wait_for(pid);
    }
}
