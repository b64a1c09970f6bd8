# SPDX-License-Identifier: Apache-2.0
# Inlined functions, files and lines: 20,000 random addresses of each kind of file beside llvm-symbolizer; then in live
# profiles.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my $build = $ENV{BUILD} // 'build';
my $lookup = "$build/oracle/image_lookup";
my $dir = scratch();
my ($ADDRESSES, $SEED) = (20000, 1);

sub build {
	my ($to, @command) = @_;
	system('sh', '-c', 'cd "$0" && shift; exec "$@"', $dir, '', @command) == 0 or die "@command";
	return "$dir/$to";
}

# Random addresses of the executable sections of a file.
sub addresses {
	my ($file) = @_;
	my (@text, $sum, @list);
	for (split(/\n/, run_command('readelf', '-SW', $file)->{out})) {
		push @text, [hex($1), hex($2)] if /^\s*\[\s*\d+\]\s+\S+\s+\S+\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\S+\s+\w*AX/;
	}
	$sum += $_->[1] for @text;
	srand($SEED);
	while (@list < $ADDRESSES) {
		my $x = int(rand($sum));
		for (@text) {
			push(@list, $_->[0] + $x), last if $x < $_->[1];
			$x -= $_->[1];
		}
	}
	spew("$dir/addresses", join('', map { sprintf("%#x\n", $_) } @list));
	return @list;
}

# The output of a symbolizer: a list of [[name, location], ...], innermost first, one an address.
sub frames {
	my ($text, $count) = @_;
	my @all;
	for (split(/\n/, $text)) {
		if (/^0x[0-9a-f]+$/) {
			push @all, [];
		} elsif (length) {
			my $stack = $all[-1];
			if (@$stack && @{ $stack->[-1] } < 2) { push @{ $stack->[-1] }, $_ } else { push @$stack, [$_] }
		}
	}
	is(scalar(@all), $count, 'an answer for each address') or diag(substr($text, 0, 500));
	return @all;
}

# Lines without a number are no lines.
sub location { my ($l) = @_; return $l =~ /:0$/ ? '??:0' : $l }

