// SPDX-License-Identifier: MIT
//
// Hooks of IPC objects, which outlive every process: POSIX shared memory, named semaphores and message queues
// by their names, System V objects by their ids. As with open, a call that may find an existing object is
// tried with the exclusive flag first. What is made in another IPC name space than the session's is no
// record: it goes with that name space, and its number is somebody else's object in ours.
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "proc.h"
#include "record.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

/// The name with exactly one slash before it, as all calls understand it.
struct IpcName {
    Text<264> text;
    explicit IpcName(const char* name) {
        if (name == nullptr) return;
        while (*name == '/')
            ++name;
        text.add('/').add(Str(name));
    }
    bool usable() const { return text.size() > 1 && !text.truncated(); }
};

/// False for what nobody could find again under its name or number.
bool is_in_reach(Kind kind) {
    bool of_space = kind == Kind::message_queue || ledger::is_sysv_ipc(kind);
    u64 space = the_header().ipc_namespace;
    return !of_space || (space != 0 && space == ipc_namespace());
}

/// A named object about to be made, as Making is for paths.
class MakingNamed {
  public:
    MakingNamed(Kind kind, const char* name) {
        if (!recording() || !is_in_reach(kind)) return;
        IpcName ipc_name(name);
        if (ipc_name.usable()) handle_ = ledger::begin_named(maker(kind), kind, ipc_name.text.str());
    }
    bool wanted() const { return handle_ != 0; }
    void made(const FileId& id) {
        ledger::Record* record = the_ledger().at(handle_);
        if (record == nullptr) return;
        Handle stale = ledger::find_named(the_ledger(), record->kind, ledger::name_of(*record));
        if (stale != 0) ledger::release_persistent(author(), stale);
        ledger::commit_named(author(), handle_, id);
    }
    void failed() { ledger::release_persistent(author(), handle_); }

  private:
    Handle handle_ = 0;
};

/// Opens a named object whose call answers a descriptor; `real(flags)` makes the call.
template <typename Call>
int open_named_fd(Kind kind, const char* name, int flags, Call real) {
    if ((flags & O_CREAT) == 0) return real(flags);
    MakingNamed making(kind, name);
    if (!making.wanted()) return real(flags);
    int before = errno;
    int fd = real(flags | O_EXCL);
    if (fd >= 0) {
        making.made(file_id(fd, ""));
        return fd;
    }
    making.failed();
    if (errno != EEXIST || (flags & O_EXCL) != 0) return fd;
    errno = before;
    return real(flags);
}

FileId semaphore_id(const char* name) {
    IpcName ipc_name(name);
    Text<300> path;
    path.add("/dev/shm/sem.").add(Str(ipc_name.text.c_str() + 1, ipc_name.text.size() - 1));
    return file_id(AT_FDCWD, path.c_str());
}

/// Unlinks a named object and releases its record, found before the call.
template <typename Call>
int unlink_named(Kind kind, const char* name, Call real) {
    Handle handle = 0;
    u32 word = 0;
    if (recording() && is_in_reach(kind)) {
        IpcName ipc_name(name);
        handle = ledger::find_named(the_ledger(), kind, ipc_name.text.str());
        if (handle != 0) word = the_ledger().at(handle)->state.load(std::memory_order_acquire);
    }
    int result = real();
    if (result != 0 || handle == 0) return result;
    if (the_ledger().at(handle)->state.load(std::memory_order_acquire) == word) {
        ledger::release_persistent(author(), handle);
    }
    return result;
}

u64 key_word(key_t key) {
    return static_cast<u32>(key);
}

/// `real(flags)` makes a System V object under `key`; `note(handle, id)` completes its record.
template <typename Call, typename Note>
int get_sysv(Kind kind, key_t key, int flags, Call real, Note note) {
    if (!recording() || (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0)) return real(flags);
    if (!is_in_reach(kind)) return real(flags);
    Handle handle = ledger::begin_sysv(maker(kind), kind, key_word(key));
    int before = errno;
    int id = real(key == IPC_PRIVATE ? flags : flags | IPC_EXCL);
    if (id >= 0) {
        if (handle != 0) note(handle, id);
        return id;
    }
    if (handle != 0) ledger::release_persistent(author(), handle);
    if (errno != EEXIST || (flags & IPC_EXCL) != 0) return id;
    errno = before;
    return real(flags);
}

template <typename Call>
int control_sysv(Kind kind, int id, int command, Call real) {
    Handle handle = command == IPC_RMID && recording() ? ledger::find_sysv(the_ledger(), kind, id) : 0;
    if (handle != 0 && !is_in_reach(kind)) handle = 0;
    int result = real();
    if (result == 0 && handle != 0) ledger::release_persistent(author(), handle);
    return result;
}

}  // namespace

