# SPDX-License-Identifier: Apache-2.0
# Whole stacks without frame pointers: of hand-made programs at every instruction, beside gdb, and of what Debian installs under load.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
need_root();

my $profile = profile_path();
my $build = $ENV{BUILD} // 'build';
my $dir = scratch();

# The notes at the roots of stacks that are cut, with their samples.
sub cuts {
	my (@lines) = @_;
	my %cut;
	for (@lines) { $cut{$1} += $_->[1] if $_->[0] =~ /^[^;]*;(\[(?:unwind: [^\];]+|truncated)\])/ }
	return \%cut;
}

sub sum { my $sum = 0; $sum += $_ for @_; return $sum }

# Stacks with a user part: the others cannot be cut.
sub user_total { return total(grep { $_->[0] !~ /^[^;]*;[^;]*_\[k\](?:;|$)/ } @_) }

sub make_program {
	my ($name, $source, @flags) = @_;
	system('gcc', @flags, '-o', "$dir/$name", $source) == 0 or die "cannot build $source";
	return "$dir/$name";
}

# 1. Every instruction of a program, against a shadow stack.
for my $case ([ 'lazy', '-O2', '-Wl,-z,lazy' ], [ 'now', '-O1', '-Wl,-z,now' ], [ 'fp', '-O2', '-fno-omit-frame-pointer' ], [ 'static', '-O2', '-static' ],
	[ 'ibt', '-O2', '-fcf-protection=full', '-Wl,-z,ibtplt', '-Wl,-z,lazy' ]) {
	my ($name, @flags) = @$case;
	my $r = run_command("$build/oracle/unwind_steps", make_program("steps-$name", 'tests/programs/steps.c', @flags));
	my %n = $r->{out} =~ /^([a-z-]+\d*) (\d+)$/mg;
	is($n{wrong}, 0, "$name: at none of $n{steps} instructions is a stack wrong, or called whole when it is not") or diag(substr($r->{out}, 0, 3000));
	cmp_ok($n{steps}, '>', 20000, "$name: the program ran");
	is($n{signals}, 2, "$name: with its signals");
	is($n{exit}, 0, "$name: to its end");
	# Cut is what has neither rules nor frames: instructions of _init, _fini and the functions of crtbegin.o that run before and behind
	# main(), and of longjmp() when it has loaded the other stack pointer and is not yet there.
	cmp_ok($n{cut}, '<=', 60, "$name: at $n{whole} it is whole") or diag($r->{out});
}

# 2. The same code on the same registers and memory, beside gdb.
{
	my @pids = map { start_command(@$_) } [ '/usr/bin/python3', '-c', 'while True: sorted(str(i) for i in range(999))' ],
		[ '/bin/bash', '-c', 'while :; do s="a$((i++))"; [[ $s =~ a([0-9]+) ]]; done' ],
		[ '/usr/bin/perl', '-e', 'while (1) { my %h = map { $_ => "x$_" } 1 .. 999; my @s = sort { $h{$a} cmp $h{$b} } keys %h }' ],
		[ program('recurse', '-fomit-frame-pointer', '-mno-omit-leaf-frame-pointer'), 60 ];
	sleep(1);
	local $ENV{UNWIND_AT} = "$build/oracle/unwind_at";
	local $ENV{PIDS} = "@pids";
	local $ENV{ROUNDS} = 18;
	my $r = run_command('gdb', '-batch', '-nx', '-x', 'tests/oracle/unwind_gdb.py');
	stop_command($_) for @pids;
	my @verdicts = grep { /^(?:same|cut|gdb|wrong)\b/ } split(/\n/, $r->{out});
	cmp_ok(scalar(@verdicts), '>=', 60, 'gdb: 60 moments of four programs') or diag($r->{out}, substr($r->{err}, -2000));
	is(scalar(grep { /^wrong/ } @verdicts), 0, 'gdb: no stack differs') or diag($r->{out});
	cmp_ok(scalar(grep { /^same/ } @verdicts), '>=', @verdicts - 2, 'gdb: they are whole') or diag(join("\n", @verdicts));
}

# Profiles a running command for some seconds.
sub profile_running {
	my ($seconds, @command) = @_;
	my $pid = start_command(@command);
	select(undef, undef, undef, 0.7);
	my $r = run_command($profile, '-F', 499, '-d', $seconds, '--folded', '-p', $pid);
	stop_command($pid);
	is($r->{status}, 0, 'profiled') or diag($r->{err});
	return folded($r->{out});
}

