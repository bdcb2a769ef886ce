// SPDX-License-Identifier: MIT
//
// golden_ledgers DIRECTORY: makes the golden ledgers there, for tests in other languages. The one of a live
// session stays live until standard input ends, since its root is this very process.
//
// golden_ledgers DIRECTORY COUNT: makes only one, with so many leaks, to see what a large report costs.
#include <stdio.h>

#include "golden.h"
#include "ledger_builder.h"

using namespace leakshim;
using namespace leakshim::test;

int main(int argc, char** argv) {
    if (argc != 2 && argc != 3) return 2;
    std::string directory = argv[1];
    if (argc == 3) return make_many(directory, std::stoi(argv[2])).empty();
    make_clean(directory);
    make_daemon(directory);
    make_output(directory);
    make_everything(directory);
    make_odd_names(directory);
    make_traps(directory);
    make_many(directory, 10'000);
    make_cycles(directory);
    make_dead(directory, directory, directory + "/gone");
    LedgerBuilder live(directory, "11fe", {"a", "live", "one"});
    live.in_test("test_live");
    live.path_record(ledger::Kind::temp_dir, "/tmp/being-used", {});
    live.descriptor(ledger::Kind::eventfd, 9, "", {});
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return 0;
}
