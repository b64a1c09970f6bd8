# SPDX-License-Identifier: Apache-2.0
# The same run seen by perf: the same functions, each within 3 points; and how fast the profiler starts and stops.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
use Time::HiRes 'time';

need_root();
my $profile = profile_path();

# Two times 6,000 samples of a 70 % share differ by 0.8 points (one sigma) by chance.
SKIP: {
	skip('perf is not installed', 8) unless have('perf');
	my $dir = scratch();
	my $load = start_command(program('split'));
	my $perf = start_command({ err => "$dir/perf.err" }, 'perf', 'record', '-e', 'cpu-clock', '-F', 99, '-g', '-o', "$dir/perf.data",
		'-p', $load, '--', 'sleep', 60);
	my $r = run_command($profile, '-f', '-F', 99, '-d', 60, '-p', $load);
	waitpid($perf, 0);
	stop_command($load);
	my $script = run_command('perf', 'script', '-i', "$dir/perf.data", '-F', 'ip,sym');
	my (%theirs, $samples);
	for my $stack (split(/\n\s*\n/, $script->{out})) {
		my ($leaf) = $stack =~ /^\s*[0-9a-f]+ (\S+)/ or next;
		$theirs{$leaf}++;
		$samples++;
	}
	cmp_ok($samples // 0, '>', 500, 'perf has samples') or diag(slurp("$dir/perf.err"), $script->{err});
	my @lines = folded($r->{out});
	my $total = total(@lines);
	cmp_ok($total, '>', 500, 'so have we');
	for my $function ('leaf_seventy', 'leaf_thirty') {
		my $ours = 100 * count_matching(qr/;$function$/, @lines) / ($total || 1);
		my $perfs = 100 * ($theirs{$function} // 0) / ($samples || 1);
		cmp_ok(abs($ours - $perfs), '<=', 3, sprintf('%s: %.1f %% and %.1f %% by perf', $function, $ours, $perfs));
	}
	for my $function (grep { $theirs{$_} > 0.03 * $samples } sort keys %theirs) {
		cmp_ok(count_matching(qr/;\Q$function\E(?:_\[k\])?$/, @lines), '>', 0, "$function is in ours too");
	}
}
{
	# Not a benchmark: a run that asks for a tenth of a second must hold samples of that tenth.
	my $load = start_command(program('split'));
	my $r = run_command($profile, '-f', '-F', 999, '-d', 0.1, '-p', $load);
	my $a = accounting($r->{err});
	cmp_ok($a ? $a->{expected} : 0, '>=', 95, 'sampling is live for the whole of -d') or diag($r->{err});
	cmp_ok(total(folded($r->{out})), '>', 0, 'and shows the target');
	stop_command($load);
}
done_testing();
