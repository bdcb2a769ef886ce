// SPDX-License-Identifier: MIT
#include "tree_size.h"

#include <absl/container/flat_hash_set.h>
#include <fts.h>
#include <sys/stat.h>

#include <memory>

namespace leakshim::tools {

namespace {

constexpr u64 kMostNames = 500'000;
constexpr auto kMostTime = std::chrono::seconds(2);
constexpr u64 kBlock = 512;  // of st_blocks, whatever the file system has

}  // namespace

bool TreeMeasure::is_over() {
    if (++names_ > kMostNames) return true;
    // The clock costs more than a name that is in the cache.
    if (names_ % 256 == 0 && std::chrono::steady_clock::now() - started_ > kMostTime) names_ = kMostNames;
    return false;
}

TreeSize TreeMeasure::of(const std::string& path) {
    TreeSize size;
    std::string root = path;
    char* roots[] = {root.data(), nullptr};
    std::unique_ptr<FTS, int (*)(FTS*)> walk(fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr),
                                             fts_close);
    if (walk == nullptr) return {0, 0, false};
    absl::flat_hash_set<u64> linked;
    while (FTSENT* entry = fts_read(walk.get())) {
        if (entry->fts_info == FTS_DP) continue;  // a directory, again
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            size.whole = false;
        if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) continue;
        if (is_over()) {
            size.whole = false;
            break;
        }
        const struct stat& st = *entry->fts_statp;
        bool is_file = !S_ISDIR(st.st_mode);
        if (is_file && st.st_nlink > 1 && !linked.insert(st.st_ino).second) continue;
        size.bytes += static_cast<u64>(st.st_blocks) * kBlock;
        ++size.inodes;
    }
    return size;
}

}  // namespace leakshim::tools
