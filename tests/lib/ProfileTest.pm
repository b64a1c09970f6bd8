# SPDX-License-Identifier: Apache-2.0
#
# What the system tests share: test programs, running the profiler, reading what it wrote.
package ProfileTest;
use strict;
use warnings;
use Exporter 'import';
use File::Temp 'tempdir';
use POSIX ':sys_wait_h';
use Time::HiRes 'sleep';

our @EXPORT = qw(profile_path program run_command start_command stop_command wait_command slurp spew folded accounting total
	count_matching parse_image wait_for scratch need_root have flamegraph_pl);

my %running;    # children to end when the test ends
$SIG{$_} = 'DEFAULT' for 'HUP', 'INT', 'QUIT';    # also under nohup and in the background: programs here are told to reload, and to end

sub profile_path { return $ENV{PROFILE} // 'build/profile' }

# A fresh directory that goes with the test.
sub scratch { return tempdir('profile-test-XXXXXX', TMPDIR => 1, CLEANUP => 1) }

sub need_root {
	main::plan(skip_all => 'needs root') if $> != 0;
}

sub have { my ($tool) = @_; return (grep { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin') ? 1 : 0 }

# The flamegraph.pl to compare with: $FLAMEGRAPH_PL, the one on PATH, or one that a Debian package brings along.
sub flamegraph_pl {
	return (grep { defined && -r } $ENV{FLAMEGRAPH_PL}, (map { "$_/flamegraph.pl" } split(/:/, $ENV{PATH})),
		glob('/usr/lib/*/rubygems-integration/*/gems/stackprof-*/vendor/FlameGraph/flamegraph.pl'),
		'/usr/share/perl5/Devel/NYTProf/flamegraph.pl')[0];
}

# Builds tests/programs/NAME.c once and returns the path of the program. More flags make another program.
sub program {
	my ($name, @flags) = @_;
	my $dir = ($ENV{BUILD} // 'build') . '/tests/programs';
	my $path = "$dir/$name" . join('', map { s/[^A-Za-z0-9]/_/gr } @flags);
	my $source = "tests/programs/$name.c";
	return $path if -e $path && -M $path <= -M $source && -M $path <= -M 'tests/programs/spin.h';
	system('mkdir', '-p', $dir) == 0 or die "mkdir $dir";
	my @flags_all = ('-O2', '-fno-omit-frame-pointer', '-mno-omit-leaf-frame-pointer', '-fno-optimize-sibling-calls', '-pthread', @flags);
	system('gcc', @flags_all, '-o', "$path.$$", $source) == 0 or die "cannot build $source";
	rename("$path.$$", $path) or die "rename $path: $!";
	return $path;
}

sub slurp {
	my ($path) = @_;
	open(my $in, '<:raw', $path) or return undef;
	local $/;
	my $text = <$in>;
	close($in);
	return $text // '';
}

sub spew {
	my ($path, $text) = @_;
	open(my $out, '>:raw', $path) or die "$path: $!";
	print $out $text;
	close($out) or die "$path: $!";
}

# Runs a command to its end: { status, signal, out, err }.
sub run_command {
	my (@command) = @_;
	my $dir = scratch();
	my $pid = fork() // die "fork: $!";
	if (!$pid) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$dir/out");
		open(STDERR, '>', "$dir/err");
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	return { pid => $pid, status => $? >> 8, signal => $? & 127, out => slurp("$dir/out"), err => slurp("$dir/err") };
}

# Starts a command in the background, output to /dev/null (or to a file given as {out => PATH, err => PATH} first).
sub start_command {
	my (@command) = @_;
	my $to = ref $command[0] ? shift @command : {};
	my $pid = fork() // die "fork: $!";
	if (!$pid) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', $to->{out} // '/dev/null');
		open(STDERR, '>', $to->{err} // '/dev/null');
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	$running{$pid} = 1;
	return $pid;
}

sub stop_command {
	my ($pid, $signal) = @_;
	kill($signal // 'KILL', $pid);
	waitpid($pid, 0);
	delete $running{$pid};
	return $?;
}

# What a parser process makes of a file (user/symbolize/parse.h): the bytes of an image file, or undef. `what`: unwind, names, debug.
sub parse_image {
	my ($file, $what) = @_;
	my $r = run_command(($ENV{BUILD} // 'build') . '/oracle/parse_image', $file, $what);
	return $r->{status} ? undef : $r->{out};
}

# Waits for a command to end by itself: its exit status, or 128 + signal.
sub wait_command {
	my ($pid) = @_;
	waitpid($pid, 0);
	delete $running{$pid};
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

# Polls until the condition holds; false after `seconds`.
sub wait_for {
	my ($seconds, $condition) = @_;
	for (1 .. $seconds * 50) {
		my $value = $condition->();
		return $value if $value;
		sleep(0.02);
	}
	return;
}

# Folded text to a list of [stack, count].
sub folded {
	my ($text) = @_;
	return map { /^(.*) (\d+)$/ ? [$1, $2] : die "not a folded line: $_" } grep { length } split(/\n/, $text // '');
}

sub total { my $sum = 0; $sum += $_->[1] for @_; return $sum }

# Samples whose stack matches the pattern.
sub count_matching {
	my ($pattern, @lines) = @_;
	return total(grep { $_->[0] =~ $pattern } @lines);
}

# The accounting line as a hash; reasons as keys of {reasons}. Undef when there is none.
sub accounting {
	my ($text) = @_;
	my ($line, $reasons) = ($text // '') =~
		/^accounting: (expected=\d+ idle=\d+ filtered=\d+ recorded=\d+ lost=\d+)(?: \((.*)\))?$/m or return;
	my %a = $line =~ /(\w+)=(\d+)/g;
	$a{reasons} = { defined $reasons ? $reasons =~ /([\w-]+)=(\d+)/g : () };
	$a{exact} = $a{expected} == $a{idle} + $a{filtered} + $a{recorded} + $a{lost};
	my $named = 0;
	$named += $_ for values %{ $a{reasons} };
	$a{exact} &&= $named == $a{lost};
	return \%a;
}

END {
	my $status = $?;
	for my $pid (keys %running) {
		kill('KILL', $pid);
		waitpid($pid, 0);
	}
	$? = $status;
}

1;