# 3. Deep recursion without frame pointers.
for my $depth (30, 500) {
	my @lines = profile_running(1, program('recurse', '-fomit-frame-pointer', '-momit-leaf-frame-pointer'), $depth);
	my $whole = count_matching(qr/^recurse[^;]*;_start;.*;main(?:;descend){$depth};bottom(?:;|$)/, @lines);
	cmp_ok($whole, '>=', 0.995 * user_total(@lines), "depth $depth: whole, with each of its frames") or diag(substr($lines[0][0], 0, 500));
}
# The same by rules that are for debuggers only, compressed as distributions have them.
for my $kind ('zlib', 'zstd') {
	my $program = make_program("recurse-$kind", 'tests/programs/recurse.c', '-O2', '-fno-optimize-sibling-calls', '-fomit-frame-pointer',
		'-momit-leaf-frame-pointer', '-g', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-Itests/programs');
	SKIP: {
		skip("objcopy knows no $kind", 5) if run_command('objcopy', "--compress-debug-sections=$kind", $program)->{status};
		like(run_command('readelf', '-SW', $program)->{out}, qr/ \.debug_frame .* C  /, "$kind: the rules are compressed");
		my @lines = profile_running(1, $program, 30);
		my $whole = count_matching(qr/^recurse-$kind;_start;.*;main(?:;descend){30};bottom(?:;|$)/, @lines);
		cmp_ok($whole, '>=', 0.995 * user_total(@lines), "$kind: whole, with each of its frames") or diag(substr($lines[0][0], 0, 500));
		system('objcopy', '--remove-section=.debug_frame', $program) == 0 or die 'objcopy';
		@lines = profile_running(1, $program, 30);
		is(count_matching(qr/;main(?:;descend){30};bottom(?:;|$)/, @lines), 0, "$kind: not so without them");
	}
}
{
	my @lines = profile_running(1, program('recurse', '-fomit-frame-pointer', '-momit-leaf-frame-pointer'), 3000);
	my $cut = cuts(@lines);
	cmp_ok($cut->{'[truncated]'} // 0, '>=', 0.99 * user_total(@lines), 'beyond the limit: said to be truncated');
	cmp_ok(count_matching(qr/;descend;bottom(?:;|$)/, @lines), '>=', 0.99 * user_total(@lines), 'with the innermost frames kept');
}

# 4. Programs of Debian as they are. Each is a command that works for longer than it is looked at.
my $python = '
import hashlib, json, re
while True:
	d = {str(i): i * i for i in range(2000)}
	s = json.dumps(d); json.loads(s); re.sub("[0-9]+", "x", s); sorted(d); hashlib.sha256(s.encode()).hexdigest()
';
my $sql = 'create table t(a, b); insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000000)
	select i, hex(i * 7919) from n; create index x on t(b); select count(*) from t x join t y on x.b = y.b order by x.b;';
spew("$dir/big.c", join("\n", map { "int f$_(int x) { int r = 0; for (int i = 0; i < x; i++) r += i * x + $_ % (i + 1); return r; }" } 1 .. 20000));
my @loads = (
	[ 'python3', '/usr/bin/python3', '-c', $python ],
	[ 'perl', '/usr/bin/perl', '-e', 'while (1) { my %h = map { $_ => "x$_" x 3 } 1 .. 9999; s/x+/y/g for values %h; my @s = sort { $h{$a} cmp $h{$b} } keys %h }' ],
	[ 'xz', 'xz', '-T2', '-9', '-c', '/proc/self/exe', $profile, '/usr/bin/gdb', '/usr/bin/gdb', '/usr/bin/gdb' ],
	[ 'openssl', 'openssl', 'speed', '-seconds', 1, 'sha256', 'rsa2048', 'ecdsap256' ],
	[ 'bash', '/bin/bash', '-c', 'while :; do s="a$((i++))"; [[ $s =~ a([0-9]+) ]]; arr[$((i % 999))]=${s//1/2}; done' ],
	[ 'sqlite3', 'sqlite3', ':memory:', $sql ],
	[ 'node', 'node', '-e', 'const f = n => n < 2 ? n : f(n - 1) + f(n - 2); while (1) { f(20); JSON.parse(JSON.stringify(Array(2000).fill({ a: 1 }))) }' ],
);
for my $load (@loads) {
	my ($name, @command) = @$load;
	SKIP: {
		skip("$name is not installed", 3) unless $command[0] =~ m{^/} ? -x $command[0] : have($command[0]);
		my @lines = profile_running(2, @command);
		my ($cut, $total) = (cuts(@lines), user_total(@lines));
		cmp_ok($total, '>', 100, "$name: has samples");
		cmp_ok(sum(values %$cut), '<=', 0.005 * $total + 1, "$name: 99.5 % of its stacks are whole")
			or diag("$total: ", explain($cut));
		note("$name: $total stacks, cut ", sum(values %$cut));
	}
}

# Short programs, from their first instruction on. What execve() has taken away cannot be had.
for my $load ([ 'gcc', 'gcc', '-O2', '-c', "$dir/big.c", '-o', "$dir/big.o" ], [ 'git', 'git', '-c', 'safe.directory=*', 'log', '--all', '-p' ]) {
	my ($name, @command) = @$load;
	SKIP: {
		skip("$name is not installed", 2) unless have($command[0]);
		my $r = run_command('timeout', '6', $profile, '-F', 499, '-o', "$dir/out.folded", '-q', '-d', 4, '--', 'timeout', 4, @command);
		my @lines = folded(slurp("$dir/out.folded"));
		my ($cut, $total) = (cuts(@lines), user_total(@lines));
		my $gone = delete $cut->{'[unwind: stack replaced by exec]'} // 0;
		cmp_ok(sum(values %$cut), '<=', 0.005 * $total + 2, "$name: 99.5 % of its stacks are whole")
			or diag("$total: ", explain($cut));
		note("$name: $total stacks, cut ", sum(values %$cut), ", in exec $gone");
	}
}

# 5. Programs that tell nothing of their frames: what is found is right, and what is missing is said.
spew("$dir/bare.c", '
__attribute__((noinline)) void inner(void) { for (volatile int i = 0; i < 100000; i++); }
__attribute__((noinline)) void outer(void) { for (;;) { inner(); __asm__ volatile("" ::: "rbx", "r12", "memory"); } }
int main(void) { outer(); }
');
{
	my $bare = make_program('bare', "$dir/bare.c", '-O1', '-fomit-frame-pointer', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables');
	my @lines = profile_running(1, $bare);
	my $cut = cuts(@lines);
	my $whole = count_matching(qr/^bare;_start;.*;main;outer(?:;inner)?(?:;[^;]*_\[k\])*$/, @lines);
	cmp_ok($whole + sum(values %$cut), '>=', total(@lines), 'no tables: whole, or it says so') or diag(explain($cut), explain(\@lines));
	my $named = make_program('framed', "$dir/bare.c", '-O1', '-fno-omit-frame-pointer', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables');
	@lines = profile_running(1, $named);
	cmp_ok(count_matching(qr/;main;outer(?:;inner)?(?:;[^;]*_\[k\])*$/, @lines), '>=', 0.9 * total(@lines), 'no tables, but frame pointers: main is reached')
		or diag(explain(\@lines));

	# Without section headers the rules are found through the program headers.
	my $stripped = make_program('headless', "$dir/bare.c", '-O1', '-fomit-frame-pointer');
	my $bytes = slurp($stripped);
	substr($bytes, 0x28, 8) = "\0" x 8;      # e_shoff
	substr($bytes, 0x3A, 6) = "\0" x 6;      # e_shentsize, e_shnum, e_shstrndx
	spew("$stripped.new", $bytes);
	chmod(0755, "$stripped.new");
	@lines = profile_running(1, "$stripped.new");
	is(sum(values %{ cuts(@lines) }), 0, 'without section headers: whole') or diag(explain(cuts(@lines)));
}
SKIP: {
	skip('go is not installed', 2) unless have('go');
	spew("$dir/load.go", "package main\nimport \"sort\"\n//go:noinline\nfunc work(n int) int { s := make([]int, n); for i := range s { s[i] = (i * 7919) % n }; sort.Ints(s); return s[0] }\nfunc main() { for { work(50000) } }\n");
	local $ENV{GOCACHE} = "$dir/cache";
	local $ENV{CGO_ENABLED} = 0;
	run_command('go', 'build', '-o', "$dir/goload", "$dir/load.go");
	my @lines = profile_running(2, "$dir/goload");
	my $main = count_matching(qr/;main\.main;/, @lines);
	cmp_ok($main, '>=', 0.9 * total(@lines), 'go: main.main is reached') or diag(explain(cuts(@lines)));
}
SKIP: {
	skip('musl-gcc is not installed', 1) unless have('musl-gcc');
	system('musl-gcc', '-O2', '-static', '-o', "$dir/musl", "$dir/bare.c") == 0 or die 'musl-gcc';
	my @lines = profile_running(1, "$dir/musl");
	my $reached = count_matching(qr/;main;outer(?:;inner)?(?:;[^;]*_\[k\])*$/, @lines) + count_matching(qr/\[unwind: /, @lines);
	cmp_ok($reached, '>=', total(@lines), 'musl: main is reached, or it says so');
}

# 6. Libraries that come and go: never a frame of another one.
my $churn = make_program('churn', 'tests/programs/churn.c', '-O2', '-fomit-frame-pointer');
my $name_of = 'library_%06d';    # names of one length, so that one library becomes another by its bytes

# Makes libraries 0 .. N-1 in a directory: of each of 61 kinds the frame has another size, so that the rules of one are wrong for another.
sub make_libraries {
	my ($where, $n, $functions) = @_;
	mkdir($where);
	my @kinds;
	for my $kind (0 .. ($n < 61 ? $n : 61) - 1) {
		my $name = sprintf($name_of, 999999);
		my $pad = 16 * $kind + 8;
		my $others = join('', map { 'long other_' . $_ . '(long (*f)(char *)) { char a[' . (16 * $_ + 40) . ']; return f(a) + f(a + 1) * a[9]; }' . "\n" } 1 .. $functions);
		spew("$where/kind.c", "$others static long $name(long (*back)(long), long x) { volatile char pad[$pad]; pad[x & 7] = 1; long y = back(x + pad[x & 3]); "
			. "return y * 3 + 1; }\nlong (*library)(long (*)(long), long) = $name;\n");
		system('gcc', '-O2', '-fomit-frame-pointer', '-shared', '-fPIC', '-Wl,-z,noseparate-code', '-Wl,--build-id=none', '-o', "$where/kind.so", "$where/kind.c") == 0
			or die 'library';
		push @kinds, slurp("$where/kind.so");
	}
	for my $i (0 .. $n - 1) {
		my $name = sprintf($name_of, $i);
		spew("$where/lib$i.so", $kinds[$i % @kinds] =~ s/library_999999/$name/r);
	}
}

# Samples of stacks through libraries: how many are right and wrong. spin_NUMBER is called by library_NUMBER with the same number modulo
# 8, and that by call_library. Where there was no time to read its name, a library shows its file's.
sub judge_libraries {
	my (@lines) = @_;
	my ($right, $wrong) = (0, 0);
	for (@lines) {
		my ($stack, $count) = @$_;
		next unless $stack =~ /;(?:library_0*(\d+)|\[lib(\d+)\.so\+0x\w+\]);spin_(\d)(?:;|$)/;
		my ($library, $spin) = ($1 // $2, $3);
		next if $stack =~ /^[^;]*;\[(?:unwind|truncated)[^;]*;(?:library_0*$library|\[lib$library\.so\+0x\w+\]);spin_/ && $library % 8 == $spin;
		if ($library % 8 == $spin && $stack =~ /;main;call_library;[^;]+;spin_\d/) { $right += $count } else { $wrong += $count; diag($stack) }
	}
	return ($right, $wrong);
}

# A thousand a second, at the same addresses.
{
	make_libraries("$dir/few", 200, 0);
	my $pid = start_command($churn, "$dir/few", 200);
	select(undef, undef, undef, 0.5);
	my $r = run_command($profile, '-F', 999, '-d', 4, '--folded', '-p', $pid);
	stop_command($pid);
	my @lines = folded($r->{out});
	my ($right, $wrong) = judge_libraries(@lines);
	my $cut = sum(values %{ cuts(@lines) });
	cmp_ok($right, '>', 200, "churn: $right stacks through libraries that were there a moment");
	is($wrong, 0, 'churn: none of them through another one');
	cmp_ok($cut, '<=', 0.1 * total(@lines), 'churn: nine of ten stacks are whole') or diag(explain(cuts(@lines)));
	note("churn: cut $cut of ", total(@lines));
}

# Ten thousand, whose rules do not fit.
{
	my ($n, $keep) = (10_000, 800);
	make_libraries("$dir/many", $n, 100);
	spew("$dir/daemon.conf", "[sampling]\nfrequency = 999\nwindow = 1s\n[limits]\ncpu = 100%\nmemory = 1G\nmap_memory = 8M\n");
	my $state = "$dir/state";
	my $daemon = start_command({ err => "$dir/daemon.log" }, $profile, 'daemon', '--config', "$dir/daemon.conf", '--state-dir', $state);
	my $metric = sub { (slurp("$state/metrics.prom") // '') =~ /^profiled_\Q$_[0]\E (\S+)$/m ? $1 : 0 };
	my $wait_windows = sub {
		my $until = $metric->('windows_total') + $_[0];
		return wait_for(60, sub { $metric->('windows_total') >= $until });
	};
	ok($wait_windows->(2), 'small budget: the daemon runs') or diag(slurp("$dir/daemon.log"));
	my %base = map { $_ => $metric->($_) } 'unwind_mappings', 'unwind_tables_built_total';
	my $started = time();
	my $pid = start_command($churn, "$dir/many", $n, $keep);
	my $built = sub { $metric->('unwind_tables_built_total') - $base{unwind_tables_built_total} };
	ok(wait_for(300, sub { $built->() >= $n }), "small budget: $n tables are made") or diag($built->(), ' ', slurp("$state/metrics.prom"));
	my $resident = $metric->('resident_memory_bytes');
	my $most = 0;
	ok(wait_for(300, sub { my $now = $metric->('unwind_mappings'); $most = $now if $now > $most; $built->() >= 2 * $n }), 'small budget: and once more')
		or diag($built->());
	my $again = $metric->('resident_memory_bytes');
	my $seconds = time() - $started;
	stop_command($pid);
	$wait_windows->(3);
	cmp_ok($metric->('unwind_tables_evicted_total'), '>', $n / 2, 'small budget: tables had to give way');
	cmp_ok($metric->('unwind_table_bytes'), '<=', 4 << 20, 'small budget: rules take no more than they may');
	cmp_ok($metric->('bpf_map_bytes'), '<=', 8 << 20, 'small budget: nor do all maps');
	cmp_ok($again, '<', 1.2 * $resident + (8 << 20), 'small budget: the second ten thousand take no more memory');
	cmp_ok($most - $metric->('unwind_mappings'), '>', $keep / 2, 'small budget: mappings are given back') or diag("$base{unwind_mappings}, then $most");
	is(stop_command($daemon, 'TERM'), 0, 'small budget: the daemon lives') or diag(slurp("$dir/daemon.log"));
	my $r = run_command($profile, 'export', '--state-dir', $state, '--since', '-1h', '--comm', 'churn', '-o', "$dir/many.folded");
	my @lines = folded(slurp("$dir/many.folded"));
	my ($right, $wrong) = judge_libraries(@lines);
	my $cut = cuts(@lines);
	cmp_ok($right, '>', 100, "small budget: $right stacks through one of them") or diag($r->{err});
	is($wrong, 0, 'small budget: each is of the right one, or says where it ends');
	note(sprintf('small budget: %d tables in %d s, %d evicted, %d MB resident; of %d stacks cut %d: %s', $built->(), $seconds,
		$metric->('unwind_tables_evicted_total'), $again >> 20, total(@lines), sum(values %$cut), join(', ', map { "$_ $cut->{$_}" } sort keys %$cut)));
}

# 7. What it says of itself.
{
	my $pid = start_command('sleep', 100);
	wait_for(5, sub { (slurp("/proc/$pid/maps") // '') =~ m{bin/sleep\n.*/libc\.so\.6\n}s });
	my $r = run_command($profile, 'doctor', '--unwind', $pid);
	like($r->{out}, qr/^ *9\d\.\d+% +\d+ +\d+ +\S*libc\.so\.6$/m, 'doctor --unwind: libc is covered') or diag($r->{out}, $r->{err});
	stop_command($pid);
	is(run_command($profile, 'doctor', '--unwind', '/nonexistent')->{status}, 1, 'doctor --unwind: a file that is not there');
	my ($verified) = run_command($profile, 'doctor')->{out} =~ /, (\d+) instructions verified$/m;
	cmp_ok($verified, '<', 250_000, 'the kernel verifies the sampler well below its limit');
	note("$verified instructions verified");
}
done_testing();
