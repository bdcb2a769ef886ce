# SPDX-License-Identifier: MIT
"""Daemons that nobody here wrote, and what they leave: gone when their run's root was killed, and under leakshim-run.

Each is first shown to leak without the shim: its processes live on, its port answers, its files are there. Then the
same with a bystander of the same kind beside it, which lives through it all.
"""

import ctypes
import glob
import os
import pwd

from cases import Case
from given import Given
from processes import answers, free_port, names_of, wait_for
from sandbox import PATH
from survival import KILLED, Field, is_socket

WAIT = 'wait_for() { until "$@" 2> /dev/null; do sleep 0.02; done; }; '
PYTHON = "/usr/bin/python3"
LIBC = ctypes.CDLL(None)

# Workers of multiprocessing that outlive their parent, each with a directory.
WORKERS = ("import multiprocessing as mp, os, tempfile, time\n"
           "def work(sign):\n"
           "    tempfile.mkdtemp(prefix='worker-')\n"
           "    open(sign, 'w').close()\n"
           "    time.sleep(150)\n"
           "if __name__ == '__main__':\n"
           "    sign = os.path.join(os.environ['TMPDIR'], 'sign')\n"
           "    mp.get_context(os.environ['WAY']).Process(target=work, args=(sign,)).start()\n"
           "    while not os.path.exists(sign): time.sleep(0.01)\n"
           "    os._exit(0)\n")

NODE = ("const fs = require('fs'), path = require('path'), spawn = require('child_process').spawn;"
        "const d = fs.mkdtempSync(path.join(process.env.TMPDIR, 'd-'));"
        "const code = 'require(\"net\").createServer().listen(+process.env.PORT, \"127.0.0.1\", () => ' +"
        "  'require(\"fs\").writeFileSync(process.argv[1], \"\"))';"
        "spawn(process.execPath, ['-e', code, path.join(d, 'ready')], {detached: true, stdio: 'ignore'}).unref();"
        "const wait = setInterval(() => { if (fs.existsSync(path.join(d, 'ready'))) { clearInterval(wait); } }, 10);")

PERL = ("use POSIX; use IO::Socket::INET; use IO::Socket::UNIX; mkdir \"$ENV{TMPDIR}/perl\"; pipe(my $r, my $w);"
        "if (fork() == 0) { POSIX::setsid(); exit 0 if fork(); close $r; $0 = 'perl-daemon';"
        "my $s = IO::Socket::UNIX->new(Local => \"$ENV{TMPDIR}/perl/s\", Listen => 1) or die;"
        "my $p = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT}, Listen => 1) or die;"
        "syswrite $w, 'r'; close $w; sleep 150; exit 0 } close $w; sysread($r, my $b, 1) or die;")


# initdb and pg_ctl refuse to run as root.
POSTGRES = ('mkdir "$TMPDIR/pg"; chmod 711 "$TMPDIR"; chown postgres "$TMPDIR/pg"; cd "$TMPDIR/pg"; '
            'runuser -u postgres -- "$BIN/initdb" -N -A trust -D "$TMPDIR/pg/data" > made 2>&1 || cat made >&2; '
            'runuser -u postgres -- "$BIN/pg_ctl" -D "$TMPDIR/pg/data" -l "$TMPDIR/pg/log" -w start -o '
            '"-c listen_addresses=127.0.0.1 -c dynamic_shared_memory_type=mmap -p $PORT -k $TMPDIR/pg" > start 2>&1 || cat start >&2')


def segments():
    """{(id, owner)} of System V shared memory that nobody has attached."""
    with open("/proc/sysvipc/shm", encoding="ascii") as table:
        heads = next(table).split()
        lines = [dict(zip(heads, map(int, line.split()))) for line in table]
    return {(line["shmid"], line["uid"]) for line in lines if line["nattch"] == 0}


