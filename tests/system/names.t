# SPDX-License-Identifier: Apache-2.0
# Where names come from: symbol tables, separate debug files, C++ and Rust, the kernel with and without addresses.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

need_root();
my $profile = profile_path();
my $dir = scratch();

sub profile_of {
	my (@command) = @_;
	my $r = run_command($profile, '-f', '-F', 499, '--', @command);
	is($r->{status}, 0, "$command[0]: exit status") or diag($r->{err});
	return folded($r->{out});
}

sub build {
	my ($to, @command) = @_;
	system(@command) == 0 or die "@command";
	return $to;
}

sub share { my ($pattern, @lines) = @_; return count_matching($pattern, @lines) / (total(@lines) || 1) }

my @flags = ('-O2', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs');
{
	my $no_pie = build("$dir/fixed", 'gcc', @flags, '-no-pie', '-static', '-o', "$dir/fixed", 'tests/programs/split.c');
	cmp_ok(share(qr/;main;work;leaf_(seventy|thirty)$/, profile_of($no_pie, 1)), '>', 0.9, 'static, fixed address (ET_EXEC)');
}
{
	my $cc = build("$dir/names_cc", 'g++', @flags, '-o', "$dir/names_cc", 'tests/programs/names.cc');
	my @lines = profile_of($cc, 1);
	cmp_ok(share(qr/;shop::Basket<unsigned long>::total\(unsigned long\)$/, @lines), '>', 0.3, 'C++ method template');
	cmp_ok(share(qr/;shop::Basket<unsigned long>::operator\+=\(unsigned long\)$/, @lines), '>', 0.3, 'C++ operator');
	is(count_matching(qr/_ZN/, @lines), 0, 'nothing mangled is left');
}
SKIP: {
	skip('no rustc', 3) unless have('rustc');
	spew("$dir/names.rs", <<'RUST');
mod shop {
    pub struct Basket(pub u64);
    impl Basket {
        #[inline(never)]
        pub fn total(&mut self, rounds: u64) {
            for i in 0..rounds { self.0 = (self.0 ^ i).wrapping_mul(0x9E3779B97F4A7C15); }
        }
    }
}
fn main() {
    let mut basket = shop::Basket(1);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(1);
    while std::time::Instant::now() < end { basket.total(200000 + (basket.0 & 0xffff)); }
    std::process::exit((basket.0 == 0) as i32);
}
RUST
	for my $version ('legacy', 'v0') {
		my @mangling = ('-C', "symbol-mangling-version=$version");
		@mangling = () if $version eq 'legacy';
		build("$dir/rust-$version", 'rustc', '--edition', '2021', '-O', '-C', 'force-frame-pointers=yes', @mangling,
			'-o', "$dir/rust-$version", "$dir/names.rs");
		cmp_ok(share(qr/;names::shop::Basket::total$|;<names::shop::Basket>::total$/, profile_of("$dir/rust-$version")), '>', 0.8,
			"Rust, $version mangling, without hashes");
	}
}
{
	# Stripped, its symbols in a file beside it (.gnu_debuglink, checked by CRC: there is no build id).
	build('', 'gcc', @flags, '-Wl,--build-id=none', '-o', "$dir/linked", 'tests/programs/split.c');
	build('', 'objcopy', '--only-keep-debug', "$dir/linked", "$dir/linked.debug");
	build('', 'sh', '-c', "cd $dir && strip linked && objcopy --add-gnu-debuglink=linked.debug linked");
	cmp_ok(share(qr/;main;work;leaf_/, profile_of("$dir/linked", 1)), '>', 0.9, 'debug link');
	# The same link to a file of another build: its names would be wrong.
	build('', 'gcc', @flags, '-Wl,--build-id=none', '-o', "$dir/linked.debug", 'tests/programs/burn.c');
	my @lines = profile_of("$dir/linked", 1);
	is(count_matching(qr/burn_cpu|before_exec|leaf_/, @lines), 0, 'debug link to another file: refused');
	cmp_ok(share(qr/;\[linked\+0x[0-9a-f]+\]$/, @lines), '>', 0.9, 'then addresses, honestly');
}
{
	# By build id under /usr/lib/debug, as distributions install it.
	build('', 'gcc', @flags, '-Wl,--build-id', '-o', "$dir/packaged", 'tests/programs/split.c');
	my %start = reverse run_command('nm', "$dir/packaged")->{out} =~ /^0*(\w+) [tT] (leaf_\w+)$/mg;
	my ($id) = run_command('readelf', '-n', "$dir/packaged")->{out} =~ /Build ID: ([0-9a-f]+)/;
	my $target = '/usr/lib/debug/.build-id/' . substr($id, 0, 2) . '/' . substr($id, 2) . '.debug';
	build('', 'sh', '-c', "mkdir -p \$(dirname $target) && objcopy --only-keep-debug $dir/packaged $target && strip $dir/packaged");
	cmp_ok(share(qr/;main;work;leaf_/, profile_of("$dir/packaged", 1)), '>', 0.9, 'separate debug file by build id');
	unlink($target);
	rmdir($target =~ s{/[^/]+$}{}r);
	is(keys %start, 2, 'the two leaves have addresses');
	my @lines = profile_of("$dir/packaged", 1);
	cmp_ok(share(qr/;\[packaged\+0x[0-9a-f]+\]$/, @lines), '>', 0.9, 'stripped: addresses, honestly');
	for my $leaf (sort keys %start) {
		cmp_ok(share(qr/;\[packaged\+0x$start{$leaf}\]$/, @lines), '>', 0.2, "stripped: $leaf is one frame, that of its first address");
	}
}
{
	my $setting = '/proc/sys/kernel/kptr_restrict';
	my $before = slurp($setting);
	my $load = program('syscalls');
	cmp_ok(share(qr/_\[k\]$/, profile_of($load, 'getppid', 1)), '>', 0.2, 'kernel functions have names');
	spew($setting, '2');
	my @lines = profile_of($load, 'getppid', 1);
	spew($setting, $before);
	cmp_ok(share(qr/;\[kernel\]_\[k\]$/, @lines), '>', 0.2, 'kptr_restrict=2: kernel frames are called [kernel]');
}
{
	# A process may call itself anything; a folded line stays one line with one count.
	my $dir_of = run_command($profile, '-f', '-q', '-F', 499, '--', 'perl', '-e',
		'$0 = "a;b 7\n\e[31m 99"; my $x = 0; my $t = time + 2; while (time < $t) { $x++ for 1 .. 10000 }');
	is($dir_of->{status}, 0, 'a hostile comm: exit status');
	my @lines = eval { folded($dir_of->{out}) };
	is($@, '', 'a hostile comm: every line is "stack count"');
	unlike($dir_of->{out}, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'a hostile comm: no control bytes');
	cmp_ok(total(@lines), '>', 100, 'a hostile comm: nothing lost');
}
done_testing();
