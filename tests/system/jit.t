# SPDX-License-Identifier: Apache-2.0
# Code that JIT compilers write has the names they give it: by perf maps and jitdumps, in other namespaces, of real runtimes; and
# whatever lies in a map's place does no harm.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
use Time::HiRes ();

need_root();
my $profile = profile_path();
my $dir = scratch();
my $jit = program('jit');

sub profile_of {
	my (@command) = @_;
	my $r = run_command($profile, '-f', '-q', '-F', 499, '--', @command);
	is($r->{status}, 0, "@command[0 .. 1]: exit status") or diag($r->{err});
	return folded($r->{out});
}

sub profile_pid {
	my ($pid, $seconds) = @_;
	my $r = run_command($profile, '-f', '-q', '-F', 499, '-d', $seconds, '-p', $pid);
	is($r->{status}, 0, 'exit status') or diag($r->{err});
	return folded($r->{out});
}

sub share { my ($pattern, @lines) = @_; return count_matching($pattern, @lines) / (total(@lines) || 1) }

# Nearly all samples are in the compiled code, each half of the time in one function.
sub expect_halves {
	my ($what, @lines) = @_;
	cmp_ok(share(qr/;run;jit_first_\[j\](;|$)/, @lines), '>', 0.3, "$what: the first function");
	cmp_ok(share(qr/;run;jit_second[^;]*_\[j\](;|$)/, @lines), '>', 0.3, "$what: the second, told of later");
	is(count_matching(qr/\[anon\]/, @lines), 0, "$what: nothing is without a name");
}

