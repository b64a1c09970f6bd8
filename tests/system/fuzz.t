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
}
# What a parser makes of some of these.
sub make_image_file_seeds {
	my ($seeds) = @_;
	make_debug_info_seeds($dir);
	for my $file ('_gdwarf_5', '_gdwarf_4') {
		my $image = parse_image("$dir/$file");
		ok(defined $image && length($image) > 200, 'a seed for image files') && spew("$seeds/$file", $image);
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
my %make_seeds = (elf => \&make_elf_seeds, eh_frame => \&make_eh_frame_seeds, window => \&make_window_seeds,
	debug_info => \&make_debug_info_seeds, image_file => \&make_image_file_seeds);

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
	$make_seeds{$name}->("$dir/$name-seeds") if $make_seeds{$name};
	my $seeds = -d "tests/fuzz/seeds/$name" ? "tests/fuzz/seeds/$name" : "$dir/$name-seeds";
	my $r = run_command($fuzzer, '-seed=1', '-runs=20000', '-max_total_time=5', '-timeout=10', '-rss_limit_mb=1024',
		"-artifact_prefix=$dir/$name-failures/", "$dir/$name", $seeds);
	is($r->{status}, 0, "fuzz_$name finds nothing") or diag(substr($r->{err}, -4000), failing_inputs("$dir/$name-failures"));
	like($r->{err}, qr/^Done \d{3,} runs/m, "fuzz_$name ran");
}
done_testing();
