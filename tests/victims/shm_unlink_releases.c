// SPDX-License-Identifier: MIT
//
// Unlinked while it is still mapped, as one should: nothing is left, and a second unlink fails.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    const char* name = ipc_name("brief", tag);
    const int fd = SHOW(shm_open(name, O_RDWR | O_CREAT, 0600));
    SHOW(ftruncate(fd, 4096));
    void* memory = SHOW_POINTER(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    SHOW(close(fd));
    SHOW(shm_unlink(name));
    SHOW(shm_unlink(name));
    SHOW(munmap(memory, 4096));
    return 0;
}
