# SPDX-License-Identifier: Apache-2.0
# The cache of image files: what one run read, the next need not; names and stacks are the same with it and without, whatever became of
# the files, of the cache, and of those who would like to choose other people's names.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

need_root();
my $profile = profile_path();
my $dir = scratch();
my $cache = "$dir/cache";
my @flags = ('-O2', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-Itests/programs', '-Wl,--build-id', '-static');    # one image
chmod(0755, $dir);

sub build { system(@_) == 0 or die "@_" }

# Files of the last moments are not kept.
sub settle {
	my (@files) = @_;
	for my $file (@files) { wait_for(20, sub { time() - (stat($file))[10] > 3 }) or die "$file does not age" }
}

sub make_program {
	my ($name, @more) = @_;
	build('gcc', @flags, '-o', "$dir/$name", 'tests/programs/split.c', @more);
	return "$dir/$name";
}

# { lines, names and tables: the counts that -v tells }
sub counted {
	my ($r) = @_;
	my %counts = map { $_ => { ($r->{err} =~ /^profile: $_: (.*)/m ? $1 : '') =~ /([\w-]+)=(\d+)/g } } 'names', 'tables';
	return { lines => [folded($r->{out})], err => $r->{err}, %counts };
}

sub profile_of {
	my ($what, @command) = @_;
	my @options = ref $command[0] ? @{ shift @command } : ('--cache-dir', $cache);
	my $r = run_command($profile, '-v', '-f', '-F', 499, @options, '--', @command);
	is($r->{status}, 0, "$what: exit status") or diag($r->{err});
	return counted($r);
}

# Of a process that runs already: no tables but its own are asked for.
sub profile_running {
	my ($what, $program, @options) = @_;
	my $pid = start_command($program);
	my $r = run_command($profile, '-v', '-f', '-F', 499, '-d', 0.5, @options ? @options : ('--cache-dir', $cache), '-p', $pid);
	stop_command($pid);
	is($r->{status}, 0, "$what: exit status") or diag($r->{err});
	return counted($r);
}

sub share { my ($pattern, $r) = @_; return count_matching($pattern, @{ $r->{lines} }) / (total(@{ $r->{lines} }) || 1) }

sub has_names { my ($what, $r) = @_; cmp_ok(share(qr/;main;work;leaf_(seventy|thirty)$/, $r), '>', 0.9, "$what: names") or diag($r->{err}) }

sub build_id { return (run_command('readelf', '-n', $_[0])->{out} =~ /Build ID: ([0-9a-f]+)/)[0] }

sub entries { return grep { -f } glob("$cache/*") }

my $program = make_program('plain');
settle($program);
{
	my $first = profile_of('first run', $program, 1);
	has_names('first run', $first);
	cmp_ok($first->{names}{parsers}, '>', 0, 'first run: files are parsed');
	is(sprintf('%o', (stat($cache))[2] & 07777), '700', 'the cache is for nobody else');
	is(scalar(grep { ((stat)[2] & 0777) != 0600 || (stat)[4] } entries()), 0, 'nor is an entry');
	my $second = profile_of('second run', $program, 1);
	has_names('second run', $second);
	is($second->{names}{parsers}, 0, 'second run: no parser was started');
	is($second->{names}{cached}, $second->{names}{images}, 'second run: all from the cache');
	my $none = profile_of('without', ['--no-cache'], $program, 1);
	has_names('without', $none);
	cmp_ok($none->{names}{parsers}, '>', 0, '--no-cache: files are parsed');
}
{
	# The same inode with other contents, as cp(1) installs a new version.
	build('gcc', @flags, '-o', "$dir/new", 'tests/programs/split.c', '-Dleaf_seventy=other_seventy', '-Dleaf_thirty=other_thirty', '-Wl,--build-id=0x' . build_id($program));
	my $inode = (stat($program))[1];
	build('cp', "$dir/new", $program);
	is((stat($program))[1], $inode, 'rewritten in place');
	my $r = profile_of('rewritten in place', $program, 1);
	cmp_ok(share(qr/;main;work;other_(seventy|thirty)$/, $r), '>', 0.9, 'rewritten in place: the new names');
	build('gcc', @flags, '-o', $program, 'tests/programs/split.c');
	settle($program);
}
{
	# A debug file that comes, and goes.
	my $stripped = make_program('stripped');
	build('cp', $stripped, "$dir/whole");
	build('strip', $stripped);
	my $target = '/usr/lib/debug/.build-id/' . build_id($stripped) =~ s{^(..)}{$1/}r . '.debug';
	build('mkdir', '-p', $target =~ s{/[^/]+$}{}r);
	settle($stripped);
	for (1 .. 2) {
		my $r = profile_of('stripped', $stripped, 1);
		cmp_ok(share(qr/;\[stripped\+0x[0-9a-f]+\]$/, $r), '>', 0.9, 'stripped: addresses');
		is($r->{names}{parsers}, 0, 'stripped: from the cache') if $_ == 2;
	}
	build('objcopy', '--only-keep-debug', "$dir/whole", $target);
	settle($target);
	for (1 .. 2) {
		my $r = profile_of('with a debug file', $stripped, 1);
		has_names('with a debug file', $r);
		is($r->{names}{parsers}, 0, 'with a debug file: from the cache') if $_ == 2;
	}
	unlink($target);
	cmp_ok(share(qr/;\[stripped\+0x[0-9a-f]+\]$/, profile_of('it goes', $stripped, 1)), '>', 0.9, 'it goes: addresses again');
	rmdir($target =~ s{/[^/]+$}{}r);
}
SKIP: {
	# The same of a package of split units, beside the program.
	skip('no llvm-dwp-19', 9) unless have('llvm-dwp-19');
	spew("$dir/inlined.c", "static inline __attribute__((always_inline)) unsigned expanded(unsigned x) { return x * 2654435761u ^ x >> 7; }\n"
		. "#include <stdlib.h>\n#include <time.h>\nint main(int argc, char **argv)\n{\n\ttime_t end = time(0) + 1 + atoi(argv[1]);\n"
		. "\tunsigned x = 1;\n\twhile (time(0) < end)\n\t\tfor (int i = 0; i < 1000000; i++)\n\t\t\tx = expanded(x);\n\treturn x == 42;\n}\n");
	build('gcc', '-O1', '-g', '-gsplit-dwarf', '-o', "$dir/inlined", "$dir/inlined.c");
	build('llvm-dwp-19', '-e', "$dir/inlined", '-o', "$dir/ready.dwp");
	unlink(glob("$dir/*.dwo")) == 1 or die 'no .dwo file';
	settle("$dir/inlined");
	for (1 .. 2) {
		my $r = profile_of('without its package', "$dir/inlined", 1);
		cmp_ok(share(qr/;main$/, $r), '>', 0.9, 'without its package: what the symbols say');
		is($r->{names}{parsers}, 0, 'without its package: from the cache') if $_ == 2;
	}
	build('mv', "$dir/ready.dwp", "$dir/inlined.dwp");
	settle("$dir/inlined.dwp");
	for (1 .. 2) {
		my $r = profile_of('with a package', "$dir/inlined", 1);
		cmp_ok(share(qr/;main;expanded_\[i\]$/, $r), '>', 0.9, 'with a package: inlined functions');
		is($r->{names}{parsers}, 0, 'with a package: from the cache') if $_ == 2;
	}
}
# Nothing but its unwind rules leads through the stacks of this program.
my $bare = make_program('bare', '-fomit-frame-pointer');
settle($bare);
{
	my $first = profile_running('first run with rules', $bare);
	has_names('first run with rules', $first);
	is($first->{tables}{parsers}, 1, 'first run: its table is made');
	my $second = profile_running('second run with rules', $bare);
	has_names('second run with rules', $second);
	is($second->{tables}{parsers}, 0, 'second run: no parser was started for it');
	is($second->{tables}{cached}, 1, 'second run: it is from the cache');
	my $none = profile_running('rules, without', $bare, '--no-cache');
	has_names('rules, without', $none);
	is($none->{tables}{parsers}, 1, '--no-cache: it is made');
}
# Whatever an entry becomes, names and stacks are right, and it is made anew.
for my $kind ('names', 'tables') {
	build('rm', '-rf', $cache);
	profile_running('anew', $bare);
	my $suffix = $kind eq 'names' ? '.names' : '.unwind';
	my ($entry, @more) = grep { /\Q$suffix\E$/ && $_ =~ build_id($bare) } entries();
	ok($entry && !@more, "$kind: the entry is named by the build id") or BAIL_OUT('no entry');
	my $bytes = slurp($entry);
	my %damage = (
		'a byte is another' => sub { substr(my $b = $bytes, length($bytes) / 2, 1) ^= "\x01"; spew($entry, $b) },
		'cut' => sub { truncate($entry, length($bytes) - 100) },
		'empty' => sub { truncate($entry, 0) },
		'of another version' => sub { substr(my $b = $bytes, 8, 1) ^= "\x40"; spew($entry, $b) },
		'written by another user' => sub { chown(65534, 65534, $entry) },
		'writable for others' => sub { chmod(0666, $entry) },
	);
	for my $what (sort keys %damage) {
		$damage{$what}->();
		my $r = profile_running("$kind: $what", $bare);
		has_names("$kind: $what", $r);
		cmp_ok($r->{names}{'damaged-entries'} // 0, '>', 0, "$kind: $what: it is told");
		cmp_ok($r->{$kind}{parsers}, '>', 0, "$kind: $what: it is parsed");
		$r = profile_running("$kind: after $what", $bare);
		is($r->{$kind}{parsers}, 0, "$kind: after $what: it was made anew");
		is($r->{names}{'damaged-entries'} // 0, 0, "$kind: after $what: nothing is wrong with it");
	}
}
{
	# A file of another user that says to be ours, and is of the same size: each has its own names.
	build('gcc', @flags, '-o', "$dir/forged", 'tests/programs/split.c', '-Dleaf_seventy=forge_seventy', '-Dleaf_thirty=forge_thirty', '-Wl,--build-id=0x' . build_id($program));
	chown(65534, 65534, "$dir/forged");
	settle("$dir/forged");
	my @nobody = ('setpriv', '--reuid', 65534, '--regid', 65534, '--clear-groups');
	for (1 .. 2) {
		my $r = profile_of('a forged build id', @nobody, "$dir/forged", 1);
		cmp_ok(share(qr/;main;work;forge_(seventy|thirty)$/, $r), '>', 0.9, 'a forged build id: its own names');
		has_names('who has that build id', profile_of('who has that build id', $program, 1));
	}
	my @both = grep { /\.names$/ && $_ =~ build_id($program) } entries();
	is(scalar(grep { /-65534-/ } @both), 1, 'a forged build id: an entry of its owner');
	cmp_ok(scalar(grep { /-0-/ } @both), '>', 0, 'and one of root');
}
{
	# Several runs at the same cold cache.
	build('rm', '-rf', $cache);
	my @runs = map { start_command({ out => "$dir/out.$_", err => "$dir/err.$_" }, $profile, '-v', '-f', '-F', 199, '--cache-dir', $cache, '--', $program, 2) } 1 .. 4;
	is(wait_command($_), 0, 'at a time: exit status') for @runs;
	for (1 .. 4) {
		has_names('at a time', { lines => [folded(slurp("$dir/out.$_"))], err => slurp("$dir/err.$_") });
		unlike(slurp("$dir/err.$_"), qr/damaged/, 'at a time: nothing half written was read');
	}
	is(scalar(grep { -f } glob("$cache/.new-*")), 0, 'at a time: nothing is left over');
	is(profile_running('after them', $program)->{names}{parsers}, 0, 'after them: from the cache');
}
{
	# A daemon beside runs, with the same cache, and a limit.
	build('rm', '-rf', $cache);
	spew("$dir/conf", "[storage]\nstate_dir = $dir/state\ncache_dir = $cache\ncache_bytes = 4M\n[sampling]\nwindow = 1s\nfrequency = 499\n");
	my $load = start_command($program, 60);
	my $daemon = start_command({ err => "$dir/daemon.err" }, $profile, 'daemon', '--config', "$dir/conf");
	ok(wait_for(30, sub { grep { $_ =~ build_id($program) } entries() }), 'daemon: keeps what it read') or diag(slurp("$dir/daemon.err"));
	my $r = profile_of('beside the daemon', $program, 1);
	has_names('beside the daemon', $r);
	is($r->{names}{'damaged-entries'} // 0, 0, 'beside the daemon: nothing half written was read');
	stop_command($daemon, 'TERM');
	stop_command($load);
	unlike(slurp("$dir/daemon.err"), qr/cache/, 'daemon: no complaint');
}
{
	# A directory that others can get into is not used, and not changed.
	chmod(0755, $cache);
	my $before = join(' ', map { "$_ " . (stat)[9] } entries());
	my $r = profile_of('open to others', $program, 1);
	has_names('open to others', $r);
	like($r->{err}, qr/the cache \Q$cache\E is open to others and is not used: chmod 0700 it/, 'open to others: it is told');
	cmp_ok($r->{names}{parsers}, '>', 0, 'open to others: files are parsed');
	is(join(' ', map { "$_ " . (stat)[9] } entries()), $before, 'open to others: nothing is written there');
}
like(run_command($profile, 'doctor')->{out}, qr/^(?:ok|note) +symbol cache +\S/m, 'doctor tells of it');
done_testing();
