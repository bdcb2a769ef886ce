// SPDX-License-Identifier: MIT
#define CATCH_CONFIG_RUNNER
#include <locale.h>
#include <stdlib.h>

#include <catch2/catch.hpp>

int main(int argc, char** argv) {
    setenv("TZ", "UTC", 1);
    setlocale(LC_CTYPE, "C.UTF-8");
    return Catch::Session().run(argc, argv);
}