# Compares all but the outermost name, which is the symbol's: those who make names of DWARF take that of a clone for another's.
# Between functions is padding, which lines may reach into: of what has no name there, they give the line and we the address.
sub compare {
	my ($what, $file, @oracle) = @_;
	my @addresses = addresses($file);
	my $ours = run_command('sh', '-c', '"$0" "$1" < "$2"', $lookup, $file, "$dir/addresses");
	is($ours->{status}, 0, "$what: digested") or diag($ours->{err}), return;
	my $theirs = run_command('sh', '-c', 'in=$1; shift; "$0" "$@" < $in', $oracle[0], "$dir/addresses", @oracle[1 .. $#oracle]);
	my @a = frames($ours->{out}, scalar @addresses);
	my @b = frames($theirs->{out}, scalar @addresses);
	my ($equal, $padding, $deep, @different) = (0, 0, 0);
	for my $i (0 .. $#a) {
		my ($x, $y) = ($a[$i], $b[$i]);
		$deep += @$y > 1;
		my @names_x = map { $_->[0] } @$x[0 .. $#$x - 1];
		my @names_y = map { $_->[0] } @$y[0 .. $#$y - 1];
		my @at_x = map { location($_->[1]) } @$x;
		my @at_y = map { location($_->[1] =~ s/:\d+$//r) } @$y;
		if ("@names_x @at_x" eq "@names_y @at_y") { $equal++ }
		elsif (@$x == 1 && @$y == 1 && ($at_y[0] eq '??:0' || $y->[0][0] eq '??')) { $padding++ }
		else { push @different, sprintf("%#x\n  we: %s\n  they: %s\n", $addresses[$i], join(' < ', map { "@$_" } @$x), join(' < ', map { "@$_" } @$y)) }
	}
	is(scalar(@different), 0, "$what: chains, files and lines as by the oracle") or diag(@different[0 .. ($#different < 2 ? $#different : 2)]);
	cmp_ok($padding, '<', $ADDRESSES / 50, "$what: few lines in padding");
	note("$what: $equal equal, $padding lines in padding, $deep of several frames; $ours->{err}");
	return ($deep, $ours->{err});
}

# `twin`: the same code in a form that the oracle reads.
sub compare_llvm {
	my ($what, $file, $twin) = @_;
	return compare($what, $file, 'llvm-symbolizer-19', '-e', $twin // $file, '--inlines', '--no-demangle', '--functions=linkage',
		'--output-style=LLVM', '--addresses');
}

sub gsym_bytes {
	my ($file) = @_;
	run_command('llvm-gsymutil-19', "--convert=$file", "--out-file=$dir/gsym");
	return -s "$dir/gsym";
}

my $cc = "$ENV{PWD}/tests/programs/inlines.cc";
my $rust = "$ENV{PWD}/packaging/demo.rs";
# As Makefile has it.
my $rust_lines = have('rustc') && run_command('rustc', '-C', 'debuginfo=line-tables-only', '--print', 'cfg')->{status} ? 1 : 'line-tables-only';
SKIP: {
	skip('no llvm-symbolizer-19', 1) unless have('llvm-symbolizer-19');
	my $deep;
	if (have('rustc')) {
		my $file = build('rust', 'rustc', '--edition', '2021', '-O', '-C', "debuginfo=$rust_lines", '-o', 'rust', $rust);
		($deep, my $figures) = compare_llvm('Rust', $file);
		cmp_ok($deep, '>', $ADDRESSES / 4, 'Rust: most of it is expanded into something');
		$file = build('rust2', 'rustc', '--edition', '2021', '-O', '-C', 'debuginfo=2', '-o', 'rust2', $rust);
		($deep, $figures) = compare_llvm('Rust with all debug information', $file);
		cmp_ok($1, '<=', gsym_bytes($file), 'Rust: the image file is no larger than gsym') if $figures =~ /image=(\d+)/;
	}
	for (['g++', 'g++', '-g'], ['g++, DWARF 4', 'g++', '-gdwarf-4'], ['g++, zlib', 'g++', '-g', '-gz=zlib'], ['g++, sections of old', 'g++', '-g', '-gz=zlib-gnu'],
		['g++, split', 'g++', '-g', '-gsplit-dwarf'], ['g++, split, DWARF 4', 'g++', '-gdwarf-4', '-gsplit-dwarf'],
		['clang', 'clang++-19', '-gdwarf-5'], ['clang, zstd', 'clang++-19', '-g', '-gz=zstd'],
		['clang, split', 'clang++-19', '-g', '-gsplit-dwarf'], ['lld, dropped functions', 'clang++-19', '-g', '-ffunction-sections', '-fuse-ld=lld', '-Wl,--gc-sections']) {
		my ($what, @command) = @$_;
		next unless have($command[0]);
		my $name = $what =~ s/[^\w]+/_/gr;
		my $file = build($name, @command, '-O2', '-o', $name, $cc);
		if ($what eq 'g++, sections of old') { # which llvm does not read: the same without compression is the oracle's
			build("$name.plain", 'objcopy', '--decompress-debug-sections', $name, "$name.plain");
			($deep) = compare_llvm($what, $file, "$file.plain");
		} else {
			($deep) = compare_llvm($what, $file);
		}
		cmp_ok($deep // 0, '>', $ADDRESSES / 10, "$what: much of it is expanded into something");
	}
	# Packages: units at other places than 0, of both forms, made by both tools; the .dwo files are gone.
	for (['g++, package', 'llvm-dwp-19', 'g++', '-gdwarf-5'], ['g++, package, DWARF 4', 'llvm-dwp-19', 'g++', '-gdwarf-4'],
		['g++, package of binutils', 'dwp', 'g++', '-gdwarf-4'], ['g++, package, types', 'llvm-dwp-19', 'g++', '-gdwarf-5', '-fdebug-types-section'],
		['clang, package', 'llvm-dwp-19', 'clang++-19', '-gdwarf-5'], ['clang, package, DWARF 4', 'llvm-dwp-19', 'clang++-19', '-gdwarf-4'],
		['clang, package, types', 'llvm-dwp-19', 'clang++-19', '-gdwarf-4', '-fdebug-types-section']) {
		my ($what, $packager, @command) = @$_;
		next unless have($command[0]) && have($packager);
		my $name = $what =~ s/[^\w]+/_/gr;
		build("$name$_.o", @command, '-gsplit-dwarf', '-O2', $_ ? ("-Dmain=main$_", "-Dapp=app$_") : (), '-c', '-o', "$name$_.o", $cc) for 0 .. 2;
		my $file = build($name, $command[0], '-o', $name, map { "$name$_.o" } 1, 0, 2);
		build("$name.dwp", $packager, '-e', $name, '-o', "$name.dwp");
		unlink(map { "$dir/$name$_.dwo" } 0 .. 2) == 3 or die "no .dwo files of $name";
		my ($deep) = compare_llvm($what, $file);
		cmp_ok($deep // 0, '>', $ADDRESSES / 10, "$what: much of it is expanded into something");
		next if $what ne 'g++, package';
		# The package compressed, and beside the debug file of a stripped program.
		build('', 'objcopy', '--compress-debug-sections=zlib', "$name.dwp");
		like(run_command('readelf', '-SW', "$dir/$name.dwp")->{out}, qr/\.debug_info\.dwo .* CE +/, "$what: compressed");
		($deep) = compare_llvm("$what, zlib", $file);
		cmp_ok($deep // 0, '>', $ADDRESSES / 10, "$what, zlib: much of it is expanded into something");
		build('', 'objcopy', '--only-keep-debug', $name, "$name.debug");
		build('', 'strip', $name);
		build('', 'objcopy', "--add-gnu-debuglink=$name.debug", $name);
		build('', 'mv', "$name.dwp", "$name.debug.dwp");
		($deep) = compare_llvm("$what of a debug file", $file);
		cmp_ok($deep // 0, '>', $ADDRESSES / 10, "$what of a debug file: much of it is expanded into something");
	}
	my ($libc) = grep { -e } '/lib/x86_64-linux-gnu/libc.so.6', '/usr/lib/x86_64-linux-gnu/libc.so.6';
	my ($id) = run_command('readelf', '-n', $libc)->{out} =~ /Build ID: ([0-9a-f]+)/;
	my $debug = '/usr/lib/debug/.build-id/' . substr($id, 0, 2) . '/' . substr($id, 2) . '.debug';
	skip('no libc6-dbg of this libc', 1) unless -e $debug;
	($deep, my $figures) = compare_llvm('libc with libc6-dbg', $libc);
	cmp_ok($1, '<=', gsym_bytes($debug), 'libc: the image file is no larger than gsym') if $figures =~ /image=(\d+)/;
}
SKIP: {
	skip('no dwz or llvm-symbolizer-19', 1) unless have('dwz') && have('llvm-symbolizer-19');
	build($_, 'g++', '-O2', '-g', '-o', $_, $cc) for 'shared1', 'shared2';
	build('', 'cp', 'shared1', 'whole');
	build('', 'dwz', '-m', 'common.debug', 'shared1', 'shared2');
	like(run_command('readelf', '-SW', "$dir/shared1")->{out}, qr/\.gnu_debugaltlink/, 'dwz: made a file that both share');
	# The oracle knows nothing of such files, and GNU addr2line names functions without linkage by the symbol around them.
	my ($deep) = compare_llvm('dwz', "$dir/shared1", "$dir/whole");
	cmp_ok($deep // 0, '>', $ADDRESSES / 10, 'dwz: much of it is expanded into something');
}
SKIP: {
	# Go programs without DWARF tell inlined calls in a table of their own. With DWARF, the same code is the oracle's. What differs: the
	# compiler's own functions ("<autogenerated>"), whose DWARF hides what they were made of; and a few lines that DWARF leaves out.
	skip('no Go or llvm-symbolizer-19', 1) unless have('go') && have('llvm-symbolizer-19');
	local @ENV{ 'GOCACHE', 'GOFLAGS' } = ("$dir/cache", '-mod=mod');
	spew("$dir/inlines.go", <<'GO');
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type point struct{ X, Y int }

func (p point) sum() int {
	h := uint64(p.X^p.Y) * 0x9E3779B97F4A7C15
	h = (h ^ h>>29) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>32) * 0x94D049BB133111EB
	return int(h ^ h>>31)
}

func twice(p point) int { return p.sum() * 2 }

//go:noinline
func work(n int) (t int) {
	for i := 0; i < n; i++ {
		t ^= twice(point{i, t})
	}
	return t
}

func main() {
	text, _ := json.Marshal(point{work(1 << 28), 1})
	fmt.Fprintln(os.Stderr, string(text))
}
GO
	for my $kind (['stripped', '-ldflags=-s -w'], ['without DWARF', '-ldflags=-w'], ['loaded anywhere', '-ldflags=-s -w', '-buildmode=pie']) {
		my ($what, $flags, @mode) = @$kind;
		build('go_whole', 'go', 'build', @mode, '-o', 'go_whole', 'inlines.go');
		build('go_bare', 'go', 'build', $flags, @mode, '-o', 'go_bare', 'inlines.go');
		my @addresses = addresses("$dir/go_bare");
		my @ours = frames(run_command('sh', '-c', '"$0" "$1" < "$2"', $lookup, "$dir/go_bare", "$dir/addresses")->{out}, scalar @addresses);
		my @theirs = frames(run_command('sh', '-c', 'llvm-symbolizer-19 -e "$0" --inlines --no-demangle --functions=linkage --output-style=LLVM --addresses < "$1"',
			"$dir/go_whole", "$dir/addresses")->{out}, scalar @addresses);
		my ($deep, $known, @different) = (0, 0);
		for my $i (0 .. $#ours) {
			my ($x, $y) = map { join(' < ', map { my ($name, $at) = @$_; $name =~ s/\.abi0$//r . ' ' . $at =~ s/(:\d+):\d+$/$1/r } @$_) } $ours[$i], $theirs[$i];
			next if "$x $y" =~ /<autogenerated>/ || $y =~ /^\?\? /;
			$known++;
			$deep += @{ $theirs[$i] } > 1;
			push(@different, sprintf("%#x\n  we: %s\n  they: %s\n", $addresses[$i], $x, $y)) if $x ne $y;
		}
		cmp_ok(scalar(@different), '<=', $known / 1000, "Go, $what: chains, files and lines as by the oracle") or diag(@different);
		cmp_ok($deep, '>', $known / 10, "Go, $what: much of it is expanded into something");
		note("Go, $what: $known addresses, $deep of several frames, " . @different . ' different');
	}
	skip('needs root', 1) if $> != 0;
	my @lines = folded(run_command(profile_path(), '-f', '-F', 499, '--', "$dir/go_bare")->{out});
	cmp_ok(count_matching(qr/;main\.work;main\.twice_\[i\];main\.point\.sum_\[i\]$/, @lines), '>', total(@lines) / 4,
		'Go, stripped, live: inlined calls are marked') or diag(map { "@$_\n" } @lines);
}
SKIP: {
	skip('needs root', 1) if $> != 0;
	skip('no rustc', 1) unless have('rustc');
	my $program = build('clones', 'rustc', '--edition', '2021', '-C', 'opt-level=3', '-C', "debuginfo=$rust_lines", '-C',
		'force-frame-pointers=yes', '-o', 'clones', $rust);
	my $r = run_command(profile_path(), '-f', '-F', 499, '-o', "$dir/x.json", '-o', "$dir/x.pb.gz", '--', $program, 2);
	is($r->{status}, 0, 'a Rust program: exit status') or diag($r->{err});
	my @lines = folded($r->{out});
	for my $name ('clone', 'decode_in_two_steps', 'decode_in_one_step', 'poll', '\{async_fn#0\}|\{closure#0\}|\{\{closure\}\}') {
		cmp_ok(count_matching(qr/;(?:[^;]*::)?(?:$name)(?:<[^;]*>)?(?:_\[i\])?(?:;|$)/, @lines), '>', 0, "a Rust program: $name has frames");
	}
	my $slow = count_matching(qr/;(?:[^;]*::)?decode_in_two_steps/, @lines);
	my $fast = count_matching(qr/;(?:[^;]*::)?decode_in_one_step/, @lines);
	cmp_ok($slow, '>', 3 * $fast, 'a Rust program: what clones takes longer than what borrows');
	$r = run_command(profile_path(), '-f', '-F', 499, '--no-inline', '--', $program, 1);
	is(count_matching(qr/_\[i\]/, folded($r->{out})), 0, '--no-inline: none');
	cmp_ok(total(folded($r->{out})), '>', 100, '--no-inline: nothing lost');
}
done_testing();
