# SPDX-License-Identifier: Apache-2.0
# What bash offers after TAB, asked of the completion itself.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my $library = '/usr/share/bash-completion/bash_completion';
plan(skip_all => 'bash-completion is not installed') unless -e $library && have('bash');
my $dir = scratch();
my $profile = profile_path() =~ m{^/} ? profile_path() : "$ENV{PWD}/" . profile_path();
symlink($profile, "$dir/profile") or die;
spew("$dir/stacks.folded", '');
spew("$dir/script", <<"END");
. $library && . packaging/profile.bash-completion || exit 1
compopt() { :; } # a builtin that works under readline only
PATH=$dir:\$PATH
cd $dir
COMP_WORDS=("\$@") COMP_CWORD=\$((\$# - 1)) COMP_LINE="\$*" COMP_TYPE=9 COMP_KEY=9
COMP_POINT=\${#COMP_LINE}
_profile profile "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[\@]}"
END

sub offered {
	my $r = run_command('bash', "$dir/script", 'profile', @_);
	is($r->{status}, 0, "profile @_") && is($r->{err}, '', 'no complaint');
	return join(' ', sort(split(/\n/, $r->{out})));
}

# The commands that the program itself has.
my @commands = run_command($profile, 'help')->{out} =~ /^  (?:profile )?([a-z]+)  +\S/mg;
cmp_ok(scalar(@commands), '>', 5, 'the program tells its commands') or diag(run_command($profile, 'help')->{out});
is(offered(''), join(' ', sort(@commands, 'help')), 'all commands');
is(offered('ex'), 'export', 'the beginning of one');
is(offered('flame', '--ext'), '--extract', 'an option of a command');
is(offered('history', '--sin'), '--since', 'of another');
is(offered('--freq'), '--frequency', 'of a run');
is(offered('diff', 'stacks'), 'stacks.folded', 'a file');
is(offered('-o', 'st'), 'stacks.folded', 'the value of an option');
for my $command ('', @commands) {
	my %options = map { $_ => 1 } run_command($profile, 'help', $command || ())->{out} =~ /(--[a-z][a-z-]*)/g;
	is(offered($command || (), '--'), join(' ', sort(keys(%options))), 'every option of ' . ($command || 'a run'));
}
is(offered('help', 'dae'), 'daemon', 'behind help');
like(offered('--', 'pri'), qr/\bprintf\b/, 'a command to run');
done_testing();
