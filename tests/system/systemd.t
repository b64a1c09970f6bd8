# SPDX-License-Identifier: Apache-2.0
# The package and its service on a real Debian 12: its own Linux 6.1, systemd as PID 1, in an emulated machine.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use File::Copy 'copy';
use Test::More;

my $build = $ENV{BUILD} // 'build';
need_root();
plan(skip_all => "$_ is not installed") for grep { !have($_) } 'qemu-system-x86_64', 'mmdebstrap', 'dh', 'cpio';

# The package as it is, and as its next version would be.
my $dir = scratch();
for my $package (['old', '0.1.0'], ['new', '0.1.1~test']) {
	my ($name, $version) = @$package;
	my $r = run_command('make', '--no-print-directory', "B=$build", "DEB_VERSION=$version", 'deb');
	is($r->{status}, 0, "make deb, version $version") or diag($r->{out}, $r->{err});
	copy("$build/deb/profiled_${version}_amd64.deb", "$dir/$name.deb") or die "$name.deb: $!";
}
if (have('lintian')) {
	my $r = run_command('lintian', '--fail-on', 'error,warning', "$dir/old.deb");
	is($r->{status}, 0, 'lintian has nothing to say') or diag($r->{out}, $r->{err});
}
if (have('mandoc')) {
	for my $page (glob('packaging/man/*')) {
		my $r = run_command('mandoc', '-Tlint', '-W', 'warning', $page);
		# A page for a command of the program names the program.
		is(join('', grep { !/cross reference to self/ } split(/^/, $r->{out})), '', "$page is well-formed");
	}
}

my $r = run_command('tests/vm/run-systemd', "$build/vm", 'tests/vm/profiled-check', "$dir/old.deb", "$dir/new.deb", program('burn'));
if ($r->{status} == 77) {
	SKIP: { skip($r->{err} =~ s/\n.*//sr, 1) }
	done_testing();
	exit;
}
is($r->{status}, 0, 'the machine starts and stops in time') or diag(substr($r->{out}, -3000), $r->{err});
my %told = $r->{out} =~ /^([\w-]+): (.*)$/mg;
my $failed = 0;

sub told {
	my ($name, $wanted, $what) = @_;
	my $ok = ref $wanted ? like($told{$name} // '', $wanted, $what) : is($told{$name}, $wanted, $what);
	$failed ||= !$ok;
}

told('kernel', qr/^6\.1\.\d/, "Debian 12's own kernel");
told('systemd', 252, 'and its systemd');
told('install', 0, 'the package installs');
told('group', 'profiled', 'and makes its group');
told('enable-now', 0, 'systemctl enable --now');
told('active', 'active', 'it becomes active');
told('type', 'notify', 'by its own READY');
cmp_ok($told{exposure} // 10, '<=', 4.0, 'systemd-analyze security: at most 4.0');
told('status-text', qr/^\d+ Hz; last window: \d+ samples, \d+ periods lost; history: \d+ MB; \d+ MB resident$/, 'systemctl status tells how it goes');
told('state-mode', '750 root:profiled', 'the state directory is for the group');
told('current-mode', '640 root:profiled', 'and so are the files in it');
told('current-files', qr/^system\.folded system\.svg burn-\d+\.folded burn-\d+\.svg$/, 'flame graphs of the system and of a busy service');
told('burn', qr/^[1-9]/, 'with names of its functions');
told('kernel-names', qr/^[1-9]/, 'kernel frames have names');
# Code that was loaded a moment ago has no name before /proc/kallsyms is read again.
cmp_ok($told{'hidden-kernel'} // 1e9, '<', 0.1 * ($told{'kernel-names'} // 0), 'nearly all of them: the unit leaves kallsyms readable')
	or $failed = 1;
told('window', qr/^accounting: expected=\d+ .* lost=\d+/, 'the window says what was lost');
told('unit-label', 'burner.service /system.slice/burner.service', 'the history knows the unit of a process');
told('reload', 0, 'systemctl reload');
told('reload-period', '10101010 ns', 'changes the frequency');
told('reload-same-process', 'yes', 'without a restart');
told('bad-reload-message', qr/^[1-9]/, 'settings that are wrong are told, with file and line, as an error');
told('bad-reload-active', 0, 'and the service stays active');
told('restarted', 0, 'kill -9: it is restarted');
told('restarts', 1, 'once');
cmp_ok($told{'windows-before-kill'} // 0, '>', 0, 'there is a history before');
cmp_ok($told{'windows-after-kill'} // 0, '>', $told{'windows-before-kill'} // 0, 'nothing of it is lost, and it goes on');
told('integrity', 'ok', 'the database is whole');
told('stop', 0, 'systemctl stop');
told('stopped', 'inactive success', 'is no failure');
told('start-again', 0, 'and it starts again');
told('upgrade', 0, 'a newer package installs over it');
told('upgraded', 'active 0.1.1~test', 'and is running after that');
cmp_ok($told{'windows-after-upgrade'} // 0, '>=', $told{'windows-after-kill'} // 1, 'with the same history');
told('own-messages', 0, 'no warnings or errors in all that time');
told('remove', 0, 'the package can be removed');
told('removed-unit', 'inactive', 'which stops the service');
told('removed-state', 'kept', 'and keeps the history');
told('purge', 0, 'the package can be purged');
told('purged', 0, 'and nothing of it is left');
told('failed-units', 0, 'no unit failed');
like($r->{out}, qr/^status: 0$/m, 'all of it ran');
diag(substr($r->{out}, -6000)) if $failed;
done_testing();
