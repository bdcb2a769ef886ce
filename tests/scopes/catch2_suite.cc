// SPDX-License-Identifier: MIT
//
// A test program with planted leaks: "leaves KIND" leaves one thing of that kind, all others are tidy.
#define CATCH_CONFIG_MAIN
#include "leakshim_catch2.h"

#include "leaky_things.h"

TEST_CASE("is tidy at first") {
    CHECK(true);
    work_in_threads();
    start_a_brief_thread();
}
TEST_CASE("leaves socket") {
    leave_socket();
}
TEST_CASE("is tidy after a socket") {
    CHECK(true);
    work_in_threads();
}
TEST_CASE("leaves temp_dir") {
    leave_temp_dir();
}
TEST_CASE("leaves temp_dir from a thread") {
    leave_temp_dir_from_a_thread();
}
TEST_CASE("leaves process") {
    leave_process();
}
TEST_CASE("leaves thread") {
    leave_thread();
}
TEST_CASE("is tidy beside an old thread and process") {
    CHECK(true);
    work_in_threads();
}
TEST_CASE("leaves socket in one section of three") {
    SECTION("tidy") {
        CHECK(true);
    }
    SECTION("not tidy") {
        leave_socket();
    }
    SECTION("tidy again") {
        CHECK(true);
    }
}
TEST_CASE("is tidy at last") {
    CHECK(true);
    start_a_brief_thread();
}
