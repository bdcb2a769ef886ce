// SPDX-License-Identifier: MIT
//
// GoogleTest: fails the very test that leaked, on the console and in its XML. In main, after InitGoogleTest:
//
//     leakshim_listener::add_to_googletest();
//
// Each test is a scope, from SetUp to TearDown and the destructor of its fixture. What SetUpTestSuite makes
// belongs to the suite, which is judged after TearDownTestSuite. Without libleakshim.so it does nothing.
#ifndef LEAKSHIM_GTEST_H
#define LEAKSHIM_GTEST_H

#include <gtest/gtest.h>

#include "leakshim_listener.h"

namespace leakshim_listener {

class GoogleTestListener : public testing::EmptyTestEventListener {
  public:
    void OnTestSuiteStart(const testing::TestSuite& suite) override { suite_.begin(suite.name()); }

    void OnTestStart(const testing::TestInfo& test) override {
        test_.begin(std::string(test.test_suite_name()) + "." + test.name());
    }

    // Ends are told to the listener first that was added last: the failure is there when others look.
    void OnTestEnd(const testing::TestInfo&) override { fail_with(test_.end()); }

    void OnTestSuiteEnd(const testing::TestSuite&) override { fail_with(suite_.end()); }

  private:
    static void fail_with(const std::string& leaks) {
        if (!leaks.empty()) ADD_FAILURE() << leaks;
    }

    TestScope suite_, test_;
};

inline void add_to_googletest() {
    testing::UnitTest::GetInstance()->listeners().Append(new GoogleTestListener);  // GoogleTest deletes it
}

}  // namespace leakshim_listener

#endif
