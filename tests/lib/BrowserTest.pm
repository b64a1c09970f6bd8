# SPDX-License-Identifier: Apache-2.0
#
# A browser to test in: Debian's Chromium, and npm's packages of tests/package.json, which drive and check it.
package BrowserTest;
use strict;
use warnings;
use Exporter 'import';
use ProfileTest;

our @EXPORT = qw(chromium_path browser_modules);

sub chromium_path { return (grep { -x } qw(/usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome))[0] }

# Where the packages are, installed once per build directory; or undef and why there are none.
sub browser_modules {
	my $dir = ($ENV{BUILD} // 'build') . '/tests/browser';
	my $wanted = slurp('tests/package.json');
	for my $tool (['chromium', chromium_path()], ['node', have('node')], ['npm', have('npm')]) {
		return (undef, "$tool->[0] is not installed") if !$tool->[1];
	}
	return "$dir/node_modules" if -d "$dir/node_modules/axe-core" && (slurp("$dir/package.json") // '') eq $wanted;
	system('mkdir', '-p', $dir) == 0 or die "mkdir $dir";
	spew("$dir/package.json", $wanted);
	my $r = run_command('npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', $dir);
	return "$dir/node_modules" if !$r->{status} && -d "$dir/node_modules/axe-core";
	unlink("$dir/package.json");
	return (undef, 'npm cannot install playwright-core and axe-core (no network?)');
}

1;
