// SPDX-License-Identifier: MIT
//
// The same as catch2_suite.cc for GoogleTest; and a suite whose fixture keeps something for all its tests.
#include "leakshim_gtest.h"

#include "leaky_things.h"

TEST(Planted, is_tidy_at_first) {
    work_in_threads();
    start_a_brief_thread();
}
TEST(Planted, leaves_socket) {
    leave_socket();
}
TEST(Planted, is_tidy_after_a_socket) {
    work_in_threads();
}
TEST(Planted, leaves_temp_dir) {
    leave_temp_dir();
}
TEST(Planted, leaves_temp_dir_from_a_thread) {
    leave_temp_dir_from_a_thread();
}
TEST(Planted, leaves_process) {
    leave_process();
}
TEST(Planted, leaves_thread) {
    leave_thread();
}
TEST(Planted, is_tidy_beside_an_old_thread_and_process) {
    work_in_threads();
}

class Shared : public testing::Test {
  protected:
    static void SetUpTestSuite() { path = leave_temp_dir(); }
    static void TearDownTestSuite() { rmdir(path.c_str()); }
    static std::string path;
};
std::string Shared::path;

TEST_F(Shared, is_tidy_with_a_directory_of_the_suite) {
    EXPECT_NE(path, "");
}
TEST_F(Shared, is_tidy_with_the_same_directory) {
    start_a_brief_thread();
}

int main(int count, char** arguments) {
    testing::InitGoogleTest(&count, arguments);
    leakshim_listener::add_to_googletest();
    return RUN_ALL_TESTS();
}
