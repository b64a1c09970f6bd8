# SPDX-License-Identifier: Apache-2.0
#
# Symbols that take over the demangler. The profiler here is the whole program with a demangler that does what symbols tell it
# (tests/oracle/possessed.c): such a symbol is shown as it is, a counter tells, nothing else is lost, and nothing that the
# demangler tries comes to anything.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} // 'build';
my $dir = scratch();
my $possessed = "$build/oracle/possessed";

need_root();
chmod(0755, $dir);

# A program that spends its time in C++ functions of those names, all the same.
sub make_program {
	my ($name, @functions) = @_;
	my $n = @functions;
	my $source = qq(extern "C" {\n#include "spin.h"\n}\n);
	for (@functions) {
		my ($space, $function) = split(/::/);
		$source .= "namespace $space { LEAF void $function(uint64_t n) { spin_rounds(n); } }\n";
	}
	$source .= "int main() { for (;;) {\n" . join('', map { "\t$_(1000 + spin_random() % 2000);\n" } @functions) . "} }\n";
	spew("$dir/$name.cc", $source);
	system('g++', '-O2', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs', '-o', "$dir/$name", "$dir/$name.cc") == 0
		or die "cannot build $name";
	return "$dir/$name";
}

# All programs at a time, profiled by `possessed`: its run, and folded stacks by program.
sub attacked {
	my ($what, @commands) = @_;
	my @pids = map { start_command(@$_) } @commands;
	wait_for(10, sub { @pids == grep { (readlink("/proc/$_/exe") // '') =~ /^\Q$dir\E/ } @pids }) or die "$what: does not run";
	my $start = time();
	my $r = run_command('timeout', '-s', 'KILL', 120, $possessed, '-v', '-f', '-F', 997, '-d', 3, '--pids', '-p', join(',', @pids));
	cmp_ok(time() - $start, '<', 60, "$what: ends");
	stop_command($_) for @pids;
	is($r->{status}, 0, "$what: exit status") or diag($r->{err});
	my @lines = folded($r->{out});
	my @by_program = map { my $pid = $_; [grep { $_->[0] =~ /^[^;]*-$pid;/ } @lines] } @pids;
	cmp_ok(total(@$_), '>', 100, "$what: all are sampled") for @by_program;
	my ($counts) = $r->{err} =~ /^profile: mangled names: (.*)/m;
	diag($r->{err}) unless ok($counts, "$what: it is told");
	return ({ map { split(/=/) } grep { /=/ } split(/ /, $counts // '') }, @by_program);
}

sub called { my ($name, $lines) = @_; return count_matching(qr/;main;\Q$name\E(?:;|$)/, @$lines) }

{
	my @attacks = qw(crash spin swallow flood open connect stop);
	my @harmless = qw(first middle last);
	my $attacker = make_program('attacker', 'attack::lie', 'harmless::first', map({ "attack::$_" } @attacks[0 .. 3]), 'harmless::middle',
		map({ "attack::$_" } @attacks[4 .. $#attacks]), 'harmless::last');
	my $victim = make_program('victim', 'harmless::first', 'harmless::last');
	my ($n, $ours, $others) = attacked('one of each', [$attacker], [$victim]);

	cmp_ok(called('a name that is a lie', $ours), '>', 0, 'one of each: the demangler is what symbols make of it');
	cmp_ok(called("harmless::$_(unsigned long)", $ours), '>', 0, "one of each: $_ has its name all the same") for @harmless;
	for (@attacks) {
		cmp_ok(called(sprintf('_ZN6attack%d%sEm', length($_), $_), $ours), '>', 0, "$_: shown as it is");
		is(called("attack::$_(unsigned long)", $ours), 0, "$_: not read");
	}
	cmp_ok($n->{overran}, '>', 0, 'one of each: one took too long'); # two where memory is slow
	is($n->{died} + $n->{overran}, @attacks, 'one of each: the others died');
	is($n->{unanswered}, undef, 'one of each: every symbol was tried');
	cmp_ok(called("harmless::$_(unsigned long)", $others), '>', 0, "one of each: another program has its names: $_") for qw(first last);
}
{
	# They cannot even do so on their own behalf.
	my $attacker = make_program('children', 'harmless::first', 'attack::fork', 'attack::exec', 'harmless::last');
	my ($n, $ours) = attacked('children', [$attacker]);
	cmp_ok(called("harmless::$_(unsigned long)", $ours), '>', 0, "children: $_ has its name all the same") for qw(first last);
	is($n->{died}, 2, 'children: there are none');
}
{
	# More than anybody would try again and again: another user's symbols, and those of ours.
	my $attacker = make_program('many', map({ "attack::crash$_" } 1 .. 30), map { "harmless::h$_" } 1 .. 10);
	my $victim = make_program('ours', map { "harmless::h$_" } 1 .. 10);
	chown(65534, 65534, $attacker);
	my ($n, $theirs, $ours) = attacked('many of another user', ['setpriv', '--reuid', 65534, '--regid', 65534, '--clear-groups', $attacker], [$victim]);
	cmp_ok($n->{died}, '>', 1, 'many of another user: it was tried');
	cmp_ok($n->{died}, '<', 30, 'many of another user: but not for ever');
	cmp_ok($n->{unanswered}, '>', 0, 'many of another user: which is told');
	cmp_ok(called("harmless::h$_(unsigned long)", $ours), '>', 0, "many of another user: ours have their names: $_") for 1 .. 10;
	is(count_matching(qr/attack::/, @$theirs), 0, 'many of another user: none of theirs was read');
	cmp_ok(count_matching(qr/_ZN6attack/, @$theirs), '>', 0, 'many of another user: they are shown as they are');
}
ok(!-e '/tmp/profile-escaped', 'no file was made');
is(run_command('sh', '-c', 'ps -eo ppid=,comm= | grep -c "^ *1 profile-namer"')->{out}, "0\n", 'no namer outlives its profiler');
done_testing();
