# SPDX-License-Identifier: Apache-2.0
# The same program on another kernel: Debian 12's Linux 6.1, in an emulated machine.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my $build = $ENV{BUILD} // 'build';
my $r = run_command('tests/vm/run', "$build/vm", 'tests/vm/profile-demo', profile_path(), "$build/demo",
	program('recurse', '-fomit-frame-pointer', '-momit-leaf-frame-pointer'));
plan(skip_all => $r->{err} =~ s/\n.*//sr) if $r->{status} == 77;

is($r->{status}, 0, 'the machine starts and stops in time') or diag(substr($r->{out}, -2000), $r->{err});
my @first = split(/\n/, $r->{out} . "\n\n", 3);
like($first[0], qr/^kernel: 6\.1\.\d/, 'it runs Linux 6.1');
is($first[1], 'btf: yes', 'with type information');

# What a command in the machine returned and printed: (exit status, stdout, stderr).
sub result {
	my ($name) = @_;
	my ($status) = $r->{out} =~ /^$name: (\d+)$/m;
	return ($status, map { $r->{out} =~ /^--- $name $_\n(.*?)^---$/ms ? $1 : '' } 'out', 'err');
}

# A profile from there: exit status and accounting are checked, its folded lines are returned.
sub folded_result {
	my ($name, $status_wanted) = @_;
	my ($status, $out, $err) = result($name);
	is($status, $status_wanted, "$name: exit status") or diag($err);
	my $accounting = accounting($err) // {};
	ok($accounting->{exact}, "$name: expected = idle + filtered + recorded + lost") or diag($err);
	my @lines = folded($out);
	is(total(@lines), $accounting->{recorded}, "$name: every recorded sample is in the output");
	return @lines;
}

my @lines = folded_result('process', 0);
is(count_matching(qr/^(?!demo;)/, @lines), 0, 'process: nothing but the target');
my $priced = count_matching(qr/;price_order;best_discount;(?:best_discount;)*hash_item$/, @lines);
cmp_ok($priced, '>', 0.25 * total(@lines), 'process: names and stacks of the hottest functions');
cmp_ok(count_matching(qr/^demo;.*;parse_(?:order|number)$/, @lines), '>', 0, 'process: and of a cooler one');
cmp_ok(count_matching(qr/;write_ledger;.*_\[k\]$|;(?:read|write);.*_\[k\]$/, @lines), '>', 0, 'process: kernel frames on top');

@lines = folded_result('system', 0);
cmp_ok(count_matching(qr/^demo;.*;hash_item$/, @lines), '>', 0.25 * total(@lines), 'system: mostly the demo');

@lines = folded_result('command', 3);
cmp_ok(count_matching(qr/^sh;/, @lines), '>', 0, 'command: the shell has samples');

@lines = folded_result('deep', 0);
my $user = total(grep { $_->[0] !~ /^[^;]*;[^;]*_\[k\](?:;|$)/ } @lines);
cmp_ok(count_matching(qr/^recurse[^;]*;_start;.*;main(?:;descend){500};bottom(?:;|$)/, @lines), '>=', 0.99 * $user,
	'deep: 500 frames without frame pointers, each of them');

my ($status, $out) = result('doctor');
is($status, 0, 'doctor: sampling can work') or diag($out);
my ($verified) = $out =~ /, (\d+) instructions verified$/m;
cmp_ok($verified, '<', 250_000, "doctor: $verified instructions verified");
ok($r->{out} =~ /^status: 0$/m, 'all of it ran');
done_testing();
