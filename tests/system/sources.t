# SPDX-License-Identifier: Apache-2.0
# Names of stripped programs: MiniDebugInfo, Go's own table, the linker's stubs; each against what another tool says.
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

sub build { system(@_) == 0 or die "@_" }

sub share { my ($pattern, @lines) = @_; return count_matching($pattern, @lines) / (total(@lines) || 1) }

my @flags = ('-O2', '-g', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs');
SKIP: {
	skip('no xz', 3) unless have('xz');
	# As the GDB manual tells distributions to make it.
	build('gcc', @flags, '-o', "$dir/mini", 'tests/programs/split.c');
	build('sh', '-c', "cd $dir && objcopy -S --remove-section .gdb_index --remove-section .comment mini mini.debug"
		. ' && objcopy --only-keep-debug mini full.debug && objcopy -S --keep-symbol=leaf_seventy --keep-symbol=leaf_thirty'
		. ' --keep-symbol=work full.debug names.debug && xz names.debug && strip mini'
		. ' && objcopy --add-section .gnu_debugdata=names.debug.xz mini');
	unlike(run_command('nm', "$dir/mini")->{out}, qr/leaf/, 'no symbols are left outside');
	my @lines = profile_of("$dir/mini", 1);
	cmp_ok(share(qr/;work;leaf_(seventy|thirty)$/, @lines), '>', 0.9, 'MiniDebugInfo');
}
SKIP: {
	skip('no Go', 15) unless have('go');
	spew("$dir/shape.go", <<'GO');
package main

import (
	"os"
	"time"
)

type shape struct{ n uint64 }

//go:noinline
func (s *shape) area(rounds uint64) {
	for i := uint64(0); i < rounds; i++ {
		s.n = (s.n ^ i) * 0x9E3779B97F4A7C15
	}
}

//go:noinline
func generic[T any](s *shape, t T) {
	for i := uint64(0); i < 40000; i++ {
		s.n = (s.n ^ i) * 0x9E3779B97F4A7C15
	}
}

func main() {
	s := &shape{1}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		generic(s, "x")
		s.area(10000 + s.n&0xfff)
	}
	if s.n == 0 {
		os.Exit(1)
	}
}
GO
	local $ENV{GOCACHE} = "$dir/cache";
	local $ENV{GOFLAGS} = '-mod=mod';
	for my $kind (['fixed'], ['anywhere', '-buildmode=pie'], ['external', '-buildmode=pie', '-ldflags=-linkmode=external']) {
		my ($name, @how) = @$kind;
		build('go', 'build', @how, '-o', "$dir/$name", "$dir/shape.go");
		build('strip', '-o', "$dir/$name-stripped", "$dir/$name");
		is(run_command('nm', "$dir/$name-stripped")->{out}, '', "Go, $name: no symbols are left");
		my @lines = profile_of("$dir/$name-stripped");
		# Frame pointers lead to the caller of a leaf's caller: a leaf has no frame of its own.
		cmp_ok(share(qr/;runtime\.main;(?:main\.main;)?main\.(?:\(\*shape\)\.area|generic\[[^;]*\])$/, @lines), '>', 0.9,
			"Go, $name: the stack has names");
		cmp_ok(share(qr/;main\.generic\[[^;]*\]$/, @lines), '>', 0.5, "Go, $name: generic function");
		cmp_ok(share(qr/;main\.\(\*shape\)\.area$/, @lines), '>', 0.1, "Go, $name: method");
	}
}
{
	# A program that spends its time in a stub, as far as that goes: each call runs two instructions of it.
	spew("$dir/stub.c", <<'C');
#include <time.h>
int callee(int x);
int main(void)
{
	time_t end = time(0) + 2;
	int x = 0;
	while (time(0) < end)
		for (int i = 0; i < 1000000; i++)
			x = callee(x);
	return x == 42;
}
C
	spew("$dir/callee.c", "int callee(int x) { return x + 1; }\n");
	build('gcc', '-O1', '-shared', '-fPIC', '-o', "$dir/libcallee.so", "$dir/callee.c");
	build('gcc', '-O1', '-fno-omit-frame-pointer', '-o', "$dir/stub", "$dir/stub.c", "-L$dir", '-lcallee', "-Wl,-rpath,$dir");
	my @lines = profile_of("$dir/stub");
	cmp_ok(share(qr/;callee\@plt$/, @lines), '>', 0.05, 'a stub is called name@plt');
	is(count_matching(qr/;\[stub\+0x/, @lines), 0, 'and has no other name');
}
done_testing();
