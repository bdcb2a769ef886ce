// SPDX-License-Identifier: MIT
//
// A POSIX shared memory object has a name that outlives every process.
//
// expect: error posix_shm named=/leak-{tag}
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    SHOW(close(SHOW(shm_open(ipc_name("leak", tag), O_RDWR | O_CREAT | O_EXCL, 0600))));
    SHOW(shm_open(ipc_name("leak", tag), O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(close(SHOW(shm_open(ipc_name("leak", tag), O_RDWR | O_CREAT, 0600))));
    SHOW(shm_open(ipc_name("absent", tag), O_RDWR, 0600));
    SHOW(shm_open("/no/such", O_RDWR | O_CREAT, 0600));
    return 0;
}
