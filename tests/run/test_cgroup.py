# SPDX-License-Identifier: MIT
"""leakshim-run --cgroup: what outruns the end of its session is killed in one step, and nothing else is.

Not beside another of its kind: cgroups are the whole machine's.
"""

import fcntl
import os
import pathlib

from cases import Case
from given import Given
from processes import names_of, wait_for
from world import World



def own_cgroup():
    """The directory of this process's cgroup of version 2, or None where it can have no children."""
    own = [line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
           if line.startswith("0::")]
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines() if own else ():
        _, place, kind, *_ = line.split()
        path = pathlib.Path(place + own[0])
        if kind == "cgroup2" and os.access(path / "cgroup.procs", os.W_OK) and os.access(path, os.W_OK):
            return path
    return None


def cgroups_left():
    return [path.name for path in own_cgroup().glob("leakshim-run-*")]


def is_locked(path):
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


class OwnCgroup(Case):
    def setUp(self):
        if own_cgroup() is None:
            self.skipTest("no cgroup can be made here")

    def test_what_goes_on_as_fast_as_it_can_is_killed_with_its_cgroup(self):
        with World() as scene:
            sign = scene.base / "sign"
            hop = [Given.hopper, str(sign), "100"]
            self.assertEqual(scene.run(hop).status, 0)
            self.assertTrue(is_locked(sign), "it does not outlive its command")
            sign.unlink()
            bystander = scene.start(["sleep", "150"])
            ended = scene.tool("--cgroup", "--", *hop)
            self.assertEqual(ended.status, 0, ended.stderr)
            self.assertFalse(wait_for(lambda: is_locked(sign), lambda locked: not locked))
            self.assertIsNone(bystander.poll())
            self.assertEqual(cgroups_left(), [])

    def test_what_is_to_be_kept_goes_back_to_the_cgroup_above(self):
        with World() as scene:
            leave = "LEAKSHIM_KEEP=1 setsid sleep 150 > /dev/null 2>&1 & setsid sleep 151 > /dev/null 2>&1 & "
            ended = scene.tool("--cgroup", "--", "sh", "-c", leave + "cat /proc/self/cgroup")
            self.assertEqual(ended.status, 0, ended.stderr)
            self.assertIn(b"leakshim-run-", ended.stdout)
            (kept,) = wait_for(scene.survivors, lambda pids: len(pids) == 1)
            self.assertEqual(pathlib.Path(f"/proc/{kept}/cmdline").read_bytes(), b"sleep\x00150\x00")
            self.assertNotIn("leakshim", pathlib.Path(f"/proc/{kept}/cgroup").read_text(encoding="utf-8"))
            self.assertEqual(cgroups_left(), [])

    def test_in_report_mode_nobody_is_killed_with_a_cgroup(self):
        with World() as scene:
            ended = scene.tool("--cgroup", "--report", "--", "sh", "-c", "setsid sleep 150 > /dev/null 2>&1 &")
            self.assertEqual(ended.status, 0, ended.stderr)
            self.assertEqual(len(scene.survivors()), 1)
            self.assertEqual(cgroups_left(), [])

    def test_the_cgroup_that_a_killed_leakshim_run_left_is_removed_by_the_next(self):
        with World() as scene:
            tool = scene.start_tool("--cgroup", "--", "sleep", "150")
            wait_for(lambda: names_of(scene.survivors()), lambda names: "sleep" in names)
            self.assertNotEqual(cgroups_left(), [])
            tool.kill()
            tool.wait()
            wait_for(scene.survivors, lambda pids: not pids)
            self.assertNotEqual(cgroups_left(), [])
            self.assertEqual(scene.tool("--cgroup", "--", "true").status, 0)
            self.assertEqual(cgroups_left(), [])

    def test_what_a_killed_one_inside_left_goes_with_the_one_around_it(self):
        inner = f"{Given.run} --cgroup -- sleep 150 & until test \"$(pgrep -c -x sleep -g 0)\" = 1; do sleep 0.05; done"
        with World() as scene:
            ended = scene.tool("--cgroup", "--", "sh", "-c", f"{inner}; kill -KILL $!; wait; exit 3")
            self.assertEqual(ended.status, 3, ended.stderr)
            self.assertEqual(wait_for(scene.survivors, lambda pids: not pids), [])
            self.assertEqual(cgroups_left(), [])

    def test_where_no_cgroup_is_to_be_had_the_command_runs_without_one(self):
        with World() as scene:
            script = 'umount -l -R /sys/fs/cgroup && exec "$@"'
            ended = scene.run(["unshare", "-m", "sh", "-c", script, "sh", Given.run, "--cgroup", "--", "sh", "-c",
                               "exit 3"], LEAKSHIM_DIR=str(scene.ledger))
            self.assertEqual(ended.status, 3, ended.stderr)
            self.assertIn(b"--cgroup: the command gets none of its own: cgroups of version 2 are not mounted",
                          ended.stderr)
