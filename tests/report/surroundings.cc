// SPDX-License-Identifier: MIT
//
// What is written depends on the time zone and on the characters of the terminal: here they are always the
// same.
#include <locale.h>
#include <stdlib.h>

namespace {

[[maybe_unused]] const bool settled = [] {
    setenv("TZ", "UTC", 1);
    return setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
}();

}  // namespace
