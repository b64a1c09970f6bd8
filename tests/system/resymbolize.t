# SPDX-License-Identifier: Apache-2.0
# The history knows where code was: a debug file that is installed later names it.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

need_root();
my $profile = profile_path();
my $dir = scratch();

sub build { system(@_) == 0 or die "@_" }

build('gcc', '-O2', '-g', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs', '-Wl,--build-id', '-o', "$dir/later",
	'tests/programs/split.c');
build('cp', "$dir/later", "$dir/whole");
build('strip', "$dir/later");
my $id = (run_command('readelf', '-n', "$dir/later")->{out} =~ /Build ID: ([0-9a-f]+)/)[0];
my $target = '/usr/lib/debug/.build-id/' . $id =~ s{^(..)}{$1/}r . '.debug';

spew("$dir/conf", "[storage]\nstate_dir = $dir/state\ncache_dir = $dir/cache\n[sampling]\nwindow = 1s\nfrequency = 499\n[current]\nwrite = no\n");
my $load = start_command("$dir/later", 600);
my $daemon = start_command({ err => "$dir/err" }, $profile, 'daemon', '--config', "$dir/conf");

sub export {
	my $r = run_command($profile, 'export', '--state-dir', "$dir/state", '--comm', 'later', '-q', '-f', @_);
	return $r->{status} ? () : folded($r->{out});
}
ok(wait_for(60, sub { total(export()) > 200 }), 'a history') or diag(slurp("$dir/err"));
stop_command($daemon, 'TERM');
stop_command($load);

my @before = export();
my $all = total(@before);
cmp_ok(count_matching(qr/;\[later\+0x[0-9a-f]+\]$/, @before), '>', 0.9 * $all, 'no names');
is(total(export('--resymbolize')), $all, 'without a debug file: nothing is lost');
is(count_matching(qr/leaf_/, export('--resymbolize')), 0, 'nor invented');
build('mkdir', '-p', $target =~ s{/[^/]+$}{}r);
build('objcopy', '--only-keep-debug', "$dir/whole", $target);
is(count_matching(qr/leaf_/, export()), 0, 'with a debug file, not asked for: as recorded');
my @named = export('--resymbolize');
is(total(@named), $all, 'with a debug file: nothing is lost');
cmp_ok(count_matching(qr/;main;work;leaf_(seventy|thirty);spin_rounds_\[i\]$/, @named), '>', 0.9 * $all, 'and all has its names, what was expanded included');
# Another file at that path is another program.
build('gcc', '-O2', '-Itests/programs', '-Wl,--build-id', '-o', "$dir/later", 'tests/programs/burn.c');
is(count_matching(qr/burn|leaf_/, export('--resymbolize')), 0, 'another file at its path: no names of that one');
unlink($target);
rmdir($target =~ s{/[^/]+$}{}r);
done_testing();
