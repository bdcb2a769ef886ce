// SPDX-License-Identifier: MIT
//
// Names of the system calls that a thread can wait in. aarch64 has no calls that newer ones replace.
#include <fmt/format.h>
#include <sys/syscall.h>

#include "task.h"

namespace leakshim::tools {

namespace {

struct CallName {
    long number;
    const char* name;
};

#define CALL(name)        \
    CallName {            \
        SYS_##name, #name \
    }
constexpr CallName kCalls[] = {
#ifdef SYS_poll
    CALL(poll),
    CALL(select),
    CALL(epoll_wait),
    CALL(pause),
    CALL(open),
    CALL(fork),
    CALL(vfork),
    CALL(unlink),
    CALL(rmdir),
    CALL(mkdir),
    CALL(rename),
    CALL(stat),
    CALL(lstat),
#endif
    CALL(futex),
    CALL(futex_waitv),
    CALL(wait4),
    CALL(waitid),
    CALL(read),
    CALL(readv),
    CALL(pread64),
    CALL(preadv),
    CALL(write),
    CALL(writev),
    CALL(pwrite64),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(recvmmsg),
    CALL(sendto),
    CALL(sendmsg),
    CALL(sendmmsg),
    CALL(accept),
    CALL(accept4),
    CALL(connect),
    CALL(ppoll),
    CALL(pselect6),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(rt_sigsuspend),
    CALL(rt_sigtimedwait),
    CALL(restart_syscall),
    CALL(fcntl),
    CALL(flock),
    CALL(ioctl),
    CALL(openat),
    CALL(openat2),
    CALL(close),
    CALL(clone),
    CALL(clone3),
    CALL(execve),
    CALL(exit),
    CALL(exit_group),
    CALL(fsync),
    CALL(fdatasync),
    CALL(sync),
    CALL(msync),
    CALL(statx),
    CALL(newfstatat),
    CALL(unlinkat),
    CALL(renameat2),
    CALL(mkdirat),
    CALL(getdents64),
    CALL(mmap),
    CALL(munmap),
    CALL(sched_yield),
    CALL(semop),
    CALL(semtimedop),
    CALL(msgrcv),
    CALL(msgsnd),
    CALL(mq_timedreceive),
    CALL(mq_timedsend),
    CALL(io_getevents),
    CALL(io_pgetevents),
    CALL(io_uring_enter),
    CALL(splice),
    CALL(sendfile),
    CALL(copy_file_range),
    CALL(umount2),
    CALL(mount),
    CALL(process_vm_readv),
    CALL(ptrace),
};
#undef CALL

}  // namespace

std::string call_name(long number) {
    for (const CallName& call : kCalls) {
        if (call.number == number) return call.name;
    }
    return fmt::format("system call {}", number);
}

}  // namespace leakshim::tools
