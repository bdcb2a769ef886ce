// SPDX-License-Identifier: MIT
//
// Closing what is not open is an error of the host and no business of the ledger: the socket that is open
// stays.
//
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    const int closed = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(close(closed));
    SHOW(close(closed));
    SHOW(close(-1));
    SHOW(close(100000));
    SHOW(close(INT_MAX));
    return 0;
}
