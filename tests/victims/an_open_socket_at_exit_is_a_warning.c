// SPDX-License-Identifier: MIT
//
// A socket that its process still has at exit dies with it: worth a warning, no error. One that socket()
// refused to make is nothing at all.
//
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    SHOW(socket(9999, SOCK_STREAM, 0));
    SHOW(socket(AF_UNIX, 99, 0));
    return 0;
}
