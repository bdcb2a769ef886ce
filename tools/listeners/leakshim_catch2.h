// SPDX-License-Identifier: MIT
//
// Catch2 (2.13 or 3): fails the very test case that leaked, on the console and in every report. Include it in
// one source file of the test program, after nothing but its own macros; there is nothing to call.
//
// Each run through a test case, that is through one path of its sections, is a scope of its own, and is
// judged when the test's function has returned and its locals are gone. Without libleakshim.so it does
// nothing.
#ifndef LEAKSHIM_CATCH2_H
#define LEAKSHIM_CATCH2_H

#if __has_include(<catch2/reporters/catch_reporter_event_listener.hpp>)
#include <catch2/catch_message.hpp>
#include <catch2/catch_section_info.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#define LEAKSHIM_CATCH2_BASE EventListenerBase
#else
#include <catch2/catch.hpp>
#define LEAKSHIM_CATCH2_BASE TestEventListenerBase
#endif

#include "leakshim_listener.h"

namespace leakshim_listener {

class Catch2Listener : public Catch::LEAKSHIM_CATCH2_BASE {
  public:
    using Base = Catch::LEAKSHIM_CATCH2_BASE;
    using Base::Base;

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        Base::testCaseStarting(info);
        test_ = info.name;
        depth_ = 0;
    }

    /// The outermost section is the test case itself: it starts once for each path through the others.
    void sectionStarting(const Catch::SectionInfo& info) override {
        Base::sectionStarting(info);
        if (depth_++ == 0) scope_.begin(test_);
    }

    /// Listeners are asked before reporters: a failure that is raised here still belongs to this test case.
    void sectionEnded(const Catch::SectionStats& stats) override {
        if (--depth_ == 0) {
            std::string leaks = scope_.end();
            if (!leaks.empty()) {
                FAIL_CHECK(leaks);
                // Counted before we were asked. The reporter of JUnit in Catch2 3 leaves out what has no
                // assertion.
                ++const_cast<Catch::SectionStats&>(stats).assertions.failed;
            }
        }
        Base::sectionEnded(stats);
    }

  private:
    std::string test_;
    int depth_ = 0;
    TestScope scope_;
};

CATCH_REGISTER_LISTENER(Catch2Listener)

}  // namespace leakshim_listener

#undef LEAKSHIM_CATCH2_BASE
#endif
