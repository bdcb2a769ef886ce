// SPDX-License-Identifier: MIT
//
// Holds leakshim.h against the numbers that programs were compiled with: structs grow at their end only, and
// kinds are those of the ledger. A compile-time check.
#include "layout.h"
#include "leakshim.h"

#include <cstddef>

namespace leakshim::ledger {

#define SAME_KIND(name, kind) static_assert(static_cast<u32>(Kind::kind) == static_cast<u32>(name))
SAME_KIND(LEAKSHIM_PROCESS, process);
SAME_KIND(LEAKSHIM_THREAD, thread);
SAME_KIND(LEAKSHIM_FILE, file);
SAME_KIND(LEAKSHIM_PIPE, pipe);
SAME_KIND(LEAKSHIM_SOCKET, socket);
SAME_KIND(LEAKSHIM_EVENTFD, eventfd);
SAME_KIND(LEAKSHIM_TIMERFD, timerfd);
SAME_KIND(LEAKSHIM_SIGNALFD, signalfd);
SAME_KIND(LEAKSHIM_EPOLL, epoll);
SAME_KIND(LEAKSHIM_INOTIFY, inotify);
SAME_KIND(LEAKSHIM_MEMFD, memfd);
SAME_KIND(LEAKSHIM_PIDFD, pidfd);
SAME_KIND(LEAKSHIM_OTHER_FD, other_fd);
SAME_KIND(LEAKSHIM_TEMP_DIR, temp_dir);
SAME_KIND(LEAKSHIM_TEMP_FILE, temp_file);
SAME_KIND(LEAKSHIM_FIFO, fifo);
SAME_KIND(LEAKSHIM_LINK, link);
SAME_KIND(LEAKSHIM_DEVICE, device);
SAME_KIND(LEAKSHIM_UNIX_SOCKET, unix_socket);
SAME_KIND(LEAKSHIM_POSIX_SHM, posix_shm);
SAME_KIND(LEAKSHIM_NAMED_SEMAPHORE, named_semaphore);
SAME_KIND(LEAKSHIM_MESSAGE_QUEUE, message_queue);
SAME_KIND(LEAKSHIM_SYSV_SHM, sysv_shm);
SAME_KIND(LEAKSHIM_SYSV_SEM, sysv_sem);
SAME_KIND(LEAKSHIM_SYSV_MSG, sysv_msg);

static_assert(LEAKSHIM_KINDS == 64 && static_cast<u32>(Kind::scope) == LEAKSHIM_KINDS);
static_assert(LEAKSHIM_LISTENING == 1 && LEAKSHIM_FINISHED == 2 && LEAKSHIM_DETACHED == 4 &&
              LEAKSHIM_OWN == 8);

#define AT(type, field, where) static_assert(offsetof(type, field) == (where))
AT(leakshim_verdict, size, 0);
AT(leakshim_verdict, total, 4);
AT(leakshim_verdict, by_kind, 8);
AT(leakshim_verdict, ports, 264);
AT(leakshim_verdict, waited_ms, 268);
static_assert(sizeof(leakshim_verdict) >= 272);
AT(leakshim_leak, size, 0);
AT(leakshim_leak, kind, 4);
AT(leakshim_leak, flags, 8);
AT(leakshim_leak, number, 12);
AT(leakshim_leak, maker, 16);
AT(leakshim_leak, port, 20);
AT(leakshim_leak, born, 24);
AT(leakshim_leak, start_routine, 32);
AT(leakshim_leak, kind_name, 40);
AT(leakshim_leak, what, 72);
AT(leakshim_leak, site, 1096);
AT(leakshim_leak, test, 1608);
static_assert(sizeof(leakshim_leak) >= 2120);

}  // namespace leakshim::ledger
