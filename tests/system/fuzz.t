# SPDX-License-Identifier: Apache-2.0
# A short run of every fuzz target, from the seeds in tests/fuzz/seeds/NAME or those made here.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my $build = $ENV{BUILD} // 'build';
my $dir = scratch();

# Few inputs that are made at random get past an ELF header. A small real file of each kind is where to start.
sub make_elf_seeds {
	my ($seeds) = @_;
	spew("$dir/seed.c", "static int helper(int x) { return x * 3; }\nint exported(int x) { return helper(x) + 1; }\n"
		. "void _start(void) { for (;;) exported(2); }\n");
	my @small = ('-O1', '-fno-inline', '-nostdlib', '-Wl,-z,noseparate-code', '-Wl,--build-id');
	for my $kind (['object', '-c'], ['library', '-shared', '-fPIC', @small], ['program', '-static', @small]) {
		my ($name, @flags) = @$kind;
		system('gcc', @flags, '-o', "$seeds/$name", "$dir/seed.c") == 0 or die "cannot build a seed: $name";
	}
	system('objcopy', "--add-gnu-debuglink=$seeds/object", "$seeds/program") == 0 or die 'objcopy';
}
# DWARF of several versions and shapes, with functions that were expanded into others.
sub make_debug_info_seeds {
	my ($seeds) = @_;
	spew("$dir/inline.c", "#define INLINE static inline __attribute__((always_inline))\nINLINE int helper(int x) { return x * 3; }\n"
		. "INLINE int twice(int x) { return helper(x) + helper(x + 1); }\nint exported(int x) { return twice(x) + 1; }\n"
		. "void _start(void) { for (;;) exported(2); }\n");
	for my $flags ('-gdwarf-5', '-gdwarf-4', '-gdwarf-3', '-gdwarf-2 -gstrict-dwarf', '-gdwarf-5 -gz=zlib', '-gdwarf-5 -gsplit-dwarf',
		'-gdwarf-5 -fdebug-types-section') {
		my $name = $flags =~ s/[^\w]+/_/gr;
		system('gcc', '-O1', '-nostdlib', '-static', split(/ /, $flags), '-o', "$seeds/$name", "$dir/inline.c") == 0
			or die "cannot build a seed: $flags";
	}
	return unless have('llvm-dwp-19') && have('clang-19');
	# Packages of both forms, each in one file with the program.
	for my $version (4, 5) {
		my $file = "$dir/package$version";
		system('clang-19', '-O1', '-nostdlib', '-static', "-gdwarf-$version", '-gsplit-dwarf', '-o', $file, "$dir/inline.c") == 0
			or die "cannot build a seed: package $version";
		system('llvm-dwp-19', '-e', $file, '-o', "$file.dwp") == 0 or die 'llvm-dwp-19';
		my @sections = run_command('readelf', '-SW', "$file.dwp")->{out} =~ /(\.debug_(?:\w+\.dwo|cu_index))/g;
		system('objcopy', (map { "--dump-section=$_=$file$_" } @sections), "$file.dwp", "$dir/ignored") == 0 or die 'objcopy';
		system('objcopy', (map { "--add-section=$_=$file$_" } @sections), $file, "$seeds/package$version") == 0 or die 'objcopy';
		like(run_command('readelf', '-SW', "$seeds/package$version")->{out}, qr/\.debug_cu_index/, "a seed with a package of DWARF $version");
	}
}
# What a parser makes of some of these.
sub make_image_file_seeds {
	my ($seeds) = @_;
	make_debug_info_seeds($dir);
	for my $seed (['_gdwarf_5', 'debug'], ['_gdwarf_4', 'debug'], ['_gdwarf_5', 'unwind']) {
		my $image = parse_image("$dir/$seed->[0]", $seed->[1]);
		ok(defined $image && length($image) > 200, 'a seed for image files') && spew("$seeds/$seed->[0].$seed->[1]", $image);
	}
}