# The pid that a process of another pid namespace has here.
sub pid_of {
	my ($program) = @_;
	return wait_for(10, sub {
		for my $stat (glob('/proc/[0-9]*/stat')) {
			my ($pid, $comm) = (slurp($stat) // '') =~ /^(\d+) \((.*)\)/s or next;
			return $pid if $comm eq $program;
		}
		return;
	});
}

expect_halves('perf map', profile_of($jit, 'map', 2));
{
	my @lines = profile_of($jit, 'none', 1);
	cmp_ok(share(qr/;run;\[anon\](;|$)/, @lines), '>', 0.9, 'told of nowhere: [anon], honestly');
	is(count_matching(qr/jit_/, @lines), 0, 'and no name');
}
{
	# jit_second takes the place of jit_first, jit_third moves: only with times are all three right.
	my @lines = profile_of($jit, 'dump', 2, $dir);
	cmp_ok(share(qr/;run;jit_first_\[j\](;|$)/, @lines), '>', 0.4, 'jitdump: the first function');
	cmp_ok(share(qr/;run;jit_second_\[j\](;|$)/, @lines), '>', 0.15, 'jitdump: the one in its place');
	cmp_ok(share(qr/;run;jit_third_\[j\](;|$)/, @lines), '>', 0.15, 'jitdump: the one that moved');
	is(count_matching(qr/\[anon\]/, @lines), 0, 'jitdump: nothing is without a name');
}
SKIP: {
	# The map is /tmp/perf-PID.map with a /tmp and a pid that exist in there only; the namespaces are gone when it is read.
	my @unshare = ('unshare', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c',
		'exec 9<"$1" && mount -t tmpfs none /tmp && shift && exec /proc/self/fd/9 "$@"', 'sh');
	skip('no unshare', 9) unless have('unshare');
	expect_halves('own namespaces', profile_of(@unshare, $jit, 'map', 2));
	ok(!-e '/tmp/perf-1.map', 'and the map was nowhere else');
	my $outer = start_command(@unshare, $jit, 'map', 6);
	my $pid = pid_of('9');
	ok($pid, 'the process in there is found') or skip('not there', 3);
	my @lines = profile_pid($pid, 2);
	cmp_ok(share(qr/;run;jit_(first|second)[^;]*_\[j\](;|$)/, @lines), '>', 0.9, 'own namespaces: attached to from outside');
	stop_command($outer);
}
{
	# A FIFO, another user's file and a link in the map's place: the run ends in its time, with nothing of them.
	my $pid = start_command($jit, 'none', 60);
	my $map = "/tmp/perf-$pid.map";
	my ($address) = wait_for(5, sub { (slurp("/proc/$pid/maps") // '') =~ /^([0-9a-f]+)-\S+ rwxp/m ? $1 : undef });
	my %odd = (
		'FIFO' => sub { system('mkfifo', $map) },
		'socket or device' => sub { system('mknod', $map, 'c', 1, 5) },
		'another user' => sub { spew($map, "$address 100 forged\n"); chown(12345, 12345, $map) },
		'symbolic link' => sub { spew("$dir/target", "$address 100 forged\n"); symlink("$dir/target", $map) },
		'second name' => sub { spew("/tmp/perf-$pid.other", "$address 100 forged\n"); link("/tmp/perf-$pid.other", $map) },
	);
	for my $kind (sort keys %odd) {
		$odd{$kind}->();
		my $start = Time::HiRes::time();
		my @lines = profile_pid($pid, 1);
		cmp_ok(share(qr/;run;\[anon\](;|$)/, @lines), '>', 0.9, "$kind: the profile is complete");
		is(count_matching(qr/forged/, @lines), 0, "$kind: nothing is read from it");
		unlink($map, "/tmp/perf-$pid.other");
	}
	spew($map, "$address 100 genuine\n");
	cmp_ok(share(qr/;run;genuine_\[j\](;|$)/, profile_pid($pid, 1)), '>', 0.9, 'the same file, where it should be: believed');
	unlink($map);
	stop_command($pid);
}
{
	# 250 MB of it: a bounded part is kept, the latest.
	my $most = sub {
		my ($pid) = @_;
		my $profiler = start_command({ out => "$dir/big.folded", err => "$dir/big.err" }, $profile, '-f', '-q', '-F', 499, '-d', 4, '-p', $pid);
		my $peak = 0;
		while (my ($kb) = (slurp("/proc/$profiler/status") // '') =~ /^VmHWM:\s+(\d+)/m) {
			$peak = $kb if $kb > $peak;
			last unless wait_for(0.1, sub { 0 }) // kill(0, $profiler);
		}
		stop_command($profiler, 'TERM');
		return $peak;
	};
	my $small = start_command($jit, 'map', 60);
	my $before = $most->($small);
	stop_command($small);
	my $big = start_command($jit, 'big', 60, 3_400_000);
	wait_for(60, sub { (-s "/tmp/perf-$big.map" // 0) > 250e6 });
	cmp_ok(-s "/tmp/perf-$big.map", '>', 250e6, 'a map of 250 MB');
	my $after = $most->($big);
	stop_command($big);
	cmp_ok($after - $before, '<', 64 * 1024, "costs less than 64 MB (peak $before KB without, $after KB with it)");
	my @lines = folded(slurp("$dir/big.folded"));
	cmp_ok(share(qr/;run;jit_first_\[j\](;|$)/, @lines), '>', 0.9, 'and its last line names the code');
	unlink("/tmp/perf-$_.map") for $small, $big;
}
SKIP: {
	skip('no node', 4) unless have('node');
	spew("$dir/work.js", <<'JS');
function inner(n) { let s = 0; for (let i = 0; i < n; i++) s = (s * 31 + i) % 1000003; return s; }
function outer(n) { return inner(n) + 1; }
const end = Date.now() + 3000; let x = 0;
while (Date.now() < end) x += outer(20000 + (x & 1023));
process.exit(x === 42 ? 1 : 0);
JS
	my @lines = profile_of('node', '--perf-basic-prof', "$dir/work.js");
	# V8 inlines inner into the script itself while that runs.
	cmp_ok(share(qr{;JS:[^;]*work\.js[^;]*_\[j\](;|$)}, @lines), '>', 0.7, 'node --perf-basic-prof: code has names');
	cmp_ok(share(qr{;JS:\*inner [^;]*work\.js[^;]*_\[j\](;|$)}, @lines), '>', 0.1, 'node --perf-basic-prof: a function has its name');
	cmp_ok(share(qr/\[anon\]/, @lines), '<', 0.05, 'node: nearly nothing is without a name');
}
SKIP: {
	skip('no JDK 17 or newer', 3) unless have('javac') && have('jcmd') && run_command('javac', '-version')->{out} =~ /javac (?:1[7-9]|[2-9]\d)/;
	spew("$dir/Burn.java", <<'JAVA');
public class Burn {
	static long inner(long n) { long s = 0; for (long i = 0; i < n; i++) s = (s * 31 + i) % 1000003; return s; }
	public static void main(String[] a) {
		long x = 0, end = System.currentTimeMillis() + 60000;
		while (System.currentTimeMillis() < end) x += inner(20000 + (x & 1023));
		System.exit(x == 42 ? 1 : 0);
	}
}
JAVA
	system('javac', '-d', $dir, "$dir/Burn.java") == 0 or skip('javac does not work', 3);
	my $pid = start_command('java', '-cp', $dir, 'Burn');
	# Once it is compiled, its code is in the map.
	ok(wait_for(30, sub {
		run_command('jcmd', $pid, 'Compiler.perfmap');
		return (slurp("/tmp/perf-$pid.map") // '') =~ /Burn[.:]+inner/;
	}), 'java has written a map');
	my @lines = profile_pid($pid, 2);
	cmp_ok(share(qr/;[^;]*Burn[.:]+(?:inner|main)[^;]*_\[j\](;|$)/, @lines), '>', 0.8, 'java, jcmd Compiler.perfmap: methods have names');
	stop_command($pid);
	unlink("/tmp/perf-$pid.map");
}
SKIP: {
	my ($python) = grep { have($_) && run_command($_, '-X', 'perf', '-c', '1')->{status} == 0 && run_command($_, '-c', 
		'import sys; sys.exit(not hasattr(sys, "activate_stack_trampoline"))')->{status} == 0 } map { "python3.$_" } reverse 12 .. 20;
	skip('no Python 3.12 or newer with -X perf', 2) unless $python;
	spew("$dir/work.py", <<'PY');
import time
def inner(n):
    s = 0
    for i in range(n):
        s = (s * 31 + i) % 1000003
    return s
end = time.time() + 2
x = 0
while time.time() < end:
    x += inner(20000)
PY
	my @lines = profile_of($python, '-X', 'perf', "$dir/work.py");
	cmp_ok(share(qr/;py::inner:[^;]*work\.py_\[j\];/, @lines), '>', 0.5, "$python -X perf: functions have names");
}
unlink(grep { my ($pid) = /(\d+)/; !-d "/proc/$pid" && -M $_ < 0.01 } glob('/tmp/perf-*.map'));
done_testing();
