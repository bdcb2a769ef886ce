// SPDX-License-Identifier: MIT
#include "things.h"

#include <errno.h>

#include "small_tree.h"
#include "tree.h"

namespace leakshim::reap {

namespace {

using policy::Action;
using policy::Facts;

/// A path's directory, without the last slash, and its last component. False for what is no absolute path of
/// a thing.
bool split(Str path, Str& directory, Str& name) {
    size_t slash = path.size();
    while (slash != 0 && path[slash - 1] != '/')
        --slash;
    if (slash == 0 || path.front() != '/' || slash == path.size()) return false;
    name = Str(path.data() + slash, path.size() - slash);
    directory = Str(path.data(), slash == 1 ? 1 : slash - 1);
    return name != "." && name != "..";
}

/// The last name of a file that was there before the session, to which the run has only made a link: who made
/// the file had another name for it. Where birth times are not kept any file may be such a one, and one that
/// was born in the tick in which the session began: in doubt it is left.
bool is_last_of_others(const ledger::Header& header, const Item& item, const FileFacts& found) {
    if (item.kind != Kind::link || S_ISLNK(found.mode) || found.links > 1) return false;
    return found.id.birth < header.created_realtime;
}

class Things {
  public:
    explicit Things(Reaping& reaping)
        : r_(reaping),
          outsiders_(reaping),
          young_(r_.request.ended_realtime != 0 ? r_.request.ended_realtime : r_.kernel.realtime()),
          small_tree_(reaping, outsiders_, young_) {}
    ~Things() {
        if (directory_fd_ >= 0) r_.kernel.close(directory_fd_);
        r_.kernel.plain_identity = false;
    }
    Things(const Things&) = delete;
    Things& operator=(const Things&) = delete;

    void reap_all();

  private:
    bool read(const Item& item, Entry& entry);
    void index_trees();
    void fold();
    bool belongs_to_tree(Str path);
    bool is_same(Handle handle);
    int open_directory_of(Str path, Str& name);
    Str read_directory_name();
    bool leave_elsewhere(const Item& item, Str name);
    void reap_path(const Item& item);
    /// What is there now. Where that may not be seen it is taken for the same, and `hidden_` is set.
    Facts look_at(int directory, const char* name, const Item& item, const Entry& entry, FileFacts& found);
    bool is_above_exempt(Str path);
    bool is_late();
    void ask_rules();
    void act(const Item& item, int directory, const char* name, const FileFacts& found,
             const policy::Situation& situation, const policy::Verdict& verdict);
    void remove_tree(const Item& item, int directory, const char* name, const FileFacts& found,
                     const policy::Situation& situation);
    void reap_private_directory();
    policy::Situation situation_of_path(const Item& item, Str path);

