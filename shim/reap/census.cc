// SPDX-License-Identifier: MIT
#include "census.h"

#include "inventory.h"

namespace leakshim::reap {

u32 record_processes(const Request& request) {
    Paged<Buffers> buffers;
    if (!buffers) return 0;
    Reaping reaping(request, *buffers);
    take_inventory(reaping);
    return find_descendants(reaping);
}

}  // namespace leakshim::reap
