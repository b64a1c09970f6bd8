# SPDX-License-Identifier: Apache-2.0
# Whole stacks of services and runtimes as Debian builds them, under their own load generators.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use IO::Socket::INET;
use POSIX 'strftime';
use Test::More;
need_root();

my $profile = profile_path();
my $dir = scratch();
chmod(0755, $dir);

# How many stacks have a user part, and the notes at the roots of those that are cut.
sub judge {
	my (@lines) = grep { $_->[0] !~ /^[^;]*;[^;]*_\[k\](?:;|$)/ } @_;
	my %cut;
	for (@lines) { $cut{$1} += $_->[1] if $_->[0] =~ /^[^;]*;(\[(?:unwind: [^\];]+|truncated)\])/ }
	return (total(@lines), \%cut);
}

sub is_whole {
	my ($name, @lines) = @_;
	my ($total, $cut) = judge(@lines);
	my $n = 0;
	$n += $_ for values %$cut;
	cmp_ok($total, '>', 50, "$name: has samples");
	cmp_ok($n, '<=', 0.005 * $total + 1, "$name: 99.5 % of its stacks are whole") or diag(explain($cut));
	note("$name: $total stacks, cut $n");
}

# The lines of all processes of that name, of some seconds of the whole system.
sub profile_named {
	my ($name) = @_;
	return grep { $_->[0] =~ /^\Q$name\E;/ } folded(run_command($profile, '-F', 499, '-d', 3, '--folded', '-a')->{out});
}

SKIP: {
	skip('redis is not installed', 2) unless have('redis-server') && have('redis-benchmark');
	my $server = start_command('redis-server', '--port', 0, '--unixsocket', "$dir/redis", '--save', '', '--dir', $dir);
	ok(wait_for(20, sub { -S "$dir/redis" }), 'redis: runs');
	my $load = start_command('redis-benchmark', '-s', "$dir/redis", '-q', '-n', 100_000_000, '-P', 4, '-t', 'set,get,lpush,lrange_100,zadd');
	is_whole('redis', profile_named('redis-server'));
	stop_command($_) for $load, $server;
}

SKIP: {
	skip('nginx or ab is not installed', 2) unless have('nginx') && have('ab');
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "socket: $!";
	my $port = $socket->sockport();
	close($socket);
	spew("$dir/index.html", join(' ', map { $_ * 7919 } 1 .. 2000));
	spew("$dir/nginx.conf", "daemon off; user root; worker_processes 1; pid $dir/nginx.pid; events {} http { access_log $dir/access; gzip on; gzip_types *; "
		. "server { listen 127.0.0.1:$port; root $dir; } }");
	my $server = start_command('nginx', '-c', "$dir/nginx.conf", '-e', "$dir/error");
	ok(wait_for(20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) }), 'nginx: runs') or diag(slurp("$dir/error"));
	my $load = start_command('ab', '-H', 'Accept-Encoding: gzip', '-q', '-c', 8, '-t', 60, '-n', 10_000_000, "http://127.0.0.1:$port/index.html");
	is_whole('nginx', profile_named('nginx'));
	stop_command($load);
	stop_command($server, 'TERM');
}

SKIP: {
	my ($bin) = grep { -x "$_/initdb" && -x "$_/pgbench" } sort(glob('/usr/lib/postgresql/*/bin'));
	my ($uid, $gid) = (getpwnam('postgres'))[2, 3];
	skip('postgres is not installed', 3) unless $bin && defined $uid && have('setpriv');
	my @as = ('setpriv', '--reuid', $uid, '--regid', $gid, '--clear-groups');
	mkdir("$dir/pg");
	chown($uid, $gid, "$dir/pg");
	my $made = run_command(@as, "$bin/initdb", '-D', "$dir/pg/data", '-A', 'trust', '-N');
	is($made->{status}, 0, 'postgres: initdb') or diag($made->{err});
	my $server = start_command({ err => "$dir/pg.log" }, @as, "$bin/postgres", '-D', "$dir/pg/data", '-k', "$dir/pg", '-c', 'listen_addresses=', '-c', 'fsync=off');
	my @to = ('-h', "$dir/pg", 'postgres');
	my $filled;
	ok(wait_for(30, sub { ($filled = run_command(@as, "$bin/pgbench", '-i', '-q', @to))->{status} == 0 }), 'postgres: runs') or diag($filled->{err});
	my $load = start_command(@as, "$bin/pgbench", '-c', 4, '-T', 120, @to);
	is_whole('postgres', profile_named('postgres'));
	stop_command($load);
	stop_command($server, 'QUIT');
}

