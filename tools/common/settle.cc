// SPDX-License-Identifier: MIT
#include "settle.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <string>

#include "file_id.h"
#include "sys.h"

namespace leakshim::tools {

namespace {

using ledger::Entry;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;

u64 sysv_slot(Kind kind, i32 id) {
    return static_cast<u64>(kind) << 32 | static_cast<u32>(id);
}

}  // namespace

std::string path_of_name(Kind kind, std::string_view name) {
    std::string_view whole = name;
    while (name.starts_with('/'))
        name.remove_prefix(1);
    switch (kind) {
        case Kind::posix_shm:
            return fmt::format("/dev/shm/{}", name);
        case Kind::named_semaphore:
            return fmt::format("/dev/shm/sem.{}", name);
        case Kind::message_queue:
            return fmt::format("/dev/mqueue/{}", name);
        default:
            return std::string(whole);
    }
}

bool Settler::lives(const Entry& process) const {
    return same_boot_ && visible_ && is_alive({process.number, process.a, process.b, process.born});
}

Settler::Found Settler::find_sysv(const Entry& entry) {
    struct Table {
        Kind kind;
        const char* path;
    };
    if (!sysv_read_) {
        sysv_read_ = true;
        for (const Table& table :
             {Table{Kind::sysv_shm, "/proc/sysvipc/shm"}, Table{Kind::sysv_sem, "/proc/sysvipc/sem"},
              Table{Kind::sysv_msg, "/proc/sysvipc/msg"}}) {
            std::ifstream file(table.path);
            std::string line;
            std::getline(file, line);  // the names of the columns
            while (std::getline(file, line)) {
                std::istringstream fields(line);
                i64 key = 0, id = 0;
                if (fields >> key >> id)
                    sysv_[sysv_slot(table.kind, static_cast<i32>(id))] = static_cast<u32>(key);
            }
        }
    }
    auto found = sysv_.find(sysv_slot(entry.kind, entry.number));
    if (found == sysv_.end()) return Found::nothing;
    return found->second == static_cast<u32>(entry.a) ? Found::same : Found::other;
}

Settler::Found Settler::find(const Entry& entry) {
    if (!same_boot_ && !ledger::is_path(entry.kind)) return Found::nothing;
    if (ledger::is_sysv_ipc(entry.kind)) return find_sysv(entry);
    FileFacts facts;
    if (file_facts(AT_FDCWD, path_of_name(entry.kind, entry.text).c_str(), facts) != 0) return Found::nothing;
    FileId recorded = entry.file_id();
    return !recorded.known() || recorded == facts.id ? Found::same : Found::other;
}

bool Settler::is_still_there(Kind kind, std::string_view name, const FileId& recorded) {
    Entry entry;
    entry.kind = kind;
    entry.text = name;
    entry.a = recorded.dev, entry.b = recorded.ino, entry.c = recorded.birth, entry.d = recorded.handle;
    return find(entry) == Found::same;
}

void Settler::settle_persistent(Entry& entry) {
    Found found = find(entry);
    if (found == Found::same) {
        bool wanted = (entry.flags & ledger::flag::kWanted) != 0;
        entry.state = wanted ? State::kept : State::leaked;
        if (wanted) entry.outcome = Outcome::kept_by_mark;
        return;
    }
    entry.state = State::gone;
    entry.outcome = found == Found::other ? Outcome::changed_identity : Outcome::gone_by_itself;
}

}  // namespace leakshim::tools
