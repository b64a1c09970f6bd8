# SPDX-License-Identifier: Apache-2.0
# The history as its users meet it: windows written by a test program, asked by `profile history` and `profile export`, checked
# against sqlite3; and a writer whom one kills, whose disk is full, or may not be written.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use JSON::PP;
use POSIX ':sys_wait_h';
use Test::More;
use Time::HiRes 'sleep';

my $profile = profile_path();
my $writer = ($ENV{BUILD} // 'build') . '/tests/programs/history_writer';
ok(-x $writer, 'history_writer is built') or BAIL_OUT('make helpers');
plan(skip_all => 'sqlite3 is not installed') unless have('sqlite3');
$ENV{TZ} = 'UTC';

sub sql {
	my ($dir, $query) = @_;
	my $r = run_command('sqlite3', '-readonly', "$dir/history.db", $query);
	return $r->{status} ? "error: $r->{err}" : $r->{out} =~ s/\n$//r;
}

# Samples of "first" in windows $from to $to, by the rule of history_writer.c.
sub first_samples { my ($from, $to) = @_; return total(map { [0, $_ % 50 + 1] } $from .. $to) }

{
	my $dir = scratch() . '/state';
	my $r = run_command($writer, $dir, 60);
	is($r->{status}, 0, 'writer') or diag($r->{err});
	is((stat($dir))[2] & 07777, 0750, 'the directory is not for everybody');
	is((stat("$dir/history.db"))[2] & 07777, 0640, 'nor is the database');
	is(sql($dir, 'PRAGMA user_version; PRAGMA application_id'), "2\n" . 0x50524f46, 'version and kind of file');
	is(sql($dir, 'SELECT count(*) FROM windows WHERE expected != idle + filtered + recorded + lost'), 0, 'accounting');

	# Window 10 starts at 22:24.
	my @range = ('--state-dir', $dir, '--since', '2023-11-14 22:24', '--until', '2023-11-14 22:34');
	my $x = run_command($profile, 'export', @range, '-f');
	is($x->{status}, 0, 'export') or diag($x->{err});
	my @lines = folded($x->{out});
	is(count_matching(qr/^first;/, @lines), first_samples(10, 19), 'export: exactly the ten windows');
	is(count_matching(qr/^second;/, @lines), 70, 'export: of all processes');
	like($x->{err}, qr/^history: 10 windows from 2023-11-14 22:24:00 to 2023-11-14 22:34:00, 50 samples a second$/m, 'export: says so');
	my ($last) = $x->{err} =~ /([^\n]*)\n\z/;
	my $a = accounting($last);
	ok($a && $a->{exact} && $a->{recorded} == total(@lines), 'export: accounting is the last line and equals the total') or diag($x->{err});

	$x = run_command($profile, 'export', '--state-dir', $dir, '--since', '2023-11-14 22:24:30', '--until', '2023-11-14 22:25:30', '-f');
	like($x->{err}, qr/2 windows from 2023-11-14 22:24:00 to 2023-11-14 22:26:00/, 'a range cuts no window: it is told');
	is(count_matching(qr/^first;/, folded($x->{out})), first_samples(10, 11), 'both are whole');

	$x = run_command($profile, 'export', @range, '--comm', 'second', '-f');
	is(total(folded($x->{out})), 70, '--comm');
	$a = accounting($x->{err});
	is_deeply([@$a{qw(recorded filtered exact)}], [70, first_samples(10, 19), 1], '--comm: the others are filtered');
	$x = run_command($profile, 'export', @range, '--pid', '11', '--by', 'process', '-f');
	is(count_matching(qr/^first-11;/, folded($x->{out})), first_samples(10, 19), '--pid, --by process');
	$x = run_command($profile, 'export', @range, '--by', 'unit', '-f');
	is(count_matching(qr/^\[no_unit\];first;/, folded($x->{out})), first_samples(10, 19), '--by unit');
	$x = run_command($profile, 'export', @range, '--ignore', '^second$', '--hide', '^first$', '-f');
	is(total(folded($x->{out})), first_samples(10, 19), '--ignore');
	is(count_matching(qr/^first/, folded($x->{out})), 0, '--hide');
	like($x->{err}, qr/^left out 70 of \d+ samples: ignored=70 /m, 'what was left out is told');

	my $files = scratch();
	$x = run_command($profile, 'export', @range, '--per-process', "$files/each", map { ('-o', "$files/x.$_") } qw(folded svg pb.gz json));
	is($x->{status}, 0, 'export: all formats') or diag($x->{err});
	is(join(' ', sort map { s{.*/}{}r } glob("$files/* $files/each/*")),
		'each first-11.folded first-11.svg second-12.folded second-12.svg x.folded x.json x.pb.gz x.svg', 'export: all files');

	my ($at_line) = grep { $_->{name} eq 'at_line' } @{ JSON::PP->new->decode(slurp("$files/x.json"))->{shared}{frames} };
	is($at_line->{file}, 'second.c', 'export: source files are in the history');

	my $h = run_command($profile, 'history', @range, '--json');
	my $json = eval { JSON::PP->new->decode($h->{out}) };
	is($@, '', 'history --json: one JSON object');
	is(scalar(@{ $json->{windows} }), 10, 'history: windows');
	is(join(',', map { $_->{comm} } @{ $json->{rows} }), 'first,second', 'history: rows by CPU time');
	is($json->{rows}[0]{cpu_seconds}, first_samples(10, 19) * 0.02, 'history: CPU seconds');
	is($json->{rows}[0]{cpu_seconds} * 1, sql($dir, "SELECT sum(cpu_seconds) FROM process_list WHERE comm = 'first' AND window BETWEEN 11 AND 20") * 1,
		'history: as sqlite3 adds it up');
	is($json->{accounting}{recorded}, first_samples(10, 19) + 70, 'history: accounting');
	$h = run_command($profile, 'history', @range);
	like($h->{out}, qr/^ +3\.\ds +\d+\.\d%  \S+  first \(11\)$/m, 'history: a row') or diag($h->{out});
	like($h->{out}, qr/^accounting: [^\n]*\n\z/m, 'history: accounting is the last line');

	my $e = run_command($profile, 'export', '--state-dir', $dir, '--since', '2024-01-01', '-f');
	is($e->{status}, 1, 'nothing there: fails');
	like($e->{err}, qr/it reaches from 2023-11-14 22:14:00 to 2023-11-14 23:14:00$/, 'nothing there: says what is');
	is($e->{err} =~ tr/\n//, 1, 'in one sentence');
	for my $bad (['--since', 'soon'], ['--by', 'colour'], ['--since', 'now', '--until', '-10m'], ['--pid', 'x'], ['--wrong'], ['word']) {
		my $b = run_command($profile, 'history', '--state-dir', $dir, @$bad);
		is("$b->{status} " . ($b->{err} =~ tr/\n//), '2 1', "bad usage: @$bad");
	}
	$e = run_command($profile, 'history', '--state-dir', "$dir/none");
	is($e->{status}, 1, 'no history');
	like($e->{err}, qr/there is no history in/, 'no history: said');
}

# A writer that is killed at any moment: what it said is there, once, and the file is whole. Somebody reads all the time.
{
	my $dir = scratch();
	my $rounds = $ENV{KILLS} // 200;
	my ($reads, $bad_reads, $missing, $damaged, $last) = (0, 0, 0, 0, -1);
	my $reader = start_command('sh', '-c', "while ! test -e '$dir/stop'; do '$profile' export --state-dir '$dir' --since \@1 --comm first -f -q >/dev/null 2>>'$dir/reader' "
		. "&& echo >>'$dir/reads'; done");
	srand(3);
	for my $round (1 .. $rounds) {
		my $pid = start_command({ out => "$dir/out", err => "$dir/err" }, $writer, $dir, 1_000_000, 3_000_000);
		sleep(rand(0.06));
		stop_command($pid, 'KILL');
		my @said = (slurp("$dir/out") // '') =~ /^ok (\d+)$/mg;
		$damaged++ if (slurp("$dir/out") // '') =~ /^(notice|failed)/m || -s "$dir/err";
		$last = $said[-1] if @said;
	}
	# Its last export has to end first: what a killed writer had not told of yet may show when the last who looks on has gone.
	spew("$dir/stop", '');
	wait_command($reader);
	$reads = () = (slurp("$dir/reads") // '') =~ /\n/g;
	my @complaints = grep { !/no history|still empty/ } split(/\n/, slurp("$dir/reader") // '');
	is($damaged, 0, "killed $rounds times: never damaged, never refused");
	is(sql($dir, 'PRAGMA integrity_check'), 'ok', 'killed: sqlite3 finds the file whole');
	cmp_ok($last, '>', $rounds / 4, "killed: $last windows were written");
	# Windows are numbered by their times, merged ones count their parts: first to last without a gap.
	my $oldest = sql($dir, 'SELECT (min(start_ns) / 1000000000 - 1700000040) / 60 FROM windows');
	my $newest = sql($dir, 'SELECT (max(end_ns) / 1000000000 - 1700000040) / 60 - 1 FROM windows');
	cmp_ok($newest, '>=', $last, 'killed: the last window that was acknowledged is there');
	is(sql($dir, 'SELECT sum(parts) FROM windows'), $newest - $oldest + 1, 'killed: each exactly once, none missing between');
	my $x = run_command($profile, 'export', '--state-dir', $dir, '--since', '@1', '-f');
	is(count_matching(qr/^first;/, folded($x->{out})), first_samples($oldest, $newest), 'killed: all of them can be read');
	cmp_ok($reads, '>', 10, "killed: a reader read $reads times meanwhile");
	is_deeply(\@complaints, [], 'killed: and had nothing to complain about');
}

SKIP: {
	skip('needs root', 1) if $> != 0;
	my $dir = scratch();
	my $mounted = 0;
	END { system('umount', '-l', $dir) if $mounted }

	# A file system that is full at the first write, the second, ...: one sentence, no loss of what was there, and on it goes
	# when there is space.
	my (%how, @wrong);
	for (my $kb = 4; $kb <= 420; $kb += 4) {
		system('mount', '-t', 'tmpfs', '-o', "size=${kb}k", 'tmpfs', $dir) == 0 or die 'mount';
		$mounted = 1;
		my $pid = start_command({ out => '/tmp/history-t.' . $$, err => "/tmp/history-t.err.$$" }, $writer, $dir, 25);
		my $out = sub { slurp("/tmp/history-t.$$") // '' };
		my $gone = 0;
		wait_for(10, sub { $out->() =~ /^failed/m || ($gone = waitpid($pid, WNOHANG) == $pid) });
		$how{ $gone ? 'ended' : 'failed' }++;
		my ($sentence) = $out->() =~ /^failed (.*)$/m;
		push @wrong, "$kb: $sentence" if defined $sentence && $sentence !~ /: the disk is full$|No space left on device$/;
		push @wrong, "$kb: notice" if $out->() =~ /^notice/m;
		system('mount', '-o', 'remount,size=20m', $dir) == 0 or die 'remount';
		$gone or wait_for(20, sub { waitpid($pid, WNOHANG) == $pid }) or push(@wrong, "$kb: does not go on"), stop_command($pid);
		my $status = slurp("/tmp/history-t.err.$$");
		if (length $status) {    # no space for the directory's lock file: refused, with a sentence
			push @wrong, "$kb: $status" if $status !~ /No space left|disk is full/;
			run_command($writer, $dir, 25);
		}
		my $got = sql($dir, 'PRAGMA integrity_check; SELECT count(*), min(start_ns), max(end_ns) FROM windows');
		push @wrong, "$kb: $got" if $got ne "ok\n25|1700000040000000000|1700001540000000000";
		system('umount', $dir) == 0 and $mounted = 0;
	}
	is_deeply(\@wrong, [], 'full disk, at every write: one sentence, nothing lost, goes on') or diag(explain(\%how));
	cmp_ok($how{failed} // 0, '>', 30, 'full disk: met ' . ($how{failed} // 0) . ' times');
	cmp_ok($how{ended} // 0, '>', 0, 'and not when there was space');

	# Read-only: the writer says so and goes on when it may write again. Readers do not mind.
	system('mount', '-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', $dir) == 0 or die 'mount';
	$mounted = 1;
	run_command($writer, $dir, 5);
	system('mount', '-o', 'remount,ro', $dir) == 0 or die 'remount';
	my $x = run_command($profile, 'export', '--state-dir', $dir, '--since', '@1', '-f');
	is(count_matching(qr/^first;/, folded($x->{out})), first_samples(0, 4), 'read-only: can be read') or diag($x->{err});
	my $pid = start_command({ out => "/tmp/history-t.$$" }, $writer, $dir, 5);
	ok(wait_for(10, sub { (slurp("/tmp/history-t.$$") // '') =~ /^failed .*Read-only|read-only/m }), 'read-only: the writer says so');
	system('mount', '-o', 'remount,rw', $dir) == 0 or die 'remount';
	ok(wait_for(10, sub { waitpid($pid, WNOHANG) == $pid }), 'read-only: goes on when it is over') or stop_command($pid);
	is(sql($dir, 'SELECT count(*) FROM windows'), 10, 'read-only: all windows are there');
	unlink("/tmp/history-t.$$", "/tmp/history-t.err.$$");
}
done_testing();
