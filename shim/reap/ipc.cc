// SPDX-License-Identifier: MIT
#include <errno.h>

#include "things.h"

namespace leakshim::reap {

namespace {

using policy::Action;
using policy::Facts;

/// The last component: glibc ignores leading slashes of these names, and so do records.
Str bare_name(Str name) {
    while (!name.empty() && name.front() == '/')
        name.remove_prefix(1);
    return name;
}

/// Where a named object can be looked at and removed.
class NamedObject {
  public:
    NamedObject(Reaping& reaping, Kind kind, Str name) : r_(reaping), kind_(kind) {
        if (kind == Kind::named_semaphore) name_.add("sem.");
        name_.add(bare_name(name));
        for (char c : bare_name(name))
            valid_ = valid_ && c != '/';
        valid_ = valid_ && !bare_name(name).empty() && !name_.truncated();
        // A message queue can't be named by a directory's descriptor; its own shows what it is.
        if (!valid_ || kind == Kind::message_queue) return;
        directory_ = r_.kernel.open(AT_FDCWD, "/dev/shm", O_PATH | O_DIRECTORY);
    }
    ~NamedObject() {
        if (directory_ >= 0) r_.kernel.close(directory_);
    }
    NamedObject(const NamedObject&) = delete;
    NamedObject& operator=(const NamedObject&) = delete;

    int facts(FileFacts& facts) {
        if (!valid_) return -EINVAL;
        if (kind_ != Kind::message_queue) {
            return directory_ < 0 ? directory_ : r_.kernel.facts(directory_, name_.c_str(), facts);
        }
        int fd = r_.kernel.queue_open(name_.c_str());
        if (fd < 0) return fd;
        int answer = r_.kernel.facts(fd, "", facts);
        r_.kernel.close(fd);
        return answer;
    }
    /// `found` is what facts() said just before.
    int remove(const FileFacts& found) {
        if (kind_ == Kind::message_queue) return r_.kernel.queue_unlink(name_.c_str());
        int answer = r_.kernel.unlink(directory_, name_.c_str());
        if (answer == 0) r_.count_freed(found);
        return answer;
    }

  private:
    Reaping& r_;
    Kind kind_;
    bool valid_ = true;
    int directory_ = -1;
    Text<300> name_;
};

/// Names and numbers that mean other objects to us than to the session, if they mean any: nothing can be said
/// of those on record, but that they are none of ours here.
bool is_elsewhere(Reaping& r, Kind kind) {
    if (kind != Kind::message_queue && !ledger::is_sysv_ipc(kind)) return false;
    u64 space = r.header().ipc_namespace;
    return space == 0 || space != r.kernel.ipc_namespace();
}

void leave_elsewhere(Reaping& r, const Item& item) {
    Facts facts;
    facts.used_outside = true;
    settle_verdict(r, item, policy::judge(item.kind, facts, situation_of(r, item)));
}

void reap_named(Reaping& r, Outsiders& outsiders, const Item& item, const Entry& entry) {
    NamedObject object(r, item.kind, entry.text);
    FileFacts found;
    Facts facts;
    int answer = object.facts(found);
    if (answer == -EACCES) {
        r.settle(item, State::failed, Outcome::no_permission);
        return;
    }
    if (answer == -ENOENT)
        facts.now = Facts::Now::gone;
    else
        facts.now = answer == 0 ? compare(entry.file_id(), found.id) : Facts::Now::other;
    policy::Situation situation = situation_of(r, item);
    policy::Verdict verdict = policy::judge(item.kind, facts, situation);
    if (verdict.action != Action::none) {
        facts.used_outside = found.uid != r.header().uid || outsiders.use_or_map(found.id);
        verdict = policy::judge(item.kind, facts, situation);
    }
    // Looked at once more: a moment has passed while everybody's maps were read.
    FileFacts again;
    if (verdict.action == Action::none)
        settle_verdict(r, item, verdict);
    else if (object.facts(again) != 0 || compare(entry.file_id(), again.id) != Facts::Now::same)
        r.settle(item, State::gone, Outcome::changed_identity);
    else
        settle_answer(r, item, object.remove(again));
}

/// Mappings of a System V segment in this very process, whose end is near: they are no use by somebody else.
u64 own_attachments(Reaping& r, int id) {
    LineReader lines(r, r.self_pid, "maps");
    Str line;
    MapsLine mapped;
    u64 count = 0;
    while (lines.next(line)) {
        bool own = parse_maps_line(line, mapped) && mapped.inode == static_cast<u32>(id) &&
                   starts_with(mapped.path, "/SYSV");
        if (own) ++count;
    }
    return count;
}

bool is_used(Reaping& r, Outsiders& outsiders, const Item& item, const IpcFacts& facts) {
    if (facts.creator_uid != r.header().uid || outsiders.record(item.kind, item.number)) return true;
    if (item.kind == Kind::sysv_shm) {
        return facts.attached != 0 && facts.attached > own_attachments(r, item.number);
    }
    for (int pid : facts.last_pids) {
        if (outsiders.alive(pid)) return true;
    }
    if (item.kind != Kind::sysv_sem) return false;
    for (u32 member = 0; member < facts.members; ++member) {
        if (outsiders.alive(r.kernel.semaphore_pid(item.number, member))) return true;
    }
    return false;
}

/// A System V id holds a sequence number, so one that is made anew under the same key has another id. Only
/// for semaphores does initialising (SETVAL) count as a change.
bool is_same(const Item& item, const Entry& entry, const IpcFacts& facts) {
    if (static_cast<u32>(entry.a) != facts.key) return false;
    if (item.kind == Kind::sysv_sem) return facts.changed >= entry.b;
    if (item.kind == Kind::sysv_shm && entry.c != 0 && entry.c != facts.creator_pid) return false;
    return facts.changed == entry.b;
}

void reap_sysv(Reaping& r, Outsiders& outsiders, const Item& item, const Entry& entry) {
    IpcFacts found;
    Facts facts;
    int answer = r.other_boot ? -EINVAL : r.kernel.ipc_facts(item.kind, item.number, found);
    if (answer == -EACCES) {
        r.settle(item, State::failed, Outcome::no_permission);
        return;
    }
    if (answer == -EINVAL || answer == -EIDRM)
        facts.now = Facts::Now::gone;
    else
        facts.now = answer == 0 && is_same(item, entry, found) ? Facts::Now::same : Facts::Now::other;
    policy::Situation situation = situation_of(r, item);
    policy::Verdict verdict = policy::judge(item.kind, facts, situation);
    if (verdict.action != Action::none) {
        facts.used_outside = is_used(r, outsiders, item, found);
        verdict = policy::judge(item.kind, facts, situation);
    }
    if (verdict.action == Action::none)
        settle_verdict(r, item, verdict);
    else if (r.kernel.ipc_facts(item.kind, item.number, found) != 0 || !is_same(item, entry, found))
        r.settle(item, State::gone, Outcome::changed_identity);
    else
        settle_answer(r, item, r.kernel.ipc_remove(item.kind, item.number));
}

}  // namespace

void reap_ipc(Reaping& reaping, Outsiders& outsiders, const Item& item, const Entry& entry) {
    if (!reaping.other_boot && is_elsewhere(reaping, item.kind))
        leave_elsewhere(reaping, item);
    else if (ledger::is_sysv_ipc(item.kind))
        reap_sysv(reaping, outsiders, item, entry);
    else
        reap_named(reaping, outsiders, item, entry);
}

}  // namespace leakshim::reap
