# SPDX-License-Identifier: Apache-2.0
# Every source file says its licence, the right one, and the text of each licence is here.
use strict;
use warnings;
use File::Find 'find';
use lib 'tests/lib';
use ProfileTest;
use Test::More;

my @files = ('Makefile', '.ci/run');
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && is_source($_) } }, 'bpf', 'user', 'vmlinux', 'tests', 'packaging');

# By name or as a script; fixtures and seeds are other tools' output.
sub is_source {
	my ($path) = @_;
	return 1 if $path =~ m{\.(?:c|h|cc|S|js|css|mk|pl|pm|t|py|sh|service|conf)$|/debian-packages$|/types\.txt$};
	return (slurp($path) // '') =~ /\A#!/;
}

cmp_ok(scalar @files, '>', 100, 'there are source files');
my (@wrong, %used);
for my $path (@files) {
	my $wanted = $path =~ m{^(bpf)/|^(vmlinux/vmlinux\.h)$} ? 'GPL-2.0-only OR BSD-2-Clause' : 'Apache-2.0';
	my ($said) = slurp($path) =~ m{\A(?:[^\n]*\n){0,2}(?://|/\*|#|\.\\") SPDX-License-Identifier: (.*?)(?: \*/)?\n};
	push @wrong, "$path: " . ($said // 'nothing') unless ($said // '') eq $wanted;
	$used{$_} = 1 for split(/ OR /, $wanted);
}
is_deeply(\@wrong, [], 'each says its licence in one of its first three lines');
for my $licence (sort keys %used) {
	my $text = $licence eq 'Apache-2.0' ? 'LICENSE' : "LICENSES/$licence.txt";
	cmp_ok(length(slurp($text) // ''), '>', 1000, "$text is there");
}
done_testing();
