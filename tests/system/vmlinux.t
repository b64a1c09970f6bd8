# SPDX-License-Identifier: Apache-2.0
# vmlinux/vmlinux.h says what this kernel says: every structure, field and constant of vmlinux/types.txt.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;

plan(skip_all => 'this kernel has no type information (/sys/kernel/btf/vmlinux)') unless -r '/sys/kernel/btf/vmlinux';
plan(skip_all => 'bpftool is not installed') unless have('bpftool');

# Kernels differ in how wide an integer is: that is relocated like an offset. Names, nesting, pointers and constants must agree.
sub comparable {
	my ($header) = @_;
	$header =~ s/^.*(?=^enum bpf_map_type)//ms or die 'no enum bpf_map_type';
	$header =~ s/\b(?:(?:unsigned|signed|long|short|int|char|_Bool|[us](?:8|16|32|64))\s+)+(?=\w)/integer /g;
	return [split(/\n/, $header)];
}

my $r = run_command('vmlinux/generate');
is($r->{status}, 0, 'vmlinux/generate works on this kernel') or diag($r->{err});
is_deeply(comparable(slurp('vmlinux/vmlinux.h')), comparable($r->{out}), 'vmlinux.h is what `make vmlinux` makes of it');

my $dir = scratch();
for my $case (['struct task_struct: no_such_field', qr/struct task_struct has no field no_such_field$/],
	['struct no_such_struct: pid', qr/has no struct no_such_struct$/],
	['enum: NO_SUCH_CONSTANT', qr/has no NO_SUCH_CONSTANT$/],
	['task_struct pid', qr/:1: is neither a struct nor an enum$/]) {
	my ($line, $message) = @$case;
	spew("$dir/types.txt", "$line\n");
	my $bad = run_command('vmlinux/generate', '/sys/kernel/btf/vmlinux', "$dir/types.txt");
	isnt($bad->{status}, 0, "'$line' fails");
	like($bad->{err}, $message, 'and says why');
	is($bad->{out}, '', 'without half a header');
}
{
	# What an unnamed union holds counts as direct, what a named one holds does not; typedefs are resolved.
	spew("$dir/types.txt", "enum bpf_map_type: BPF_MAP_TYPE_RINGBUF\nstruct signal_struct: live\n");
	my $header = run_command('vmlinux/generate', '/sys/kernel/btf/vmlinux', "$dir/types.txt")->{out};
	like($header, qr/^enum bpf_map_type \{\n\tBPF_MAP_TYPE_RINGBUF = 27,\n\};$/m, 'constants have their values');
	like($header, qr/^struct signal_struct \{\n\tstruct \{ int counter; \} live;\n\};$/m, 'typedefs are resolved');
	spew("$dir/types.txt", "struct hw_perf_event: counter\n");
	isnt(run_command('vmlinux/generate', '/sys/kernel/btf/vmlinux', "$dir/types.txt")->{status}, 0, 'nested names are not direct');
}
done_testing();