class Daemons(Case):
    path = PATH

    def start(self, field, script, how, **more):
        """Runs the script in this way, to the end of its shell; the port that it was given."""
        port = free_port()
        variables = {"PORT": str(port), "UNDER": how, **more}
        if how == "bystander":
            self.assertEqual(field.run_bystander(["sh", "-c", script], **variables), 0)
            return port
        # The shell is the root, or the command of leakshim-run.
        command = ["sh", "-c", script + ("; kill -KILL $$" if how == "guard" else "")]
        if how == "run":
            command = [Given.run, "--private-tmp", *command]
            variables["LEAKSHIM_DIR"] = str(field.ledger)
        ended = field.end(field.start(command, "reap" if how == "guard" else None, **variables))
        self.assertEqual(ended.status, KILLED if how == "guard" else 0, ended.stderr)
        return port

    def check(self, program, script, names, port=True, files=True, unseen_tree=False, ways=("guard", "run"),
              **more):
        """`names`: of the processes that are left. `unseen_tree`: made where no hook sees it, so that only
        leakshim-run with a private TMPDIR takes it away."""
        self.needs(program)
        script = WAIT + script
        with Field() as field:
            field.base.chmod(0o711)  # some become another user
            bare = self.start(field, script, "bare", **more)
            self.assertEqual(wait_for(lambda: names_of(field.survivors()), lambda seen: seen == sorted(names)), sorted(names))
            self.assertEqual((answers(bare), bool(field.left_over())), (port, files))
            field.clear()
            theirs = self.start(field, script, "bystander", **more)
            self.assertEqual(len(field.spared), len(names))
            whole = field.below(field.bystander)
            for how in ways:
                with self.subTest(how):
                    ours = self.start(field, script, how, **more)
                    self.assertEqual(names_of(wait_for(field.survivors, lambda pids: not pids)), [])
                    self.assertFalse(answers(ours))
                    if how == "run" or not unseen_tree:
                        self.assertEqual(field.wait_until_clean(), [])
                    self.assertEqual([path for path in field.below(field.tmp) if is_socket(path)], [])
                    self.assertTrue(field.bystanders_alive())
                    self.assertEqual((answers(theirs), field.below(field.bystander)), (port, whole))
                    field.clear()

    def test_the_server_of_tmux_goes_however_the_run_ends(self):
        self.check("tmux", 'TMUX_TMPDIR="$TMPDIR" tmux -f /dev/null new-session -d "sleep 150"',
                   ["sleep", "tmux: server"], port=False)

    def test_redis_goes_however_the_run_ends(self):
        self.check("redis-server",
                   'redis-server --daemonize yes --port "$PORT" --bind 127.0.0.1 --save "" --dir "$TMPDIR" --unixsocket '
                   '"$TMPDIR/s" --pidfile "$TMPDIR/pid" > /dev/null; wait_for test -S "$TMPDIR/s"; wait_for test -s '
                   '"$TMPDIR/pid"', ["redis-server"])

    def test_memcached_goes_however_the_run_ends(self):
        self.check("memcached", 'memcached -d -u "$(id -un)" -s "$TMPDIR/s" -P "$TMPDIR/pid"; wait_for test -S "$TMPDIR/s"; '
                                'wait_for test -s "$TMPDIR/pid"', ["memcached"], port=False)

    def test_dbus_daemon_goes_however_the_run_ends(self):
        self.check("dbus-daemon", 'dbus-daemon --session --fork --nopidfile --address="unix:path=$TMPDIR/bus"',
                   ["dbus-daemon"], port=False)

    def test_gpg_agent_goes_however_the_run_ends(self):
        self.check("gpg-agent", 'mkdir -m 700 "$TMPDIR/g"; gpg-agent --homedir "$TMPDIR/g" --daemon > /dev/null 2>&1',
                   ["gpg-agent"], port=False)

    def test_ssh_agent_goes_however_the_run_ends(self):
        # It is set-id: no hook sees it, and only root may look at its environment.
        ways = ("guard", "run") if os.geteuid() == 0 else ("run",)
        self.check("ssh-agent", 'ssh-agent -a "$TMPDIR/s" > /dev/null', ["ssh-agent"], port=False, ways=ways)

    def test_the_http_server_of_python_goes_however_the_run_ends(self):
        self.check("python3", 'cd "$TMPDIR"; python3 -u -m http.server --bind 127.0.0.1 "$PORT" > log 2>&1 & '
                              'wait_for grep -qs Serving "$TMPDIR/log"', ["python3"])

    def test_a_detached_child_of_node_goes_however_the_run_ends(self):
        self.check("node", 'node -e "$SCRIPT"', ["node"], SCRIPT=NODE)

    def test_workers_of_multiprocessing_go_however_the_run_ends(self):
        for way, count in (("fork", 1), ("spawn", 2), ("forkserver", 3)):
            with self.subTest(way):
                self.check("python3", 'printf %s "$SCRIPT" > work.py; python3 work.py', ["python3"] * count, port=False,
                           SCRIPT=WORKERS, WAY=way)

    def test_a_daemon_of_perl_goes_however_the_run_ends(self):
        self.check("perl", 'perl -e "$SCRIPT"', ["perl-daemon"], SCRIPT=PERL)

    def test_a_static_daemon_goes_however_the_run_ends(self):
        self.check("sh", Given.server, ["static_server"], unseen_tree=True)

    def test_a_static_daemon_in_go_goes_however_the_run_ends(self):
        if not hasattr(Given, "go_server"):
            self.skipTest("there was no Go compiler")
        self.check("sh", Given.go_server, ["go_server"], unseen_tree=True)

    def test_postgres_as_its_own_user_goes_however_the_run_ends(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs or os.geteuid() != 0:
            self.skipTest("needs postgres, and root to become its user")
        uid, before = pwd.getpwnam("postgres").pw_uid, segments()
        # Those that are killed without the shim leave a segment each.
        self.addCleanup(lambda: [LIBC.shmctl(number, 0, None) for number, owner in segments() - before if owner == uid])
        # The checkpointer and its like.
        self.check("runuser", POSTGRES, ["postgres"] * 6, BIN=programs[-1])
