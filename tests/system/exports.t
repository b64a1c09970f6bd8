# SPDX-License-Identifier: Apache-2.0
# The output formats of one run, read by independent readers, agree.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;
use Test::More;

need_root();
my $profile = profile_path();
my $dir = scratch();
my $r = run_command($profile, '-F', 499, (map { ('-o', "$dir/x.$_") } 'folded', 'svg', 'html', 'pb.gz', 'json'), '--per-process', "$dir/each",
	'--', 'sh', '-c', program('split') . ' 1; ' . program('burn') . ' 300');
is($r->{status}, 0, 'exit status') or diag($r->{err});
my @lines = folded(slurp("$dir/x.folded"));
my $total = total(@lines);
is($total, accounting($r->{err})->{recorded}, 'folded holds every recorded sample');

# Folded stacks without root and suffixes: "main;work;leaf_seventy" -> samples.
my %expected;
for (@lines) {
	my ($comm, @frames) = split(/;/, $_->[0]);
	$expected{ join(';', map { s/_\[[kij]\]$//r } @frames) } += $_->[1];
}

{
	my $json = eval { decode_json(slurp("$dir/x.json")) };
	is($@, '', 'speedscope: JSON');
	my @names = map { $_->{name} } @{ $json->{shared}{frames} };
	my %got;
	for my $p (@{ $json->{profiles} }) {
		is(scalar(@{ $p->{samples} }), scalar(@{ $p->{weights} }), "speedscope: $p->{name}: a weight a sample");
		for my $i (0 .. $#{ $p->{samples} }) {
			$got{ join(';', map { $names[$_] } @{ $p->{samples}[$i] }) } += $p->{weights}[$i] / (1e9 / 499);
		}
	}
	$_ = sprintf('%.0f', $_) for values %got;
	is_deeply(\%got, \%expected, 'speedscope: the same stacks and counts');
}

# A protocol buffer as a list of [field, value]; nested messages stay bytes (protobuf.dev/programming-guides/encoding).
sub decode {
	my ($bytes) = @_;
	my ($at, @fields) = (0);
	my $varint = sub {
		my ($v, $shift) = (0, 0);
		while (1) {
			my $b = ord(substr($bytes, $at++, 1));
			$v |= ($b & 0x7f) << $shift;
			return $v if $b < 0x80;
			$shift += 7;
		}
	};
	while ($at < length($bytes)) {
		my $key = $varint->();
		my $value = $varint->();
		if (($key & 7) == 2) {
			my $n = $value;
			$value = substr($bytes, $at, $n);
			$at += $n;
		} elsif ($key & 7) {
			die 'wire type ' . ($key & 7);
		}
		push @fields, [$key >> 3, $value];
	}
	return @fields;
}

{
	my ($packed, $raw) = (slurp("$dir/x.pb.gz"));
	ok(gunzip(\$packed, \$raw), 'pprof: gzip');
	my @fields = decode($raw);
	my @strings = map { $_->[1] } grep { $_->[0] == 6 } @fields;
	is($strings[0], '', 'pprof: string 0 is empty');
	my (%function, %location, %got);
	for (grep { $_->[0] == 5 } @fields) {
		my %f = map { @$_ } decode($_->[1]);
		$function{ $f{1} } = $strings[$f{2}];
	}
	for (grep { $_->[0] == 4 } @fields) {
		my %l = map { @$_ } decode($_->[1]);
		my %line = map { @$_ } decode($l{4});
		$location{ $l{1} } = $function{ $line{1} };
	}
	my ($nanoseconds, %comms) = (0);
	for (grep { $_->[0] == 2 } @fields) {
		my @s = decode($_->[1]);
		my @values = map { $_->[1] } grep { $_->[0] == 2 } @s;
		$got{ join(';', reverse map { $location{ $_->[1] } } grep { $_->[0] == 1 } @s) } += $values[0];
		$nanoseconds += $values[1];
		for (grep { $_->[0] == 3 } @s) {
			my %label = map { @$_ } decode($_->[1]);
			$comms{ $strings[$label{2}] }++ if $strings[$label{1}] eq 'comm';
		}
	}
	is_deeply(\%got, \%expected, 'pprof: the same stacks and counts');
	my ($period) = map { $_->[1] } grep { $_->[0] == 12 } @fields;
	is($period, int(1e9 / 499), 'pprof: the period');
	is($nanoseconds, $total * $period, 'pprof: CPU time is samples times the period');
	ok($comms{split} && $comms{burn}, 'pprof: the processes are labels');
}
SKIP: {
	skip('no xmllint', 1) unless have('xmllint');
	is(run_command('xmllint', '--noout', "$dir/x.svg")->{status}, 0, 'SVG is well-formed');
}
# All frames are in the picture, whatever is drawn; its thread frames, there to choose from, are not in the stacks.
is(run_command($profile, 'flame', '--extract', "$dir/x.$_")->{out}, slurp("$dir/x.folded"), "$_: every stack is in it") for qw(svg html);
{
	my $still = run_command($profile, '-q', '--static', '-F', 499, '-o', "$dir/still.svg", '--', program('burn'), 300);
	is($still->{status}, 0, '--static');
	unlike(slurp("$dir/still.svg"), qr{<script|class="island"}, '--static: neither script nor data');
	like(slurp("$dir/still.svg"), qr{<title>burn\n[\d,]+ samples, }, '--static: tooltips');
}
{
	my $sum = 0;
	for my $file (glob("$dir/each/*.folded")) {
		my ($comm) = $file =~ m{/([^/]+)-\d+\.folded$};
		my @own = folded(slurp($file));
		$sum += total(@own);
		is(count_matching(qr/^(?!\Q$comm\E;)/, @own), 0, "$comm has its own file") unless $comm eq 'sh' || $comm eq 'profile';
		ok(-s $file =~ s/folded$/svg/r, "$comm has a flame graph");
	}
	is($sum, $total, 'the files per process hold every sample once');
}
{
	# The same command line twice into the same view: -U and -K split the whole.
	my $load = start_command(program('syscalls'), 'read');
	my $u = run_command($profile, '-f', '-U', '-F', 499, '-d', 1, '-p', $load);
	my $k = run_command($profile, '-f', '-K', '-F', 499, '-d', 1, '-p', $load);
	stop_command($load);
	is(count_matching(qr/_\[k\]/, folded($u->{out})), 0, '-U: no kernel frames');
	is(count_matching(qr/;(?:main|ask_kernel)(?:;|$)/, folded($k->{out})), 0, '-K: no user frames');
	cmp_ok(count_matching(qr/_\[k\]$/, folded($k->{out})), '>', 50, '-K: kernel stacks');
	my $pids = run_command($profile, '-f', '--pids', '-F', 499, '--', program('burn'), 100);
	is(count_matching(qr/^(?!(?:burn|profile)-\d+(;|$))/, folded($pids->{out})), 0, '--pids: COMM-PID roots') or diag($pids->{out});
}
{
	# Three processes of one pid and name, one after the other: none of their files takes another's place.
	spew("$dir/spin", 'read a </proc/self/stat; n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done');
	my $r3 = run_command($profile, '-q', '-F', 499, '--per-process', "$dir/same", '--', 'sh', '-c',
		". $dir/spin; exec sh -c '. $dir/spin; exec sh -c \". $dir/spin\"'");
	my @files = map { m{/([^/]+)\.folded$} } glob("$dir/same/sh-*.folded");
	is(scalar(@files), 3, 'exec of the same name: a file each') or diag("@files");
}
done_testing();
