# SPDX-License-Identifier: Apache-2.0
# A short run of every fuzz target: from the seeds in tests/fuzz/seeds/NAME, if there are any, always the same inputs.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my $build = $ENV{BUILD} // 'build';
my $dir = scratch();

for my $source (glob('tests/fuzz/fuzz_*.c')) {
	my ($name) = $source =~ m{/fuzz_(\w+)\.c$};
	my $fuzzer = "$build/fuzz/fuzz_$name";
	ok(-x $fuzzer, "$fuzzer is built") or next;
	mkdir($_) for "$dir/$name", "$dir/$name-failures";
	my $seeds = "tests/fuzz/seeds/$name";
	my $r = run_command($fuzzer, '-seed=1', '-runs=20000', '-max_total_time=5', '-timeout=10', '-rss_limit_mb=1024',
		"-artifact_prefix=$dir/$name-failures/", "$dir/$name", -d $seeds ? $seeds : ());
	is($r->{status}, 0, "fuzz_$name finds nothing") or diag(substr($r->{err}, -4000), failing_inputs("$dir/$name-failures"));
	like($r->{err}, qr/^Done \d{3,} runs/m, "fuzz_$name ran");
}

# The inputs that failed, as text to reproduce them from.
sub failing_inputs {
	my ($failures) = @_;
	return map { "\n$_: " . unpack('H*', slurp($_)) . "\n" } glob("$failures/*");
}

done_testing();