# A table with a rule of each kind, two mappings, registers, and a stack of addresses in them.
sub make_unwind_seeds {
	my ($seeds) = @_;
	my @rules = ([ 0, 0, 0, 0, 0, 0, 0, 0 ], [ 1, 0, 0, 0, 8, 0, 0, -8 ], [ 1, 1, 0, 0, 32, -16, 0, -8 ], [ 2, 1, 0, 0, 16, -16, 0, -8 ],
		[ 3, 0, 0, 3, 32, 0, 0, -8 ], [ 4, 0, 0, 0, 8, 0, 8, -8 ], [ 5, 2, 0, 0, -8, 0, 0, -8 ], [ 6, 0, 0, 11, 0, 0, 0, -8 ], [ 7, 0, 0, 0, 0, 0, 0, 0 ],
		[ 1, 0, 2, 0, 8, 0, 0, 0 ], [ 1, 0, 1, 0, 0, 0, 0, 5 ]);
	my $stack = 0x7ffd << 32;
	my @rows = (0, map { $_ * 64 % 1024 | ($_ % @rules) << 16 } 0 .. 31);
	my $extent = pack('L*', 2, 7, 40, scalar(@rules), 1, 17, 33, @rows) . join('', map { pack('CCCCllss', @$_) } @rules);
	for my $n (0 .. 19) {
		srand($n);
		my @registers = ((0) x 6, $stack + 64, $stack, (0) x 8, 0x400000 + int(rand(0x800)));
		my @words = map { (0x400000 + int(rand(0x800)), 0x500000 + int(rand(0x1000)), $stack + 8 * int(rand(256)), int(rand(100)))[rand 4] } 1 .. 256;
		spew("$seeds/$n", pack('SS', 1, length($extent) / 4) . pack('QQQLL', 0x400000, 0x400800, 0x400000, 0, 0) .
			pack('QQQLL', 0x500000, 0x501000, 0, 0xffffffff, 0) . pack('Q*', @registers) . $extent . pack('Q*', @words));
	}
}

# Written by a small compiler that tells of its code both ways.
sub make_perf_map_seeds {
	my ($seeds) = @_;
	spew("$seeds/lines", "1000 10 one\n0x1008 0x4 two (int)\nffffffffffffffff 2 around\n1000\n");
	my $pid = start_command(program('jit'), 'map', 0.02);
	waitpid($pid, 0);
	system('mv', "/tmp/perf-$pid.map", "$seeds/map");
	-s "$seeds/map" or die 'no perf map';
}

sub make_jitdump_seeds {
	my ($seeds) = @_;
	my $pid = start_command(program('jit'), 'dump', 0.02, $seeds);
	waitpid($pid, 0);
	-s "$seeds/jit-$pid.dump" or die 'no jitdump';
}

# Of one function main.f at 0x401020 in text at 0x401000: the module data, then the table, for each version; and a file with stubs.
sub make_pclntab_seeds {
	my ($seeds) = @_;
	my $module = pack('Q22 x80', 0x500000, (1) x 19, 0x401020, 0x401040);
	my $start = "\0\0\1\x08" . pack('Q', 1);
	my $name = pack('a8', "main.f");
	spew("$seeds/go1.2", $module . pack('L', 0xfffffffb) . $start . pack('Q4 Q L2', 0x401020, 64, 0x401040, 0, 0, 0, 0)
		. pack('Q L2', 0x401020, 80, 0) . $name);
	spew("$seeds/go1.16", $module . pack('L', 0xfffffffa) . $start . pack('Q6', 1, 64, 0, 0, 0, 72) . $name
		. pack('Q4 Q L2', 0x401020, 32, 0x401040, 0, 0x401020, 0, 0));
	for my $version (['1.18', 0xfffffff0, 0x401000], ['1.20', 0xfffffff1, 0x401000], ['1.26', 0xfffffff1, 0]) {
		my ($go, $magic, $text) = @$version;
		spew("$seeds/go$go", $module . pack('L', $magic) . $start . pack('Q7', 1, $text, 72, 0, 0, 0, 80) . $name
			. pack('L4 L2', 0x20, 16, 0x40, 0, 0x20, 0));
	}
	spew("$dir/stubs.c", "int puts(const char *);\nint main(void) { return puts(\"\"); }\n");
	system('gcc', '-O1', '-fcf-protection=full', '-Wl,-z,ibtplt,-z,noseparate-code', '-o', "$seeds/stubs", "$dir/stubs.c") == 0
		or die 'cannot build a seed: stubs';
}

