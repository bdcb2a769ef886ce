// SPDX-License-Identifier: MIT
//
// Who calls mkdtemp or mkstemp says that the thing is temporary: it counts in the working directory, too,
// where an ordinary mkdir would be an output of the run.
//
// expect: error temp_dir path={cwd}/leak-??????
// expect: error temp_file path={cwd}/leak-file-??????
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char directory[] = "leak-XXXXXX";
    char file[] = "./leak-file-XXXXXX";
    SHOW_POINTER(mkdtemp(directory));
    SHOW(close(SHOW(mkstemp(file))));
    return 0;
}
