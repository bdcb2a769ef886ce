// SPDX-License-Identifier: MIT
//
// Hooks of the environment: pytest says which test runs by setting PYTEST_CURRENT_TEST. Our own variables may
// be taken out by the host as it likes; descendants get them back at exec (exec.cc).
#include <stdlib.h>

#include "carry.h"
#include "record.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

constexpr Str kCurrentTest = "PYTEST_CURRENT_TEST";

void set_test(Str value) {
    ledger::Author as{the_ledger(), own_lease()};
    as.process = the_session().self;
    as.now = now();
    Handle scope = value.empty() ? 0 : ledger::intern_scope(as, session::test_name(value));
    the_session().scope.store(scope, std::memory_order_relaxed);
    ledger::Record* self = the_ledger().at(the_session().self);
    if (self != nullptr)
        ledger::tail_of<ledger::ProcessTail>(*self)->scope.store(scope, std::memory_order_relaxed);
}

}  // namespace

HOOK_BODY(int, setenv, (const char* name, const char* value, int overwrite)) {
    settle_environ();
    int result = REAL(setenv)(name, value, overwrite);
    if (result == 0 && value != nullptr && kCurrentTest == name && recording()) set_test(value);
    return result;
}

HOOK_BODY(int, putenv, (char* entry)) {
    settle_environ();
    int result = REAL(putenv)(entry);
    if (result != 0 || entry == nullptr || !recording()) return result;
    Str value = entry;
    if (take_until(value, '=') == kCurrentTest) set_test(value);
    return result;
}

HOOK_BODY(int, unsetenv, (const char* name)) {
    settle_environ();
    int result = REAL(unsetenv)(name);
    if (result == 0 && kCurrentTest == name && recording()) set_test({});
    return result;
}

HOOK_BODY(int, clearenv, (void)) {
    settle_environ();
    int result = REAL(clearenv)();
    if (result == 0 && recording()) set_test({});
    return result;
}
