# SPDX-License-Identifier: Apache-2.0
# profile diff: of files, of flame graphs, and of ranges of a history that a test program wrote, whose windows are known.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my $profile = profile_path();
my $writer = ($ENV{BUILD} // 'build') . '/tests/programs/history_writer';
my $dir = scratch();
$ENV{TZ} = 'UTC';

# Rows of the table: function => [before, after, change, verdict].
sub table {
	my ($text) = @_;
	my %rows;
	for (split(/\n/, $text)) {
		$rows{$5} = [$1, $2, $3, $4] if /^ *([\d.]+)% +([\d.]+)% +(\S+(?: %)?)  (same|less|more|too little) .*?  (\S+)$/;
	}
	return \%rows;
}

subtest 'files' => sub {
	spew("$dir/before", "a;b 1000\na;c 500\na;rare 1\n");
	spew("$dir/after", "a;b 600\na;c 505\na;d 300\n");
	my $r = run_command($profile, 'diff', "$dir/before", "$dir/after");
	is($r->{status}, 0, 'exit status') or diag($r->{err});
	like($r->{out}, qr/^samples: 1501 before, 1405 after \(-6\.4 %\): better when less for the same work/, 'sums');
	is_deeply(table($r->{out}), { b => ['66.62', '42.70', '-35.9 %', 'less'], d => ['0.00', '21.35', 'new', 'more'],
		c => ['33.31', '35.94', '+7.9 %', 'same'], rare => ['0.07', '0.00', 'gone', 'too little'] }, 'functions') or diag($r->{out});

	$r = run_command($profile, 'diff', '-o', '-', "$dir/before", "$dir/after");
	is($r->{out}, "a;b 1000 600\na;c 500 505\na;d 0 300\na;rare 1 0\n", '-o -: folded with two counts');
	like($r->{err}, qr/^samples: /, 'and the table on stderr');
	is(run_command($profile, 'diff', '-o', "$dir/d.svg", "$dir/before", "$dir/after")->{status}, 0, 'a graph');
	my $x = run_command($profile, 'flame', '--extract', "$dir/d.svg");
	is($x->{out}, $r->{out}, 'with the same in it');

	run_command($profile, 'flame', '-o', "$dir/before.svg", "$dir/before");
	$r = run_command($profile, 'diff', '-o', '-', "$dir/before.svg", "$dir/after");
	is($r->{out}, "a;b 1000 600\na;c 500 505\na;d 0 300\na;rare 1 0\n", 'a flame graph as input');
	$r = run_command($profile, 'diff', '--ignore', '^c$', '-o', '-', "$dir/before", "$dir/after");
	is($r->{out}, "a;b 1000 600\na;d 0 300\na;rare 1 0\n", '--ignore');
	$r = run_command($profile, 'diff', '--highlight', '^b$=The slow part', '-o', "$dir/h.svg", "$dir/before", "$dir/after");
	like(slurp("$dir/h.svg"), qr/The slow part/, '--highlight: in the legend');
	$r = run_command($profile, 'diff', "$dir/before", "$dir/before");
	like($r->{out}, qr/^functions with a change .*: 0 of 3$/m, 'no change');
};

subtest 'counts with fractions' => sub {
	spew("$dir/part", "a;b 1.5\na;c 30\n");
	spew("$dir/parts", "a;b 2\na;c 30.25\n");
	my $r = run_command($profile, 'diff', '-o', '-', "$dir/part", "$dir/parts");
	is($r->{out}, "a;b 1.5 2\na;c 30 30.25\n", 'stay as they are');
	like($r->{err}, qr/^samples: 31\.5 before, 32\.25 after \(\+2\.4 %\)/, 'in the sums too');
	is_deeply(table($r->{err}), { b => ['4.76', '6.20', '+30.2 %', 'too little'], c => ['95.24', '93.80', '-1.5 %', 'same'] },
		'a function of 3.5 samples is a few') or diag($r->{err});
};

subtest 'ranges of the history' => sub {
	plan(skip_all => 'history_writer is not built') if !-x $writer;
	my $state = "$dir/state";
	is(run_command($writer, $state, 100)->{status}, 0, 'writer');
	# Window n is minute 22:14 + n and has n % 50 + 1 samples of "first", 7 of "second", in its function at_line, 20 ms each.
	my @diff = ($profile, 'diff', '--state-dir', $state);
	my $r = run_command(@diff, '--rows', 100, '2023-11-14 22:14..2023-11-14 22:39', '2023-11-14 22:39..2023-11-14 23:04');
	is($r->{status}, 0, 'exit status') or diag($r->{err});
	like($r->{out}, qr/^CPU time: 0\.006667 CPUs before, 0\.015 after \(\+125\.0 %\): more CPU time, p < 0\.0001; of 25 and 25 windows/,
		'samples 1 to 25 and 7, then 26 to 50 and 7') or diag($r->{out});
	is_deeply(table($r->{out})->{'at_line'}, ['0.23', '0.23', '+0.0 %', 'same'], 'a function that did not change') or diag($r->{out});
	is(() = $r->{err} =~ /^history: 25 windows from /mg, 2, 'both ranges are told');

	$r = run_command(@diff, '--comm', 'second', '2023-11-14 22:14..2023-11-14 22:39', '2023-11-14 22:39..2023-11-14 23:04');
	like($r->{out}, qr/^CPU time: 0\.002333 CPUs before, 0\.002333 after \(\+0\.0 %\): no change .* p = 1\.0000; of 25/, '--comm: of one process');
	$r = run_command(@diff, '2023-11-14 22:14..2023-11-14 22:19', '2023-11-14 22:39..2023-11-14 22:44');
	like($r->{out}, qr/5 and 5 windows are too few to tell/, 'few windows: nothing is claimed');
	unlike($r->{out}, qr/ (?:more|less) +p /, 'of no function either');

	# Before now: nothing there, but understood.
	$r = run_command(@diff, '-2h..-1h', '-1h..');
	like($r->{err}, qr/the history in \Q$state\E has nothing of that time/, 'a range that begins with a minus');
	is($r->{status}, 1, 'and fails');
	$r = run_command(@diff, '--comm', 'first', "$dir/before", '2023-11-14 22:14..2023-11-14 22:39');
	like($r->{out}, qr/^samples: 1501 before, 325 after/, 'a file and a range');
};

for (['one'], ["$dir/before"], ['-', '-'], ["$dir/before", "$dir/after", 'x'], ['--since', 'now', 'a', 'b'], ['soon..later', "$dir/before"],
	['12:00..12:00', "$dir/before"], ['-o', 'x.png', "$dir/before", "$dir/after"], ['--rows', 'x', 'a', 'b']) {
	my $r = run_command($profile, 'diff', @$_);
	is("$r->{status} " . ($r->{err} =~ tr/\n//), '2 1', "bad usage: @$_") or diag($r->{err});
}
spew("$dir/empty", '');
for (["$dir/none", "$dir/before"], ["$dir/empty", "$dir/before"]) {
	my $r = run_command($profile, 'diff', @$_);
	is("$r->{status} " . ($r->{err} =~ tr/\n//), '1 1', "fails in one sentence: @$_") or diag($r->{err});
}
done_testing();
