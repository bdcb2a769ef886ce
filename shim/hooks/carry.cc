// SPDX-License-Identifier: MIT
#include "carry.h"

#include "confined.h"
#include "readable.h"

namespace leakshim::hooks {

namespace {

session::Carried carried_for(Program program, char* scope_entry, size_t size) {
    session::Session& session = the_session();
    session::Carried carried{session.preload_entry, session.session_entry, false, nullptr};
    if (scope_entry != nullptr && in_session()) {
        TextBuffer(scope_entry, size).add(session::kScopeKey).add_decimal(current_scope());
        carried.scope_entry = scope_entry;
    }
    if (program == Program::other_class || is_confined()) {
        carried.preload_entry = {};
        carried.strip_preload = true;
    }
    return carried;
}

/// Can this environment be put right? What can't be read is the kernel's to refuse.
bool can_carry(char* const* environment) {
    if (is_confined()) return environment != nullptr;
    return in_session() && readable_array(environment);
}

}  // namespace

CarriedEnvironment::CarriedEnvironment(char* const* environment, Program program)
    : carried_(carried_for(program, scope_entry_, sizeof scope_entry_)),
      scratch_(can_carry(environment) ? session::carried_size(environment, carried_) : 0),
      result_(const_cast<char**>(environment)) {
    if (!can_carry(environment) || session::carries(environment, carried_)) return;
    void* memory = scratch_.get(session::carried_size(environment, carried_));
    if (memory != nullptr) result_ = session::build_environment(environment, carried_, memory);
}

namespace {

char** prepared(char** environment) {
    WhenUnwound::prepare();
    return environment;
}

/// Memory of the last CarriedEnviron, for the next: it is not unmapped, since another thread may be reading
/// there.
struct Block {
    size_t size;  ///< of it all
    alignas(64) char memory[1];
};
constinit std::atomic<Block*> last_block{nullptr};

/// What `environ` is for the time of a call, null for none, and what it was: of one CarriedEnviron at a time,
/// since a second one finds nothing to put back.
constinit std::atomic<char**> ours{nullptr};
constinit std::atomic<char**> hosts{nullptr};

Block* take_block(size_t size) {
    size += offsetof(Block, memory);
    Block* block = last_block.exchange(nullptr, std::memory_order_acquire);
    if (block != nullptr && block->size >= size) return block;
    long answer = sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys::failed(answer)) return nullptr;
    block = reinterpret_cast<Block*>(answer);
    block->size = (size + 4095) & ~size_t{4095};
    return block;
}

}  // namespace

CarriedEnviron::CarriedEnviron() : before_(prepared(environ)), when_cancelled_(cancelled, this) {
    session::Carried carried = carried_for(Program::ordinary, nullptr, 0);
    if (!can_carry(before_) || session::carries(before_, carried)) return;
    Block* block = take_block(session::carried_size(before_, carried));
    if (block == nullptr) return;
    block_ = block;
    during_ = session::build_environment(before_, carried, block->memory);
    hosts.store(before_, std::memory_order_relaxed);
    ours.store(during_, std::memory_order_release);
    environ = during_;
}

CarriedEnviron::~CarriedEnviron() {
    restore();
}

void CarriedEnviron::restore() {
    // Another thread may have set a variable meanwhile: libc then made a new array, which stays, and with it
    // what it points to.
    if (during_ == nullptr || environ != during_) return;
    environ = before_;
    ours.store(nullptr, std::memory_order_relaxed);
    last_block.store(static_cast<Block*>(block_), std::memory_order_release);
}

void settle_environ() {
    char** during = ours.load(std::memory_order_acquire);
    if (during == nullptr || environ != during) return;
    environ = hosts.load(std::memory_order_relaxed);
    ours.store(nullptr, std::memory_order_relaxed);
}

/// In the frame of the call that is being unwound, instead of the destructor.
void CarriedEnviron::cancelled(void* self) {
    static_cast<CarriedEnviron*>(self)->restore();
}

}  // namespace leakshim::hooks
