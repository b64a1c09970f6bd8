# SPDX-License-Identifier: Apache-2.0
# Processes that are short, replaced, deleted, chrooted, renamed: right names or an honest unknown, never another program's.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use File::Copy 'copy';
use Test::More;

need_root();
my $profile = profile_path();
my $dir = scratch();

# Profiles a shell script with its children.
sub profile_shell {
	my ($script, $hz) = @_;
	my $r = run_command($profile, '-f', '-F', $hz // 499, '--', 'sh', '-c', $script);
	is($r->{status}, 0, 'exit status') or diag($r->{err});
	my $a = accounting($r->{err});
	ok($a && $a->{exact}, 'accounting adds up') or diag($r->{err});
	return folded($r->{out});
}

sub cpu_seconds {
	my ($pid) = @_;
	my @f = split(' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr);
	return ($f[11] + $f[12]) / 100;
}

sub install {
	my ($from, $to) = @_;
	copy($from, $to) or die "copy to $to: $!";
	chmod(0755, $to);
	return $to;
}

my $burn = program('burn');
# User stacks by their names, whatever the kernel does above them: interrupts are frequent on a busy machine.
my $in_kernel = qr/(?:;[^;]+_\[k\])*$/;
{
	my @lines = profile_shell("i=0; while [ \$i -lt 500 ]; do $burn 20; i=\$((i+1)); done", 199);
	my @own = grep { $_->[0] =~ /^burn;/ } @lines;
	cmp_ok(total(@own), '>', 500, '500 processes of 20 ms have their samples');
	my $named = count_matching(qr/;main;burn_cpu$/, @own);
	my $nameless = count_matching(qr/;(?:\[unknown\]|\[[^;]+\+0x[0-9a-f]+\])$/, @own);
	cmp_ok($nameless, '<=', 0.05 * total(@own), 'at least 95 % of their samples are in a function with a name');
	# Inside execve() the kernel already calls the process by its new name, while its user registers are still those of the
	# program before: that caller is unknown, and rightly so. Everywhere else the callers have names too.
	my $unknown = count_matching(qr/\[unknown\]|\[burn\+0x/, grep { $_->[0] !~ /execve/ } @own);
	cmp_ok($unknown, '<=', 0.05 * total(@own), 'at most 5 % have an unnamed caller outside execve');
	my $user = count_matching(qr/(?<!_\[k\])$/, @own);
	cmp_ok($named, '>=', 0.8 * $user, 'of those in user code most are in burn_cpu by name, the rest starts the program');
	my $anonymous = count_matching(qr/^(?!burn;|sh;|profile;)/, @lines);
	is($anonymous, 0, 'every sample carries its comm');
}
{
	my $copy = install($burn, "$dir/deleted-burn");
	my $pid = start_command($copy, 100000);
	ok(wait_for(5, sub { (readlink("/proc/$pid/exe") // '') eq $copy }), 'a program runs');
	unlink($copy);
	my $r = run_command($profile, '-f', '-F', 499, '-d', 1, '-p', $pid);
	my @lines = folded($r->{out});
	cmp_ok(count_matching(qr/;main;burn_cpu$in_kernel/, @lines), '>=', 0.9 * total(@lines), 'deleted while running: names are right');

	# Another program takes the path: its names must not appear.
	install(program('split'), $copy);
	$r = run_command($profile, '-f', '-F', 499, '-d', 1, '-p', $pid);
	@lines = folded($r->{out});
	cmp_ok(count_matching(qr/;main;burn_cpu$in_kernel/, @lines), '>=', 0.9 * total(@lines), 'replaced while running: names are right');
	is(count_matching(qr/leaf_|work/, @lines), 0, 'no name of the file that took its place');
	stop_command($pid);
}
{
	# Compiled, run and deleted within one drain interval.
	my $script = join(' ', map { "cp $burn $dir/gone$_; $dir/gone$_ 60; rm $dir/gone$_;" } 1 .. 10);
	my @lines = grep { $_->[0] =~ /^gone/ } profile_shell($script);
	cmp_ok(total(@lines), '>', 50, 'ten short programs ran');
	my $named = count_matching(qr/;main;burn_cpu$/, @lines);
	my $honest = count_matching(qr/;\[gone\d+\+0x[0-9a-f]+\]$/, @lines);
	my $user = count_matching(qr/(?<!_\[k\])$/, @lines);
	cmp_ok($named + $honest, '>=', 0.8 * $user, 'deleted right after: named, or an honest [file+0xoffset]');
	cmp_ok($named, '>=', 0.5 * $user, 'most are named: the file was opened while it was there');
	is(count_matching(qr/leaf_/, @lines), 0, 'no other program\'s names');
}
{
	my $static = program('burn', '-static');
	my $root = "$dir/root";
	mkdir($root);
	install($static, "$root/inside");
	my $pid = start_command('chroot', $root, '/inside', 100000);
	ok(wait_for(5, sub { (slurp("/proc/$pid/comm") // '') eq "inside\n" }), 'a chrooted program runs');
	my $r = run_command($profile, '-f', '-F', 499, '-d', 1, '-p', $pid);
	my @lines = folded($r->{out});
	cmp_ok(count_matching(qr/^inside;.*main;burn_cpu$in_kernel/, @lines), '>=', 0.9 * total(@lines), 'chroot: names are right');
	stop_command($pid);
}
{
	# A private mount namespace in which the path shows another file than ours.
	my $here = install(program('split'), "$dir/program");
	install($burn, '/var/tmp/profile-test-burn');
	my $pid = start_command('unshare', '--mount', 'sh', '-c',
		"mount --bind /var/tmp/profile-test-burn $here && exec $here 100000");
	ok(wait_for(5, sub { (slurp("/proc/$pid/comm") // '') eq "program\n" }), 'a program in its own mount namespace runs');
	my $r = run_command($profile, '-f', '-F', 499, '-d', 1, '-p', $pid);
	my @lines = folded($r->{out});
	cmp_ok(count_matching(qr/^program;.*main;burn_cpu$in_kernel/, @lines), '>=', 0.9 * total(@lines), 'mount namespace: its own names');
	is(count_matching(qr/leaf_/, @lines), 0, 'not those of the file at that path out here');
	stop_command($pid);
	unlink('/var/tmp/profile-test-burn');
}
{
	# The profiler stands still while thousands of processes come and go: its rings overflow, and /proc repairs it.
	my $dir_out = scratch();
	my $pid = start_command({ out => "$dir_out/out", err => "$dir_out/err" }, $profile, '-a', '-f', '-F', 199);
	ok(wait_for(30, sub { grep { (slurp($_) // '') =~ /^it_value: \((?!0, 0\))/m } glob("/proc/$pid/fdinfo/*") }), 'the profiler runs: its timer does');
	kill('STOP', $pid);
	system('sh', '-c', 'i=0; while [ $i -lt 2000 ]; do /bin/true; i=$((i+1)); done');
	my $late = start_command(install($burn, "$dir/late"), 100000);
	ok(wait_for(5, sub { (slurp("/proc/$late/comm") // '') eq "late\n" }), 'a program starts while nobody listens');
	my $before = cpu_seconds($late);
	kill('CONT', $pid);
	ok(wait_for(60, sub { cpu_seconds($late) > $before + 1 }), 'and runs on before somebody who listens again');
	kill('INT', $pid);
	waitpid($pid, 0);
	is($?, 0, 'lost process records: exit status');
	stop_command($late);
	my $a = accounting(slurp("$dir_out/err")) // {};
	ok($a->{exact}, 'lost process records: the accounting is exact');
	my @own = grep { $_->[0] =~ /^late;/ } folded(slurp("$dir_out/out"));
	cmp_ok(count_matching(qr/;main;burn_cpu$/, @own), '>', 30, 'lost process records: the program has its names');
	cmp_ok(count_matching(qr/\[unknown\]/, @own), '<=', 0.02 * total(@own), 'lost process records: next to none unknown');
}
SKIP: {
	# The next process gets the pid that we choose, right after its first owner died. In a turn the logs are read by CPU: when the second
	# process ran on the first CPU, its samples come before those of the first.
	skip('kernel without /proc/sys/kernel/ns_last_pid', 16) unless -w '/proc/sys/kernel/ns_last_pid';
	my $cpus = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
	my $last = $cpus - 1;
	for my $on ([0, 0], [$last, 0], [$last, 0], [0, $last]) {
		my $script = "taskset -cp $on->[0] \$\$ >/dev/null; $burn 40 & p=\$!; taskset -cp $on->[1] \$\$ >/dev/null; wait \$p; "
			. 'echo $((p-1)) > /proc/sys/kernel/ns_last_pid; ' . program('split') . ' 0.04 & q=$!; wait $q; echo $p $q >&2';
		my ($what, $same) = "pid reuse, CPUs @$on";
		for (1 .. 5) {
			my $r = run_command($profile, '-f', '-F', 4999, '--', 'sh', '-c', $script);
			my ($p, $q) = $r->{err} =~ /^(\d+) (\d+)$/m;
			next unless defined $q && $p == $q;
			$same = 1;
			my @lines = folded($r->{out});
			cmp_ok(count_matching(qr/^burn;.*main;burn_cpu$/, @lines), '>', 10, "$what: the first program");
			cmp_ok(count_matching(qr/^split;.*;leaf_/, @lines), '>', 10, "$what: the second, with the same pid");
			is(count_matching(qr/^burn;.*leaf_|^split;.*burn_cpu/, @lines), 0, "$what: never mixed");
			last;
		}
		ok($same, "$what: a pid was reused");
	}
}
done_testing();
