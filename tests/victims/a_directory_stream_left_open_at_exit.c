// SPDX-License-Identifier: MIT
//
// opendir opens a descriptor inside libc; closedir closes it there, also one that the program opened itself.
//
// before: dir {cwd}/there
// expect: warning file|other_fd
// status: 0
#include <dirent.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    DIR* brief = SHOW_POINTER(opendir("there"));
    say("number %d\n", dirfd(brief));
    SHOW(closedir(brief));
    const int fd = SHOW(open("there", O_RDONLY | O_DIRECTORY));
    DIR* wrapped = SHOW_POINTER(fdopendir(fd));
    SHOW(closedir(wrapped));
    SHOW(close(fd));
    DIR* kept = SHOW_POINTER(opendir("."));
    say("number %d\n", dirfd(kept));
    SHOW_POINTER(opendir("absent"));
    SHOW_POINTER(fdopendir(-1));
    return 0;
}
