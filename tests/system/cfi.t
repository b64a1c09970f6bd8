# SPDX-License-Identifier: Apache-2.0
# Unwind tables say what the call frame information says: every odd kind of it, and every file on this machine beside libdw.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use File::Find;
use Test::More;
use Time::HiRes 'time';

my $build = $ENV{BUILD} // 'build';
my $dir = scratch();
my @kinds = qw(cfa-unknown fp-unknown ra-unknown ra-unspecified realigned no-table-entry after-expression);

# What differs, and why that is no fault (tests/oracle/cfi_libdw.c).
my %reasons = (
	'padding' => 'up to 15 bytes behind a function keep its rule',
	'cfa-unknown' => 'a CFA that no rule kind has (an expression): no rule',
	'fp-unknown' => "a frame pointer in no place that a rule kind has: unknown",
	'ra-unknown' => 'a return address in no place that a rule kind has: unknown',
	'ra-unspecified' => 'nothing said about the return address: unknown, not the end of the stack',
	'realigned' => 'rsp+8 behind a realigned stack: the frame pointer is the caller\'s again',
	'no-table-entry' => 'a function that .eh_frame_hdr does not list',
	'after-expression' => 'a register behind a CFA expression, where libdw gives up',
);

# Runs the comparison over these files in as many processes as there are CPUs: the sums, and what was told of differences.
sub compare {
	my (@files) = @_;
	my ($n) = (`nproc` || 1) =~ /(\d+)/;
	my (%sum, @told, @pids, @lists);
	push @{ $lists[$_ % $n] }, $files[$_] for 0 .. $#files;
	for my $i (0 .. $#lists) {
		spew("$dir/list$i", join('', map { "$_\n" } @{ $lists[$i] }));
		push @pids, start_command({ out => "$dir/out$i", err => "$dir/err$i" }, 'sh', '-c',
			"exec $build/oracle/cfi_libdw < $dir/list$i");
	}
	for my $i (0 .. $#pids) {
		my $status = wait_command($pids[$i]);
		is($status, 0, 'the comparison ran to its end') or diag(slurp("$dir/err$i"));
		for (split(/\n/, slurp("$dir/out$i"))) {
			/^([\w-]+) (\d+)$/ ? ($sum{$1} += $2) : push @told, $_;
		}
	}
	return (\%sum, \@told);
}

sub is_equal {
	my ($what, $sum, $told) = @_;
	is($sum->{wrong}, 0, "$what: nothing differs from libdw without a reason") or diag(join("\n", @$told));
	is($sum->{'fdes-missing'}, 0, "$what: as many functions as libdw counts") or diag(join("\n", @$told));
}

sub gcc {
	my $r = run_command('gcc', @_);
	die "gcc @_: $r->{err}" if $r->{status};
}

# Makes `$file` one with compressed debug sections, of which .debug_frame must be one. False where objcopy knows no such kind.
sub compress {
	my ($kind, $file) = @_;
	return 0 if run_command('objcopy', "--compress-debug-sections=$kind", $file)->{status};
	like(run_command('readelf', '-SW', $file)->{out}, qr/ \.debug_frame .* C  | \.zdebug_frame /, "$kind: the frames are compressed");
	return 1;
}

