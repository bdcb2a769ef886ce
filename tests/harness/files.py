# SPDX-License-Identifier: MIT
"""What was there before a run, and the removal of trees of any kind."""

import os
import pathlib
import shutil
import socket
import stat
import uuid


def remove_tree(path):
    """Removes a tree of any depth and of any modes; a link is removed as a link. Raises OSError where it can't."""
    for directory, names, _ in os.walk(path):
        for name in names:
            below = os.path.join(directory, name)
            if not os.path.islink(below) and len(below) < 4000:
                os.chmod(below, 0o700)
    shutil.rmtree(path)


def make_before(kind, path):
    """Makes a file, directory or socket file as one that was there before."""
    if kind == "dir":
        os.mkdir(path, 0o750)
    elif kind == "file":
        with open(path, "wb") as file:
            # Nobody could make the same file again: an inode number may come back at once.
            file.write(b"was here before " + uuid.uuid4().hex.encode() + b"\n")
        os.chmod(path, 0o640)
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)


def identity(path):
    """What must not change of a thing that was there before; raises OSError where it is gone."""
    about = os.lstat(path)
    content = pathlib.Path(os.fsdecode(path)).read_bytes() if stat.S_ISREG(about.st_mode) else None
    return about.st_dev, about.st_ino, about.st_mode, content
