# SPDX-License-Identifier: MIT
"""The session is kept by whoever descends from the root, whatever is done to the environment on the way.

And only the session: nothing else comes back that a program took out of its child's environment, other preloads stay as
they are and where they are, and `off` leaves everything alone.
"""

import os
import shutil

from cases import Case
from given import Given
from processes import names_of
from sandbox import Sandbox

PYTHON = "/usr/bin/python3"
PATH = "import os, subprocess, sys\npath = os.environ['TMPDIR'] + '/leak'\n"

# Each makes $TMPDIR/leak in a process that was started without the session's variables.
WAYS = {
    "env -i": ["sh", "-c", 'env -i mkdir "$TMPDIR/leak"; exit 0'],
    "env -i, twice over": ["sh", "-c", 'env -i sh -c "env -i sh -c \'mkdir $TMPDIR/leak\'"; exit 0'],
    "env -i in a session of its own": ["sh", "-c", 'setsid -w env -i mkdir "$TMPDIR/leak"; exit 0'],
    "env -u": ["sh", "-c", 'env -u LD_PRELOAD -u LEAKSHIM_SESSION mkdir "$TMPDIR/leak"; exit 0'],
    "unset in dash": ["dash", "-c", 'unset LD_PRELOAD LEAKSHIM_SESSION; mkdir "$TMPDIR/leak"; exit 0'],
    "unset in bash": ["bash", "-c", 'unset LD_PRELOAD; unset LEAKSHIM_SESSION; mkdir "$TMPDIR/leak"; exit 0'],
    "an empty value in bash": ["bash", "-c", 'export LD_PRELOAD=; mkdir "$TMPDIR/leak"; exit 0'],
    "no longer exported in bash": ["bash", "-c", 'export -n LD_PRELOAD LEAKSHIM_SESSION; mkdir "$TMPDIR/leak"; exit 0'],
    "exec -c of bash": ["bash", "-c", '(exec -c mkdir "$TMPDIR/leak"); exit 0'],
    "exec -c of the root": ["bash", "-c", 'exec -c mkdir "$TMPDIR/leak"'],
    "env={} of subprocess": [PYTHON, "-c", PATH + "subprocess.run(['/bin/mkdir', path], env={}, check=True)"],
    "env={} of subprocess with a preexec function": [
        PYTHON, "-c", PATH + "subprocess.run(['/bin/mkdir', path], env={}, preexec_fn=os.setsid, check=True)"],
    "env={} of posix_spawn": [
        PYTHON, "-c", PATH + "os.waitpid(os.posix_spawn('/bin/mkdir', ['mkdir', path], {}), 0)"],
    "environ.clear and system": [PYTHON, "-c", PATH + "os.environ.clear(); os.system('/bin/mkdir ' + path)"],
    "environ.clear and popen": [PYTHON, "-c", PATH + "os.environ.clear(); os.popen('/bin/mkdir ' + path).read()"],
    "environ.clear and exec by the root": [
        PYTHON, "-c", PATH + "os.environ.clear(); os.execv('/bin/mkdir', ['mkdir', path])"],
    "%ENV = () of perl": ["perl", "-e", 'my $p = "$ENV{TMPDIR}/leak"; %ENV = (); system "/bin/mkdir", $p'],
    "env: {} of node": ["node", "-e", "require('child_process').spawnSync('/bin/mkdir', "
                                      "[process.env.TMPDIR + '/leak'], {env: {}})"],
}


def is_the_sessions(entry):
    name = entry.partition("=")[0]
    return name == "LD_PRELOAD" or name.startswith("LEAKSHIM")


