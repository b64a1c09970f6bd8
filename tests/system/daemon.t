# SPDX-License-Identifier: Apache-2.0
# The continuous agent, with windows of a second or two: what it records and where, reloading, and what it does when things go wrong.
use strict;
use warnings;
use lib 'tests/lib';
use DaemonTest;
use ProfileTest;
use Test::More;
use Time::HiRes qw(sleep time);

need_root();
my $profile = profile_path();
my $dir = scratch();
# A copy: in a window with less than half a CPU second of it, a process shares its row with others of the same program.
my $burn = "$dir/burn";
system('cp', program('burn'), $burn) == 0 or die;

# CPU time of a process so far, in seconds.
sub times_of {
	my ($pid) = @_;
	my @f = split(' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr);
	return ($f[11] + $f[12]) / 100;
}

# CPU time of a process called burn by the history.
sub recorded_seconds {
	my ($d, $pid) = @_;
	return (rows($d, "select total(p.samples * w.period_ns) / 1e9 from processes p join windows w on w.id = p.window "
		. "where comm = 'burn' and pid = $pid"))[0][0];
}

subtest 'what runs is found when it ran' => sub {
	# No ceiling: a frequency that is lowered in between makes a gap.
	my $d = start_daemon({ config => "[limits]\ncpu = 100%\n" }, '--window', 1, '--frequency', 199);
	wait_windows($d, 2);
	my $begin = time();
	my $load = start_command($burn, 1500);
	waitpid($load, 0);
	my $end = time();
	wait_windows($d, 2);

	# The directory of current graphs is always one window, whenever one looks.
	my ($looks, $whole) = (0, 0);
	for (1 .. 150) {
		chdir("$d->{state}/current") or next;
		my ($window, $folded) = (slurp('window.txt'), slurp('system.folded'));
		chdir('/');
		sleep(0.02);
		next if !defined $window || !defined $folded;    # replaced while we looked: what we stood in is gone
		$looks++;
		$whole++ if total(folded($folded)) == accounting($window)->{recorded};
	}
	chdir($ENV{PWD});
	cmp_ok($looks, '>', 100, 'current/ is nearly always there to be read');
	is($whole, $looks, 'and then holds one window, whole');
	my %mode = map { $_ => sprintf('%o', (stat("$d->{state}/$_"))[2] & 07777) } '', 'current', 'current/system.svg', 'metrics.prom', 'history.db';
	is_deeply(\%mode, { '' => '750', 'current' => '750', 'current/system.svg' => '640', 'metrics.prom' => '640', 'history.db' => '640' },
		'nothing is for others');

	like(notified($d), qr/^WATCHDOG=1$/m, 'the watchdog hears of it');
	like(notified($d), qr/^STATUS=199 Hz; last window: \d+ samples, \d+ periods lost/m, 'the status tells how it goes');
	stop_daemon($d);
	like(notified($d), qr/^STOPPING=1$/m, 'STOPPING');

	my @windows = check_history($d, 'history');
	is(scalar(grep { $windows[$_][1] != $windows[$_ - 1][2] } 1 .. $#windows), 0, 'windows follow each other without gaps');
	my @inner = @windows[1 .. $#windows - 1];
	is(scalar(grep { abs($_->[2] / 1e9 - sprintf('%.0f', $_->[2] / 1e9)) > 0.3 } @inner), 0, 'they end at full seconds');
	my @found = rows($d, "select w.start_ns, w.end_ns, p.samples, w.period_ns, l.exe from processes p join windows w on w.id = p.window "
		. "join labels l on l.id = p.labels where p.comm = 'burn' and p.pid = $load");
	is(scalar(grep { $_->[1] / 1e9 < $begin || $_->[0] / 1e9 > $end } @found), 0, 'burn has samples in no window in which it did not run');
	my $seconds = 0;
	$seconds += $_->[2] * $_->[3] / 1e9 for @found;
	cmp_ok(abs($seconds - 1.5), '<', 0.2, 'and in those in which it did as much CPU time as it used') or diag("$seconds s");
	is(scalar(grep { $_->[4] !~ m{/burn$} } @found), 0, 'with the path of its program');
	is(metric($d, 'windows_total'), scalar(@windows), 'metrics count the same windows');
	my $recorded = 0;
	$recorded += $_->[6] for @windows;
	is(metric($d, 'samples_recorded_total'), $recorded, 'and the same samples');
	like(slurp("$d->{state}/metrics.prom"), qr/\A(?:# HELP (profiled_\w+) .*\n# TYPE \1 (?:counter|gauge)\n(?:\1(?:\{\w+="[^"\n]+"(?:,\w+="[^"\n]+")*\})? [\d.]+\n)+)+\z/,
		'every metric is described and has a value');
};

subtest 'reload' => sub {
	# Whatever runs besides, and whatever that makes the daemon read: the frequency is the one that is set.
	my $limits = "[limits]\ncpu = 100%\n";
	my $d = start_daemon({ config => "${limits}[sampling]\nwindow = 1\nfrequency = 99\n" });
	wait_windows($d, 1);
	spew($d->{config}, "${limits}[sampling]\nwindow = 1\nfrequency = 200\n[current]\nwrite = no\n");
	kill('HUP', $d->{pid});
	ok(wait_for(30, sub { notified($d) =~ /RELOADING=1\nMONOTONIC_USEC=\d+\nREADY=1\n/ }), 'RELOADING with the time, then READY');
	wait_windows($d, 2);
	my $before = slurp("$d->{state}/current/window.txt");
	wait_windows($d, 2);
	is(slurp("$d->{state}/current/window.txt"), $before, 'current/ is written no more');
	spew($d->{config}, "${limits}[sampling]\nwindow = 1\nfrequency = 200\n[current]\nwirte = no\n");
	kill('HUP', $d->{pid});
	ok(wait_for(30, sub { slurp($d->{log}) =~ /wirte/ }), 'settings that are wrong are told');
	like(slurp($d->{log}), qr/^profile: \Q$d->{config}\E:7: there is no key wirte in \[current\].*; the settings stay as they were$/m,
		'with file and line');
	is(() = slurp($d->{log}) =~ /wirte/g, 1, 'once');
	wait_windows($d, 1);
	stop_daemon($d);
	check_history($d, 'history');
	my @periods = map { $_->[0] } rows($d, 'select distinct period_ns from windows order by period_ns');
	is_deeply(\@periods, [5000000, 10101010], 'windows say at which rate they were sampled');
};

subtest 'refused at the start' => sub {
	my $refused = sub {
		my ($what, $status, $pattern, @arguments) = @_;
		my $r = run_command($profile, 'daemon', @arguments);
		is($r->{status}, $status, "$what: exit status");
		like($r->{err}, qr/^profile: $pattern\n\z/, "$what: one sentence");
		is($r->{out}, '', "$what: nothing on stdout");
	};
	my $none = "$dir/none.conf";
	spew("$dir/bad.conf", "[storage]\nsize = 5\n");
	spew("$dir/good.conf", "[storage]\nhistory = no\n");
	mkdir("$dir/open");
	chmod(0777, "$dir/open");
	mkdir("$dir/other");
	chown(65534, 65534, "$dir/other");
	mkdir("$dir/mine");
	chmod(0750, "$dir/mine");
	mkdir("$dir/photos");
	spew("$dir/photos/summer.jpg", 'x');
	spew("$dir/dir.conf", "[current]\ndirectory = $dir/photos\n");
	$refused->('no such file', 2, qr/cannot read \Q$none\E: No such file or directory/, '--config', $none);
	$refused->('bad settings', 2, qr/\Q$dir\E\/bad\.conf:2: there is no key size in \[storage\]; see profiled\.conf\(5\)/, '--config', "$dir/bad.conf");
	$refused->('bad settings, only checked', 2, qr/.*bad\.conf:2: .*/, '--check', '--config', "$dir/bad.conf");
	$refused->('bad option value', 2, qr/--window: window = soon: a time such as .* is wanted/, '--window', 'soon');
	$refused->('unknown option', 2, qr/unknown option '--windows'; see .*/, '--windows', '5');
	$refused->('state directory that all may write', 1, qr/the state directory .* is writable for others: chmod 0750 it/,
		'--config', "$dir/good.conf", '--state-dir', "$dir/open");
	$refused->('state directory of somebody else', 1, qr/the state directory .* belongs to user 65534, .*: chown it/,
		'--config', "$dir/good.conf", '--state-dir', "$dir/other");
	$refused->('state directory that is a file', 1, qr/the state directory .* is no directory/,
		'--config', "$dir/good.conf", '--state-dir', "$dir/good.conf");
	$refused->('current directory of somebody else', 1, qr/\Q$dir\E\/photos holds files of somebody else: .*/,
		'--config', "$dir/dir.conf", '--state-dir', "$dir/mine");
	ok(-e "$dir/photos/summer.jpg", 'whose files are still there');
	is(run_command($profile, 'daemon', '--check', '--config', "$dir/good.conf")->{status}, 0, 'right settings are right');
};

subtest 'others beside it' => sub {
	my $d = start_daemon('--window', 1);
	my $r = run_command($profile, 'daemon', '--config', $d->{config}, '--state-dir', $d->{state});
	is($r->{status}, 1, 'a second daemon on the same state directory is refused');
	like($r->{err}, qr/^profile: another profile daemon \(PID $d->{pid}\) keeps its history in \Q$d->{state}\E: stop it, or use another --state-dir\n\z/,
		'in one sentence, which names the first');
	my $second = start_daemon('--window', 1);
	my $load = start_command($burn, 100000);
	$r = run_command($profile, '-f', '-a', '-d', 2);
	my $a = accounting($r->{err});
	ok($a->{exact}, 'a one-shot run counts exactly beside two daemons');
	is(total(folded($r->{out})), $a->{recorded}, 'and has every sample');
	wait_windows($_, 1) for $d, $second;
	my $used = times_of($load);
	stop_command($load);
	for ($d, $second) {
		stop_daemon($_);
		check_history($_, "history of $_->{state}");
		cmp_ok(recorded_seconds($_, $load), '>', 0.8 * $used - 0.2, 'each daemon saw the load');
	}
};

subtest 'labels of a control group that is gone' => sub {
	my ($mount) = grep { -e "$_/cgroup.procs" && -e "$_/cgroup.controllers" } '/sys/fs/cgroup', '/sys/fs/cgroup/unified';
	plan(skip_all => 'no cgroup v2 hierarchy') if !$mount;
	my $d = start_daemon('--window', 1);
	my $group = "$mount/profiletest.slice/burner\@1.service";
	mkdir("$mount/profiletest.slice") && mkdir($group) or plan(skip_all => "cannot make a control group: $!");
	my $load = fork() // die;
	if (!$load) {
		spew("$group/cgroup.procs", $$);
		exec($burn, 700);
	}
	waitpid($load, 0);
	ok(wait_for(5, sub { rmdir($group) }), 'the group is gone before the window ends');
	rmdir("$mount/profiletest.slice");
	wait_windows($d, 2);
	stop_daemon($d);
	my @labels = rows($d, "select distinct l.cgroup, l.unit from processes p join labels l on l.id = p.labels where comm = 'burn' and pid = $load");
	is_deeply(\@labels, [['/profiletest.slice/burner@1.service', 'burner@1.service']], 'its processes have its path and unit');
};

subtest 'kill -9' => sub {
	my $state = "$dir/killed";
	my $times = $ENV{KILLS} // 8;
	my $load = start_command($burn, 1000000);
	my ($kept, $lost) = (0, 0);
	for my $round (1 .. $times) {
		my $d = start_daemon({ state => $state }, '--window', 1);
		sleep(1 + rand(1.5));
		stop_command($d->{pid}, 'KILL');
		my ($n) = map { $_->[0] } rows($d, 'select count(*) from windows');
		$lost++ if $n < $kept;
		$kept = $n;
	}
	stop_command($load);
	my $d = start_daemon({ state => $state }, '--window', 1);
	wait_windows($d, 2);
	stop_daemon($d);
	is($lost, 0, "no window is lost by any of $times kills");
	my @windows = check_history($d, 'history');
	cmp_ok(scalar(@windows), '>=', $kept + 2, 'and recording goes on');
	is_deeply([glob("$state/*.new $state/*.old $state/history.db.corrupt*")], [], 'nothing is left lying about');
};

subtest 'one process in the windows of two daemons' => sub {
	my $state = "$dir/identity";
	# Programs that nobody else runs: small processes of one kind share rows. The shell becomes another while the second daemon looks.
	system('cp', $burn, "$dir/steady") == 0 && system('cp', $burn, "$dir/later") == 0 && system('cp', '/bin/sh', "$dir/first") == 0 or die;
	my $steady = start_command("$dir/steady", 1000000);
	my $shell = start_command("$dir/first", '-c', "trap 'exec $dir/later 1000000' USR1; while :; do :; done");
	my $first = start_daemon({ state => $state }, '--window', 1);
	wait_windows($first, 1);
	stop_command($first->{pid}, 'KILL');
	my $second = start_daemon({ state => $state }, '--window', 1);
	wait_windows($second, 2);
	kill('USR1', $shell);
	ok(wait_for(20, sub { (slurp("/proc/$shell/comm") // '') eq "later\n" }), 'the shell became another program');
	wait_windows($second, 2);
	stop_daemon($second);
	stop_command($_) for $steady, $shell;
	my @same = rows($second, "select identity, min(window), max(window) from processes where pid = $steady group by 1");
	is(scalar(@same), 1, 'a process is one, before and after a restart') or diag(explain(\@same));
	is(scalar(rows($second, "select distinct identity from processes where pid = $steady and window <= 1")), 1, 'the first daemon saw it');
	my @programs = rows($second, "select comm, count(distinct identity) from processes where pid = $shell group by 1 order by 1");
	is_deeply(\@programs, [['first', 1], ['later', 1]], 'two programs of one process are two') or diag(explain(\@programs));
	is((rows($second, "select count(distinct identity) from processes where pid = $shell"))[0][0], 2, 'with an identity each');
};

subtest 'full disk' => sub {
	my $mount = "$dir/small";
	mkdir($mount);
	system('mount', '-t', 'tmpfs', '-o', 'size=8m,mode=0750', 'tmpfs', $mount) == 0 or plan(skip_all => 'cannot mount a tmpfs');
	my $d = start_daemon({ state => "$mount/state", config => "[storage]\nmin_free = 0\n" }, '--window', 1, '--frequency', 99);
	wait_windows($d, 2);
	my ($before) = map { $_->[0] } rows($d, 'select max(id) from windows');
	open(my $out, '>', "$mount/filler") or die;
	1 while defined syswrite($out, 'x' x 65536);
	1 while defined syswrite($out, 'x');
	close($out);
	ok(wait_for(20, sub { slurp($d->{log}) =~ /sampling goes on/ }), 'it says that it cannot write');
	my $load = start_command($burn, 2500);
	waitpid($load, 0);
	unlink("$mount/filler");
	ok(wait_for(20, sub { slurp($d->{log}) =~ /writing the history works again/ }), 'and when it can again') or diag(slurp($d->{log}));
	wait_windows($d, 2);
	cmp_ok(metric($d, 'windows_unsaved_total'), '>=', 1, 'windows that are not in the history are counted');
	stop_daemon($d);
	# Of three things, and anew when one worked in between: what is replaced makes room for a moment.
	my $messages = () = slurp($d->{log}) =~ /sampling goes on$/mg;
	my $recovered = () = slurp($d->{log}) =~ /works again$/mg;
	cmp_ok($messages, '<=', $recovered + 2, 'each thing that failed is said once') or diag(slurp($d->{log}));
	my @windows = check_history($d, 'history');
	cmp_ok(scalar(grep { $_->[0] <= $before } @windows), '==', $before, 'what was written before is there');
	cmp_ok(scalar(grep { $_->[0] > $before } @windows), '>=', 2, 'and what came after');
	system('umount', $mount);
};

subtest 'SIGSTOP' => sub {
	my $seconds = $ENV{STOP_SECONDS} // 4;
	my $d = start_daemon('--window', 1);
	wait_windows($d, 1);
	my $load = start_command($burn, 1000 * $seconds + 3000);
	kill('STOP', $d->{pid});
	sleep($seconds);
	kill('CONT', $d->{pid});
	wait_windows($d, 2);
	my $used = times_of($load);
	stop_command($load);
	stop_daemon($d);
	my @windows = check_history($d, 'history');
	my ($long) = sort { $b <=> $a } map { ($_->[2] - $_->[1]) / 1e9 } @windows;
	cmp_ok($long, '>=', $seconds - 0.5, 'one window is as long as it stood still');
	my ($missing) = map { $_->[0] } rows($d, 'select sum(lost * period_ns) / 1e9 from windows');
	cmp_ok(recorded_seconds($d, $load) + $missing, '>', 0.9 * $used, 'what ran meanwhile is recorded, or counted as lost');
};

subtest 'ceilings' => sub {
	my $config = "[sampling]\nwindow = 2\nfrequency = 4000\n[limits]\ncpu = 0.1%\nmemory = 32M\n[current]\nwrite = no\n";
	my $d = start_daemon({ config => $config });
	my $load = start_command($burn, 1000000);
	# Processes that live for some milliseconds, many at a time.
	my @storm = map { start_command('sh', '-c', 'while :; do for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05 & done; wait; done') } 1 .. 4;
	ok(wait_for(60, sub { slurp($d->{log}) =~ /above the CPU ceiling: sampling at (\d+) Hz/ && $1 < 4000 }), 'above the CPU ceiling it samples less')
		or diag(slurp($d->{log}));
	wait_windows($d, 2);
	stop_command($_) for @storm;
	my ($rss) = slurp("/proc/$d->{pid}/status") =~ /^RssAnon:\s+(\d+)/m;    # BPF maps are also mapped, and have a ceiling of their own
	cmp_ok($rss, '<', 40 * 1024, 'its memory stays about its ceiling');
	my ($begin, $cpu) = (time(), times_of($load));
	wait_windows($d, 3);
	my ($used, $passed) = (times_of($load) - $cpu, time() - $begin);
	stop_command($load);
	stop_daemon($d);
	my @windows = check_history($d, 'history');
	my @periods = rows($d, 'select distinct period_ns from windows');
	cmp_ok(scalar(@periods), '>=', 2, 'windows say with which period they were sampled');
	# CPU time of the load by windows that are wholly within the time in which it was measured.
	my ($recorded, $covered) = @{ (rows($d, sprintf(q{select sum(p.samples * w.period_ns) / 1e9, sum(w.end_ns - w.start_ns) / 1e9
		from processes p join windows w on w.id = p.window where p.comm = 'burn' and p.pid = %d and w.start_ns / 1e9 >= %.3f
		and w.end_ns / 1e9 <= %.3f}, $load, $begin, $begin + $passed)))[0] };
	cmp_ok(abs($recorded / $covered - $used / $passed), '<', 0.15, 'CPU time is right whatever the rate')
		or diag("recorded $recorded in $covered s, used $used in $passed s");
};

done_testing();
