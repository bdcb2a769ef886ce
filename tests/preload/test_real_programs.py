# SPDX-License-Identifier: MIT
"""Programs that nobody wrote for this project, as victims.

Each first runs without the shim and must leave what the test says: paths under TMPDIR and processes by name. Then a
bystander is set up (the same program, run by somebody else, in a place of its own), the program runs under the shim
with CI=1, and afterwards nothing of it may be left while the bystander is alive and its files are all there.
"""

import os
import pathlib
import shutil
import socket

from cases import Case
from processes import free_port, names_of, wait_for
from sandbox import PATH, Sandbox

# Ends a script when a daemon is up, or after a minute, so that nothing hangs.
WAIT = 'wait_for() { n=0; until "$@"; do n=$((n + 1)); [ $n -gt 1200 ] && exit 99; sleep 0.05; done; }\n'


def tree_of(directory):
    return sorted(str(path) for path in pathlib.Path(directory).rglob("*"))


class RealPrograms(Case):
    path = PATH

    def leaks_bare(self, command, paths, processes, status):
        """Shows that the command leaves exactly these top-most paths (by how they begin) and processes."""
        with Sandbox() as sandbox:
            ended = sandbox.run(command, PORT=str(free_port()))
            self.assertEqual(ended.status, status, ended.stderr)
            # A name is that of the shell until the exec is done.
            self.assertEqual(wait_for(lambda: names_of(sandbox.survivors()), lambda names: names == sorted(processes)),
                             sorted(processes))
            left = sorted(os.path.basename(path).decode() for path in sandbox.left_over())
            self.assertEqual(len(left), len(paths), left)
            for name, start in zip(left, sorted(paths)):
                self.assertTrue(name.startswith(start), left)

    def is_reaped(self, command, paths, processes, kinds, status=0):
        """The whole of what every test here shows; `kinds` are in the report, each at least as often as it is given."""
        self.leaks_bare(command, paths, processes, status)
        with Sandbox() as sandbox:
            self.assertEqual(sandbox.run_bystander(command, PORT=str(free_port())), status)
            theirs = tree_of(sandbox.bystander)
            self.assertEqual(bool(theirs) or bool(sandbox.spared), bool(paths) or bool(processes))

            ended = sandbox.run(command, "reap", PORT=str(free_port()))

            self.assertEqual(ended.status, status, ended.stderr)
            self.assertEqual(ended.own_stderr, b"")
            self.assertEqual(names_of(sandbox.wait_for_survivors(0)), [])
            self.assertEqual(list(sandbox.left_over()), [])
            self.assertTrue(sandbox.bystanders_alive())
            self.assertEqual(tree_of(sandbox.bystander), theirs)
            self.report_names(sandbox, kinds)

    def report_names(self, sandbox, kinds):
        report, status = sandbox.report()
        self.assertEqual(status, 1)
        errors = [record for record in report["records"] if record["degree"] == "error"]
        self.assertEqual({record["state"] for record in errors}, {"reaped"}, errors)
        left = [record["kind"] for record in errors]
        for kind in kinds:
            self.assertIn(kind, left)
            left.remove(kind)

    def is_clean(self, command):
        """Run under the shim the command ends as ever, and nobody says a word."""
        with Sandbox() as sandbox:
            bare = sandbox.run(command)
            self.assertEqual(bare.status, 0, bare.stderr)
            self.assertEqual(sandbox.wait_for_survivors(0), [])
            self.assertEqual(list(sandbox.left_over()), [])
            ended = sandbox.run(command, "reap,fail")
            self.assertEqual((ended.status, ended.stdout, ended.stderr), (0, bare.stdout, bare.stderr))
            self.assertEqual(sandbox.report()[1], 0)

    # What makes temporary files

    def test_mktemp_of_coreutils_leaves_directories_and_files(self):
        self.is_reaped(["mktemp", "-d"], ["tmp."], [], ["temp_dir"])
        self.is_reaped(["mktemp"], ["tmp."], [], ["temp_file"])
        script = "mktemp -d; mktemp -d -t dir.XXXXXX; mktemp file.XXXX -p $TMPDIR"
        self.is_reaped(["sh", "-c", script], ["dir.", "file.", "tmp."], [], ["temp_dir", "temp_dir", "temp_file"])

    def test_tempfile_of_python_leaves_directories_and_files(self):
        program = ("import tempfile; d = tempfile.mkdtemp(prefix='d-'); f = tempfile.mkstemp(prefix='f-')\n"
                   "n = tempfile.NamedTemporaryFile(prefix='n-', delete=False); n.write(b'x' * 99999)\n"
                   "tempfile.mkstemp(dir=d); tempfile.TemporaryDirectory(prefix='gone-')\n"
                   "with tempfile.TemporaryFile() as t: t.write(b'x')\n")
        self.is_reaped(["/usr/bin/python3", "-W", "ignore", "-c", program], ["d-", "f-", "n-"], [],
                       ["temp_dir", "temp_file", "temp_file"])

    def test_file_temp_of_perl_leaves_directories_and_files(self):
        self.needs("perl")
        program = ("use File::Temp qw(tempdir tempfile); my $d = tempdir('dXXXXXX', TMPDIR => 1);"
                   "my ($h, $n) = tempfile('fXXXXXX', TMPDIR => 1, UNLINK => 0);"
                   "tempdir('goneXXXXXX', TMPDIR => 1, CLEANUP => 1);"
                   "mkdir \"$d/inside\";")
        self.is_reaped(["perl", "-e", program], ["d", "f"], [], ["temp_dir", "temp_file"])

    def test_mkdtemp_of_node_leaves_a_directory(self):
        self.needs("node")
        program = ("const fs = require('fs'), os = require('os'), path = require('path');"
                   "const d = fs.mkdtempSync(path.join(os.tmpdir(), 'd-'));"
                   "fs.writeFileSync(path.join(d, 'inside'), 'x');"
                   "fs.writeFileSync(path.join(os.tmpdir(), 'f-1'), 'x');")
        self.is_reaped(["node", "-e", program], ["d-", "f-1"], [], ["temp_dir", "temp_file"])

    def test_a_script_of_dash_that_ends_in_underscore_exit(self):
        script = 'mkdir "$TMPDIR/d"; : > "$TMPDIR/f"; mkfifo "$TMPDIR/p"; sleep 120 & exit 3'
        self.is_reaped(["dash", "-c", script], ["d", "f", "p"], ["sleep"],
                       ["temp_dir", "temp_file", "fifo", "process"], status=3)

    def open_at_the_end(self, shell, lines, *arguments):
        """The numbers of the descriptors that a script has open at its end, as the report has them."""
        with Sandbox() as sandbox:
            (sandbox.cwd / "script").write_text("\n".join([*lines, "cd /", "exit 0"]), encoding="utf-8")
            self.assertEqual(sandbox.run([shell, *arguments, "./script", "etc"], "reap").status, 0)
            report, _ = sandbox.report()
            return [record["fd"] for record in report["records"]]

    def test_the_script_that_a_shell_reads_is_no_finding(self):
        for shell in ("dash", "bash", "zsh"):
            if shutil.which(shell) is None:
                continue
            with self.subTest(shell):
                self.assertEqual(self.open_at_the_end(shell, ["true"]), [])
                self.assertEqual(self.open_at_the_end(shell, ["true"], "-e"), [])
                # And what it opens itself is one, another file, the script for writing, or the script once more.
                self.assertEqual(self.open_at_the_end(shell, ["exec 7</etc/passwd"]), [7])
                self.assertEqual(self.open_at_the_end(shell, ["exec 7<script"]), [7])
        self.assertEqual(self.open_at_the_end("bash", ["exec 12>>script 13</etc/passwd"]), [12, 13])

    def test_what_is_made_by_turns_in_temporary_places_and_in_the_runs_own_stays_there_alone(self):
        script = ("import os\nfor i in range(20):\n"
                  "    for place in os.environ['TMPDIR'], '.', os.path.abspath('.'), os.environ['TMPDIR']:\n"
                  "        os.mkdir(f'{place}/directory-{i}-{len(os.listdir(place))}')\n"
                  "        open(f'{place}/file-{i}-{len(os.listdir(place))}', 'x').close()\n")
        for mode, left in (None, 80), ("reap", 0):
            with self.subTest(mode), Sandbox() as sandbox:
                command = ["/usr/bin/python3", "-c", script]
                ended = sandbox.run(command, mode, CI="1") if mode else sandbox.run(command, CI="1")
                self.assertEqual(ended.status, 0, ended.stderr)
                self.assertEqual((len(os.listdir(sandbox.tmp)), len(os.listdir(sandbox.cwd))), (left, 80))

    def test_a_script_of_bash_with_a_disowned_job(self):
        script = 'd=$(mktemp -d); nohup setsid sleep 120 > "$d/log" 2>&1 & disown; cat <<< here'
        self.is_reaped(["bash", "-c", script], ["tmp."], ["sleep"], ["temp_dir", "process"])

    # What goes into the background

    def test_gpg_agent_goes_into_the_background(self):
        self.needs("gpg-agent")
        script = ('mkdir -m 700 "$TMPDIR/g"; gpg-agent --homedir "$TMPDIR/g" --daemon > /dev/null 2>&1')
        self.is_reaped(["sh", "-c", script], ["g"], ["gpg-agent"], ["temp_dir", "process"])

    def test_dbus_daemon_binds_in_a_parent_that_ends_at_once(self):
        self.needs("dbus-daemon")
        script = 'dbus-daemon --session --fork --nopidfile --address="unix:path=$TMPDIR/bus"'
        self.is_reaped(["sh", "-c", script], ["bus"], ["dbus-daemon"], ["process"])  # it removes its socket itself, when asked to end

    def test_memcached_goes_into_the_background(self):
        self.needs("memcached")
        script = WAIT + ('memcached -d -u "$(id -un)" -s "$TMPDIR/mc.sock" -P "$TMPDIR/mc.pid"; '
                         'wait_for test -S "$TMPDIR/mc.sock"; wait_for test -s "$TMPDIR/mc.pid"')
        self.is_reaped(["sh", "-c", script], ["mc.pid", "mc.sock"], ["memcached"], ["unix_socket", "process"])

    def test_redis_goes_into_the_background(self):
        self.needs("redis-server")
        script = WAIT + ('redis-server --daemonize yes --port "$PORT" --bind 127.0.0.1 --save "" --dir "$TMPDIR" '
                         '--unixsocket "$TMPDIR/redis.sock" --pidfile "$TMPDIR/redis.pid" > /dev/null; '
                         'wait_for test -S "$TMPDIR/redis.sock"; wait_for test -s "$TMPDIR/redis.pid"')
        # Asked to end, it removes its socket and its pid file itself.
        self.is_reaped(["sh", "-c", script], ["redis.pid", "redis.sock"], ["redis-server"],
                       ["process", "listening_port"])

    def test_tmux_leaves_a_server_with_a_socket_directory(self):
        self.needs("tmux")
        script = 'TMUX_TMPDIR="$TMPDIR" tmux -f /dev/null new-session -d "sleep 120"'
        self.is_reaped(["sh", "-c", script], ["tmux-"], ["sleep", "tmux: server"], ["temp_dir", "process", "process"])

    def test_http_server_of_python_holds_a_port(self):
        script = WAIT + ('cd "$TMPDIR"; /usr/bin/python3 -u -m http.server --bind 127.0.0.1 "$PORT" > log 2>&1 & '
                         'wait_for grep -qs Serving "$TMPDIR/log"')
        self.is_reaped(["sh", "-c", script], ["log"], ["python3"], ["temp_file", "process", "listening_port"])

    # multiprocessing: what it leaves and what it does not

    MULTIPROCESSING = (
        "import multiprocessing as mp, os, time\n"
        "def work(sign):\n"
        "    open(sign, 'w').close()\n"
        "    time.sleep(120)\n"
        "if __name__ == '__main__':\n"
        "    for way in ('fork', 'spawn'):\n"
        "        sign = os.path.join(os.environ['TMPDIR'], 'sign-' + way)\n"
        "        mp.get_context(way).Process(target=work, args=(sign,)).start()\n"
        "        while not os.path.exists(sign): time.sleep(0.01)\n"
        "    os._exit(4)\n")

    def test_multiprocessing_workers_outlive_a_root_that_ends_hard(self):
        # A script in the working directory, since a spawned worker reads it again. The resource tracker of the spawn
        # method lives as long as a worker holds its pipe.
        command = ["sh", "-c", "printf %s \"$SCRIPT\" > work.py; exec /usr/bin/python3 work.py"]
        with Sandbox() as sandbox:
            ended = sandbox.run(command, SCRIPT=self.MULTIPROCESSING)
            self.assertEqual(ended.status, 4, ended.stderr)
            self.assertEqual(names_of(sandbox.wait_for_survivors(3)), ["python3"] * 3)
        with Sandbox() as sandbox:
            self.assertEqual(sandbox.run_bystander(command, SCRIPT=self.MULTIPROCESSING), 4)
            self.assertEqual(len(sandbox.spared), 3)
            ended = sandbox.run(command, "reap", SCRIPT=self.MULTIPROCESSING)
            self.assertEqual(ended.status, 4)
            self.assertEqual(names_of(sandbox.wait_for_survivors(0)), [])
            self.assertTrue(sandbox.bystanders_alive())
            self.assertEqual([os.path.basename(path) for path in sandbox.left_over()], [b"work.py"])
            self.report_names(sandbox, ["process", "process", "temp_file", "temp_file"])

    def test_a_tidy_run_of_multiprocessing_is_clean(self):
        program = ("import multiprocessing as mp\n"
                   "from multiprocessing import shared_memory\n"
                   "for way in ('fork', 'spawn', 'forkserver'):\n"
                   "    with mp.get_context(way).Pool(2) as pool:\n"
                   "        print(sum(pool.map(abs, range(-50, 50))))\n"
                   "        pool.close(); pool.join()\n"
                   "memory = shared_memory.SharedMemory(create=True, size=4096)\n"
                   "memory.close(); memory.unlink()\n")
        self.is_clean(["/usr/bin/python3", "-c", program])

    def test_tidy_scripts_are_clean(self):
        self.is_clean(["bash", "-c", 'd=$(mktemp -d); trap \'rm -rf "$d"\' EXIT; mkdir -p "$d/a/b"; '
                                     'seq 9 | sort -n | tac > "$d/f"; cat < <(echo one) "$d/f"; '
                                     'cp "$d/f" "$d/a/b"; mv "$d/a" "$d/c"'])
        self.is_clean(["/usr/bin/python3", "-c",
                       "import subprocess, tempfile, shutil\n"
                       "with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile() as f:\n"
                       "    print(subprocess.run(['sh', '-c', 'echo $0'], env={}, capture_output=True).stdout)\n"
                       "    shutil.copytree('/etc/apt', d + '/copy', ignore_dangling_symlinks=True)\n"])
        if shutil.which("git", path="/usr/bin"):
            self.is_clean(["sh", "-c", 'cd "$TMPDIR" && git -c init.defaultBranch=main init -q r && cd r && '
                                       'echo x > f && git add f && '
                                       'git -c user.name=a -c user.email=b commit -q -m m && '
                                       'cd .. && rm -rf r'])
        if shutil.which("perl", path="/usr/bin"):
            self.is_clean(["perl", "-e", "use File::Temp; my $d = File::Temp->newdir; "
                                         "open my $f, '>', \"$d/x\"; print `echo y`;"])

    # Many at once

    def test_ten_thousand_directories_and_ten_thousand_socket_files_in_one_run(self):
        program = ("import os, socket\n"
                   "os.chdir(os.environ['TMPDIR'])\n"
                   "for number in range(10000):\n"
                   "    os.mkdir(f'd{number}')\n"
                   "    with socket.socket(socket.AF_UNIX) as server: server.bind(f's{number}')\n")
        command = ["/usr/bin/python3", "-c", program]
        with Sandbox() as sandbox:
            self.assertEqual(sandbox.run(command).status, 0)
            self.assertEqual(len(sandbox.left_over()), 20000)
        with Sandbox() as sandbox:
            # Bystanders right beside them: one that was there before, and the same names in another place.
            (sandbox.tmp / "d-theirs").mkdir()
            with socket.socket(socket.AF_UNIX) as theirs:
                theirs.bind(str(sandbox.tmp / "s-theirs"))
            self.assertEqual(sandbox.run_bystander(command), 0)
            ended = sandbox.run(command, "reap", LEAKSHIM_OPTIONS="deadline=5m")
            self.assertEqual(ended.status, 0)
            self.assertEqual(ended.own_stderr, b"")
            left = sorted(os.path.basename(path) for path in sandbox.left_over())
            self.assertEqual(left, [b"d-theirs", b"s-theirs"])
            self.assertEqual(len(os.listdir(sandbox.bystander)), 20000)
            report, status = sandbox.report()
            self.assertEqual(status, 1)
            kinds = [record["kind"] for record in report["records"] if record["state"] == "reaped"]
            self.assertEqual((kinds.count("temp_dir"), kinds.count("unix_socket"), len(kinds)), (10000, 10000, 20000))
            self.assertFalse(any(report["counters"]["dropped"].values()))
