// SPDX-License-Identifier: MIT
//
// The zombie actor of every flaky suite: the port outlives the run with its holder, and goes with it.
//
// expect: error process
// expect: error listening_port
// status: 0
#include <arpa/inet.h>
#include <netinet/in.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    if (SHOW_FORK(fork()) == 0) {
        const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        const int server = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(server, (const struct sockaddr*)&address, sizeof address) != 0 || listen(server, 4) != 0)
            _exit(1);
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
    return 0;
}
