// SPDX-License-Identifier: MIT
//
// Spaces, quotes, a line feed, an escape, bytes that are no UTF-8: names are bytes, in the ledger and in its
// report.
//
// expect: error temp_dir path={tmp}/two\x0alines
// expect: error temp_dir path={tmp}/\xff\xfe\x80
// expect: error temp_file path={tmp}/"quoted"\x20and\x20\x5c\x27
// expect: error temp_file path={tmp}/\x1b[31mred
// expect: error temp_dir path={tmp}/caf\xc3\xa9
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir(in_tmp("two\nlines"), 0700));
    SHOW(mkdir(in_tmp("\xff\xfe\x80"), 0700));
    SHOW(close(SHOW(creat(in_tmp("\"quoted\" and \\'"), 0600))));
    SHOW(close(SHOW(creat(in_tmp("\x1b[31mred"), 0600))));
    SHOW(mkdir(in_tmp("caf\xc3\xa9"), 0700));
    return 0;
}
