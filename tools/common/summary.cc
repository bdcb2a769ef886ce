// SPDX-License-Identifier: MIT
#include "summary.h"

namespace leakshim::tools {

using ledger::State;
using policy::Degree;

Summary summary_of(const Report& report) {
    Summary summary;
    for (const Item& item : report.items) {
        if (item.degree == Degree::error) ++summary.errors;
        if (item.degree == Degree::warning) ++summary.warnings;
        if (item.degree == Degree::note && item.state != State::live) ++summary.notes;
        if (item.known != Degree::none) ++summary.known;
        if (item.state == State::reaped) ++summary.reaped;
        if (item.state == State::kept) ++summary.kept;
        if (item.state == State::failed) ++summary.failed;
        if (item.state == State::leaked) ++summary.leaked;
        if (item.state == State::live) ++summary.live;
        if (item.state == State::intent) ++summary.unresolved;
    }
    return summary;
}

}  // namespace leakshim::tools
