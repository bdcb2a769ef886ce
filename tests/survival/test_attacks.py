# SPDX-License-Identifier: MIT
"""A child of root's run that gives up its rights and forges what it can: nothing happens beyond its own rights.

What it forges is first shown to be believed: a directory and a process of its own go by a forged record. Root's, forged in
the same way, stay. Squatted and foreign directories of ledgers are in tests/hostile/test_places.py.
"""

import json
import os
import signal
import subprocess

from cases import Case
from processes import wait_for
from survival import Field, is_socket

# Turns records of two directories and two processes of its own, in its own user's ledger, into ones of what it is given:
# the name, inode and birth time of a path, the number and pidfd inode of a process; a record is a line of 64 bytes.
FORGE = """
import glob, json, os, struct, subprocess, time
while not os.path.exists("go"): time.sleep(0.01)
aims = json.load(open("go"))
tmp = os.environ["TMPDIR"]
mine = []
for path in aims["paths"]:
    mine.append(tmp + "/" + str(len(mine)) * (len(path) - len(tmp) - 1))
    os.mkdir(mine[-1])
children = [subprocess.Popen(["sleep", "150"]) for _ in aims["pids"]]
def inode(pid):
    return os.fstat(os.pidfd_open(pid)).st_ino
time.sleep(0.2)
(name,) = glob.glob("/dev/shm/leakshim-%d/*.ledger" % os.getuid())
with open(name, "r+b") as ledger:
    data = ledger.read(8 << 20)
    for path, own in zip(aims["paths"], mine):
        at = data.index(own.encode())
        record = at // 64 * 64 - 64
        about = os.stat(path)
        birth = subprocess.run(["stat", "-c", "%.9W", path], capture_output=True, text=True).stdout.strip()
        ledger.seek(at); ledger.write(path.encode())
        ledger.seek(record + 40); ledger.write(struct.pack("<QQQ", about.st_ino, int(birth.replace(".", "")), 0))
    for pid, child in zip(aims["pids"], children):
        wanted = struct.pack("<Q", inode(child.pid))
        found = [at for at in range(0, len(data), 64) if data[at + 32:at + 40] == wanted
                 and struct.unpack("<i", data[at + 24:at + 28])[0] == child.pid]
        for at in found:
            ledger.seek(at + 24); ledger.write(struct.pack("<i", pid))
            ledger.seek(at + 32); ledger.write(struct.pack("<QQ", inode(pid), 0))
        assert found
open(tmp + "/forged", "w").close()
"""


class Attacks(Case):
    def setUp(self):
        self.needs_root()
        self.uid, self.own = self.somebody_else()

    def open_to_others(self, field):
        """A field that another user may enter, with what he needs in it."""
        field.share(field.guard)
        os.chmod(field.cwd, 0o755)
        os.chmod(field.home, 0o755)
        os.chmod(field.tmp, 0o1777)

    def sealed_ledgers(self):
        """The ledgers of the user whose sessions have begun: their first bytes are written last."""
        return [path for path in self.own.glob("*.ledger") if path.open("rb").read(8) == b"LAKSHIM1"]

    def as_the_user(self):
        return {"user": self.uid, "group": self.uid, "extra_groups": []}

    def make_aims(self, field):
        """A directory and a process of root's, and the same of the user's own."""
        theirs, ours = field.home / "a-directory-of-the-user", field.home / "a-directory-of-root"
        for path in (theirs, ours):
            path.mkdir(mode=0o755)
            (path / "file").write_text("precious", encoding="ascii")
        for path in (theirs, theirs / "file"):
            os.chown(path, self.uid, self.uid)
        os.chown(field.home, self.uid, self.uid)
        sleep = ["sleep", "150"]
        processes = [subprocess.Popen(sleep, **self.as_the_user()), subprocess.Popen(sleep)]
        self.addCleanup(lambda: [(one.kill(), one.wait()) for one in processes])
        return (theirs, ours), processes

    def test_forged_records_do_no_more_than_their_author_may_do(self):
        with Field() as field:
            self.open_to_others(field)
            (field.base / "forge.py").write_text(FORGE, encoding="ascii")
            drop = f"setpriv --reuid={self.uid} --regid={self.uid} --clear-groups"
            root = field.start(["sh", "-c", f"{drop} /usr/bin/python3 -S {field.base}/forge.py; exit 0"], "reap")
            # Nothing that is older than its session is believed to be of it.
            wait_for(lambda: field.ledgers() and self.sealed_ledgers(), bool)
            paths, processes = self.make_aims(field)
            aims = field.cwd / "go.new"
            aims.write_text(json.dumps({"paths": list(map(str, paths)), "pids": [one.pid for one in processes]}),
                            encoding="ascii")
            aims.rename(field.cwd / "go")
            ended = field.end(root)
            self.assertEqual((ended.status, ended.own_stderr), (0, b""))
            # What was forged is believed, within the rights of the user ...
            self.assertEqual(wait_for(processes[0].poll, lambda status: status is not None), -signal.SIGTERM)
            self.assertFalse(wait_for(paths[0].exists, lambda there: not there))
            self.assertEqual(wait_for(lambda: [path.suffix for path in self.own.glob("*.txt")], bool), [".txt"])
            # ... and no further.
            self.assertIsNone(processes[1].poll())
            self.assertEqual((paths[1] / "file").read_text(encoding="ascii"), "precious")

    def test_a_link_planted_in_a_leaked_tree_or_above_it_leads_root_nowhere(self):
        # Root's run leaves a tree that is open to all, and a socket file in a directory of its working directory. What it
        # recorded is swapped by somebody whom nothing records.
        drop = f"LEAKSHIM_KEEP=1 setpriv --reuid={self.uid} --regid={self.uid} --clear-groups sh -c"
        bind = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
        leave = f'mkdir -m 777 "$TMPDIR/open"; mkdir -m 777 sub; /usr/bin/python3 -S -c "{bind}" sub/socket; '
        with Field() as field:
            self.open_to_others(field)
            os.chmod(field.cwd, 0o777)
            precious = field.base / "precious"
            precious.mkdir()
            (precious / "file").write_text("precious", encoding="ascii")
            subprocess.run(["/usr/bin/python3", "-S", "-c", bind, precious / "socket"], check=True)
            swap = f'{drop} \'ln -s {precious} "$TMPDIR/open/link"; mv sub old; ln -s {precious} sub\''
            ended = field.run(["sh", "-c", leave + swap], "reap")
            self.assertEqual((ended.status, ended.own_stderr), (0, b""))
            self.assertTrue((field.cwd / "sub").is_symlink(), "nothing was planted")
            self.assertEqual((precious / "file").read_text(encoding="ascii"), "precious")
            self.assertTrue(is_socket(precious / "socket"))
            said = {record["path"]: record["state"] for record in field.report()[0]["records"] if "path" in record}
            self.assertIn(said[str(field.cwd / "sub" / "socket")], ("gone", "failed"))
