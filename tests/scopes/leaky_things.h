// SPDX-License-Identifier: MIT
//
// What the planted test programs leave, and what they tidy up; used with Catch2 and with GoogleTest.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

inline void leave_socket() {
    socket(AF_INET, SOCK_STREAM, 0);
}

inline std::string leave_temp_dir() {
    std::string path = std::string(getenv("TMPDIR")) + "/left-XXXXXX";
    return mkdtemp(path.data()) != nullptr ? path : "";
}

inline void leave_process() {
    if (fork() == 0) {
        execlp("sleep", "sleep", "600", static_cast<char*>(nullptr));
        _exit(1);
    }
}

inline void leave_thread() {
    std::thread([] { pause(); }).detach();
}

/// Four threads at once, each of which leaves nothing; all are joined.
inline void work_in_threads() {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            rmdir(leave_temp_dir().c_str());
            close(open("/dev/null", O_RDONLY));
        });
    }
    for (std::thread& thread : threads)
        thread.join();
}

/// A thread of the test that leaves a directory, and ends before the test does.
inline void leave_temp_dir_from_a_thread() {
    std::thread(leave_temp_dir).join();
}

/// A thread that nobody waits for, and that is gone soon.
inline void start_a_brief_thread() {
    std::thread([] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }).detach();
}
