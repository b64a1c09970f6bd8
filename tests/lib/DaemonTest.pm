# SPDX-License-Identifier: Apache-2.0
#
# What the tests of the daemon share: starting one, listening to it, reading its history.
package DaemonTest;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::UNIX;
use ProfileTest;
use Socket;
use Test::More;

our @EXPORT = qw(start_daemon notified stop_daemon rows metric wait_windows check_history);

my $dir = scratch();
my $serial = 0;

# Starts a daemon with a state directory of its own (or {state => DIR}) and waits until it is READY.
sub start_daemon {
	my $o = ref $_[0] ? shift : {};
	my $id = ++$serial;
	my $d = { state => $o->{state} // "$dir/state$id", log => "$dir/log$id", config => "$dir/config$id", notified => '' };
	spew($d->{config}, $o->{config} // '');
	unlink("$dir/notify$id");
	$d->{socket} = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify$id") or die "notify socket: $!";
	$d->{socket}->blocking(0);
	local $ENV{NOTIFY_SOCKET} = "$dir/notify$id";
	local $ENV{WATCHDOG_USEC} = 3000000;
	delete local $ENV{WATCHDOG_PID};
	$d->{pid} = start_command({ err => $d->{log} }, profile_path(), 'daemon', '--config', $d->{config}, '--state-dir', $d->{state}, @_);
	ok(wait_for(20, sub { notified($d) =~ /^READY=1$/m || !kill(0, $d->{pid}) }), 'READY') or diag(slurp($d->{log}));
	return $d;
}

# All that the daemon told its service manager so far.
sub notified {
	my ($d) = @_;
	while (defined $d->{socket}->recv(my $text, 4096)) {
		$d->{notified} .= "$text\n";
	}
	return $d->{notified};
}

sub stop_daemon {
	my ($d) = @_;
	is(stop_command($d->{pid}, 'TERM'), 0, 'SIGTERM ends it with status 0') or diag(slurp($d->{log}));
}

# Rows of the history as lists of columns.
sub rows {
	my ($d, $sql) = @_;
	my $r = run_command('sqlite3', '-readonly', '-separator', "\t", "$d->{state}/history.db", $sql);
	is($r->{status}, 0, "sqlite3: $sql") or diag($r->{err});
	return map { [split(/\t/, $_, -1)] } split(/\n/, $r->{out});
}

sub metric {
	my ($d, $name) = @_;
	return (slurp("$d->{state}/metrics.prom") // '') =~ /^profiled_\Q$name\E (\S+)$/m ? $1 : undef;
}

sub wait_windows {
	my ($d, $n) = @_;
	my $now = metric($d, 'windows_total') // 0;
	ok(wait_for(30, sub { (metric($d, 'windows_total') // 0) >= $now + $n }), "$n more windows") or diag(slurp($d->{log}));
}

# What holds for every history.
sub check_history {
	my ($d, $what) = @_;
	my @windows = rows($d, 'select id, start_ns, end_ns, expected, idle, filtered, recorded, lost from windows order by id');
	cmp_ok(@windows, '>', 0, "$what: there are windows");
	is(scalar(grep { $_->[3] != $_->[4] + $_->[5] + $_->[6] + $_->[7] } @windows), 0,
		"$what: expected = idle + filtered + recorded + lost in every window");
	is(scalar(grep { $_->[2] <= $_->[1] } @windows), 0, "$what: every window ends after it begins");
	my %samples = map { @$_ } rows($d, 'select window, sum(samples) from processes group by window');
	is(scalar(grep { $_->[6] != ($samples{$_->[0]} // 0) } @windows), 0, "$what: the samples of its processes are what was recorded");
	is_deeply([rows($d, 'pragma integrity_check')], [['ok']], "$what: the database is whole");
	return @windows;
}

1;
