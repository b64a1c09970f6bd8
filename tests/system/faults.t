# SPDX-License-Identifier: Apache-2.0
# The daemon when what it stands on gives way: its database is damaged or cut while it runs, the file system turns read-only, the clock
# is set. It says so once, what was recorded before can be read, and it goes on when it can. (Full disks, kills and SIGSTOP: daemon.t;
# every write of the history: history.t.)
use strict;
use warnings;
use lib 'tests/lib';
use DaemonTest;
use ProfileTest;
use Test::More;
use Time::HiRes qw(sleep time);

need_root();
my $profile = profile_path();
my $dir = scratch();

# Windows of the history as `profile history` gives them; undef when it fails.
sub readable {
	my ($d) = @_;
	my $r = run_command($profile, 'export', '--state-dir', $d->{state}, '--since', '@1', '--until', '2099-01-01', '-f');
	return $r->{status} ? undef : ($r->{err} =~ /^history: (\d+) windows? from /m)[0];
}

sub messages { my ($d, $pattern) = @_; return scalar(() = slurp($d->{log}) =~ /$pattern/mg) }

# Into the one file, and damaged there.
my %damage = (
	'overwritten in the middle' => sub { my ($path) = @_; open(my $f, '+<', $path) or die; my $size = -s $f; seek($f, int($size / 2 / 2048) * 2048, 0); print $f "\x5a" x 8192 },
	'overwritten at the beginning' => sub { my ($path) = @_; open(my $f, '+<', $path) or die; print $f "\x5a" x 4096 },
	'truncated to a half' => sub { my ($path) = @_; truncate($path, int((-s $path) / 2)) or die },
	'emptied' => sub { my ($path) = @_; truncate($path, 0) or die },
);
for my $what (sort keys %damage) {
	subtest "database $what while the daemon runs" => sub {
		my $d = start_daemon('--window', 1);
		wait_windows($d, 3);
		$damage{$what}->("$d->{state}/history.db");
		wait_windows($d, 3);
		# Damage that nobody has met yet is met at the next start.
		stop_daemon($d);
		my $before = messages($d, qr/damaged/);
		my $again = start_daemon({ state => $d->{state} }, '--window', 1);
		wait_windows($again, 2);
		stop_daemon($again);
		cmp_ok($before + messages($again, qr/damaged/), '<=', 2, 'it is told, not again and again') or diag(slurp($d->{log}), slurp($again->{log}));
		check_history($again, 'the history');
		cmp_ok(readable($again) // 0, '>=', 2, 'what came after can be read');
		is(scalar(grep { /Segmentation|assert|Sanitizer/ } slurp($d->{log}), slurp($again->{log})), 0, 'no crash');
	};
}

subtest 'read-only file system' => sub {
	plan(skip_all => 'no ext4 on a loop device here') if !have('mkfs.ext4') || !-e '/dev/loop-control';
	my ($image, $mount) = ("$dir/image", "$dir/mount");
	mkdir($mount);
	system("truncate -s 24M $image && mkfs.ext4 -q -F $image && mount -o loop,errors=remount-ro $image $mount") == 0
		or plan(skip_all => 'cannot mount an ext4 image');
	my ($loop) = slurp('/proc/mounts') =~ m{^/dev/(loop\d+) \Q$mount\E }m;
	my $d = start_daemon({ state => "$mount/state", config => "[storage]\nmin_free = 0\n" }, '--window', 1);
	wait_windows($d, 3);
	my $before = readable($d);
	# As when the disk reports an error: the kernel makes it read-only at once, whatever is open.
	spew("/sys/fs/ext4/$loop/trigger_fs_error", 'test');
	ok(wait_for(30, sub { slurp($d->{log}) =~ /sampling goes on/ }), 'it says that it cannot write') or diag(slurp($d->{log}));
	cmp_ok(readable($d) // 0, '>=', $before, 'what was recorded before can be read');
	sleep(3);
	my @said = slurp($d->{log}) =~ /^(.*sampling goes on)$/mg;
	cmp_ok(scalar(@said), '<=', 3, 'each thing that failed is said once') or diag(slurp($d->{log}));
	# Another disk with what was on it: the kernel lets no file system be written again after such an error.
	system("cp -a $mount/state $dir/saved && umount -l $mount && mount -t tmpfs -o size=24m,mode=0750 tmpfs $mount && cp -a $dir/saved $mount/state")
		== 0 or diag('cannot replace the disk');
	ok(wait_for(30, sub { slurp($d->{log}) =~ /writing the history works again/ }), 'and when it can again') or diag(slurp($d->{log}));
	wait_windows($d, 2);
	stop_daemon($d);
	cmp_ok(scalar(check_history($d, 'the history')), '>=', $before + 2, 'recording goes on');
	system('umount', '-l', $mount);
};

subtest 'the clock is set' => sub {
	my $shim = "$dir/clock_shift.so";
	system('gcc', '-shared', '-fPIC', '-O2', '-o', $shim, 'tests/programs/clock_shift.c') == 0 or plan(skip_all => 'cannot build the shim');
	my $set = sub { open(my $f, '+<', "$dir/shift") or die; syswrite($f, pack('q', $_[0])) };
	spew("$dir/shift", pack('q', 0));
	my $d = do {
		local $ENV{LD_PRELOAD} = $shim;
		local $ENV{CLOCK_SHIFT} = "$dir/shift";
		start_daemon('--window', 1);
	};
	wait_windows($d, 3);
	my @counts = (rows($d, 'select count(*) from windows'))[0][0];
	for my $shift (3600, -3600, 0) {
		$set->($shift);
		wait_windows($d, 4);
		push @counts, (rows($d, 'select count(*) from windows'))[0][0];
		my ($newest) = (rows($d, 'select end_ns / 1e9 from windows order by id desc limit 1'))[0][0];
		cmp_ok(abs($newest - time() - $shift), '<', 30, "$shift s: windows have the new time");
	}
	cmp_ok($counts[$_], '>=', $counts[$_ - 1] + 3, 'recording goes on, and nothing is deleted') for 1 .. $#counts;
	stop_daemon($d);
	check_history($d, 'the history');
	is((rows($d, 'select count(*) from windows where end_ns - start_ns > 60e9'))[0][0], 0, 'no window is as long as the jump');
	my $lost = (rows($d, 'select total(lost), total(expected) from windows'))[0];
	cmp_ok($lost->[0], '<', 0.5 * $lost->[1], 'the jump is not taken for time that was lost');
	is(readable($d), (rows($d, 'select count(*) from windows'))[0][0], 'all can be read');
};

done_testing();
