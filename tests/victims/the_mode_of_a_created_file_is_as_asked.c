// SPDX-License-Identifier: MIT
//
// A shim that tries a create with O_EXCL first must not change what the host gets: mode, umask, offset,
// flags, and the error when the name is a directory, a dangling link or a link to something.
//
// before: file {tmp}/existing
// expect: error temp_file path={tmp}/made
// may: note link
// status: 0
#include "victim.h"

static void show_state(int fd) {
    struct stat about;
    SHOW(fstat(fd, &about));
    say("mode %o size %ld offset %ld flags %o\n", about.st_mode & 07777, (long)about.st_size,
        (long)lseek(fd, 0, SEEK_CUR), (unsigned)fcntl(fd, F_GETFL));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    umask(027);
    const int made = SHOW(open(in_tmp("made"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 06777));
    show_state(made);
    SHOW(close(made));
    const int existing = SHOW(open(in_tmp("existing"), O_RDWR | O_CREAT, 0777));
    show_state(existing);
    SHOW(close(existing));
    SHOW(open(in_tmp("."), O_WRONLY | O_CREAT, 0600));
    SHOW(open(in_tmp("."), O_RDONLY | O_CREAT | O_DIRECTORY, 0600));
    SHOW(symlink("existing", in_tmp("link")));
    SHOW(close(SHOW(open(in_tmp("link"), O_RDONLY | O_CREAT, 0600))));
    SHOW(open(in_tmp("link"), O_RDONLY | O_CREAT | O_NOFOLLOW, 0600));
    SHOW(open(in_tmp("link"), O_RDONLY | O_CREAT | O_EXCL, 0600));
    SHOW(unlink(in_tmp("link")));
    return 0;
}
