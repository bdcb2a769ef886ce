// SPDX-License-Identifier: MIT
#include "carry.h"

#include "confined.h"
#include "readable.h"

namespace leakshim::hooks {

namespace {

session::Carried carried_for(Program program, char* scope_entry, size_t size, bool with_scope) {
    session::Session& session = the_session();
    session::Carried carried{session.preload_entry, session.session_entry, false, nullptr};
    TextBuffer scope(scope_entry, size);
    scope.add(session::kScopeKey).add_decimal(current_scope());
    if (with_scope && in_session()) carried.scope_entry = scope_entry;
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

CarriedEnvironment::CarriedEnvironment(char* const* environment, Program program, bool scope)
    : carried_(carried_for(program, scope_entry_, sizeof scope_entry_, scope)),
      scratch_(can_carry(environment) ? session::carried_size(environment, carried_) : 0),
      result_(const_cast<char**>(environment)) {
    if (!can_carry(environment) || session::carries(environment, carried_)) return;
    void* memory = scratch_.get(session::carried_size(environment, carried_));
    if (memory == nullptr) return;
    result_ = session::build_environment(environment, carried_, memory);
    changed_ = true;
}

namespace {

char** prepared(char** environment) {
    WhenUnwound::prepare();
    return environment;
}

}  // namespace

CarriedEnviron::CarriedEnviron()
    : before_(prepared(environ)),
      carried_(environ, Program::ordinary, false),
      when_cancelled_(cancelled, this) {
    if (carried_.changed()) environ = carried_.get();
}

CarriedEnviron::~CarriedEnviron() {
    restore();
}

void CarriedEnviron::restore() {
    // Another thread may have set a variable meanwhile: libc then made a new array, which stays.
    if (carried_.changed() && environ == carried_.get()) environ = before_;
}

/// In the frame of the call that is being unwound, instead of the destructor.
void CarriedEnviron::cancelled(void* self) {
    auto* environment = static_cast<CarriedEnviron*>(self);
    environment->restore();
    environment->carried_.~CarriedEnvironment();
}

}  // namespace leakshim::hooks
