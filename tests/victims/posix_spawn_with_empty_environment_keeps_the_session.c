// SPDX-License-Identifier: MIT
//
// A child that is started with no environment at all still belongs to the run: what it leaves is recorded.
//
// expect: error temp_dir path={tmp}/spawn-??????
// expect: error temp_dir path={tmp}/spawnp-??????
// status: 0
#include <spawn.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "child")) {
        return mkdtemp(argv[3]) != NULL ? 8 : 1;
    }
    char* const nothing[] = {NULL};
    pid_t child = 0;
    int status = 0;
    char* const first[] = {argv[0], (char*)tag, (char*)"child", in_tmp("spawn-XXXXXX"), NULL};
    SHOW_ERROR(posix_spawn(&child, self(), NULL, NULL, first, nothing));
    SHOW_PID(waitpid(child, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    char* const second[] = {argv[0], (char*)tag, (char*)"child", in_tmp("spawnp-XXXXXX"), NULL};
    SHOW_ERROR(posix_spawnp(&child, self(), NULL, NULL, second, nothing));
    SHOW_PID(waitpid(child, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    return 0;
}
