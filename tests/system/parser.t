# SPDX-License-Identifier: Apache-2.0
#
# Files made to hurt whoever reads them. Each is run and profiled beside a program with nothing wrong: the profiler ends in time, says what it
# could not read, reads nothing that it should not, and the other program's profile is whole. And what a parser can do that its file took over.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Compress::Zlib;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $build = $ENV{BUILD} // 'build';
my $dir = scratch();
my $profile = profile_path();
my $confined = "$build/oracle/confined";

need_root();
chmod(0755, $dir);

# The two that take their limits' time run while the rest does.
my $spinning = start_command($confined, 'spin');
for my $attempt (qw(open create connect unix ptrace memory fork exec kill bpf code executable map 32-bit)) {
	is(run_command($confined, $attempt)->{signal}, 31, "a parser taken over: $attempt ends it (SIGSYS)");
}
is(run_command($confined, 'nothing')->{status}, 0, 'a parser taken over: it may end');
is(run_command($confined, 'swallow')->{status}, 3, 'a parser taken over: memory has an end');
ok(!-e '/tmp/profile-escaped', 'a parser taken over: made no file');

my @flags = ('-O2', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs');

# A program of its own that can be spoilt afterwards.
sub make_program {
	my ($name, @more) = @_;
	system('gcc', @flags, '-o', "$dir/$name", 'tests/programs/split.c', @more) == 0 or die "cannot build $name";
	return "$dir/$name";
}

sub section {
	my ($file, $name, $bytes) = @_;
	spew("$dir/bytes", $bytes);
	system('objcopy', '--add-section', "$name=$dir/bytes", $file) == 0 or die 'objcopy';
}

# Profiles the program beside one with nothing wrong; `meanwhile` runs in another process until the end.
sub attacked {
	my ($what, $file, %o) = @_;
	my $attacker = start_command($o{command} ? @{ $o{command} } : $file);
	my $victim = start_command(program('split'));
	wait_for(10, sub { (readlink("/proc/$attacker/exe") // '') =~ /^\Q$dir\E/ }) or die "$what: does not run";
	$o{after_start}->() if $o{after_start};
	my $busy = $o{meanwhile} ? fork() : 0;
	if ($o{meanwhile} && !$busy) { $o{meanwhile}->() while 1 }
	my $start = time();
	my $r = run_command('timeout', '-s', 'KILL', 60, $profile, '-v', '-f', '-F', 499, '-d', $o{seconds} // 1, '--pids', '-p', "$attacker,$victim");
	my $took = time() - $start;
	kill('KILL', $busy), waitpid($busy, 0) if $busy;
	stop_command($_) for $attacker, $victim;
	is($r->{status}, 0, "$what: exit status") or diag($r->{err});
	cmp_ok($took, '<', 30, "$what: ends");
	my @lines = folded($r->{out});
	my @victim = grep { $_->[0] =~ /^split-$victim;/ } @lines;
	my @attacker = grep { $_->[0] =~ /-$attacker;/ } @lines;
	cmp_ok(total(@victim), '>', 10, "$what: the other program was sampled");
	cmp_ok(count_matching(qr/;main;work;leaf_(?:seventy|thirty)$/, @victim), '>', 0.9 * total(@victim), "$what: it has its names");
	cmp_ok(total(@attacker), '>', 10, "$what: samples are kept");
	my $a = accounting($r->{err} =~ /^(accounting:.*)/m ? $1 : $r->{err});
	return ($r, @attacker);
}

sub named { my (@lines) = @_; return count_matching(qr/;main;work;leaf_(?:seventy|thirty)$/, @lines) / (total(@lines) || 1) }

{
	my $file = make_program('fifo');
	my ($r, @lines) = attacked('a FIFO at the path', $file, after_start => sub { unlink($file); system('mkfifo', $file) });
	cmp_ok(named(@lines), '>', 0.9, 'a FIFO at the path: the file that is mapped is read');
}
{
	# The path changes between the program and a link to what only root may read.
	my $file = make_program('swapped');
	system('cp', $file, "$file.other");
	my ($r, @lines) = attacked('a path that becomes a link', $file, meanwhile => sub {
		symlink('/etc/shadow', "$file.link");
		rename("$file.link", $file);
		system('cp', "$file.other", "$file.new");
		rename("$file.new", $file);
	});
	cmp_ok(named(@lines), '>', 0.9, 'a path that becomes a link: the file that is mapped is read');
}
{
	# A library whose file is cut and written anew without end. (A program's own file cannot be written while it runs.)
	system('gcc', '-shared', '-fPIC', @flags, '-Dmain=library_main', '-o', "$dir/libcut.so", 'tests/programs/split.c') == 0 or die;
	spew("$dir/user.c", "int library_main(int, char **);\nint main(int c, char **v) { return library_main(c, v); }\n");
	system('gcc', @flags, '-o', "$dir/user", "$dir/user.c", "-L$dir", '-lcut', "-Wl,-rpath,$dir") == 0 or die;
	system('cp', "$dir/libcut.so", "$dir/libcut.whole");
	my $whole = slurp("$dir/libcut.whole");
	my ($text) = sort { $b <=> $a } map { hex($1) + hex($2) if /^\s*LOAD\s+0x(\w+)\s+\w+\s+\w+\s+0x(\w+)/ }
		grep { /LOAD/ } split(/\n/, run_command('readelf', '-lW', "$dir/libcut.so")->{out});    # what is mapped stays as it is
	my ($r) = attacked('a file that is cut while it is read', "$dir/user", meanwhile => sub {
		truncate("$dir/libcut.so", $text + int(rand(length($whole) - $text)));
		open(my $out, '+<:raw', "$dir/libcut.so");
		print $out $whole;
		close($out);
	});
}
{
	# A gigabyte of zeros in a megabyte; sizes that are lies.
	my $zeros = "\0" x (1 << 20);
	my $deflate = deflateInit(-Level => 9);
	my $stream = '';
	$stream .= ($deflate->deflate($zeros))[0] for 1 .. 1024;
	$stream .= ($deflate->flush())[0];
	my $file = make_program('bomb');
	section($file, '.zdebug_abbrev', "ZLIB" . pack('Q>', 1 << 30) . $stream);
	section($file, '.zdebug_info', "ZLIB" . pack('Q>', 1 << 30) . $stream);
	my ($r, @lines) = attacked('sections of a gigabyte', $file);
	cmp_ok(named(@lines), '>', 0.9, 'sections of a gigabyte: the names are there all the same');
	like($r->{err}, qr/too-large=[1-9]/, 'sections of a gigabyte: it is told');
	$file = make_program('liar');
	section($file, '.zdebug_abbrev', "ZLIB" . pack('Q>', 2**62) . $stream);
	section($file, '.zdebug_info', "ZLIB" . pack('Q>', 500 << 20) . "x" x 100);
	($r, @lines) = attacked('sections that lie', $file);
	cmp_ok(named(@lines), '>', 0.9, 'sections that lie: the names are there all the same');
}
{
	# DWARF 4: a unit of one function whose origin is itself, and many expansions, each within the one before and each of itself.
	my $depth = 200000;
	my $abbrev = pack('C*', 1, 0x11, 1, 0x11, 1, 0x12, 7, 0, 0, 2, 0x1d, 1, 0x31, 0x13, 0x11, 1, 0x12, 7, 0, 0, 3, 0x2e, 1, 0x31, 0x13, 0x11, 1, 0x12, 7, 0, 0, 0);
	my $file = make_program('cycle', '-no-pie', '-Wl,-Ttext-segment=0x400000');
	my ($start, $size) = map { hex } run_command('readelf', '-SW', $file)->{out} =~ /\.text\s+PROGBITS\s+(\w+)\s+\w+\s+(\w+)/;
	my $entry = sub { my ($code, $at) = @_; return pack('C', $code) . pack('L<', $at) . pack('Q<', $start) . pack('Q<', $size) };
	my $body = pack('C', 1) . pack('Q<', $start) . pack('Q<', $size);
	my $offset = 11 + length($body);
	$body .= $entry->(3, $offset);
	$body .= $entry->(2, 11 + length($body)) for 1 .. $depth;
	my $unit = pack('S<L<C', 4, 0, 8) . $body;
	section($file, '.debug_abbrev', $abbrev);
	section($file, '.debug_info', pack('L<', length($unit)) . $unit);
	my ($r, @lines) = attacked('origins in a circle', $file);
	cmp_ok(total(@lines), '>', 10, 'origins in a circle: sampled');
}
{
	# 240 bytes of name that mean hundreds of megabytes.
	my $bomb = '_Z1f1pIiiE' . join('', map { my $c = (0 .. 9, 'A' .. 'Z')[$_]; "S_IS${c}_S${c}_E" } 0 .. 30);
	spew("$dir/names.c", "#include \"spin.h\"\nLEAF void hot(uint64_t n) __asm__(\"$bomb\");\nLEAF void hot(uint64_t n) { spin_rounds(n); }\n"
		. "int main(void) { for (;;) hot(10000 + spin_random() % 20000); }\n");
	system('gcc', @flags, '-o', "$dir/names", "$dir/names.c") == 0 or die;
	my ($r, @lines) = attacked('a name that grows', "$dir/names");
	my ($longest) = sort { $b <=> $a } map { length($_->[0]) } @lines;
	cmp_ok($longest, '<', 20000, 'a name that grows: it is cut');
}
# The section's bytes written over, so that they are where the program headers say they are as well.
sub spoil {
	my ($file, $name, $bytes) = @_;
	my ($offset, $size) = map { hex } run_command('readelf', '-SW', $file)->{out} =~ /\Q$name\E\s+\w+\s+\w+\s+(\w+)\s+(\w+)/ or die "no $name";
	open(my $out, '+<:raw', $file) or die;
	seek($out, $offset, 0);
	print $out substr($bytes x ($size / length($bytes) + 1), 0, $size);
	close($out);
}
{
	# Call frame information that is none, or without end, or of other text.
	my $file = make_program('noise');
	srand(1);
	spoil($file, '.eh_frame', join('', map { chr(rand(256)) } 1 .. 1 << 16));
	attacked('call frame information that is noise', $file);
	$file = make_program('endless');
	section($file, '.debug_frame', pack('L<L<CZ1CcC', 12, 0xffffffff, 1, '', 1, -8, 16) . "\0" . (pack('L<L<Q<Q<', 0xfffff0, 0, 0, 1 << 40) . "\x0a" x (1 << 20)) x 16);
	attacked('call frame information without end', $file);
}
{
	# Somebody ends the parsers, and what they are forked by, as the kernel does when memory is short: that costs names and no sample.
	my $victim = start_command(program('split'));
	my $pid = start_command({ out => "$dir/out", err => "$dir/err" }, $profile, '-v', '-f', '-F', 499, '-d', 2, '--no-cache', '-p', $victim);
	my $killed = 0;
	while (waitpid($pid, POSIX::WNOHANG()) == 0) {
		for my $stat (glob('/proc/[0-9]*/stat')) {
			$killed += kill('KILL', $1) if (slurp($stat) // '') =~ /^(\d+) \(profile-parser\) [^Z] $pid /;
		}
	}
	is($?, 0, 'parsers that are killed: exit status') or diag(slurp("$dir/err"));
	stop_command($victim);
	cmp_ok($killed, '>', 0, 'parsers that are killed: they were');
	my $a = accounting(slurp("$dir/err"));
	ok($a && $a->{exact}, 'parsers that are killed: the accounting adds up');
	is(total(folded(slurp("$dir/out"))), $a->{recorded}, 'parsers that are killed: no sample is lost');
}
{
	# A library of another user that says to be libc: both have their own names.
	my ($id) = run_command('sh', '-c', 'readelf -n $(ldd /bin/true | awk \'/libc.so/{print $3}\')')->{out} =~ /Build ID: ([0-9a-f]+)/;
	my $file = make_program('forged', "-Wl,--build-id=0x$id");
	chown(65534, 65534, $file);
	my ($r, @lines) = attacked('a forged build id', $file, command => ['setpriv', '--reuid', 65534, '--regid', 65534, '--clear-groups', $file]);
	is(count_matching(qr/;leaf_\w+;[^;]*printf|;main;__libc/, @lines), 0, 'a forged build id: no names of libc in it');
	my $perl = run_command($profile, '-f', '-a', '-F', 499, '-d', 1);
	unlike($perl->{out}, qr/leaf_seventy/, 'a forged build id: no names of it in others');
}
SKIP: {
	# The program runs from a file system that then answers nothing any more.
	skip('no /dev/fuse or python3', 1) unless -e '/dev/fuse' && have('python3');
	my $file = make_program('hanging');
	mkdir("$dir/fuse");
	my $server = start_command('python3', 'tests/programs/hang.py', $file, "$dir/fuse");
	if (!wait_for(10, sub { -x "$dir/fuse/program" })) {
		stop_command($server);
		skip('FUSE cannot be mounted here', 1);
	}
	my ($r) = attacked('a file system that hangs', "$dir/fuse/program", after_start => sub {
		select(undef, undef, undef, 0.5);
		spew("$file.hang", '');
	});
	like($r->{err}, qr/slow-mappings=[1-9]/, 'a file system that hangs: it is told');
	unlink("$file.hang");
	stop_command($server);
	system('umount', '-l', "$dir/fuse");
}
is(stop_command($spinning, 'CONT') & 127, 24, 'a parser taken over: the CPU has an end (SIGXCPU)');
is(run_command('sh', '-c', 'ps -eo ppid=,comm= | grep -c "^ *1 profile-parser"')->{out}, "0\n", 'no parser outlives its profiler');
done_testing();