SKIP: {
	skip('shellcheck is not installed', 2) unless have('shellcheck');
	# Haskell code has no frames on the stack, but what called it does.
	spew("$dir/big.sh", join('', map { "f$_() { if [ \"\$1\" = a$_ ]; then echo \$2 | grep -c x; for i in \$(ls *.txt); do cp \$i /tmp/\$i; done; fi; }\n" } 1 .. 3000));
	run_command($profile, '-q', '-F', 499, '-d', 4, '-o', "$dir/shellcheck.folded", '--', 'timeout', 20, 'shellcheck', "$dir/big.sh");
	is_whole('shellcheck', grep { $_->[0] =~ /^shellcheck;/ } folded(slurp("$dir/shellcheck.folded")));
}

SKIP: {
	skip('java is not installed', 6) unless have('java') && have('javac');
	spew("$dir/Load.java", '
import java.util.*;
public class Load {
	static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
	public static void main(String[] a) {
		for (long s = 0;;) {
			Map<Integer, String> m = new HashMap<>();
			for (int i = 0; i < 20000; i++) m.put(i * 7919 % 30011, "x" + i);
			List<String> l = new ArrayList<>(m.values());
			Collections.sort(l);
			s += l.get(0).length() + fib(22);
			if (s == 0) System.out.println(s);
		}
	}
}');
	my $made = run_command('javac', '-d', $dir, "$dir/Load.java");
	is($made->{status}, 0, 'java: compiled') or diag($made->{err});
	for my $case ([ 'with frame pointers', '-XX:+PreserveFramePointer' ], [ 'interpreted', '-Xint' ], ['as it is']) {
		my ($name, @flags) = @$case;
		my $pid = start_command('java', @flags, '-cp', $dir, 'Load');
		# The compilers come first, and the interpreter: all of them have frames.
		wait_for(20, sub { (slurp("/proc/$pid/stat") // '') =~ /\) \S(?: \S+){10} (\d+)/ && $1 > 150 });
		my @lines = folded(run_command($profile, '-F', 499, '-d', 3, '--folded', '--threads', '-p', $pid)->{out});
		stop_command($pid);
		if (@flags) {
			is_whole("java $name", @lines);
			next;
		}
		my ($total, $cut) = judge(map { [ $_->[0] =~ s/^[^;]*;[^;]*;/java;/r, $_->[1] ] } @lines);
		my $in_jit = delete $cut->{'[unwind: JIT code without frame pointers]'} // 0;
		my $others = 0;
		$others += $_ for values %$cut;
		cmp_ok($others, '<=', 0.005 * $total + 1, 'java as it is: what is cut is so in compiled code, and says so') or diag(explain($cut));
		note("java as it is: $total stacks, cut in compiled code $in_jit, elsewhere $others");
	}
}

# Compiled Java without frame pointers: fifty frames are fifty.
SKIP: {
	skip('jcmd is not installed', 1) unless have('java') && have('javac') && have('jcmd');
	spew("$dir/Deep.java", '
public class Deep {
	static long sink;
	static long bottom(int n) { long s = n; for (int i = 0; i < 200000 + (int)(sink & 1023); i++) s = s * 31 + i; return s; }
	static long descend(int n, Object o) { return n <= 1 ? bottom(n) : descend(n - 1, o) + o.hashCode(); }
	public static void main(String[] a) { Object[] os = { "x", 5, new Object() }; for (int i = 0;; i++) sink += descend(50, os[i % 3]); }
}');
	my $made = run_command('javac', '-d', $dir, "$dir/Deep.java");
	is($made->{status}, 0, 'java: compiled') or diag($made->{err});
	for my $case ([ 'C2', '-XX:-TieredCompilation' ], [ 'C1', '-XX:TieredStopAtLevel=1' ]) {
		my ($name, @flags) = @$case;
		my $pid = start_command('java', @flags, '-XX:CompileCommand=dontinline,Deep::*', '-cp', $dir, 'Deep');
		my $map = "/tmp/perf-$pid.map";
		# Told anew until both methods are compiled.
		ok(wait_for(60, sub { run_command('jcmd', $pid, 'Compiler.perfmap'); my $text = slurp($map) // ''; $text =~ /Deep\.bottom/ && $text =~ /Deep\.descend/ }),
			"$name: the methods are compiled");
		my @lines = grep { $_->[0] =~ /Deep\.bottom/ } folded(run_command($profile, '-F', 499, '-d', 2, '--folded', '-p', $pid)->{out});
		stop_command($pid);
		unlink($map);
		my @whole = grep { $_->[0] !~ /^[^;]*;\[(?:unwind|truncated)/ } @lines;
		cmp_ok(total(@whole), '>=', 0.9 * total(@lines), "$name: nine of ten stacks are whole, " . total(@whole) . ' of ' . total(@lines));
		my @wrong = grep { $_->[0] !~ /JavaCalls::call_helper[^;]*(?:;(?!long Deep)[^;]*)*(?:;long Deep\.descend[^;]*){50};long Deep\.bottom[^;]*(?:;[^;]*_\[k\])*$/ } @whole;
		is(total(@wrong), 0, "$name: and have each of fifty frames") or diag($wrong[0][0]);
	}
}

SKIP: {
	skip('cargo is not installed', 4) unless have('cargo') && have('rustc');
	mkdir($_) for "$dir/crate", "$dir/crate/src";
	spew("$dir/crate/Cargo.toml", "[package]\nname = \"load\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
	spew("$dir/crate/src/main.rs", "use std::collections::*;\n" . join('', map {
		"fn f$_(n: u64) -> BTreeMap<String, Vec<u64>> { let mut m = BTreeMap::new(); for i in 0..n { m.entry(format!(\"{}\", i % $_)).or_insert_with(Vec::new).push(i * $_); } "
		. "m.into_iter().filter(|(k, _)| k.len() > $_ % 3).map(|(k, v)| (k, v.into_iter().rev().collect())).collect() }\n" } 1 .. 60)
		. 'fn main() { let mut t = 0; ' . join('', map { "t += f$_(10).len(); " } 1 .. 60) . "println!(\"{}\", t); }\n");
	local $ENV{CARGO_TARGET_DIR} = "$dir/target";
	my $load = start_command({ err => "$dir/cargo.log" }, 'sh', '-c', 'while touch "$1/src/main.rs"; do cargo build --release --offline -q --manifest-path "$1/Cargo.toml" || exit; done',
		'sh', "$dir/crate");
	ok(wait_for(120, sub { -x "$dir/target/release/load" }), 'cargo: builds') or diag(slurp("$dir/cargo.log"));
	# In steady state: some windows later, when its libraries are known.
	spew("$dir/daemon.conf", "[sampling]\nfrequency = 499\nwindow = 1s\n[limits]\ncpu = 100%\n");
	my $daemon = start_command({ err => "$dir/daemon.log" }, $profile, 'daemon', '--config', "$dir/daemon.conf", '--state-dir', "$dir/state");
	my $windows = sub { (slurp("$dir/state/metrics.prom") // '') =~ /^profiled_windows_total (\d+)$/m ? $1 : 0 };
	ok(wait_for(60, sub { $windows->() >= 4 }), 'rustc: the daemon runs') or diag(slurp("$dir/daemon.log"));
	my $since = strftime('%Y-%m-%d %H:%M:%S', localtime(time() + 1));
	my $begin = $windows->();
	wait_for(60, sub { $windows->() >= $begin + 7 });
	stop_command($daemon, 'TERM');
	run_command($profile, 'export', '--state-dir', "$dir/state", '--since', $since, '--comm', 'rustc', '-o', "$dir/rustc.folded");
	# What execve() has taken away cannot be had.
	is_whole('rustc', grep { $_->[0] !~ /;\[unwind: stack replaced by exec\]/ } folded(slurp("$dir/rustc.folded")));
	kill('TERM', $load);
	wait_for(60, sub { !grep { (slurp("$_/cmdline") // '') =~ m{\Q$dir/crate} && $_ ne "/proc/$load" } glob('/proc/[0-9]*') });
	stop_command($load);
}
done_testing();
