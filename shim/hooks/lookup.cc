// SPDX-License-Identifier: MIT
#include "lookup.h"

#include <dlfcn.h>
#include <link.h>

#include "text.h"

// dlsym moved from libdl into libc with glibc 2.34. Its old version is asked for, and weakly: so an older
// glibc can load us too, with dlsym in a program that has libdl and without in any other.
#if defined(__x86_64__)
__asm__(".symver leakshim_dlsym, dlsym@GLIBC_2.2.5");
#else
__asm__(".symver leakshim_dlsym, dlsym@GLIBC_2.17");
#endif
extern "C" __attribute__((weak)) void* leakshim_dlsym(void* from, const char* name);

// The list of what is loaded, as debuggers find it (link.h): glibc keeps it in the order in which it
// searches. Not there on musl.
extern "C" __attribute__((weak)) struct r_debug leakshim_loaded __asm__("_r_debug");

namespace leakshim::hooks {

namespace {

/// One loaded object: where its symbols are, and the table that leads to them (DT_GNU_HASH: a Bloom filter,
/// buckets, and for each symbol its hash, whose lowest bit ends a chain).
struct Object {
    u64 base;
    const ElfW(Sym) * symbols;
    const char* strings;
    const u16* versions;  ///< nullptr: the object has none
    const u64* bloom;
    const u32* buckets;
    const u32* chain;
    u32 bucket_count, first, bloom_mask, bloom_shift;
};

constexpr u32 kMaxObjects = 24;  // a name is seldom found further back, and then by dlsym
Object objects[kMaxObjects];
u32 object_count;
bool whole;

/// glibc has added the base to the addresses in the dynamic section, other linkers have not.
template <typename T>
const T* address_in(const struct link_map& map, ElfW(Addr) value) {
    return reinterpret_cast<const T*>(value < map.l_addr ? value + map.l_addr : value);
}

bool read_object(const struct link_map& map, Object& object) {
    const u32* table = nullptr;
    object = Object{};
    object.base = map.l_addr;
    for (const ElfW(Dyn)* entry = map.l_ld; entry->d_tag != DT_NULL; ++entry) {
        ElfW(Addr) value = entry->d_un.d_ptr;
        if (entry->d_tag == DT_GNU_HASH) table = address_in<u32>(map, value);
        if (entry->d_tag == DT_SYMTAB) object.symbols = address_in<ElfW(Sym)>(map, value);
        if (entry->d_tag == DT_STRTAB) object.strings = address_in<char>(map, value);
        if (entry->d_tag == DT_VERSYM) object.versions = address_in<u16>(map, value);
    }
    if (table == nullptr || object.symbols == nullptr || object.strings == nullptr || table[0] == 0)
        return false;
    object.bucket_count = table[0];
    object.first = table[1];
    object.bloom_mask = table[2] - 1;
    object.bloom_shift = table[3];
    object.bloom = reinterpret_cast<const u64*>(table + 4);
    object.buckets = reinterpret_cast<const u32*>(object.bloom + table[2]);
    object.chain = object.buckets + object.bucket_count;
    return true;
}

/// The symbol's index, 0 when the object has none of that name that dlsym would take: of several versions,
/// the default one.
u32 find_symbol(const Object& object, const char* name, u32 hash) {
    u64 word = object.bloom[hash / 64 & object.bloom_mask];
    if ((word >> (hash % 64) & word >> ((hash >> object.bloom_shift) % 64) & 1) == 0) return 0;
    u32 index = object.buckets[hash % object.bucket_count];
    if (index < object.first) return 0;
    constexpr u16 kHidden = 0x8000;
    for (;; ++index) {
        u32 entry = object.chain[index - object.first];
        const ElfW(Sym)& symbol = object.symbols[index];
        bool match = (entry | 1) == (hash | 1) && symbol.st_shndx != SHN_UNDEF && symbol.st_value != 0 &&
                     (object.versions == nullptr || (object.versions[index] & kHidden) == 0) &&
                     Str(object.strings + symbol.st_name) == name;
        if (match) return index;
        if ((entry & 1) != 0) return 0;
    }
}

/// `visit(map)` for each object that is loaded behind us, until it answers false.
template <typename Visit>
void for_each_behind_us(Visit visit) {
    if (&leakshim_loaded == nullptr || leakshim_loaded.r_state != r_debug::RT_CONSISTENT) return;
    const struct link_map* map = leakshim_loaded.r_map;
    while (map != nullptr && map->l_ld != _DYNAMIC)
        map = map->l_next;
    if (map == nullptr) return;
    for (map = map->l_next; map != nullptr; map = map->l_next) {
        // The kernel's own object stands in the list, and is not searched.
        if (!starts_with(map->l_name, "linux-") && !visit(*map)) return;
    }
}

/// The symbol as an address; nullptr for one that is more than a function in its place.
void* address_of(const Object& object, u32 index) {
    const ElfW(Sym)& symbol = object.symbols[index];
    u32 type = symbol.st_info & 0xf, binding = symbol.st_info >> 4;
    bool ordinary = type == STT_FUNC && (binding == STB_GLOBAL || binding == STB_WEAK) &&
                    (symbol.st_other & 3) == STV_DEFAULT;
    return ordinary ? reinterpret_cast<void*>(object.base + symbol.st_value) : nullptr;
}

}  // namespace

void prepare_lookup() {
    u32 count = 0;
    bool readable = true;
    for_each_behind_us([&](const struct link_map& map) {
        readable = count != kMaxObjects && read_object(map, objects[count]);
        if (readable) ++count;
        return readable;
    });
    object_count = count;
    whole = readable && count != 0;
}

bool lookup_is_whole() {
    return whole;
}

void* look_up(const char* name, u32 hash) {
    for (u32 i = 0; i < object_count; ++i) {
        u32 index = find_symbol(objects[i], name, hash);
        if (index == 0) continue;
        return address_of(objects[i], index);
    }
    return nullptr;
}

void* look_up_slowly(const char* name, u32 hash) {
    if (leakshim_dlsym != nullptr) return leakshim_dlsym(RTLD_NEXT, name);
    void* found = nullptr;
    for_each_behind_us([&](const struct link_map& map) {
        Object object;
        u32 index = read_object(map, object) ? find_symbol(object, name, hash) : 0;
        if (index != 0) found = address_of(object, index);
        return index == 0;
    });
    return found;
}

}  // namespace leakshim::hooks