HOOK_BODY(int, shm_open, (const char* name, int flags, mode_t mode)) {
    int fd = open_named_fd(Kind::posix_shm, name, flags,
                           [&](int with) { return REAL(shm_open)(name, with, mode); });
    if (fd >= 0) note_fd(fd, Kind::file);
    return fd;
}

HOOK_BODY(int, shm_unlink, (const char* name)) {
    return unlink_named(Kind::posix_shm, name, [&] { return REAL(shm_unlink)(name); });
}

HOOK_BODY(sem_t*, sem_open, (const char* name, int flags, ...)) {
    if ((flags & O_CREAT) == 0) return REAL(sem_open)(name, flags);
    va_list arguments;
    va_start(arguments, flags);
    auto mode = static_cast<mode_t>(va_arg(arguments, int));
    auto value = va_arg(arguments, unsigned);
    va_end(arguments);
    MakingNamed making(Kind::named_semaphore, name);
    if (!making.wanted()) return REAL(sem_open)(name, flags, mode, value);
    int before = errno;
    sem_t* semaphore = REAL(sem_open)(name, flags | O_EXCL, mode, value);
    if (semaphore != SEM_FAILED) {
        making.made(semaphore_id(name));
        // glibc looks for an existing one first, unless O_EXCL is given, and leaves that errno.
        if ((flags & O_EXCL) == 0) errno = ENOENT;
        return semaphore;
    }
    making.failed();
    if (errno != EEXIST || (flags & O_EXCL) != 0) return semaphore;
    errno = before;
    return REAL(sem_open)(name, flags, mode, value);
}

HOOK_BODY(int, sem_unlink, (const char* name)) {
    return unlink_named(Kind::named_semaphore, name, [&] { return REAL(sem_unlink)(name); });
}

HOOK_BODY(mqd_t, mq_open, (const char* name, int flags, ...)) {
    mode_t mode = 0;
    struct mq_attr* attributes = nullptr;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = static_cast<mode_t>(va_arg(arguments, int));
        attributes = va_arg(arguments, struct mq_attr*);
        va_end(arguments);
    }
    int queue = open_named_fd(Kind::message_queue, name, flags,
                              [&](int with) { return REAL(mq_open)(name, with, mode, attributes); });
    if (queue >= 0) note_fd(queue, Kind::other_fd);
    return queue;
}

HOOK_BODY(mqd_t, __mq_open_2, (const char* name, int flags)) {
    mqd_t queue = REAL(__mq_open_2)(name, flags);
    if (queue >= 0) note_fd(queue, Kind::other_fd);
    return queue;
}

HOOK_BODY(int, mq_close, (mqd_t queue)) {
    forget_fd(queue);
    return REAL(mq_close)(queue);
}

HOOK_BODY(int, mq_unlink, (const char* name)) {
    return unlink_named(Kind::message_queue, name, [&] { return REAL(mq_unlink)(name); });
}

HOOK_BODY(int, shmget, (key_t key, size_t size, int flags)) {
    return get_sysv(
        Kind::sysv_shm, key, flags, [&](int with) { return REAL(shmget)(key, size, with); },
        [&](Handle handle, int id) {
            struct shmid_ds info {};
            sys::call(SYS_shmctl, id, IPC_STAT, sys::ptr(&info));
            ledger::commit_sysv(author(), handle, id, static_cast<u64>(info.shm_ctime),
                                static_cast<u64>(info.shm_cpid));
        });
}

HOOK_BODY(int, shmctl, (int id, int command, struct shmid_ds* info)) {
    return control_sysv(Kind::sysv_shm, id, command, [&] { return REAL(shmctl)(id, command, info); });
}

HOOK_BODY(int, semget, (key_t key, int count, int flags)) {
    return get_sysv(
        Kind::sysv_sem, key, flags, [&](int with) { return REAL(semget)(key, count, with); },
        [&](Handle handle, int id) {
            struct semid_ds info {};
            sys::call(SYS_semctl, id, 0, IPC_STAT, sys::ptr(&info));
            ledger::commit_sysv(author(), handle, id, static_cast<u64>(info.sem_ctime), 0);
        });
}

HOOK_BODY(int, semctl, (int id, int number, int command, ...)) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return control_sysv(Kind::sysv_sem, id, command,
                        [&] { return REAL(semctl)(id, number, command, argument); });
}

HOOK_BODY(int, msgget, (key_t key, int flags)) {
    return get_sysv(
        Kind::sysv_msg, key, flags, [&](int with) { return REAL(msgget)(key, with); },
        [&](Handle handle, int id) {
            struct msqid_ds info {};
            sys::call(SYS_msgctl, id, IPC_STAT, sys::ptr(&info));
            ledger::commit_sysv(author(), handle, id, static_cast<u64>(info.msg_ctime), 0);
        });
}

HOOK_BODY(int, msgctl, (int id, int command, struct msqid_ds* info)) {
    return control_sysv(Kind::sysv_msg, id, command, [&] { return REAL(msgctl)(id, command, info); });
}
