# SPDX-License-Identifier: Apache-2.0
# Programs whose profile is known by construction.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

need_root();
my $profile = profile_path();

# A program's folded profile by `profile -f -F HZ -- PROGRAM ...`.
sub profile_of {
	my ($hz, @command) = @_;
	my $r = run_command($profile, '-f', '--threads', '-F', $hz, '--', @command);
	is($r->{status}, 0, "$command[0] @command[1..$#command]: exit status") or diag($r->{err});
	my $a = accounting($r->{err});
	ok($a && $a->{exact}, 'accounting adds up') or diag($r->{err});
	my @lines = folded($r->{out});
	is(total(@lines), $a->{recorded}, 'every recorded sample is in the output');
	return @lines;
}

# 4,000 samples of a 70 % share scatter by 0.7 points: one run in 150 is more than 2 points off by chance alone, two in a row
# are not.
for my $try (1, 2) {
	my @lines = profile_of(199, program('split'), 20);
	my $seventy = count_matching(qr/;leaf_seventy$/, @lines);
	my $thirty = count_matching(qr/;leaf_thirty$/, @lines);
	my $share = 100 * $seventy / ($seventy + $thirty || 1);
	next if $try == 1 && abs($share - 70) > 2;
	cmp_ok($seventy + $thirty, '>', 2500, 'the two leaves have the samples of 20 s at 199 Hz');
	cmp_ok(abs($share - 70), '<=', 2, sprintf('leaf_seventy has 70 %% +- 2 (%.1f)', $share));
	my $rooted = count_matching(qr/;main;work;leaf_/, @lines);
	cmp_ok($rooted, '>=', 0.99 * ($seventy + $thirty), 'under main;work');
	last;
}
{
	my @lines = profile_of(499, program('recurse'), 500, 2);
	my @whole = grep { $_->[0] =~ /;main;(?:descend;){499}descend;bottom$/ } @lines;
	my $bottom = count_matching(qr/;bottom$/, @lines);
	cmp_ok($bottom, '>', 100, 'bottom has samples');
	cmp_ok(total(@whole), '>=', 0.99 * $bottom, '500 calls deep comes out whole: main, 500 x descend, bottom');
	is(count_matching(qr/\[truncated\]/, @lines), 0, 'nothing truncated, not even before the sampler knows the program');
}
{
	my @lines = profile_of(499, program('recurse'), 3000, 1);
	my $cut = count_matching(qr/;\[truncated\];(?:descend;)+bottom$/, @lines);
	cmp_ok($cut, '>', 50, 'deeper than the limit says [truncated]');
}
for my $call ('getppid', 'read') {
	my @lines = profile_of(499, program('syscalls'), $call, 2);
	my $kernel = count_matching(qr/;main;ask_kernel;.*_\[k\]$/, @lines);
	cmp_ok($kernel, '>', 0.2 * total(@lines), "$call: kernel frames stand above main;ask_kernel");
}
{
	my @lines = profile_of(499, program('threads'), 4);
	for my $i (0 .. 7) {
		my $own = count_matching(qr{;worker-$i/\d+;.*;worker;in_thread$}, @lines);
		cmp_ok($own, '>', 10, "worker-$i has its own frame and samples");
	}
}
{
	my @lines = profile_of(499, program('leader_exits'), 2);
	my $own = count_matching(qr/^leader_exits;.*;run;survivor$/, @lines);
	cmp_ok($own, '>=', 0.95 * total(@lines), 'the main thread ended first: names are still right');
}
{
	my @lines = profile_of(499, program('vfork_exec'), program('burn'), 1000);
	cmp_ok(count_matching(qr/^vfork_exec;.*;main;parent_part$/, @lines), '>', 50, 'the parent before and after vfork');
	cmp_ok(count_matching(qr/^burn;.*;main;burn_cpu$/, @lines), '>', 100, 'the vforked and exec\'ed child');
	is(count_matching(qr/^vfork_exec;.*burn_cpu/, @lines), 0, 'not under the parent\'s name');
}
{
	my @lines = profile_of(499, program('burn'), 500, program('split'), 1);
	cmp_ok(count_matching(qr/^burn;.*;main;before_exec$/, @lines), '>', 30, 'exec in place: the first program');
	cmp_ok(count_matching(qr/^split;.*;leaf_seventy$/, @lines), '>', 30, 'and the second');
	is(count_matching(qr/^burn;.*leaf_|^split;.*before_exec/, @lines), 0, 'never mixed');
}
done_testing();
