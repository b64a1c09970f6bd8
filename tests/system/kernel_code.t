# SPDX-License-Identifier: Apache-2.0
# Kernel code that was not there when the profiler started, and is gone when it looks: BPF programs have their own names.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

need_root();
plan(skip_all => 'no names for BPF programs (net.core.bpf_jit_kallsyms)') if slurp('/proc/sys/net/core/bpf_jit_kallsyms') =~ /^0/;

my $run = program('bpf_run');

# Three programs, one after the other where the one before was.
sub check {
	my ($where) = @_;
	my $r = run_command(profile_path(), '-f', '-F', 499, '--', $run, 2, 'first_one', 'second_one', 'third_one');
	is($r->{status}, 0, "$where: exit status") or diag($r->{err});
	my @lines = folded($r->{out});
	# What the test run calls directly: the program, and little else.
	my $programs = count_matching(qr/;bpf_test_run_\[k\];(?:bpf_prog_|\[kernel\])/, @lines);
	cmp_ok($programs, '>', 200, "$where: programs were sampled");
	for my $name ('first_one', 'second_one', 'third_one') {
		cmp_ok(count_matching(qr/;bpf_test_run_\[k\];bpf_prog_[0-9a-f]{16}_${name}_\[k\]$/, @lines), '>', 10, "$where: $name has its name");
	}
	is(count_matching(qr/;bpf_test_run_\[k\];bpf_prog_[0-9a-f]{16}_(?:first|second|third)_one_\[k\]/, @lines), $programs,
		"$where: and no program another one's, or none");
}

check('alone');
# The kernel tells each of what comes and goes, the last who came first, but not all of them in the same words.
my @others = map { start_command({ out => '/dev/null', err => '/dev/null' }, 'sh', '-c', 'sleep 1; exec "$0" -a -f -d 60', profile_path()) } 1 .. 2;
check('beside other profilers');
stop_command($_) for @others;
done_testing();
