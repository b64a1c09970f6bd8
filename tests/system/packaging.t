# SPDX-License-Identifier: Apache-2.0
# packaging/install-missing and packaging/demo with stand-ins for dpkg, apt and the programs: nothing is installed here. And whether the
# manual pages have every option.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Cwd 'getcwd';
use POSIX ();
use Test::More;

my $dir = scratch();
my $top = getcwd();

sub script {
	my ($name, $text) = @_;
	spew("$dir/$name", "#!/bin/sh\n$text");
	chmod(0755, "$dir/$name");
}

mkdir("$dir/bin");
system('cp', 'packaging/install-missing', "$dir/install-missing") == 0 or die 'cp';
spew("$dir/debian-packages", "[build]\none-of-ours     # why\n\n[test]\ntwo-of-ours\n");
local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
script('bin/apt-get', "echo \"\$*\" >>$dir/asked\n");
script('bin/id', "echo 0\n");

sub asked_for {
	my ($dpkg, @sections) = @_;
	script('bin/dpkg-query', $dpkg);
	unlink("$dir/asked");
	my $r = run_command("$dir/install-missing", @sections);
	is($r->{status}, 0, 'install-missing succeeds') or diag($r->{err});
	return slurp("$dir/asked") // '';
}

# dpkg-query prints the format once for each architecture that a package is known for.
is(asked_for("printf 'installed\\n'", 'build'), '', 'an installed package is left alone');
is(asked_for('f=$(printf "%s" "$3" | sed "s/.{[^}]*}/installed/"); printf "$f$f"', 'build'), '',
	'one for two architectures is installed as well');
like(asked_for("printf 'config-files\\n'", 'build'), qr/install.* one-of-ours\n\z/, 'a removed one is installed');
my $both = asked_for('exit 1', 'build', 'test');
like($both, qr/install.* one-of-ours two-of-ours\n\z/, 'unknown ones of all sections are installed at once');
unlike(asked_for('exit 1', 'build'), qr/two-of-ours/, 'of other sections none');
script('bin/id', "echo 1000\n");
my $r = run_command("$dir/install-missing", 'build');
is($r->{status}, 1, 'without root it fails');
is($r->{err}, "deps: run 'sudo make deps' to install: one-of-ours\n", 'and says what to do');

# Ctrl-C reaches the shell of the demo and the profiler, but no command in the background.
script('bin/id', "echo 0\n");
mkdir("$dir/build");
script('build/demo', "echo \$\$ >$dir/demo-pid\nexec sleep 1000\n");
script('build/profile', "test \"\$1\" = doctor || exec sleep 1000\n");
my $pid = fork() // die "fork: $!";
if (!$pid) {
	setpgrp(0, 0);
	$ENV{B} = "$dir/build";
	open(STDOUT, '>', '/dev/null');
	chdir($dir) && exec("$top/packaging/demo");
	POSIX::_exit(127);
}
ok(wait_for(10, sub { (slurp("$dir/demo-pid") // '') =~ /^\d+\n/ }), 'the demo runs');
chomp(my $demo = slurp("$dir/demo-pid"));
kill('INT', -$pid);
waitpid($pid, 0);
isnt($?, 0, 'Ctrl-C ends it');
ok(wait_for(10, sub { !kill(0, $demo) || (slurp("/proc/$demo/stat") // '') =~ /\) Z / }), 'and the demo program with it');
kill('KILL', $demo) if $demo && kill(0, $demo);

# The long options that a part of a manual page has: "Fl o , -output Ar FILE".
sub documented { return map { $_ => 1 } map { /\bFl\b/ ? /(?:^|\s)-(-?[a-z][a-z-]*)/g : () } map { split(/\n/) } @_ }

# By part, "" being what stands before the first one with a name.
my ($description) = slurp('packaging/man/profile.1') =~ /^\.Sh DESCRIPTION\n(.*?)^\.Sh /ms;
my %part = ('', split(/^\.Ss (.*)\n/m, $description));
my ($frames, $processes) = @part{'Choosing frames', 'Choosing processes of the history'};
my %page = (
	'' => [$part{''}, $frames],
	(map { $_ => [$part{"profile $_"}, $frames] } qw(flame collapse)),
	(map { $_ => [$part{"profile $_"}, $frames, $processes] } qw(diff export)),
	history => [$part{'profile history'}, $processes],
	doctor => [$part{'profile doctor'}],
	daemon => [slurp('packaging/man/profiled.8')],
);
my $help = run_command(profile_path(), 'help')->{out};
is_deeply([sort('', $help =~ /^  ([a-z]+)  +\S/mg)], [sort(keys(%page))], 'the commands are those that are looked for');
for my $command (sort(keys(%page))) {
	my @options = run_command(profile_path(), 'help', $command || ())->{out} =~ /--([a-z][a-z-]*)/g;
	my %documented = documented(@{ $page{$command} });
	cmp_ok(scalar(@options), '>', 0, 'profile ' . ($command || '[options]') . ': has options');
	is_deeply([grep { !$documented{$_} } @options], [], 'which the manual page has');
}
done_testing();