class Environment(Case):
    def show(self, command, mode="report", **more):
        """The environment that `command` prints NUL by NUL, as a list of NAME=value, and how it went bare."""
        with Sandbox() as sandbox:
            ended = sandbox.run(command, mode, **more)
            self.assertEqual((ended.status, ended.stderr), (0, b""))
            return [value.decode() for value in ended.stdout.split(b"\0") if value]

    def test_a_grandchild_without_the_variables_is_still_in_the_session(self):
        for way, command in WAYS.items():
            if shutil.which(command[0]) is None:
                continue
            with self.subTest(way):
                with Sandbox() as sandbox:
                    self.assertEqual(sandbox.run(command).status, 0)
                    self.assertEqual(list(sandbox.left_over()), [os.fsencode(sandbox.tmp / "leak")])
                with Sandbox() as sandbox:
                    ended = sandbox.run(command, "reap")
                    self.assertEqual((ended.status, ended.own_stderr), (0, b""))
                    self.assertEqual(list(sandbox.left_over()), [])
                    records = sandbox.report()[0]["records"]
                    self.assertEqual([(one["kind"], one["path"], one["state"]) for one in records
                                      if one["degree"] == "error"], [("temp_dir", str(sandbox.tmp / "leak"), "reaped")])

    def test_a_background_process_without_the_variables_is_reaped(self):
        command = ["sh", "-c", "env -i setsid -f sleep 120; env -i setsid -f sh -c 'sleep 121; exit'"]
        with Sandbox() as sandbox:
            sandbox.run(command)
            self.assertEqual(len(sandbox.wait_for_survivors(3)), 3)
        with Sandbox() as sandbox:
            sandbox.run_bystander(command)
            ended = sandbox.run(command, "reap")
            self.assertEqual((ended.status, ended.own_stderr), (0, b""))
            self.assertEqual(names_of(sandbox.wait_for_survivors(0)), [])
            self.assertTrue(sandbox.bystanders_alive())

    def test_a_child_sees_the_documented_variables_and_no_other(self):
        with Sandbox() as sandbox:
            bare = set(sandbox.run(["env", "-0"]).stdout.split(b"\0"))
            under = set(sandbox.run(["sh", "-c", "env -0; exit 0"], "report").stdout.split(b"\0"))
            new = {value.partition(b"=")[0] for value in under - bare}
            self.assertEqual(new - {b"PWD", b"OLDPWD", b"SHLVL", b"_"},
                             {b"LD_PRELOAD", b"LEAKSHIM", b"LEAKSHIM_DIR", b"LEAKSHIM_SESSION"})
            self.assertEqual(bare - under, set())

    def test_nothing_but_the_session_is_put_back(self):
        shown = self.show(["sh", "-c", "env -i B=2 A=1 env -0; exit 0"], MINE="not put back")
        self.assertEqual([value for value in shown if not is_the_sessions(value)], ["B=2", "A=1"])
        names = [value.partition("=")[0] for value in shown if is_the_sessions(value)]
        self.assertIn("LD_PRELOAD", names)
        self.assertIn("LEAKSHIM_SESSION", names)
        self.assertEqual(len(names), len(set(names)), shown)

    def test_a_value_that_the_host_changed_itself_is_left_as_it_is(self):
        shown = self.show(["sh", "-c", "env -i LEAKSHIM_OPTIONS=help=0 TMPDIR=/elsewhere env -0; exit 0"])
        self.assertIn("LEAKSHIM_OPTIONS=help=0", shown)
        self.assertIn("TMPDIR=/elsewhere", shown)
        self.assertTrue(any(value.startswith("LEAKSHIM_SESSION=/") for value in shown), shown)

    def test_other_preloads_stay_where_they_are(self):
        mine, first, second = Given.library, Given.first, Given.second
        # What the root is given, what its child is started with, and what the child must see apart from ours.
        cases = (
            (f"{first}:{mine}:{second}", "env -0", [first, second]),
            (f"{first} {second} {mine}", "env -0", [first, second]),
            (f"{mine}:{second}:{first}", f"env -i LD_PRELOAD='{second}:{first}' env -0", [second, first]),
            (mine, f"env -i LD_PRELOAD='{first} {second}' env -0", [first, second]),
            (mine, f"env -i LD_PRELOAD='{second}:{mine}:{first}' env -0", [second, first]),
            (f"{first}:{mine}:{second}", "env -i env -0", []),
            (f"{first}:{mine}", "env LD_PRELOAD= env -0", []),
        )
        for given, command, others in cases:
            with self.subTest(given=given, command=command):
                shown = self.show(["sh", "-c", f"{command}; exit 0"], LD_PRELOAD=given)
                values = [value.partition("=")[2] for value in shown if value.startswith("LD_PRELOAD=")]
                self.assertEqual(len(values), 1, shown)
                loaded = values[0].replace(" ", ":").split(":")
                self.assertEqual(loaded.count(mine), 1, values)
                self.assertEqual([one for one in loaded if one != mine], others)

    def test_other_preloads_are_really_loaded(self):
        first, second = Given.first, Given.second
        command = ["sh", "-c", f"env -i LD_PRELOAD='{second}:{first}' cat /proc/self/maps; exit 0"]
        with Sandbox() as sandbox:
            ended = sandbox.run(command, "report")
            for library in (Given.library, first, second):
                self.assertIn(library.encode(), ended.stdout)
            self.assertEqual(ended.stderr, b"")

    def test_a_kept_process_leaves_the_session(self):
        command = ["sh", "-c", "setsid -f sleep 119; LEAKSHIM_KEEP=1 setsid -f sh -c 'env -0 > seen; sleep 120; exit'; "
                               "until test -s seen; do sleep 0.05; done"]
        with Sandbox() as sandbox:
            sandbox.run(command)
            self.assertEqual(len(sandbox.wait_for_survivors(3)), 3)
        with Sandbox() as sandbox:
            self.assertEqual(sandbox.run(command, "reap").status, 0)
            # Two and not three: what was not kept is gone.
            self.assertEqual(names_of(sandbox.wait_for_survivors(2)), ["sh", "sleep"])
            seen = (sandbox.cwd / "seen").read_bytes().split(b"\0")
            self.assertFalse([value for value in seen if value.startswith(b"LEAKSHIM_SESSION=")])

    def test_off_leaves_everything_alone(self):
        command = ["sh", "-c", 'mkdir "$TMPDIR/leak"; env -i A=1 env -0']
        with Sandbox() as sandbox:
            ended = sandbox.run(command, "off")
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, b"A=1\0", b""))
            self.assertEqual(list(sandbox.left_over()), [os.fsencode(sandbox.tmp / "leak")])
            self.assertEqual(os.listdir(sandbox.ledger), [])
