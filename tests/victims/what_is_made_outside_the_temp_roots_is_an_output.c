// SPDX-License-Identifier: MIT
//
// A directory, a file, a fifo and a link in the working directory are what the run was started for.
//
// expect: nothing
// stays: {cwd}/directory
// stays: {cwd}/file
// stays: {cwd}/stream
// stays: {cwd}/fifo
// stays: {cwd}/link
// stays: {home}/of-the-user
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir("directory", 0700));
    SHOW(close(SHOW(open("file", O_WRONLY | O_CREAT | O_EXCL, 0600))));
    FILE* stream = SHOW_POINTER(fopen("stream", "w"));
    SHOW(fclose(stream));
    SHOW(mkfifo("fifo", 0600));
    SHOW(symlink("file", "link"));
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/of-the-user", getenv("HOME"));
    SHOW(mkdir(path, 0700));
    return 0;
}
