// SPDX-License-Identifier: MIT
//
// A thing that is renamed inside the temp roots stays a record, under its new name.
//
// expect: error temp_dir path={tmp}/new-directory
// expect: error temp_file path={tmp}/new-file
// expect: error temp_file path={tmp}/new-at
// expect: error unix_socket path={tmp}/new.sock
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir(in_tmp("old-directory"), 0700));
    SHOW(rename(in_tmp("old-directory"), in_tmp("new-directory")));
    SHOW(close(SHOW(creat(in_tmp("old-file"), 0600))));
    SHOW(renameat(AT_FDCWD, in_tmp("old-file"), AT_FDCWD, in_tmp("new-file")));
    SHOW(close(SHOW(creat(in_tmp("old-at"), 0600))));
    SHOW(renameat2(AT_FDCWD, in_tmp("old-at"), AT_FDCWD, in_tmp("new-at"), RENAME_NOREPLACE));
    const struct sockaddr_un address = unix_address(in_tmp("old.sock"));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(server));
    SHOW(rename(in_tmp("old.sock"), in_tmp("new.sock")));

    SHOW(rename(in_tmp("absent"), in_tmp("other")));
    SHOW(rename(in_tmp("new-file"), in_tmp("new-directory")));
    SHOW(renameat(-1, "absent", AT_FDCWD, in_tmp("other")));
    SHOW(renameat2(AT_FDCWD, in_tmp("new-at"), AT_FDCWD, in_tmp("new-file"), RENAME_NOREPLACE));
    return 0;
}
