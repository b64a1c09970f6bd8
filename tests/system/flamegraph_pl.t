# SPDX-License-Identifier: Apache-2.0
# The same frames, counts and percentages as flamegraph.pl draws of the same folded stacks: read out of both SVG files, from
# ours twice, out of the drawing and out of its data. What differs by intent is told where it is told apart.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
use Compress::Zlib;
use MIME::Base64;

my $profile = profile_path();
my $dir = scratch();
my $theirs = flamegraph_pl() or plan(skip_all => 'flamegraph.pl is not installed (Debian has it in libdevel-nytprof-perl)');
diag("flamegraph.pl: $theirs");

my $pad = 10;          # flamegraph.pl's margin, pixels
my $wide = 20000;      # so that a tenth of a pixel is less than half a sample

# What XML says as what it stands for.
sub unescape {
	my ($text) = @_;
	my %of = (lt => '<', gt => '>', quot => '"', apos => "'", '#39' => "'", amp => '&');
	$text =~ s/&(lt|gt|quot|apos|#39|amp);/$of{$1}/g;
	return $text;
}

# Boxes { row, start, end, name, rest }, row 0 the root's, to { stack => rest }: the caller is the box below.
sub stacks_of_boxes {
	my @boxes = sort { $a->{row} <=> $b->{row} || $a->{start} <=> $b->{start} } @_;
	my (%found, @below, @row);
	my $row = 0;
	for my $box (@boxes) {
		if ($box->{row} != $row) {
			@below = @row;
			@row = ();
			$row = $box->{row};
		}
		my $middle = ($box->{start} + $box->{end}) / 2;
		my ($low, $high) = (0, $#below);
		while ($low < $high) {
			my $at = int(($low + $high + 1) / 2);
			if ($below[$at]{start} <= $middle) { $low = $at } else { $high = $at - 1 }
		}
		$box->{path} = $row == 0 ? '' : ($row > 1 ? "$below[$low]{path};" : '') . $box->{name};
		$found{ $row == 0 ? 'all' : $box->{path} } .= "$box->{rest}|";
		push(@row, $box);
	}
	return \%found;
}

# "1,234 samples, 5.00%" of both; numbers without separators, the root's share without a fraction.
sub numbers {
	my ($count, $percent, $delta) = @_;
	$count =~ tr/,//d;
	return sprintf('%s %.2f', $count, $percent) . ($delta // '');
}

# flamegraph.pl takes off annotations and spaces, some versions draw <> as (); an empty name has one of ours.
sub plain {
	my ($name) = @_;
	$name =~ tr/<>/()/;
	$name =~ s/_\[[kwij]\]$//;
	$name =~ s/\s+$//;
	return length($name) ? $name : '[empty]';
}

sub read_theirs {
	my ($svg, $inverted) = @_;
	my @boxes;
	while ($svg =~ m{<title>(.*?) \(([\d,]+) [^,]*?, ([\d.]+)%[^<]*\)</title><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"}g) {
		push(@boxes, { name => plain(unescape($1)), rest => numbers($2, $3), start => $4, end => $4 + $6, y => $5 });
	}
	my %rows = map { $_->{y} => 1 } @boxes;
	my @ys = sort { $inverted ? $a <=> $b : $b <=> $a } keys %rows;
	@rows{@ys} = 0 .. $#ys;
	$_->{row} = $rows{ $_->{y} } for @boxes;
	return stacks_of_boxes(@boxes);
}

sub read_drawing {
	my ($svg, $inverted) = @_;
	my @boxes;
	while ($svg =~ m{<rect class="o" x="([\d.]+)" y="(-?[\d.]+)" width="([\d.]+)"[^>]*><title>(.*?)\n([^<]*)</title>}gs) {
		my ($x, $y, $width, $name, $rest) = ($1, $2, $3, unescape($4), $5);
		next if $name eq '(frames too narrow to draw)';
		$rest =~ /(?:^|\xC2\xB7 |\n)([\d,]+) [^,]*, ([\d.]+)%/ or next;
		push(@boxes, { name => plain($name), rest => numbers($1, $2), start => $x, end => $x + $width, y => $y });
	}
	my %rows = map { $_->{y} => 1 } @boxes;
	my @ys = sort { $inverted ? $a <=> $b : $b <=> $a } keys %rows;
	@rows{@ys} = 0 .. $#ys;
	$_->{row} = $rows{ $_->{y} } for @boxes;
	return stacks_of_boxes(@boxes);
}

# The data of the file, by the description in user/render/island.h: { stack => [totals] } (frames that differ in their kind alone have
# the same stack here), the total and the scale of both.
sub read_island {
	my ($svg) = @_;
	my $packed = join('', map { decode_base64($_) } $svg =~ m{<metadata class="island">([^<]*)</metadata>}g);
	my $bytes = uncompress($packed) // die 'no data';
	my $at = 0;
	my $get = sub {
		my ($v, $shift) = (0, 0);
		while (1) {
			my $b = ord(substr($bytes, $at++, 1));
			$v |= ($b & 127) << $shift;
			return $v if $b < 128;
			$shift += 7;
		}
	};
	my ($version, $flags, $length) = map { $get->() } 1 .. 3;
	my @strings = split(/\n/, substr($bytes, $at, $length), -1);
	$at += $length;
	my $n = $get->();
	# 0 stands for the next one that did not occur yet.
	my $next = 0;
	my @name = map { my $v = $get->(); $strings[ $v ? $v - 1 : $next++ ] } 1 .. $n;
	$get->() for 1 .. $n;    # binaries
	$get->() for 1 .. 2 * $n;    # kinds, highlights
	$n = $get->();
	$next = 0;
	my @function = map { my $v = $get->(); $v ? $v - 1 : $next++ } 1 .. $n;
	my @up = map { $get->() } 1 .. $n;
	my @self = map { $get->() } 1 .. $n;
	if ($flags & 1) { $get->() for 1 .. $n }
	my $total = $get->();
	die 'the data does not end where it should' if $at != length($bytes);
	my (@open, @parent, @path, @sum);
	for my $i (0 .. $n - 1) {
		splice(@open, @open - $up[$i]) if $up[$i];
		$parent[$i] = @open ? $open[-1] : -1;
		$path[$i] = (@open ? "$path[ $open[-1] ];" : '') . plain($name[ $function[$i] ]);
		push(@open, $i);
	}
	for my $i (reverse 0 .. $n - 1) {
		$sum[$i] += $self[$i];
		$parent[$i] < 0 ? ($total += $sum[$i]) : ($sum[ $parent[$i] ] += $sum[$i]);
	}
	my %of_stack;
	push(@{ $of_stack{ $path[$_] } }, $sum[$_]) for grep { $sum[$_] } 0 .. $n - 1;
	return (\%of_stack, $total, $flags & 16 ? 1000 : 1);
}

# The same numbers of one stack. flamegraph.pl draws a frame twice when the name of another one sorts between its own
# samples and its callees ("f1 5", "f10;x 1", "f1;y 2"); then the counts are added up. Percentages are rounded to two
# digits; where the third is exactly 5, printf() of a double goes either way. It takes them of rounded counts, so they are
# not compared where there are fractions.
sub same {
	my ($ours, $theirs, $fractions) = @_;
	my $sum = sub { my $n = 0; $n += (split)[0] for @_; return $n };
	return $sum->(@$ours) == $sum->(@$theirs) if @$ours != @$theirs || $fractions;
	return !grep { !same_numbers($ours->[$_], $theirs->[$_]) } 0 .. $#$ours;
}

sub same_numbers {
	my ($ours, $theirs) = @_;
	return 1 if $ours eq $theirs;
	my ($count, $share) = $ours =~ /^(\S+) (\S+)$/ or return 0;
	my ($count2, $share2) = $theirs =~ /^(\S+) (\S+)$/ or return 0;
	return $count eq $count2 && abs(abs($share - $share2) - 0.01) < 1e-9;
}

sub differences {
	my ($ours, $theirs, %o) = @_;
	my @bad;
	for my $stack (sort keys %{ { %$ours, ($o{bounded} ? () : %$theirs) } }) {
		my @a = sort split(/\|/, $ours->{$stack} // '');
		my @b = sort split(/\|/, $theirs->{$stack} // '');
		next if same(\@a, \@b, $o{fractions});
		push(@bad, substr($stack, -200) . ": ours @a, theirs @b");
	}
	return @bad;
}

# `options` are for both. `bounded`: the input is too large for every frame to have a box in the still drawing.
sub compare {
	my ($name, $folded, %o) = @_;
	my @options = @{ $o{options} // [] };
	my $inverted = grep { $_ eq '--inverted' } @options;
	spew("$dir/in", $folded);
	my $pl = run_command($^X, $theirs, '--width', $wide, '--minwidth', '0.001', @options, "$dir/in");
	my $drawn = run_command($profile, 'flame', '--static', '--width', $wide, '--minwidth', '0.001', @options, "$dir/in");
	my $data = run_command($profile, 'flame', @options, "$dir/in");
	is("$drawn->{status} $data->{status}", '0 0', "$name: drawn") or return diag($drawn->{err}, $data->{err});
	my $expected = read_theirs($pl->{out}, $inverted);
	cmp_ok(scalar(keys %$expected), '>', 1, "$name: flamegraph.pl drew frames") or return diag($pl->{err});
	my $drawing = read_drawing($drawn->{out}, $inverted);
	delete $_->{all} for $o{root_differs} ? ($drawing, $expected) : ();
	my @bad = differences($drawing, $expected, %o);
	is(scalar(@bad), 0, "$name: the drawing") or diag(join("\n", @bad[ 0 .. ($#bad < 5 ? $#bad : 5) ]));
	return if $o{drawing_only};
	my ($sum, $total, $scale) = read_island($data->{out});
	my ($factor) = "@options" =~ /--factor (\d+)/ ? $1 : 1;
	my %found;
	for my $stack (keys %$sum) {
		$found{$stack} .= numbers(sprintf('%.0f', $_ * $factor / $scale), 100 * $_ / $total) . '|' for @{ $sum->{$stack} };
	}
	$found{all} = numbers(sprintf('%.0f', $total * $factor / $scale), 100) . '|';
	@bad = differences(\%found, $expected, fractions => $o{fractions});
	is(scalar(@bad), 0, "$name: the data of " . keys(%$expected) . ' frames') or diag(join("\n", @bad[ 0 .. ($#bad < 5 ? $#bad : 5) ]));
}

sub random_stacks {
	my ($n, $names, $depth) = @_;
	srand(11);
	return join('', map { join(';', map { "f" . int(rand($names)) } 0 .. rand($depth)) . ' ' . (1 + int(rand(9))) . "\n" } 1 .. $n);
}

compare('a few stacks', "a;b;c 5\na;b 3\na;d;c 2\ne;f 1\n");
compare('a single frame', "only 1\n");
compare('one sample of many', "a;b 99999\na;c 1\n");
compare('equal stacks, unsorted', "b;x 1\na;y 2\nb;x 3\na 4\nb 1\na;y 5\n");
compare('recursion', join('', map { join(';', 'main', ('fib') x $_) . " $_\n" } 1 .. 20));
compare('annotations', "app;main;sys_read_[k];vfs_read_[k] 5\napp;main;inl_[i];leaf 3\napp;jit_[j];-;wake_[w] 2\napp;--;x 1\n");
compare('names with ; escaped as :', "app;std::array<[u8: 8]>::f 7\napp;Lorg/a/B:::run_[j] 3\n");
compare('trailing digits', "app;worker12;x 3\napp;worker 12_[k] 4\napp;worker 12;leaf 5\napp;7 6\n42;1;2 7\n");
compare('UTF-8', "app;caf\xC3\xA9;\xE6\x97\xA5\xE6\x9C\xAC 5\napp;\xF0\x9F\x94\xA5;x 3\n", options => ['--encoding', 'UTF-8']);
compare('C++ and Rust names', "app;std::map<int, std::less<int> >::operator[](int const&) 3\napp;<T as a::B<(C, &D)>>::call 4\n"
	. "app;operator new(unsigned long) 2\napp;(anonymous namespace)::f(char const*) 1\napp;a && b \"quoted\" 'x' 1\n");
compare('names that sort around ;', "a;b 1\na b;b 2\na:b;b 3\na!;b 4\na;b;c 5\na.b 6\n");
compare('spaces and tabs before the count', "a;b  3\na;c\t4\n a;d 5\n" =~ s/^ //mr);
compare('empty names', "a;;b 3\n;c 2\nd; 4\n");
compare('blank and malformed lines', "a;b 3\n\nno count\nx;y -5\nz 1e9\nq;r x12\na;c 4\n");
compare('numbers above 2^32', "a;b 5000000000\na;c 15000000000\n");
compare('fractions', "a;b 1.25\na;c 2.25\na;b 0.5\nd 4\n", fractions => 1);
compare('5,000 deep', join(';', map { "f$_" } 1 .. 5000) . " 3\n" . join(';', map { "f$_" } 1 .. 2500) . ";other 2\n", bounded => 1);
compare('200 siblings', join('', map { "top;child$_;x 1\n" } 1 .. 200));
compare('names of 2,000 bytes', 'a;' . ('n' x 2000) . ";b 4\na;" . ('n' x 1999) . "m 5\n");
compare('random stacks', random_stacks(300, 6, 8));
compare('many random stacks', random_stacks(3000, 40, 20), bounded => 1);
compare('reverse', "a;b;c 5\na;b 3\nx;y;c 2\n", options => ['--reverse']);
compare('inverted', "a;b;c 5\na;b 3\nx;y;c 2\n", options => ['--inverted']);
compare('factor', "a;b 1000\na;c 3000\n", options => ['--factor', '2', '--countname', 'ms']) if slurp($theirs) =~ /factor=/;
# There its root has the total that was asked for; ours has the samples there are.
compare('total', "a;b 100\na;c 300\n", options => ['--total', '1000'], drawing_only => 1, root_differs => 1);
compare('two counts', "a;b 10 20\na;c 30 10\nd 0 7\n", drawing_only => 1);

# Widths decide in the same way what is left out.
subtest 'minwidth' => sub {
	my $folded = "a;wide 9000\na;narrow 8\na;thin 12\nb;c;d 980\n";
	spew("$dir/in", $folded);
	for my $min ('0.5', '1', '1.5', '20') {
		my $pl = read_theirs(run_command($^X, $theirs, '--width', 1200, '--minwidth', $min, "$dir/in")->{out});
		# Our drawing is 1168 pixels wide between its margins, theirs 1180.
		my $ours = read_drawing(run_command($profile, 'flame', '--static', '--width', 1212, '--minwidth', $min, "$dir/in")->{out});
		delete $ours->{$_} for grep { /too narrow|narrow.*frames/ } keys %$ours;
		is_deeply([sort keys %$ours], [sort keys %$pl], "--minwidth $min");
	}
};

# Where flamegraph.pl fails, or says something false.
subtest 'told apart' => sub {
	spew("$dir/in", '');
	my ($pl, $ours) = (run_command($^X, $theirs, "$dir/in"), run_command($profile, 'flame', "$dir/in"));
	isnt($pl->{status}, 0, 'nothing to draw: flamegraph.pl fails');
	is($ours->{status}, 1, 'so do we');
	spew("$dir/in", "a;worker 12 300\nb 1\n");
	my ($sum) = read_island(run_command($profile, 'flame', "$dir/in")->{out});
	is_deeply($sum->{'a;worker 12'}, [300], 'a name that ends in a number is no second count as long as others have none');
	spew("$dir/in", "# hz: 99\na 1\n");
	($sum) = read_island(run_command($profile, 'flame', "$dir/in")->{out});
	is_deeply($sum, { a => [1] }, 'a comment that ends in a number is no frame');
};

done_testing();
