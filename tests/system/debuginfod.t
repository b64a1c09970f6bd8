# SPDX-License-Identifier: Apache-2.0
#
# Debug files from debuginfod servers: asked for only when that is switched on, only once, and with every kind of server the profile is there in
# bounded time. And what a fetcher can do that its server took over.
use strict;
use warnings;
use lib 'tests/lib';
use DaemonTest;
use POSIX ();
use ProfileTest;
use Test::More;

my $build = $ENV{BUILD} // 'build';
my $dir = scratch();
my $profile = profile_path();
my $confined = "$build/oracle/fetch_confined";

need_root();
chmod(0755, $dir);
delete @ENV{grep { /^DEBUGINFOD_|_proxy$/i } keys %ENV};

{
	for my $attempt (qw(exec ptrace memory kill bpf listen)) {
		is(run_command($confined, $attempt)->{signal}, 31, "a fetcher taken over: $attempt ends it (SIGSYS)");
	}
	for my $attempt (qw(fork create nameless write become remove packet code written executable)) {
		is(run_command($confined, $attempt)->{status}, 3, "a fetcher taken over: $attempt is refused");
	}
	for my $attempt (qw(nothing server thread library), ['open', '/etc/hosts']) {
		is(run_command($confined, ref $attempt ? @$attempt : $attempt)->{status}, 0, 'a fetcher may do its work: ' . (ref $attempt ? "@$attempt" : $attempt));
	}
	ok(!-e '/tmp/profile-fetcher-escaped', 'a fetcher taken over: made no file');
	is(run_command($confined, 'open', '/etc/shadow')->{status}, 3, 'a fetcher taken over: is nobody');
	spew("$dir/readable", '');
	chmod(0644, "$dir/readable");
	my $landlock = (slurp('/sys/kernel/security/lsm') // slurp('/proc/kallsyms')) =~ /landlock/;
  SKIP: {
		skip('this kernel has no Landlock', 1) unless $landlock;
		is(run_command($confined, 'open', "$dir/readable")->{status}, 3, 'a fetcher taken over: cannot read what all may read but is not the system\'s');
	}
	my $r = run_command($confined, 'fill');
	is($r->{status}, 3, 'a fetcher taken over: its file has an end');
	cmp_ok(length($r->{out}), '<=', 1 << 20, 'a fetcher taken over: where it was told');
}

plan(skip_all => 'no python3 to be the server') unless have('python3');
my $www = "$dir/www";
mkdir($www);
my $server = start_command('python3', 'tests/programs/debuginfod.py', $www);
ok(wait_for(30, sub { -e "$www/port" }), 'a server') or BAIL_OUT('no server');
my $url = 'http://127.0.0.1:' . slurp("$www/port");
sub requests { my $log = slurp("$www/requests") // ''; unlink("$www/requests"); return split(/\n/, $log) }

sub random_id { return join('', map { sprintf('%02x', rand(256)) } 1 .. 20) }
sub build { system(@_) == 0 or die "cannot run @_" }
sub program_of { my ($r) = @_; return readlink("/proc/$r/exe") // '' }

# A stripped program that runs, whose debug file the server has: { pid, id }.
sub make {
	my ($name) = @_;
	my $id = random_id();
	build('gcc', '-g', '-O2', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs', "-Wl,--build-id=0x$id", '-o', "$dir/$name.full",
		'tests/programs/split.c');
	build('objcopy', '--only-keep-debug', "$dir/$name.full", "$www/$id");
	build('strip', '-o', "$dir/$name", "$dir/$name.full");
	my $pid = start_command("$dir/$name", 3600);
	wait_for(10, sub { program_of($pid) eq "$dir/$name" }) or die "$name does not run";
	return { name => $name, id => $id, pid => $pid };
}

my $serial = 0;
sub cache { return "$dir/cache" . ++$serial }

# One run over these programs: {err, named, inlined, nameless, counts...}; shares of all samples.
sub run {
	my ($programs, @options) = @_;
	my $r = run_command('timeout', '-s', 'KILL', 120, $profile, '-v', '-f', '-F', 499, '-d', 0.4, '-p', join(',', map { $_->{pid} } @$programs), @options);
	is($r->{status}, 0, "@options: exit status") or diag($r->{err});
	my @lines = folded($r->{out});
	my $all = total(@lines) || 1;
	my %counts = ($r->{err} =~ /^profile: names: (.*)$/m ? $1 : '') =~ /([a-z-]+)=(\d+)/g;
	return { err => $r->{err}, counts => \%counts, lines => \@lines,
		named => count_matching(qr/;main;work;leaf_(?:seventy|thirty)/, @lines) / $all,
		inlined => count_matching(qr/;leaf_\w+;spin_rounds_\[i\]$/, @lines) / $all,
		nameless => count_matching(qr/;\[\w+\+0x[0-9a-f]+\]$/, @lines) / $all };
}

sub path { my ($manners, $p) = @_; return "/$manners/buildid/$p->{id}/debuginfo" }
# Requests for this program; the C library's debug file may be wanted as well.
sub asked { my ($p) = @_; return [grep { /\Q$p->{id}\E/ } requests()] }
sub kept { my ($cache) = @_; return [grep { !/^note-/ } map { s{.*/}{}r } glob("$cache/debuginfod/*")] }

my $one = make('one');
# A cache keeps nothing of files that changed a moment ago.
ok(wait_for(30, sub { time() - (stat("$dir/one"))[10] > 3 }), 'a program that has settled');
{
	my $cache = cache();
	local $ENV{DEBUGINFOD_URLS} = "$url/good";
	my $r = run([$one], '--cache-dir', $cache);
	is_deeply([requests()], [], 'not switched on: no request');
	cmp_ok($r->{nameless}, '>', 0.9, 'not switched on: no names');
	ok(!-e "$cache/debuginfod", 'not switched on: no directory');

	$r = run([$one], '--cache-dir', $cache, '--debuginfod');
	is_deeply(asked($one), [path('good', $one)], 'switched on: one request, to the server of DEBUGINFOD_URLS, though the cache knew the program');
	cmp_ok($r->{named}, '>', 0.9, 'switched on: names');
	cmp_ok($r->{inlined}, '>', 0.9, 'switched on: expanded functions');
	is($r->{counts}{fetched}, 1, 'switched on: counted') or diag($r->{err});
	is_deeply(kept($cache), [$one->{id}], 'switched on: the file is kept');

	for my $again ([], ['--debuginfod']) {
		$r = run([$one], '--cache-dir', $cache, @$again);
		is_deeply(asked($one), [], "again @$again: no request");
		cmp_ok($r->{inlined}, '>', 0.9, "again @$again: names");
	}
	unlink(grep { -f } glob("$cache/*"));
	$r = run([$one], '--cache-dir', $cache, '--debuginfod');
	is_deeply(asked($one), [], 'with the file alone: no request');
	cmp_ok($r->{inlined}, '>', 0.9, 'with the file alone: names');

	mkdir("$dir/tmp");
	local $ENV{TMPDIR} = "$dir/tmp";
	$r = run([$one], '--no-cache', "--debuginfod=$url/good/", '--debuginfod', "--debuginfod=$url/missing");
	is_deeply(asked($one), [path('good', $one)], 'without a cache: one request, a slash more or less is none');
	cmp_ok($r->{inlined}, '>', 0.9, 'without a cache: names');
	is_deeply([glob("$dir/tmp/profile-debuginfod-*")], [], 'without a cache: nothing is left');
}
{
	my $cache = cache();
	my $r = run([$one], '--cache-dir', $cache, "--debuginfod=$url/missing");
	is_deeply(asked($one), [path('missing', $one)], '404: asked');
	cmp_ok($r->{nameless}, '>', 0.9, '404: no names, and nothing else is wrong');
	cmp_ok($r->{counts}{'not-found'}, '>=', 1, '404: counted');
	$r = run([$one], '--cache-dir', $cache, "--debuginfod=$url/missing");
	is_deeply(asked($one), [], '404: not asked again');
	cmp_ok($r->{counts}{'not-asked'}, '>=', 1, '404: counted again');
	# A note that is over is none.
	utime(time(), time() - 1, glob("$cache/debuginfod/note-*"));
	run([$one], '--cache-dir', $cache, "--debuginfod=$url/missing");
	is_deeply(asked($one), [path('missing', $one)], '404: asked again an hour later');
	$r = run([$one], '--cache-dir', $cache, "--debuginfod=$url/missing $url/good");
	is_deeply(asked($one), [path('missing', $one), path('good', $one)], 'two servers: asked in their order');
	cmp_ok($r->{named}, '>', 0.9, 'two servers: names');
}
for my $bad (['file', 'a redirection to a file'], ['round', 'redirections in a circle'], ['announced', 'a body of a terabyte'], ['cut', 'a body that ends too early'],
	['other', 'a body with another build id'], ['garbage', 'garbage']) {
	my ($manners, $what) = @$bad;
	my $cache = cache();
	my $r = run([$one], '--cache-dir', $cache, "--debuginfod=$url/$manners");
	my @asked = @{ asked($one) };
	cmp_ok(scalar(@asked), '>=', 1, "$what: asked");
	cmp_ok(scalar(@asked), '<=', 6, "$what: not without end");
	cmp_ok($r->{nameless}, '>', 0.9, "$what: no names");
	cmp_ok($r->{counts}{'fetch-failed'} // 0, '>=', 1, "$what: counted");
	like($r->{err}, qr/gave no debug file of $one->{id}: \w/, "$what: -v says so");
	is_deeply(kept($cache), [], "$what: nothing is kept");
	run([$one], '--cache-dir', $cache, "--debuginfod=$url/$manners");
	is_deeply(asked($one), [], "$what: not asked again");
}
{
	my $r = run([$one], '--cache-dir', cache(), "--debuginfod=$url/elsewhere");
	is_deeply(asked($one), [path('elsewhere', $one), path('good', $one)], 'a redirection: followed');
	cmp_ok($r->{named}, '>', 0.9, 'a redirection: names');
}
{
	# What a fetcher writes has an end, whatever comes.
	my $id = pack('H*', $one->{id});
	spew("$dir/request", pack('QLLLLa20x4', 3 << 20, 20, 1, 0, 20, $id) . "$url/endless\0");
	my $pid = fork() // die;
	if (!$pid) {
		POSIX::close($_) for 0 .. 3;
		POSIX::open(@$_) for ["$dir/request", POSIX::O_RDONLY()], ["$dir/report", POSIX::O_RDWR() | POSIX::O_CREAT(), 0600],
			['/dev/null', POSIX::O_RDWR()], ["$dir/file", POSIX::O_RDWR() | POSIX::O_CREAT(), 0600];
		exec { $profile } $profile, '--fetch-debug-file' or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	is($?, 0, 'a body without end: the fetcher ends');
	my ($answer, $why) = unpack('LZ*', slurp("$dir/report"));
	is($answer, 4, 'a body without end: refused');
	like($why, qr/more than 3145728 bytes/, 'a body without end: for that');
	cmp_ok(-s "$dir/file", '<=', 3 << 20, 'a body without end: not written without end');
	requests();
}
{
	# A server that hangs costs one wait; who has names has them.
	my $cache = cache();
	my $two = make('two');
	my $other = { pid => start_command(program('split'), 3600) };
	local $ENV{DEBUGINFOD_TIMEOUT} = 1;
	my $r = run([$one, $two, $other], '--cache-dir', $cache, '--pids', "--debuginfod=$url/hang");
	my @other = grep { $_->[0] =~ /^split-/ } @{ $r->{lines} };
	cmp_ok(count_matching(qr/leaf_/, @other), '>', 0.9 * total(@other), 'a server that hangs: the names of others are there');
	cmp_ok($r->{counts}{'fetch-failed'} // 0, '>=', 2, 'a server that hangs: counted');
	like($r->{err}, qr/\Q$url\E\/hang does not answer \(.+\); it is left alone for 5 minutes/, 'a server that hangs: it is told');
	is(scalar(() = $r->{err} =~ /does not answer/g), 1, 'a server that hangs: once');
	cmp_ok(scalar(requests()), '>=', 2, 'a server that hangs: asked');
	$r = run([$one, $two], '--cache-dir', $cache, "--debuginfod=$url/hang $url/good");
	is_deeply([sort grep { /\Q$one->{id}\E|\Q$two->{id}\E/ } requests()], [sort map { path('good', $_) } $one, $two],
		'a server that hangs: left alone, and the next one is asked');
	cmp_ok($r->{named}, '>', 0.9, 'a server that hangs: names from the next one');

	$r = run([$one], '--cache-dir', cache(), "--debuginfod=$url/busy");
	like($r->{err}, qr/busy does not answer \(status 503/, 'a server that is busy: is left alone as well');
	$r = run([$one], '--cache-dir', cache(), '--debuginfod=http://127.0.0.1:1');
	like($r->{err}, qr/127.0.0.1:1 does not answer \(.*connect/, 'no server at all: it is told');
	stop_command($_->{pid}) for $two, $other;
	requests();
}
{
	# Who does not want to wait need not.
	local @ENV{ 'DEBUGINFOD_TIMEOUT', 'TMPDIR' } = (600, "$dir/tmp");
	my $pid = start_command({ out => "$dir/out", err => "$dir/err" }, $profile, '-f', '-F', 499, '-d', 0.4, '-p', $one->{pid}, '--no-cache', "--debuginfod=$url/hang");
	ok(wait_for(60, sub { @{ asked($one) } }), 'a signal while a server hangs: asked');
	# Whether it comes while sampling or while waiting, the next one is for the wait.
	my $ended = wait_for(50, sub { kill('INT', $pid); waitpid($pid, POSIX::WNOHANG()) == $pid });
	ok($ended, 'a signal while a server hangs: ends the wait');
	cmp_ok(total(folded(slurp("$dir/out"))), '>', 10, 'a signal while a server hangs: the profile is written');
	like(slurp("$dir/err"), qr/debug files were still on their way/, 'a signal while a server hangs: it is told what is missing');
	is(run_command('sh', '-c', 'ps -eo ppid=,comm= | grep -c "^ *1 profile-fetcher"')->{out}, "0\n", 'no fetcher outlives its profiler');
	is_deeply([glob("$dir/tmp/profile-debuginfod-*")], [], 'nor its files');
}
{
	# What is no server.
	for my $bad ('file:///etc', 'ftp://host', 'host', "http://h\noption", 'http://', 'http://h/?q', '') {
		my $r = run_command($profile, '-d', 1, '-p', $one->{pid}, "--debuginfod=$bad");
		is($r->{status}, 2, "'$bad' is refused");
		like($r->{err}, qr/^profile: .*debuginfod.*\n\z/, "'$bad': in one sentence");
	}
	my $r = run_command($profile, '-d', 1, '-p', $one->{pid}, '--debuginfod');
	is($r->{status}, 1, 'no server is known: refused');
	like($r->{err}, qr/^profile: --debuginfod: no server is known; .*DEBUGINFOD_URLS.*\n\z/, 'no server is known: says what to do');
	$r = run_command($profile, 'export', '--debuginfod', '-f');
	is($r->{status}, 2, 'export without --resymbolize: refused');
}
SKIP: {
	skip('no dwz', 3) unless have('dwz');
	# Two debug files share a third one, which has a build id of its own.
	my @programs = map { make($_) } 'three', 'four';
	build('dwz', '-m', "$dir/common", (map { "$www/$_->{id}" } @programs));
	my ($alt) = run_command('readelf', '-n', "$dir/common")->{out} =~ /Build ID: ([0-9a-f]+)/;
	build('mv', "$dir/common", "$www/$alt");
	my $r = run([$programs[0]], '--cache-dir', cache(), "--debuginfod=$url/good");
	is_deeply([grep { /\Q$alt\E|\Q$programs[0]{id}\E/ } requests()], [path('good', $programs[0]), "/good/buildid/$alt/debuginfo"], 'what debug files share: fetched as well');
	cmp_ok($r->{inlined}, '>', 0.9, 'what debug files share: names');
	stop_command($_->{pid}) for @programs;
}
SKIP: {
	skip('no debuginfod', 2) unless have('debuginfod');
	# elfutils' own server.
	my $port = 20000 + int(rand(20000));
	mkdir("$dir/files");
	build('cp', "$www/$one->{id}", "$dir/files/one.debug");
	my $real = start_command({ err => "$dir/debuginfod.log", out => "$dir/debuginfod.out" }, 'debuginfod', '-d', "$dir/debuginfod.db", '-p', $port, '-F', "$dir/files");
	my $there = wait_for(60, sub { run_command('python3', '-c', 'import sys, urllib.request as u; u.urlopen(sys.argv[1])',
		"http://127.0.0.1:$port/buildid/$one->{id}/debuginfo")->{status} == 0 });
	ok($there, "elfutils' server has it") or diag(slurp("$dir/debuginfod.log"));
	my $r = run([$one], '--cache-dir', cache(), "--debuginfod=http://127.0.0.1:$port");
	cmp_ok($r->{inlined}, '>', 0.9, "elfutils' server: names");
	stop_command($real, 'TERM');
}
{
	# The daemon, whose history knows the names that were there in time; and one that was recorded without, named later.
	my $five = make('five');
	my $settings = "[sampling]\nwindow = 1s\nfrequency = 199\n[storage]\ncache_dir = $dir/daemon-cache\n[current]\nwrite = no\n";
	my $d = start_daemon({ config => $settings });
	wait_windows($d, 2);
	my $export = sub { my ($state, @more) = @_; return folded(run_command($profile, 'export', '--state-dir', $state, '--comm', 'five', '-q', '-f', @more)->{out}) };
	ok(wait_for(60, sub { total($export->($d->{state})) > 100 }), 'the daemon: a history');
	stop_daemon($d);
	is_deeply(asked($five), [], 'the daemon, not told of servers: no request');
	my @named = $export->($d->{state}, '--resymbolize', "--debuginfod=$url/good");
	cmp_ok(count_matching(qr/;main;work;leaf_\w+;spin_rounds_\[i\]$/, @named), '>', 0.9 * total(@named), 'export --resymbolize --debuginfod: names');
	is_deeply(asked($five), [path('good', $five)], 'export --resymbolize --debuginfod: one request');

	$d = start_daemon({ config => "$settings\[symbols]\ndebuginfod = $url/missing $url/good\n" });
	ok(wait_for(60, sub { count_matching(qr/;main;work;leaf_\w+;spin_rounds_\[i\]$/, $export->($d->{state})) > 100 }), 'the daemon: names')
		or diag(slurp($d->{log}));
	cmp_ok(metric($d, 'debug_files_fetched_total'), '>=', 1, 'the daemon: counts what it fetched');
	stop_daemon($d);
	is_deeply(asked($five), [map { path($_, $five) } 'missing', 'good'], 'the daemon: one request a server');
	$d = start_daemon({ config => "$settings\[symbols]\ndebuginfod = $url/hang\n" });
	wait_windows($d, 3);
	cmp_ok(run_command('sh', '-c', "ps -o comm= --ppid $d->{pid} | grep -c profile-fetcher")->{out}, '<=', 4, 'the daemon, while a server hangs: few fetchers');
	stop_daemon($d);
	is(run_command($profile, 'daemon', '--state-dir', "$dir/none", '--config', do { spew("$dir/bad", "[symbols]\ndebuginfod = file:///\n"); "$dir/bad" })->{status}, 2,
		'the daemon: what is no server is refused');
	stop_command($five->{pid});
}
stop_command($_) for $one->{pid}, $server;
done_testing();
