// SPDX-License-Identifier: MIT
//
// What the listeners for Catch2 and GoogleTest have in common: the words for what a scope has left.
#ifndef LEAKSHIM_LISTENER_H
#define LEAKSHIM_LISTENER_H

#include <leakshim.h>

#include <string>

namespace leakshim_listener {

/// How to mend a leak of this kind.
inline const char* advice_on(unsigned kind) {
    if (kind == LEAKSHIM_PROCESS) return "wait for it, or end it, before the test ends";
    if (kind == LEAKSHIM_THREAD) return "tell it to end and join it before the test ends";
    if (kind >= LEAKSHIM_FILE && kind <= LEAKSHIM_OTHER_FD) return "close it, or give it an owner that does";
    if (kind >= LEAKSHIM_TEMP_DIR && kind <= LEAKSHIM_UNIX_SOCKET) return "remove it before the test ends";
    return "unlink it, or remove it with IPC_RMID";
}

inline std::string describe(const leakshim_leak& leak) {
    std::string text = leak.kind_name;
    if (leak.kind < LEAKSHIM_TEMP_DIR) text += " " + std::to_string(leak.number);
    if (leak.what[0] != '\0') text += std::string(": ") + leak.what;
    if (leak.flags & LEAKSHIM_FINISHED) text += " (finished, never joined)";
    if (leak.site[0] != '\0') text += std::string("\n    made at ") + leak.site;
    return text + "\n    " + advice_on(leak.kind);
}

/// The scope of a test, from its beginning to its verdict. Does nothing where the library is not loaded.
class TestScope {
  public:
    void begin(const std::string& name) {
        name_ = name;
        scope_ = leakshim_scope_begin(name.c_str());
    }

    /// Ends the scope. The text to fail the test with; empty when it has left nothing.
    std::string end() {
        std::string text;
        leakshim_verdict verdict;
        if (scope_ != 0 && leakshim_scope_verdict(scope_, LEAKSHIM_LINGER, &verdict) != 0)
            text = list(verdict.total);
        leakshim_scope_end(scope_);
        scope_ = 0;
        return text;
    }

  private:
    std::string list(unsigned total) const {
        std::string text = "leakshim: " + name_ + " left " + std::to_string(total) +
                           (total == 1 ? " thing behind" : " things behind");
        leakshim_leak leak;
        unsigned long long cursor = 0;
        for (unsigned i = 0; i < total && leakshim_scope_next(scope_, &cursor, &leak); ++i)
            text += "\n" + describe(leak);
        return text;
    }

    std::string name_;
    leakshim_scope scope_ = 0;
};

}  // namespace leakshim_listener

#endif
