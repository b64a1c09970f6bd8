# SPDX-License-Identifier: Apache-2.0
# Where every sampling period went: expected = idle + filtered + recorded + lost, whatever else the machine does.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
use Time::HiRes 'time';

need_root();
my $profile = profile_path();
my $cpus = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;

# A system-wide run; checks the identity and returns the accounting.
sub run {
	my ($what, $hz, $seconds, @more) = @_;
	my $start = time();
	my $r = run_command($profile, '-a', '-f', '-F', $hz, '-d', $seconds, @more);
	my $elapsed = time() - $start;
	is($r->{status}, 0, "$what: exit status") or diag($r->{err});
	my $a = accounting($r->{err}) // {};
	ok($a->{exact}, "$what: expected = idle + filtered + recorded + lost") or diag($r->{err});
	is(total(folded($r->{out})), $a->{recorded}, "$what: the output holds every recorded sample");
	# Independent of the profiler's own counting: what the clock says. On a busy machine the end may come late.
	my ($least, $most) = map { $hz * $_ * $cpus } $seconds, $elapsed;
	cmp_ok($a->{expected}, '>=', 0.95 * $least - $cpus, "$what: expected is rate x time x CPUs") or diag("$least by the clock");
	cmp_ok($a->{expected}, '<=', 1.02 * $most + $cpus, "$what: and no more than that") or diag("$most by the clock");
	return $a;
}

for my $hz (99, 999, 4999) {
	my $load = start_command(program('split'));
	my $a = run("$hz Hz", $hz, 3);
	stop_command($load);
	cmp_ok($a->{recorded}, '>', 0.2 * $hz * 3, "$hz Hz: at least the busy CPU is recorded");
}
{
	my @load = map { start_command(program('bpf_updates')) } 1 .. $cpus;
	my $a = run('beside bpf() map updates', 999, 3);
	stop_command($_) for @load;
	cmp_ok($a->{reasons}{skipped} // 0, '>', 100, 'periods that the kernel skipped are counted and named');
}
SKIP: {
	skip('bpftrace is not installed', 5) unless have('bpftrace');
	system('mount -t tracefs none /sys/kernel/tracing') unless -e '/sys/kernel/tracing/events';
	my $dir = scratch();
	my $tracer = start_command({ out => "$dir/out", err => "$dir/err" }, 'bpftrace', '-e',
		'BEGIN { printf("ready\n"); } tracepoint:raw_syscalls:sys_enter { @a[comm] = count(); @b[args->id] = count(); }');
	ok(wait_for(30, sub { (slurp("$dir/out") // '') =~ /ready/ }), 'bpftrace runs') or diag(slurp("$dir/err"));
	my @load = map { start_command(program('syscalls'), 'getppid') } 1 .. $cpus;
	my $a = run('beside bpftrace on raw_syscalls', 999, 3);
	stop_command($_) for @load;
	stop_command($tracer, 'INT');
	cmp_ok($a->{reasons}{skipped} // 0, '>', 100, 'periods that the kernel skipped are counted and named');
}
{
	my $load = start_command(program('split'));
	my $other = start_command(program('burn'), 100000);
	my $r = run_command($profile, '-f', '-F', 999, '-d', 2, '-p', $load);
	my $a = accounting($r->{err}) // {};
	ok($a->{exact}, '-p: the accounting is exact') or diag($r->{err});
	cmp_ok($a->{filtered}, '>', 100, '-p: other processes are filtered');
	is(count_matching(qr/^(?!split;)/, folded($r->{out})), 0, '-p: nothing but the target');
	stop_command($_) for $load, $other;
}
SKIP: {
	# A CPU that goes and comes back, for two seconds and between two looks: its event would stay off for ever.
	my $online = '/sys/devices/system/cpu/cpu1/online';
	skip("no CPU can be taken offline", 6) unless $cpus >= 2 && -w $online && system("echo 1 > $online 2>/dev/null") == 0;
	my $dir = scratch();
	my @load = map { start_command(program('split')) } 1 .. $cpus;
	my $pid = start_command({ out => "$dir/out", err => "$dir/err" }, $profile, '-a', '-f', '-v', '-F', 499, '-d', 9);
	sleep(1);
	spew($online, '0');
	sleep(2);
	spew($online, '1');
	sleep(2);
	spew($online, '0');
	spew($online, '1');
	waitpid($pid, 0);
	is($?, 0, 'hotplug: exit status');
	stop_command($_) for @load;
	my $a = accounting(slurp("$dir/err")) // {};
	my ($cpu1) = slurp("$dir/err") =~ /^profile: CPU 1: (accounting: .*)$/m;
	my $back = accounting($cpu1 // '') // {};
	ok($a->{exact} && $back->{exact}, 'hotplug: the accounting is exact') or diag(slurp("$dir/err"));
	# It is away for two seconds of nine, and it takes up to a second to see that it is back.
	cmp_ok($back->{recorded} // 0, '>', 499 * 3.5, 'hotplug: the CPU is sampled again when it is back');
	cmp_ok($back->{expected} // 0, '<', 499 * 8.5, 'hotplug: and not expected to be while it was away');
	cmp_ok($back->{expected} // 0, '>', 499 * 6.5, 'hotplug: but it is expected from then on, seen or not');
	cmp_ok($back->{reasons}{hotplug} // 0, '>', 0, 'hotplug: what was not seen is lost, by name');
}
done_testing();