# Each rule as tests/programs/frames.S says it, from .eh_frame and from .debug_frame, where there is nothing else.
for my $kind (['.eh_frame'], ['.debug_frame'], ['.debug_frame', 'zlib'], ['.debug_frame', 'zlib-gnu'], ['.debug_frame', 'zstd']) {
	my ($section, $compression) = @$kind;
	my $sections = ".cfi_sections $section\n" . slurp('tests/programs/frames.S');
	spew("$dir/frames.S", $sections);
	# (Because of the broken function ld writes no .eh_frame_hdr.)
	gcc('-nostdlib', '-static', '-o', "$dir/frames", "$dir/frames.S");
	next if $compression && !compress($compression, "$dir/frames");
	$section = "$section, $compression" if $compression;
	my $r = run_command("$build/oracle/cfi_rules", "$dir/frames");
	my @lines = split(/\n/, $r->{out});
	my @wrong = grep { /^not ok/ } @lines;
	cmp_ok(scalar(grep { /^ok/ } @lines), '>', 70, "$section: addresses with rules");
	is("@wrong", '', "$section: each has the rule it must have") or diag(join("\n", @wrong));
	like($r->{out}, qr/^functions 20, bad 1$/m, "$section: the broken function is counted");
	next if ($compression // 'zlib') ne 'zlib'; # libdw may not know it
	my ($sum, $told) = compare("$dir/frames");
	is_equal("$section of frames.S", $sum, $told);
	cmp_ok($sum->{$_}, '>', 0, "$section: '$_' is seen") for grep { !/unspecified|no-table/ } @kinds;
}

# What linkers and compilers make of a program.
{
	gcc('-O2', '-mavx2', '-o', "$dir/realigned", 'tests/programs/realigned.c');
	my $realigned = run_command(profile_path(), 'doctor', '--unwind', "$dir/realigned");
	like($realigned->{out}, qr/\*\(frame pointer \+ n\)/, 'GCC realigns a stack, and there is a rule for it');
	like($realigned->{out}, qr/procedure linkage table/, 'ld describes its linkage table');
	my @made = "$dir/realigned";
	for my $linker ('gold', 'lld') {
		next unless have("ld.$linker");
		gcc('-O2', '-mavx2', "-fuse-ld=$linker", '-o', "$dir/$linker", 'tests/programs/realigned.c');
		push @made, "$dir/$linker";
	}
	gcc('-g', '-O2', '-mavx2', '-fno-asynchronous-unwind-tables', '-fno-exceptions', '-static', '-o', "$dir/debug_frame",
		'tests/programs/realigned.c');
	like(run_command('readelf', '-SW', "$dir/debug_frame")->{out}, qr/\.debug_frame/, 'the frames of one are in .debug_frame');
	like(run_command("$build/profile", 'doctor', '--unwind', "$dir/debug_frame")->{out}, qr/\*\(frame pointer \+ n\)/,
		'and become rules');
	push @made, "$dir/debug_frame";
	my $report = sub { run_command(profile_path(), 'doctor', '--unwind', $_[0])->{out} =~ s/^\S+debug_frame\S*//r };
	my $plain = $report->("$dir/debug_frame");
	for my $kind ('zlib', 'zlib-gnu', 'zstd') {
		my $file = "$dir/debug_frame.$kind";
		system('cp', "$dir/debug_frame", $file) == 0 or die 'cp';
		next unless compress($kind, $file);
		is($report->($file), $plain, "$kind: the same rules");
		push @made, $file if $kind eq 'zlib'; # others libdw may not know
	}
	my ($sum, $told) = compare(@made);
	is_equal('compiled and linked programs', $sum, $told);
	is($sum->{'with-tables'}, @made, 'all of them have tables');

	# Section headers cut off: found through PT_GNU_EH_FRAME.
	my $bytes = slurp("$dir/realigned");
	my $headers = unpack('Q<', substr($bytes, 0x28, 8));
	substr($bytes, 0x28, 8) = pack('Q<', 0);
	substr($bytes, 0x3c, 4) = pack('S<S<', 0, 0);
	spew("$dir/no_headers", substr($bytes, 0, $headers));
	my ($whole) = compare("$dir/realigned");
	my ($stripped, $differences) = compare("$dir/no_headers");
	is_equal('without section headers', $stripped, $differences);
	is($stripped->{rows}, $whole->{rows}, 'without section headers: as many rows');
}

# The kernel's own library, from memory, and the C library with the signal trampoline.
{
	no warnings 'portable';    # addresses above 2^32
	my ($start, $end) = slurp('/proc/self/maps') =~ /^(\w+)-(\w+) .*\[vdso\]$/m;
	open(my $memory, '<:raw', '/proc/self/mem') or die "/proc/self/mem: $!";
	sysseek($memory, hex($start), 0);
	sysread($memory, my $vdso, hex($end) - hex($start));
	spew("$dir/vdso", $vdso);
	my ($libc) = slurp('/proc/self/maps') =~ m{(/\S*/libc\.so\.6)$}m;
	my @files = ("$dir/vdso", $libc // ());
	my ($sum, $told) = compare(@files);
	is_equal('vDSO and C library', $sum, $told);
	is($sum->{'with-tables'}, @files, 'they have tables');
	like(run_command(profile_path(), 'doctor', '--unwind', $libc)->{out}, qr/^ +1 .*signal trampoline$/m,
		'the C library has a signal trampoline') if $libc;
}

# What cannot be told is told so.
{
	spew("$dir/text", "no program\n");
	my $r = run_command(profile_path(), 'doctor', '--unwind', "$dir/text");
	is($r->{status}, 1, 'a text has no unwind rules');
	is($r->{err}, "profile: $dir/text is no x86-64 program or library\n", 'which is said in one sentence');
	is(run_command(profile_path(), 'doctor', '--unwind', "$dir/missing")->{status}, 1, 'a file that is not there is a failure');
}

# Every ELF file of this machine.
{
	my %files;
	my $add = sub {
		return if -l $_ || !-f _;
		my ($device, $inode) = stat(_);
		open(my $in, '<:raw', $_) or return;
		read($in, my $magic, 4);
		$files{"$device:$inode"} //= $File::Find::name if ($magic // '') eq "\x7fELF";
	};
	find($add, grep { -d && !-l } '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/lib64', '/usr/libexec');
	my @files = sort { -s $b <=> -s $a || $a cmp $b } values %files;
	my $start = time();
	my ($sum, $told) = compare(@files);
	my $seconds = time() - $start;
	is_equal('every file', $sum, $told);
	is($sum->{files}, scalar(@files), 'every file was looked at');
	cmp_ok($sum->{'with-tables'}, '>=', 100, 'there were files to compare');
	is($sum->{bad} + $sum->{cut} + $sum->{empty}, 0, 'no function that cannot be read') or diag(join("\n", @$told));
	note(sprintf("%d files in %.0f s: %d with tables, %d without executable segments (objects, modules), %d without call frame information, %d no ELF-64",
		@$sum{'files'}, $seconds, @$sum{'with-tables', 'not-text', 'no-cfi', 'not-elf64'}));
	note("$sum->{functions} functions, $sum->{rows} rows, $sum->{rules} rules, $sum->{parts} extents");
	note("$sum->{equal} comparisons equal, $sum->{none} without a rule on either side, wrong $sum->{wrong}");
	note("$_ $sum->{$_}: $reasons{$_}") for 'padding', @kinds;
}
done_testing();
