# SPDX-License-Identifier: MIT
#
# What perl does with processes, descriptors, names and IPC. Prints what came of it and $! of what failed.
use strict;
use warnings;
use Errno;
use Fcntl;
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempfile tempdir);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Open3;
use IPC::SysV qw(IPC_PRIVATE IPC_CREAT IPC_RMID S_IRUSR S_IWUSR);
use POSIX qw(:sys_wait_h);
use Symbol qw(gensym);
$| = 1;

pipe(my $read, my $write) or die;
my $pid = fork();
if ($pid == 0) { close $read; print $write "from the child\n"; close $write; POSIX::_exit(3) }
close $write;
print "child: ", scalar(<$read>), "waited: ", waitpid($pid, 0) == $pid ? "yes" : "no", " ", $? >> 8, "\n";
print "none: ", waitpid(-1, WNOHANG), " ", $!{ECHILD} ? "ECHILD" : $!, "\n";
print "backticks: ", `echo \$((6 * 7)); exit 5`, $? >> 8, "\n";
print "system: ", system("exit 6;") >> 8, " ", system("kill -9 \$\$") & 127, "\n";
{ no warnings; print "not there: ", system("/nothing/of/this/name"), " $!\n" }
my $errors = gensym;
my $child = open3(my $in, my $out, $errors, "cat; echo error >&2; exit 4");
print $in "line\n"; close $in;
print "open3: ", <$out>, <$errors>; waitpid($child, 0); print $? >> 8, "\n";

my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die;
my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport) or die;
my $peer = $server->accept; print $client "over tcp\n"; $client->flush; print scalar <$peer>;
my @ready = IO::Select->new($peer, $server)->can_read(0); print "ready: ", scalar(@ready), "\n";
my $again = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => $server->sockport);
print "taken: ", defined $again ? "no" : $!, "\n";
my $local = IO::Socket::UNIX->new(Local => "local", Listen => 1) or die;
print "socket: ", -S "local" ? 1 : 0, " ", unlink("local"), "\n";

my $dir = tempdir(CLEANUP => 0); my ($file, $name) = tempfile(DIR => $dir);
print "temporary: ", -d $dir ? 1 : 0, -f $name ? 1 : 0, sprintf(" %o", (stat $name)[2] & 0777), "\n";
print "mkdir: ", mkdir($dir) ? "made" : "$!", "; rmdir: ", rmdir($dir) ? "gone" : "$!", "\n";
print "open: ", sysopen(my $x, $name, O_CREAT | O_EXCL | O_RDWR) ? "made" : $!, "\n";
close $file; remove_tree($dir); print "removed: ", -e $dir ? 0 : 1, "\n";
make_path("a/b/c"); rename("a", "z") or die; symlink("z", "s"); print join(" ", sort glob("* z/*")), "\n";
remove_tree("z"); unlink "s";
POSIX::mkfifo("fifo", 0600); print "fifo: ", -p "fifo" ? 1 : 0, unlink("fifo"), "\n";

my $shm = shmget(IPC_PRIVATE, 64, IPC_CREAT | S_IRUSR | S_IWUSR); shmwrite($shm, "shared", 0, 6);
shmread($shm, my $text, 0, 6); print "shm: $text ", shmctl($shm, IPC_RMID, 0), "\n";
my $queue = msgget(IPC_PRIVATE, IPC_CREAT | S_IRUSR | S_IWUSR); msgsnd($queue, pack("l! a*", 1, "queued"), 0);
msgrcv($queue, my $message, 64, 0, 0); print "msg: ", (unpack "l! a*", $message)[1], " ", msgctl($queue, IPC_RMID, 0), "\n";

local $SIG{CHLD} = sub { our $seen++ };
if (fork() == 0) { exit 0 } wait; print "SIGCHLD: ", our $seen, "\n";
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; pipe(my $r, my $w); sysread($r, my $b, 1) }; print "slept: $@";
open(my $dup, ">&", \*STDOUT) or die; print "dup: ", fileno($dup), "\n"; close $dup;
opendir(my $d, "/proc/self/fd"); print "descriptors: ", scalar(grep { /\d/ } readdir $d), "\n";
END { print "the end\n" }
exec("sh", "-c", "echo executed; exit 8") if fork() == 0; wait; print "exec: ", $? >> 8, "\n";
exit 2;
