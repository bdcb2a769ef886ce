// SPDX-License-Identifier: MIT
//
// A POSIX message queue lives in a file system that need not even be mounted.
//
// expect: error message_queue named=/leak-{tag}
// status: 0
#include <mqueue.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    struct mq_attr wrong = {.mq_maxmsg = -1, .mq_msgsize = 16};
    const mqd_t queue = SHOW(mq_open(ipc_name("leak", tag), O_RDWR | O_CREAT | O_EXCL, 0600, SMALL_QUEUE));
    SHOW(mq_send(queue, "kept", 4, 0));
    SHOW(mq_close(queue));
    SHOW(mq_open(ipc_name("leak", tag), O_RDWR | O_CREAT | O_EXCL, 0600, SMALL_QUEUE));
    SHOW(mq_open(ipc_name("absent", tag), O_RDONLY));
    SHOW(mq_open(ipc_name("wrong", tag), O_RDWR | O_CREAT, 0600, &wrong));
    SHOW(mq_open("no-slash", O_RDWR | O_CREAT, 0600, SMALL_QUEUE));
    const mqd_t brief = SHOW(mq_open(ipc_name("brief", tag), O_RDWR | O_CREAT, 0600, SMALL_QUEUE));
    SHOW(mq_unlink(ipc_name("brief", tag)));
    SHOW(mq_unlink(ipc_name("brief", tag)));
    SHOW(mq_close(brief));
    return 0;
}
