# SPDX-License-Identifier: Apache-2.0
# Faults and bad input: one sentence on stderr, the right exit status, no file left behind.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Cwd 'getcwd';
use POSIX ();
use Test::More;
use Time::HiRes 'time';

need_root();
my $profile = profile_path();
$profile = getcwd() . "/$profile" unless $profile =~ m{^/};

# Expects failure with one line that matches.
sub fails {
	my ($what, $status, $pattern, @command) = @_;
	my $r = run_command(@command);
	is($r->{status}, $status, "$what: exit status $status") or diag($r->{err});
	like($r->{err}, $pattern, "$what: says what is wrong");
	is(($r->{err} =~ tr/\n//), 1, "$what: one sentence") or diag($r->{err});
	is($r->{out}, '', "$what: nothing on stdout");
}

# Has it come so far that a signal ends the profile, and not the program?
sub takes_signals {
	my ($pid) = @_;
	return (slurp("/proc/$pid/comm") // '') eq "profile\n" && (slurp("/proc/$pid/status") // '') =~ /^SigBlk:.*[1-9a-f]/m;
}

fails('no such PID', 1, qr/no process with PID 4194000/, $profile, '-p', 4194000);
fails('bad PID', 2, qr/'12x' is not a process id/, $profile, '-p', '12x');
fails('PID 0', 2, qr/'0' is not a process id/, $profile, '-p', '0');
fails('huge PID', 2, qr/not a process id/, $profile, '-p', '99999999999999999999999');
fails('unknown option', 2, qr/unknown option '--frobnicate'/, $profile, '--frobnicate');
fails('unknown option in front of others', 2, qr/unknown option '-X'/, $profile, '-Xa');
fails('missing value', 2, qr/wants a value/, $profile, '-F');
fails('unknown command', 2, qr/unknown command 'frobnicate'/, $profile, 'frobnicate');
fails('bad frequency', 2, qr/'9x' is not a frequency/, $profile, '-F', '9x', '-a');
fails('-F 0', 2, qr/out of range/, $profile, '-F', '0', '-a');
fails('-F 10000000', 2, qr/out of range/, $profile, '-F', '10000000', '-a');
fails('-F that would starve the machine', 2, qr/out of range/, $profile, '-F', '100000', '-a');
fails('negative frequency', 2, qr/not a frequency/, $profile, '-F', '-5', '-a');
fails('bad duration', 2, qr/'soon' is not a duration/, $profile, '-d', 'soon', '-a');
fails('zero duration', 2, qr/not a duration/, $profile, '-d', '0', '-a');
fails('two targets', 2, qr/only one of/, $profile, '-p', $$, '--', 'true');
fails('-U -K', 2, qr/exclude/, $profile, '-U', '-K', '-a');
fails('no command', 2, qr/missing/, $profile, '--');
fails('unknown suffix', 2, qr/suffix/, $profile, '-o', 'x.png', '-a');
fails('no such command', 1, qr{cannot run /no/such/program: No such file}, $profile, '-f', '--', '/no/such/program');
fails('help on nothing', 2, qr/no command 'frob'/, $profile, 'help', 'frob');

my $dir = scratch();
fails('unwritable directory', 1, qr{cannot write /no/such/dir/x\.svg}, $profile, '-a', '-d', '0.2', '-o', '/no/such/dir/x.svg');
fails('directory that cannot be made', 1, qr{cannot write /no/such/dir}, $profile, '-a', '-d', '20', '--per-process', '/no/such/dir');
fails('directory that is a file', 1, qr{no directory}, $profile, '-a', '-d', '20', '--per-process', $0);
{
	# What has a number in /proc and is no process that could be sampled.
	my $zombie = fork() // die "fork: $!";
	POSIX::_exit(0) unless $zombie;
	ok(wait_for(5, sub { (slurp("/proc/$zombie/stat") // '') =~ /\) Z / }), 'a zombie');
	fails('ended already', 1, qr/process $zombie has ended already/, $profile, '-p', $zombie);
	waitpid($zombie, 0);
	my $threads = start_command(program('threads'), 100);
	my ($tid) = @{ wait_for(5, sub { my @t = grep { $_ != $threads } map { m{(\d+)$} } glob("/proc/$threads/task/*"); @t ? \@t : undef }) };
	fails('thread', 1, qr/$tid is a thread/, $profile, '-p', $tid);
	stop_command($threads);
}
{
	my $load = start_command(program('split'));
	my $r = run_command($profile, '-f', '-o', '-', '-F', 499, '-d', 0.5, '-p', "$load,$load");
	is(total(folded($r->{out})), accounting($r->{err})->{recorded}, '-f and -o -, one PID twice: the result stands there once');
	stop_command($load);
}
{
	# A FIFO that nobody reads: the run is over, and a signal ends the wait. What goes to files is there by then.
	POSIX::mkfifo("$dir/unread.folded", 0600);
	my $load = start_command(program('split'));
	my $pid = start_command($profile, '-q', '-o', "$dir/unread.folded", '-o', "$dir/beside.folded", '-p', $load);
	ok(wait_for(10, sub { takes_signals($pid) }), 'output to a FIFO: the profiler runs');
	kill('TERM', $pid);
	ok(wait_for(20, sub { -e "$dir/beside.folded" }), 'output to a FIFO that nobody reads: the other output is written');
	ok(wait_for(20, sub { kill('TERM', $pid); waitpid($pid, POSIX::WNOHANG) == $pid }), 'and a signal ends the wait for a reader');
	is($? & 127, 15, 'by that signal');
	kill('KILL', $pid);
	stop_command($load);
}
SKIP: {
	# The progress line is one line, whatever the terminal is: none that wraps, and no escape sequences.
	skip('no script', 4) unless have('script');
	my $load = start_command(program('split'));
	for my $columns (12, 40) {
		my $r = run_command('script', '-qec', "stty cols $columns; exec $profile -d 1 -o $dir/narrow.folded -p $load", '/dev/null');
		my ($progress) = $r->{out} =~ /^(.*?)(?:   self|no samples)/s;
		my @shown = grep { length } split(/\r/, $progress // '');
		ok(@shown > 1, "$columns columns: there is progress") or diag($r->{out});
		is(scalar(grep { length >= $columns || /[^ -~]/ } @shown), 0, "$columns columns: it fits in") or diag(explain(\@shown));
	}
	stop_command($load);
}
{
	# What is meant for a closed stream does not get into a file that was opened instead of it.
	my $r = run_command('sh', '-c', "$profile -q -f -- sh -c 'i=0; while [ \$i -lt 300000 ]; do i=\$((i+1)); done' >&-");
	is($r->{status}, 1, 'stdout closed: exit status 1');
	like($r->{err}, qr/cannot write to standard output: Bad file descriptor/, 'stdout closed: says so');
	$r = run_command('sh', '-c', "$profile -q -o $dir/closed.folded -- sh -c 'readlink /proc/self/fd/0' <&- 2>&-");
	is($r->{out}, '', 'the command finds closed what was closed');
}
SKIP: {
	mkdir("$dir/full");
	skip('cannot mount a tmpfs', 5) if system("mount -t tmpfs -o size=16k none $dir/full 2>/dev/null");
	spew("$dir/full/filler", 'x' x 12288);
	fails('full disk', 1, qr/No space left on device/, $profile, '-a', '-F', '4999', '-d', '0.5', '-o', "$dir/full/x.svg", '-q');
	opendir(my $d, "$dir/full");
	is_deeply([sort grep { !/^\./ } readdir($d)], ['filler'], 'full disk: no partial file');
	closedir($d);
	system("umount $dir/full");
}
{
	# An output that exists stays as it was when the new one cannot be written whole.
	my $r = run_command('sh', '-c', "ulimit -f 1; trap '' XFSZ; exec $profile -a -F 4999 -d 0.5 -o $dir/limited.svg -q");
	is($r->{status}, 1, 'file size limit: exit status 1');
	like($r->{err}, qr/File too large/, 'file size limit: says so');
	opendir(my $d, $dir);
	is_deeply([grep { /limited/ } readdir($d)], [], 'file size limit: nothing left behind');
}
{
	my $as_nobody = sub { return run_command('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', @_) };
	spew("$dir/probe", '');
	chmod(0755, $dir);
	system('cp', $profile, "$dir/profile");
	chmod(0755, "$dir/profile");
	my $r = $as_nobody->("$dir/profile", '-a', '-d', '0.2', '-f');
	is($r->{status}, 1, 'not root: exit status 1');
	like($r->{err}, qr/root/, 'not root: says what is needed');
	is(($r->{err} =~ tr/\n//), 1, 'not root: one sentence') or diag($r->{err});
	$r = $as_nobody->("$dir/profile", 'doctor');
	is($r->{status}, 1, 'not root: doctor says that sampling cannot work');
	like($r->{out}, qr/^FAIL /m, 'not root: and why');
}
SKIP: {
	# A kernel without BTF, as far as the program can see.
	skip('cannot hide /sys/kernel/btf', 3) if system("unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf' 2>/dev/null");
	my $r = run_command('unshare', '--mount', 'sh', '-c', "mount -t tmpfs none /sys/kernel/btf; exec $profile -a -d 0.2 -f");
	is($r->{status}, 1, 'no BTF: exit status 1');
	like($r->{err}, qr/BTF/, 'no BTF: says so');
	is(($r->{err} =~ tr/\n//), 1, 'no BTF: one sentence') or diag($r->{err});
}
like(run_command($profile, 'doctor')->{out}, qr/^ok +idle clocks /m, 'doctor: idle clocks can be read');
SKIP: {
	# A /proc with nothing but processes.
	my $hide = 'mount -t proc -o subset=pid proc /proc';
	skip('cannot mount such a /proc', 2) if system("unshare --mount sh -c '$hide' 2>/dev/null");
	my $r = run_command('unshare', '--mount', 'sh', '-c', "$hide && exec $profile doctor");
	like($r->{out}, qr/^note +idle clocks .*skipped/m, 'no /proc/stat: doctor says what that does') or diag($r->{out}, $r->{err});
	is($r->{status}, 0, 'and that sampling works');
}
{
	my $pid = start_command(program('burn'), 400);
	my $start = time();
	my $r = run_command($profile, '-f', '-F', '499', '-d', '20', '-p', $pid);
	is($r->{status}, 0, 'the target exits meanwhile: a result all the same') or diag($r->{err});
	cmp_ok(time() - $start, '<', 10, 'and no wait for the rest of the duration');
	cmp_ok(count_matching(qr/burn_cpu/, folded($r->{out})), '>', 20, 'with what was sampled before');
}
{
	my $out = "$dir/kept.folded";
	my $load = start_command(program('split'));
	my $pid = start_command({ err => "$dir/err" }, $profile, '-F', '499', '-o', $out, '-p', $load);
	ok(wait_for(10, sub { takes_signals($pid) }), 'Ctrl-C: the profiler runs');
	sleep(1); # let it sample
	kill('INT', $pid);
	waitpid($pid, 0);
	is($?, 0, 'Ctrl-C: exit status 0') or diag(slurp("$dir/err"));
	cmp_ok(count_matching(qr/leaf_/, folded(slurp($out))), '>', 100, 'Ctrl-C: the result is written');
	stop_command($load);
}
for my $case ([3, 'exit 3'], [0, 'true'], [128 + 15, 'kill -TERM $$']) {
	my $r = run_command($profile, '-f', '-q', '--', 'sh', '-c', $case->[1]);
	is($r->{status}, $case->[0], "the command's own status is passed on: $case->[1]");
	is($r->{err}, '', '-q: no summary');
}
{
	# The parent's way with signals is the command's, and does not keep us from seeing its end.
	my $r = run_command($profile, '-q', '-o', "$dir/pipe.folded", '--', 'sh', '-c', 'yes | head -1');
	is($r->{err}, '', 'SIGPIPE ends the writers of a command as ever');
	local $SIG{CHLD} = 'IGNORE';
	my $pid = start_command($profile, '-q', '-o', "$dir/ignored.folded", '--', 'sh', '-c', 'exit 0');
	ok(wait_for(10, sub { -e "$dir/ignored.folded" }), 'SIGCHLD ignored: the end of the command is seen');
	kill('KILL', $pid);
}
{
	my $pid = start_command('nohup', $profile, '-q', '-F', 499, '-d', 3, '-o', "$dir/nohup.folded", '-a');
	ok(wait_for(5, sub { takes_signals($pid) }), 'nohup profile runs');
	kill('HUP', $pid);
	sleep(1);
	ok(!-e "$dir/nohup.folded", 'nohup: SIGHUP does not end the profile');
	waitpid($pid, 0);
	ok(-e "$dir/nohup.folded", 'and the result is written');
}
{
	# After -d the command runs on, and signals still reach it.
	my $pid = start_command({ out => "$dir/on" }, $profile, '-q', '-d', 0.2, '-o', "$dir/on.folded", '--',
		'sh', '-c', 'trap "echo got it; exit 7" TERM; while :; do sleep 0.1; done');
	ok(wait_for(10, sub { -e "$dir/on.folded" }), 'the profile is written at the end of -d');
	kill('TERM', $pid);
	ok(wait_for(10, sub { waitpid($pid, POSIX::WNOHANG) == $pid }), 'a signal after that ends the command, and us');
	is($? >> 8, 7, 'with its status') ;
	kill('KILL', $pid);
}
{
	# The command's own output and signals pass through; a signal to the profiler reaches the command.
	my $pid = start_command({ out => "$dir/out", err => "$dir/err" }, $profile, '-q', '-o', "$dir/trap.folded", '--',
		'sh', '-c', 'trap "echo got it; exit 7" TERM; echo ready; while :; do :; done');
	ok(wait_for(10, sub { (slurp("$dir/out") // '') =~ /ready/ }), 'a command runs');
	sleep(1); # let it be sampled
	kill('TERM', $pid);
	waitpid($pid, 0);
	is($? >> 8, 7, 'a signal is passed on to the command, its status comes back');
	like(slurp("$dir/out"), qr/got it/, 'the command saw it');
	ok(-s "$dir/trap.folded", 'and the result is written');
}
done_testing();