    Reaping& r_;
    Outsiders outsiders_;
    const u64 young_;
    SmallTree small_tree_;
    HashMap trees_;  ///< hash of the path of a recorded directory → its handle
    Item private_;   ///< the directory that the run was given for temporary things, if it was
    Text<512> private_path_;
    int directory_fd_ = -1;
    size_t directory_size_ = 0;    ///< of the text in r_.buffers.path
    bool as_named_ = false;        ///< no symlink leads to that directory
    bool hidden_ = false;          ///< what was looked at last may not be seen
    bool plain_identity_ = false;  ///< in that directory no file handle is needed to know a file again
    u32 acts_ = 0;
    bool late_ = false;
};

/// The record of an item, if it still is what was listed.
bool Things::read(const Item& item, Entry& entry) {
    return r_.look(item.handle, entry) && entry.generation == item.generation && entry.state == item.from;
}

/// Only now, since who is asked counts hits, and things are listed twice where there were processes.
void Things::ask_rules() {
    Entry entry;
    for (Item& item : r_.things) {
        bool asked = item.kept == Outcome::none && r_.request.rules.concern(item.kind) && read(item, entry);
        if (asked) item.kept = policy::outcome_of(r_.ruling_of(entry));
    }
}

void Things::index_trees() {
    Entry entry;
    for (const Item& item : r_.things) {
        if (item.kept != Outcome::none && !ledger::is_sysv_ipc(item.kind) && read(item, entry)) {
            outsiders_.spare(entry.file_id());
        }
        if (item.kind == Kind::temp_dir && (item.flags & ledger::flag::kPrivate) != 0) {
            if (read(item, entry)) private_ = item, private_path_.add(entry.text);
        } else if (item.kind == Kind::temp_dir && read(item, entry))
            trees_.insert(hash_text(entry.text), item.handle);
    }
}

bool Things::is_same(Handle handle) {
    Entry entry;
    FileFacts facts;
    if (!r_.look(handle, entry) || entry.kind != Kind::temp_dir || !r_.is_open(entry.state)) return false;
    return r_.kernel.facts(AT_FDCWD, entry.text.data(), facts) == 0 &&
           compare(entry.file_id(), facts.id) == Facts::Now::same;
}

/// True when a directory above `path` is a record itself. `path` must not lie in what look() overwrites.
bool Things::belongs_to_tree(Str path) {
    if (trees_.size() == 0 || path.empty()) return false;
    for (size_t end = path.size() - 1; end > 1; --end) {
        if (path[end] != '/') continue;
        const u32* handle = trees_.find(hash_text(Str(path.data(), end)));
        if (handle != nullptr && is_same(*handle)) return true;
    }
    return false;
}

/// The directory in which `path` lies, pinned; the last one is kept, since thousands of socket files lie in
/// one.
int Things::open_directory_of(Str path, Str& name) {
    Str directory;
    if (!split(path, directory, name)) return -EINVAL;
    if (directory_fd_ >= 0 && directory == Str(r_.buffers.path, directory_size_)) return directory_fd_;
    if (directory_fd_ >= 0) r_.kernel.close(directory_fd_);
    TextBuffer text(r_.buffers.path, sizeof r_.buffers.path);
    text.add(directory);
    directory_size_ = directory.size();
    // Symlinks on the way are followed: the run's own names may hold some. What is found is compared with the
    // record before anything is done, and named from here on by this descriptor.
    directory_fd_ =
        text.truncated() ? -ENAMETOOLONG : r_.kernel.open(AT_FDCWD, text.c_str(), O_PATH | O_DIRECTORY);
    plain_identity_ = directory_fd_ >= 0 && r_.kernel.never_reuses_inodes(directory_fd_);
    as_named_ = read_directory_name() == directory;
    return directory_fd_;
}

/// Where the pinned directory really lies, as text in r_.buffers.text; empty where that can't be told.
Str Things::read_directory_name() {
    if (directory_fd_ < 0) return {};
    return r_.kernel.name_of(directory_fd_, r_.buffers.text, sizeof r_.buffers.text - 1);
}

/// The hooks go by the text of a name. Where a symlink on the way leads out of the temporary places, say into
/// $HOME, what was made there is as permanent as if it had been made by its real name: no finding. True where
/// nothing else is to be done about it.
bool Things::leave_elsewhere(const Item& item, Str name) {
    bool by_place = item.kind != Kind::unix_socket && (item.flags & ledger::flag::kByName) == 0;
    if (as_named_ || !by_place || directory_fd_ < 0) return false;
    TextBuffer path(r_.buffers.text, sizeof r_.buffers.text);
    path.adopt(read_directory_name().size());
    if (path.size() == 0) {
        r_.settle(item, State::failed, Outcome::system_error);
        return true;
    }
    path.add('/').add(name);
    if (!path.truncated() && policy::is_temporary_place(r_.header(), path.str())) return false;
    ledger::release_persistent(r_.author(), item.handle, item.generation);
    return true;
}

bool Things::is_above_exempt(Str path) {
    const auto& list = r_.header().exempt_roots;
    Str rest(list.text, list.size <= sizeof list.text ? list.size : 0);
    while (!rest.empty()) {
        Str root = take_until(rest, '\0');
        if (!root.empty() && policy::lies_in(root, path)) return true;
    }
    return false;
}

Facts Things::look_at(int directory, const char* name, const Item& item, const Entry& entry,
                      FileFacts& found) {
    Facts facts;
    // Where birth times are kept, one system call a file does on such a file system.
    r_.kernel.plain_identity = plain_identity_ && entry.file_id().birth != 0;
    int answer = directory < 0 ? directory : r_.kernel.facts(directory, name, found);
    hidden_ = answer == -EACCES;
    if (answer == -ENOENT || answer == -ENOTDIR) {
        facts.now = Facts::Now::gone;
    } else if (hidden_) {
        facts.now = Facts::Now::same;
        return facts;
    } else if (answer != 0) {
        facts.now = Facts::Now::other;
    } else {
        facts.now = compare(entry.file_id(), found.id);
    }
    if (facts.now != Facts::Now::same) return facts;
    facts.mount = found.mount_root;
    facts.home = item.kind == Kind::temp_dir && is_above_exempt(entry.text);
    return facts;
}

/// What lies in a recorded directory is no record of its own: it stays or goes with the directory. Socket
/// files and what is to be kept are looked at singly.
void Things::fold() {
    if (trees_.size() == 0) return;
    Entry entry;
    for (Item& item : r_.things) {
        bool may_fold =
            ledger::is_path(item.kind) && item.kind != Kind::unix_socket && item.kept == Outcome::none;
        if (!may_fold || !read(item, entry)) continue;
        TextBuffer path(r_.buffers.text, sizeof r_.buffers.text);
        path.add(entry.text);
        if (!belongs_to_tree(path.str())) continue;
        ledger::release_persistent(r_.author(), item.handle, item.generation);
        item.kind = Kind::none;
    }
}

policy::Situation Things::situation_of_path(const Item& item, Str path) {
    policy::Situation situation = situation_of(r_, item);
    situation.in_private = private_.handle != 0 && policy::lies_in(path, private_path_.str());
    return situation;
}

void Things::reap_path(const Item& item) {
    Entry entry;
    if (!read(item, entry)) return;
    Str name;  // lies in the entry's text, which ends with a NUL
    FileFacts found;
    int directory = open_directory_of(entry.text, name);
    if (leave_elsewhere(item, name)) return;
    Facts facts = look_at(directory, name.data(), item, entry, found);
    policy::Situation situation = situation_of_path(item, entry.text);
    policy::Verdict verdict = policy::judge(item.kind, facts, situation);
    if (verdict.action != Action::none) {
        // Others are looked for only now: most often there is nothing to remove, and nobody to ask about.
        // That takes a while, so what was found before is looked at again.
        if (!hidden_ && outsiders_.look()) facts = look_at(directory, name.data(), item, entry, found);
        if (hidden_) {
            r_.settle(item, State::failed, Outcome::no_permission);
            return;
        }
        facts.used_outside = !r_.is_member(found.uid) || outsiders_.use(found.id) ||
                             is_last_of_others(r_.header(), item, found) ||
                             outsiders_.serve(directory, name.data(), found);
        verdict = policy::judge(item.kind, facts, situation);
    }
    if (verdict.action == Action::none)
        settle_verdict(r_, item, verdict);
    else
        act(item, directory, name.data(), found, situation, verdict);
}

/// The time is over. The clock costs as much as a look at a file, and a few things more don't matter.
bool Things::is_late() {
    constexpr u32 kActsPerLook = 16;
    if (acts_++ % kActsPerLook == 0) late_ = r_.out_of_time();
    return late_;
}

void Things::act(const Item& item, int directory, const char* name, const FileFacts& found,
                 const policy::Situation& situation, const policy::Verdict& verdict) {
    if (is_late()) {
        r_.settle(item, State::failed, Outcome::out_of_time);
    } else if (verdict.action == Action::remove_tree) {
        remove_tree(item, directory, name, found, situation);
    } else {
        int answer = r_.kernel.unlink(directory, name);
        if (answer == 0) r_.count_freed(found);
        settle_answer(r_, item, answer);
    }
}

/// A work tree is refused only where the recorded directory is one itself, lies in a temporary place
/// (mkdtemp's are never anybody's checkout) and is open to others as a checkout is: a test that makes a
/// private directory, as tempfile does, may well `git init` in it. The run's own work tree is exempt by its
/// path.
void Things::remove_tree(const Item& item, int directory, const char* name, const FileFacts& found,
                         const policy::Situation& situation) {
    if (!S_ISDIR(found.mode)) {
        r_.settle(item, State::gone, Outcome::changed_identity);
        return;
    }
    bool is_private = (item.flags & ledger::flag::kByName) != 0 || (found.mode & 0777) == 0700;
    // Most directories that a test leaves are empty. One with more than two links has directories in it.
    bool may_be_empty = found.links <= 2;
    bool was_empty = may_be_empty && r_.kernel.rmdir(directory, name) == 0;
    if (was_empty) r_.count_freed(found);
    if (was_empty || small_tree_.remove(directory, name, found, !is_private)) {
        r_.settle(item, State::reaped, Outcome::removed);
        return;
    }
    Tree tree(r_, outsiders_, directory, name, found, young_);
    Facts facts;
    facts.work_tree = !is_private && tree.is_work_tree();
    facts.too_large = tree.is_larger_than(r_.options.tree_limit);
    policy::Verdict verdict = policy::judge(item.kind, facts, situation);
    if (verdict.action == Action::none) {
        settle_verdict(r_, item, verdict);
        return;
    }
    Outcome outcome = tree.remove();
    State state = outcome == Outcome::removed            ? State::reaped
                  : outcome == Outcome::changed_identity ? State::gone
                                                         : State::failed;
    r_.settle(item, state, outcome);
}

/// Last, when what was left in it has been named. That it was there is no finding: only what kept it from
/// going is.
void Things::reap_private_directory() {
    if (private_.handle == 0) return;
    reap_path(private_);
    Entry entry;
    if (!r_.look(private_.handle, entry, true) || entry.generation != private_.generation) return;
    if (entry.state == State::reaped || entry.state == State::gone)
        ledger::release_persistent(r_.author(), private_.handle, private_.generation);
    if (entry.state == State::leaked)
        r_.settle(private_.handle, private_.generation, State::leaked, State::kept, Outcome::kept_by_mode);
}

void Things::reap_all() {
    ask_rules();
    index_trees();
    fold();
    for (const Item& item : r_.things) {
        if (item.kind == Kind::unix_socket) reap_path(item);
    }
    for (const Item& item : r_.things) {
        bool last = item.handle == private_.handle;
        if (ledger::is_path(item.kind) && item.kind != Kind::unix_socket && !last) reap_path(item);
    }
    reap_private_directory();
    r_.kernel.plain_identity = false;
    Entry entry;
    for (const Item& item : r_.things) {
        bool ipc = ledger::is_named_ipc(item.kind) || ledger::is_sysv_ipc(item.kind);
        if (ipc && read(item, entry)) reap_ipc(r_, outsiders_, item, entry);
    }
}

}  // namespace

policy::Situation situation_of(const Reaping& reaping, const Item& item) {
    policy::Situation situation{reaping.options};
    situation.run_failed = reaping.request.run_failed;
    situation.mark_keeps = item.kept == Outcome::kept_by_mark;
    if (item.kept == Outcome::kept_by_rule) situation.ruling = policy::Ruling::keep;
    if (item.kept == Outcome::ignored_by_rule) situation.ruling = policy::Ruling::ignore;
    return situation;
}

void settle_verdict(Reaping& reaping, const Item& item, const policy::Verdict& verdict) {
    reaping.settle(item, verdict.state, verdict.outcome);
}

void settle_answer(Reaping& reaping, const Item& item, int answer) {
    if (answer == 0)
        reaping.settle(item, State::reaped, Outcome::removed);
    else if (answer == -ENOENT || answer == -EINVAL || answer == -EIDRM)
        reaping.settle(item, State::gone, Outcome::gone_by_itself);
    else if (answer == -EACCES || answer == -EPERM || answer == -EROFS)
        reaping.settle(item, State::failed, Outcome::no_permission);
    else
        reaping.settle(item, State::failed, answer == -EBUSY ? Outcome::brake_mount : Outcome::system_error);
}

Facts::Now compare(const FileId& recorded, const FileId& found) {
    return may_be_same(recorded, found) ? Facts::Now::same : Facts::Now::other;
}

void reap_things(Reaping& reaping) {
    if (!reaping.things.empty()) Things(reaping).reap_all();
}

}  // namespace leakshim::reap
