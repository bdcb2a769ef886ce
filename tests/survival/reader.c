// SPDX-License-Identifier: MIT
//
// Writes its output through a child that reads it, as a program with a pager does, and ends with all of it in
// the buffers of stdio: `reader pipe COMMAND` puts a pipe in the place of its stdout, `reader popen COMMAND`
// leaves a stream of popen(3) open.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { kLines = 5 };

static FILE* piped(const char* command) {
    int ends[2];
    if (pipe(ends) != 0) return NULL;
    if (fork() == 0) {
        dup2(ends[0], 0);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", "sh", "-c", command, (char*)NULL);
        _exit(127);
    }
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    return stdout;
}

int main(int count, char** words) {
    if (count < 3) return 2;
    FILE* to = strcmp(words[1], "popen") == 0 ? popen(words[2], "w") : piped(words[2]);
    if (to == NULL) return 1;
    for (int i = 1; i <= kLines; ++i)
        fprintf(to, "line %d\n", i);
    return 0;
}
