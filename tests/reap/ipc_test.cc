// SPDX-License-Identifier: MIT
//
// IPC objects: POSIX by name, System V by id. What others use, or made anew, stays.
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "stage.h"

namespace leakshim::test {

using ledger::Kind;

namespace {

std::string unique_name(const char* what) {
    return "/leakshim-reap-" + std::string(what) + "-" + std::to_string(getpid());
}

/// A named object's record, with the identity of `path` (a queue: of its descriptor).
ledger::Handle record_named(Stage& stage, Kind kind, const std::string& name, const FileId& id) {
    ledger::Handle handle = ledger::begin_named(stage.ledger.author(), kind, name);
    ledger::commit_named(stage.ledger.author(), handle, id);
    return handle;
}

/// POSIX shared memory, unlinked at the end whatever happens.
struct SharedMemory {
    std::string name = unique_name("shm");
    std::string path = "/dev/shm" + name;
    SharedMemory() { make(); }
    ~SharedMemory() { shm_unlink(name.c_str()); }
    void make() {
        int fd = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
        REQUIRE(fd >= 0);
        REQUIRE(ftruncate(fd, 4096) == 0);
        close(fd);
    }
    FileId id() const { return file_id(AT_FDCWD, path.c_str()); }
};

/// System V objects of one test, removed at the end whatever happens.
struct SystemV {
    int shm = -1, sem = -1, msg = -1;
    SystemV() {
        shm = shmget(IPC_PRIVATE, 4096, 0600);
        sem = semget(IPC_PRIVATE, 2, 0600);
        msg = msgget(IPC_PRIVATE, 0600);
    }
    ~SystemV() {
        shmctl(shm, IPC_RMID, nullptr);
        semctl(sem, 0, IPC_RMID);
        msgctl(msg, IPC_RMID, nullptr);
    }
    bool has_shm() const {
        struct shmid_ds data;
        return shmctl(shm, IPC_STAT, &data) == 0;
    }
    bool has_sem() const { return semctl(sem, 0, GETVAL) >= 0; }
    bool has_msg() const {
        struct msqid_ds data;
        return msgctl(msg, IPC_STAT, &data) == 0;
    }
};

ledger::Handle record_sysv(Stage& stage, Kind kind, int id) {
    reap::IpcFacts facts;
    REQUIRE(reap::real::ipc_facts(kind, id, facts) == 0);
    return ledger::add_sysv(stage.ledger.author(), kind, id, facts.key, facts.changed, facts.creator_pid);
}

}  // namespace

TEST_CASE("named objects of the run are unlinked", "[ipc]") {
    Stage stage;
    SharedMemory shm;
    std::string sem = unique_name("sem"), queue = unique_name("mq");
    sem_t* semaphore = sem_open(sem.c_str(), O_CREAT | O_EXCL, 0600, 1);
    REQUIRE(semaphore != SEM_FAILED);
    sem_close(semaphore);
    struct mq_attr small {};
    small.mq_maxmsg = 1, small.mq_msgsize = 16;
    mqd_t descriptor = mq_open(queue.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, &small);
    REQUIRE(descriptor >= 0);
    FileId queue_id = file_id(descriptor, "");
    mq_close(descriptor);
    ledger::Handle of_shm = record_named(stage, Kind::posix_shm, shm.name, shm.id());
    std::string sem_path = "/dev/shm/sem." + sem.substr(1);
    ledger::Handle of_sem =
        record_named(stage, Kind::named_semaphore, sem, file_id(AT_FDCWD, sem_path.c_str()));
    ledger::Handle of_queue = record_named(stage, Kind::message_queue, queue, queue_id);
    stage.options.ci = false;  // at a desk too
    reap::Result result = stage.reap();
    CHECK(stage.fate(of_shm) == "reaped/removed");
    CHECK(stage.fate(of_sem) == "reaped/removed");
    CHECK(stage.fate(of_queue) == "reaped/removed");
    CHECK(result.errors == 3);
    CHECK_FALSE(exists(shm.path));
    CHECK(sem_unlink(sem.c_str()) == -1);
    CHECK(mq_unlink(queue.c_str()) == -1);
}

TEST_CASE("shared memory made anew under the same name is left alone", "[ipc]") {
    Stage stage;
    SharedMemory shm;
    ledger::Handle handle = record_named(stage, Kind::posix_shm, shm.name, shm.id());
    shm_unlink(shm.name.c_str());
    shm.make();
    stage.reap();
    CHECK(exists(shm.path));
    CHECK(stage.fate(handle) == "gone/changed_identity");
}

TEST_CASE("shared memory that somebody outside has mapped is left alone", "[ipc]") {
    Stage stage;
    SharedMemory shm;
    ledger::Handle handle = record_named(stage, Kind::posix_shm, shm.name, shm.id());
    {
        Actor user({"orphan", "map", shm.path});
        stage.reap();
        CHECK(exists(shm.path));
        CHECK(stage.fate(handle) == "failed/not_ours_anymore");
    }
    // And goes when nobody has.
    stage.again = true;
    stage.in_root = false;
    usleep(20000);
    stage.reap();
    CHECK_FALSE(exists(shm.path));
}

TEST_CASE("System V objects of the run are removed", "[ipc]") {
    Stage stage;
    SystemV objects;
    semctl(objects.sem, 0, SETVAL, 1);
    ledger::Handle shm = record_sysv(stage, Kind::sysv_shm, objects.shm);
    ledger::Handle sem = record_sysv(stage, Kind::sysv_sem, objects.sem);
    ledger::Handle msg = record_sysv(stage, Kind::sysv_msg, objects.msg);
    // The root has it attached itself: it is about to end.
    void* memory = shmat(objects.shm, nullptr, 0);
    REQUIRE(memory != reinterpret_cast<void*>(-1));
    reap::Result result = stage.reap();
    CHECK(stage.fate(shm) == "reaped/removed");
    CHECK(stage.fate(sem) == "reaped/removed");
    CHECK(stage.fate(msg) == "reaped/removed");
    CHECK(result.errors == 3);
    CHECK_FALSE(objects.has_sem());
    CHECK_FALSE(objects.has_msg());
    shmdt(memory);
    CHECK_FALSE(objects.has_shm());
}

TEST_CASE("a System V object made anew under the same key is left alone", "[ipc]") {
    Stage stage;
    key_t key = 0x4c530000 | (getpid() & 0xffff);
    int first = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    REQUIRE(first >= 0);
    ledger::Handle handle = record_sysv(stage, Kind::sysv_msg, first);
    msgctl(first, IPC_RMID, nullptr);
    int second = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    stage.reap();
    CHECK(stage.fate(handle) == "gone/gone_by_itself");
    CHECK(msgget(key, 0) == second);
    msgctl(second, IPC_RMID, nullptr);
}

TEST_CASE("objects of another IPC name space than the reaper's are left alone", "[ipc]") {
    Stage stage;
    SystemV objects;
    ledger::Handle shm = record_sysv(stage, Kind::sysv_shm, objects.shm);
    ledger::Handle sem = record_sysv(stage, Kind::sysv_sem, objects.sem);
    ledger::Handle msg = record_sysv(stage, Kind::sysv_msg, objects.msg);
    SECTION("when the session was in another") {
        stage.header().ipc_namespace += 1;
    }
    SECTION("when nobody knows which it was in") {
        stage.header().ipc_namespace = 0;
    }
    reap::Result result = stage.reap();
    CHECK(objects.has_shm());
    CHECK(objects.has_sem());
    CHECK(objects.has_msg());
    for (ledger::Handle handle : {shm, sem, msg})
        CHECK(stage.fate(handle) == "failed/not_ours_anymore");
    CHECK(result.errors == 0);
}

TEST_CASE("a System V object of another key, time or maker is not the one that was recorded", "[ipc]") {
    Stage stage;
    SystemV objects;
    ledger::Handle other_key = record_sysv(stage, Kind::sysv_msg, objects.msg);
    ledger::Handle other_maker = record_sysv(stage, Kind::sysv_shm, objects.shm);
    ledger::Handle younger = record_sysv(stage, Kind::sysv_sem, objects.sem);
    stage.ledger->at(other_key)->a += 1;
    stage.ledger->at(other_maker)->c += 1;
    stage.ledger->at(younger)->b += 1000;
    stage.reap();
    for (ledger::Handle handle : {other_key, other_maker, younger}) {
        CHECK(stage.fate(handle) == "gone/changed_identity");
    }
    CHECK(objects.has_msg());
    CHECK(objects.has_shm());
    CHECK(objects.has_sem());
}

TEST_CASE("System V objects that somebody outside uses are left alone", "[ipc]") {
    int ready[2], end[2];
    REQUIRE(pipe(ready) == 0);
    REQUIRE(pipe(end) == 0);
    SystemV objects;
    // Started before the session, so that it is none of its processes.
    pid_t user = start_child([&] {
        close(end[1]);
        shmat(objects.shm, nullptr, 0);
        struct {
            long type;
            char text[1];
        } message = {1, {'x'}};
        msgsnd(objects.msg, &message, 1, 0);
        struct sembuf up = {1, 1, 0};
        semop(objects.sem, &up, 1);
        char byte = 'r';
        if (write(ready[1], &byte, 1) != 1) return 1;
        return read(end[0], &byte, 1) == 0 ? 0 : 1;
    });
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    usleep(30000);
    {
        Stage stage;
        ledger::Handle shm = record_sysv(stage, Kind::sysv_shm, objects.shm);
        ledger::Handle sem = record_sysv(stage, Kind::sysv_sem, objects.sem);
        ledger::Handle msg = record_sysv(stage, Kind::sysv_msg, objects.msg);
        reap::Result result = stage.reap();
        for (ledger::Handle handle : {shm, sem, msg})
            CHECK(stage.fate(handle) == "failed/not_ours_anymore");
        CHECK(result.errors == 0);
        CHECK(objects.has_shm());
        CHECK(objects.has_sem());
        CHECK(objects.has_msg());
        close(end[1]);
        CHECK(succeeded(wait_for(user)));
        // And go when nobody does.
        stage.again = true;
        CHECK(stage.reap().errors == 0);
        for (ledger::Handle handle : {shm, sem, msg})
            CHECK(stage.fate(handle) == "reaped/removed_later");
    }
    for (int fd : {ready[0], ready[1], end[0]})
        close(fd);
}

TEST_CASE("a kernel that refuses is quoted", "[ipc]") {
    struct Refusing : reap::Kernel {
        int ipc_remove(Kind, int) override { return -EPERM; }
        int unlink(int, const char*) override { return -EROFS; }
        int queue_open(const char*) override { return -EACCES; }
    } refusing;
    Stage stage;
    stage.kernel = &refusing;
    SystemV objects;
    SharedMemory shm;
    ledger::Handle queue =
        record_named(stage, Kind::message_queue, "/leakshim-reap-none", FileId{1, 1, 1, 1});
    ledger::Handle of_shm = record_named(stage, Kind::posix_shm, shm.name, shm.id());
    ledger::Handle msg = record_sysv(stage, Kind::sysv_msg, objects.msg);
    reap::Result result = stage.reap();
    for (ledger::Handle handle : {queue, of_shm, msg})
        CHECK(stage.fate(handle) == "failed/no_permission");
    CHECK(result.failed == 3);
}

TEST_CASE("a name that would lead out of the place of names is not followed", "[ipc]") {
    Stage stage;
    Scratch scratch;
    write_file(scratch / "precious", "x");
    std::string name = "../.." + scratch.path() + "/precious";
    record_named(stage, Kind::posix_shm, name, file_id(AT_FDCWD, (scratch / "precious").c_str()));
    CHECK(stage.reap().reaped == 0);
    CHECK(exists(scratch / "precious"));
}

}  // namespace leakshim::test