sub make_minidebug_seeds {
	my ($seeds) = @_;
	mkdir("$dir/objects");
	make_elf_seeds("$dir/objects");
	for my $name ('object', 'library') {
		system("xz -c $dir/objects/$name > $seeds/$name.xz") == 0 or die 'xz';
	}
}

# Call frame information of every kind: a file with .eh_frame, one with .debug_frame, and the bare sections as the target takes them.
sub make_eh_frame_seeds {
	my ($seeds) = @_;
	for my $section ('.eh_frame', '.debug_frame') {
		spew("$dir/frames.S", ".cfi_sections $section\n" . slurp('tests/programs/frames.S'));
		my $file = "$seeds/file$section";
		my $r = run_command('gcc', '-nostdlib', '-static', '-Wl,-z,noseparate-code', '-o', $file, "$dir/frames.S");
		die "cannot build a seed: $r->{err}" if $r->{status};
		system('objcopy', "--dump-section=$section=$dir/section", $file, '/dev/null') == 0 or die 'objcopy';
		spew("$seeds/bare$section", ($section eq '.eh_frame' ? "\0" : "\1") . slurp("$dir/section"));
	}
	system('objcopy', '--compress-debug-sections=zlib', "$seeds/file.debug_frame", "$seeds/compressed") == 0 or die 'objcopy';
}

# A window without dictionary: version, flags, seven counts, nothing of seven kinds, a measurement, no samples; one that has
# something of everything, the string [x+0x13] too; and a dictionary before the same.
sub make_window_seeds {
	my ($seeds) = @_;
	my $some = "\x01\x00" . "\0" x 7 . "\x02\x01\x01\x03xa/b" . "\x01\x02\x01" . "\x01\x01\x20"
		. "\x01\x02\x06" . "\x01\x06\x00\x01" . "\x01\x01\x00\x02"
		. "\x01\x0e\x02\x01" . "\x00" x 7 . "\x01\x00\x02\x01";
	my $measurement = "\x05\x09\x0a\x00\x00\x04\x02\x00\x02\x00";
	spew("$seeds/empty", "\0\x01\x00" . "\0" x 15 . $measurement . "\0");
	spew("$seeds/some", "\0" . $some . $measurement . "\x01\x00\x02\x01");
	my $dictionary = "\x01\x01" . substr($some, 2);
	spew("$seeds/both", chr(length($dictionary)) . $dictionary . "\x01\x00\x04\x02\x02\x01\x02\x01\x01" . "\0" x 8 . $measurement . "\x01\x00\x02\x01");
}
# The sample with its assignments in force.
sub make_config_seeds {
	my ($seeds) = @_;
	spew("$seeds/sample", slurp('packaging/profiled.conf') =~ s/^#(?=\w)//mgr);
}

# The inputs that failed, to reproduce them from.
sub failing_inputs {
	my ($failures) = @_;
	return map { "\n$_: " . unpack('H*', slurp($_)) . "\n" } glob("$failures/*");
}

for my $source (glob('tests/fuzz/fuzz_*.c')) {
	my ($name) = $source =~ m{/fuzz_(\w+)\.c$};
	my $fuzzer = "$build/fuzz/fuzz_$name";
	ok(-x $fuzzer, "$fuzzer is built") or next;
	mkdir($_) for "$dir/$name", "$dir/$name-seeds", "$dir/$name-failures";
	my $make_seeds = main->can("make_${name}_seeds");
	$make_seeds->("$dir/$name-seeds") if $make_seeds;
	my $seeds = -d "tests/fuzz/seeds/$name" ? "tests/fuzz/seeds/$name" : "$dir/$name-seeds";
	my $r = run_command($fuzzer, '-seed=1', '-runs=20000', '-max_total_time=5', '-timeout=10', '-rss_limit_mb=1024',
		"-artifact_prefix=$dir/$name-failures/", "$dir/$name", $seeds);
	is($r->{status}, 0, "fuzz_$name finds nothing") or diag(substr($r->{err}, -4000), failing_inputs("$dir/$name-failures"));
	like($r->{err}, qr/^Done \d{3,} runs/m, "fuzz_$name ran");
}
done_testing();
