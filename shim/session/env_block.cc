// SPDX-License-Identifier: MIT
#include "env_block.h"

namespace leakshim::session {

namespace {

constexpr size_t kMostAdded = 4;  // entries: ours, and the terminating null pointer
constexpr Str kLibraryName = "libleakshim.so";

Str base_name(Str path) {
    size_t start = path.size();
    while (start != 0 && path[start - 1] != '/')
        --start;
    return Str(path.data() + start, path.size() - start);
}

/// The next entry of a preload list; ld.so(8) takes spaces and colons alike.
Str next_preload(Str& list) {
    while (!list.empty() && (list.front() == ' ' || list.front() == ':'))
        list.remove_prefix(1);
    size_t size = 0;
    while (size < list.size() && list[size] != ' ' && list[size] != ':')
        ++size;
    Str entry(list.data(), size);
    list.remove_prefix(size);
    return entry;
}

bool is_ours(Str entry) {
    return starts_with(base_name(entry), kLibraryName);
}

Str list_of(char* const* environment) {
    return find_variable(environment, kPreloadKey);
}

/// Writes `LD_PRELOAD=` with ours put in front, or taken out. Returns its size, NUL included; 1 for an empty
/// list that needs no entry at all.
size_t write_preload(Str list, const Carried& carried, char* to) {
    size_t size = 0;
    auto put = [&](Str text) {
        for (char c : text)
            to[size++] = c;
    };
    put(kPreloadKey);
    size_t empty = size;
    if (!carried.strip_preload) put(carried.preload_entry);
    for (Str entry = next_preload(list); !entry.empty(); entry = next_preload(list)) {
        if (is_ours(entry)) continue;
        if (size != empty) put(":");
        put(entry);
    }
    if (size == empty) size = 0;
    to[size++] = '\0';
    return size;
}

Str value_of(const char* entry, Str key) {
    return entry + key.size();
}

/// Without a scope no entry is put in, but one that is there has to say so.
bool carries_scope(char* const* environment, const Carried& carried) {
    if (carried.scope_entry == nullptr) return true;
    Str found = find_variable(environment, kScopeKey);
    Str wanted = value_of(carried.scope_entry, kScopeKey);
    return found.data() == nullptr ? wanted == "0" : found == wanted;
}

/// Whether `entry` is of `key`. How long the entry is does not matter, and is not asked: a start looks for a
/// dozen variables among all that there are.
bool is_of(const char* entry, Str key) {
    for (char c : key) {
        if (*entry++ != c) return false;
    }
    return true;
}

}  // namespace

Str find_variable(char* const* environment, Str key) {
    if (environment == nullptr) return {};
    for (; *environment != nullptr; ++environment) {
        if (is_of(*environment, key)) return value_of(*environment, key);
    }
    return {};
}

size_t count_variables(char* const* environment) {
    size_t count = 0;
    while (environment != nullptr && environment[count] != nullptr)
        ++count;
    return count;
}

Str find_preload_entry(Str preload) {
    for (Str entry = next_preload(preload); !entry.empty(); entry = next_preload(preload)) {
        if (is_ours(entry)) return entry;
    }
    return {};
}

bool carries(char* const* environment, const Carried& carried) {
    if (find_variable(environment, kSessionKey) != value_of(carried.session_entry, kSessionKey)) return false;
    if (!carries_scope(environment, carried)) return false;
    bool present = !find_preload_entry(list_of(environment)).empty();
    return carried.strip_preload ? !present : present || carried.preload_entry.empty();
}

size_t carried_size(char* const* environment, const Carried& carried) {
    size_t pointers = (count_variables(environment) + kMostAdded) * sizeof(char*);
    return pointers + kPreloadKey.size() + list_of(environment).size() + carried.preload_entry.size() + 4;
}

char** build_environment(char* const* environment, const Carried& carried, void* memory) {
    auto** entries = static_cast<char**>(memory);
    size_t count = 0;
    char* preload = static_cast<char*>(memory) + (count_variables(environment) + kMostAdded) * sizeof(char*);
    bool replace_preload = !carried.preload_entry.empty() || carried.strip_preload;
    bool preload_done = !replace_preload, session_done = false,
         scope_done = carries_scope(environment, carried);
    auto put_preload = [&](Str list) {
        preload_done = true;
        if (write_preload(list, carried, preload) > 1) entries[count++] = preload;
    };
    for (char* const* entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
        Str text = *entry;
        if (replace_preload && starts_with(text, kPreloadKey)) {
            text.remove_prefix(kPreloadKey.size());
            // Where ours stands already, its place among the others is kept.
            if (!carried.strip_preload && !find_preload_entry(text).empty()) {
                preload_done = true;
                entries[count++] = *entry;
            } else if (!preload_done) {
                put_preload(text);
            }
        } else if (starts_with(text, kSessionKey)) {
            if (!session_done) entries[count++] = const_cast<char*>(carried.session_entry);
            session_done = true;
        } else if (!scope_done && starts_with(text, kScopeKey)) {
            scope_done = true;
            entries[count++] = const_cast<char*>(carried.scope_entry);
        } else {
            entries[count++] = *entry;
        }
    }
    if (!preload_done && !carried.strip_preload) put_preload({});
    if (!session_done) entries[count++] = const_cast<char*>(carried.session_entry);
    if (!scope_done) entries[count++] = const_cast<char*>(carried.scope_entry);
    entries[count] = nullptr;
    return entries;
}

}  // namespace leakshim::session
