// SPDX-License-Identifier: MIT
//
// Stand-in until the policy layer is there.
#include "policy.h"

namespace leakshim::policy {

Str degree_name(Degree degree) {
    constexpr Str kNames[] = {"none", "note", "warning", "error"};
    return kNames[static_cast<int>(degree)];
}

Degree degree_of(ledger::Kind kind, ledger::State state, ledger::Outcome outcome) {
    using ledger::Outcome;
    using ledger::State;
    if (state == State::live || state == State::ended || state == State::free) return Degree::none;
    if (state == State::gone || state == State::intent || state == State::kept) return Degree::note;
    if (outcome == Outcome::port_at_exit || outcome == Outcome::open_at_exit || outcome == Outcome::closed) {
        return Degree::warning;
    }
    if (ledger::is_fd(kind)) return kind == ledger::Kind::socket ? Degree::error : Degree::none;
    return kind == ledger::Kind::thread ? Degree::warning : Degree::error;
}

}  // namespace leakshim::policy
