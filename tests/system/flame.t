# SPDX-License-Identifier: Apache-2.0
# profile flame: the command, and its drawing in a browser.
use strict;
use warnings;
use utf8;
use lib 'tests/lib';
use ProfileTest;
use BrowserTest;
use Test::More;
use JSON::PP;

binmode(Test::More->builder->$_, ':utf8') for qw(output failure_output todo_output);
my $profile = profile_path();
my $dir = scratch();
my $chromium = chromium_path();

sub flame {
	my ($folded, @options) = @_;
	spew("$dir/in.folded", $folded);
	return run_command($profile, 'flame', @options, "$dir/in.folded");
}

subtest 'command' => sub {
	my $r = flame("a;b 3\nrubbish\na;c 4\n", '--title', 'A & B', '--countname', 'ms');
	is($r->{status}, 0, 'exit status');
	like($r->{out}, qr{\A<\?xml .*<title>A &amp; B</title>.*</svg>\n\z}s, 'an SVG file');
	like($r->{out}, qr{<text class="foot sum"[^>]*>7 ms, all shown</text>}, 'counts');
	like($r->{err}, qr{left out 1 lines.*line 2}, 'malformed lines are told');

	is(flame("a;b 3\na;c 4\n")->{out}, flame("a;c 4\na;b 3\n")->{out}, 'order of lines does not matter');
	my $file = run_command($profile, 'flame', '-o', "$dir/out.svg", "$dir/in.folded");
	is($file->{out}, '', '-o: nothing on stdout');
	is(slurp("$dir/out.svg"), flame("a;c 4\na;b 3\n")->{out}, '-o: the same file');

	like(flame("a;b;c 3\n", '--inverted')->{out}, qr{ data-inverted="".*<text[^>]*>a</text>.*<text[^>]*>c</text>}s, '--inverted');
	like(flame("a;b;c 3\n", '--reverse')->{out}, qr{<text[^>]*>c</text>.*<text[^>]*>b</text>.*<text[^>]*>a</text>}s, '--reverse');
	my $still = flame("a;b 3\n", '--static')->{out};
	like($still, qr{<title>b\n3 samples, 100\.00%, self 3</title>}, '--static: tooltips');
	unlike($still, qr{<script|class="island"}, '--static: neither script nor data');
	like(run_command($profile, 'flame', '--csp')->{out}, qr{\Adefault-src 'none'; .*script-src 'sha256-[A-Za-z0-9+/]{43}='\n\z}, '--csp');
	like(flame("a 3\n", '--width', '800')->{out}, qr{<svg [^>]*width="800"(?![^>]*data-fluid)}, '--width is fixed');

	for my $bad (['--width', 'x'], ['--width', '-5'], ['--colors', 'nosuch'], ['--nosuch'], ['--minwidth', 'nan'], ['--factor', '0'],
		['--title'], ['--bgcolors', 'red;}']) {
		my $r = run_command($profile, 'flame', @$bad);
		is($r->{status}, 2, "@$bad: bad usage");
		like($r->{err}, qr{\Aprofile: [^\n]+\n\z}, "@$bad: one sentence");
	}
	for my $fail (['no such file', "$dir/nosuch"], ['empty', '/dev/null'], ['no directory', '-o', "$dir/no/out.svg", "$dir/in.folded"],
		['directory', $dir]) {
		my ($name, @args) = @$fail;
		my $r = run_command($profile, 'flame', @args);
		is($r->{status}, 1, "$name: failed");
		like($r->{err}, qr{\Aprofile: [^\n]+\n\z}, "$name: one sentence");
		is($r->{out}, '', "$name: nothing on stdout");
	}
};

# The rest is driven in Chromium by tests/system/flame.js, which says one line of JSON per check.
my $long = 'std::map<int, std::less<int> >::find(int const&) const';
my $folded = <<"END";
app;main;work;alloc 100
app;main;work;alloc;alloc 100
app;main;work;alloc;other;alloc 50
app;main;work;Alloc_arena 50
app;main;work;$long 100
app;main;rest;f(x 300
app;main;rest 300
END

sub write_graph {
	my ($name, $text, @options) = @_;
	spew("$dir/in.folded", $text);
	my $r = run_command($profile, 'flame', @options, '-o', "$dir/$name", "$dir/in.folded");
	is($r->{status}, 0, "$name is written") or diag($r->{err});
}

# Names that would be markup or code anywhere they are not text.
sub hostile {
	my $attack = 'window.pwned=1';
	my @names = ("</script><script>$attack</script>", "\"><svg onload=$attack>", "<img src=x onerror=$attack>", "]]><script>$attack</script>",
		"--><script>$attack</script>", "</title></style></svg><script>$attack</script>", "</metadata></svg><script>$attack</script>",
		"javascript:$attack", "&#x3c;script>$attack</script>", "\x01\x1b[2J", "it's `\${$attack}`", "x\xff\xfe\xed\xa0\x80");
	tr/;/:/ for @names;
	return join('', map { "$_;leaf 100\n" } @names);
}

sub large {
	srand(7);
	my @pool = map { sprintf('ns%02d::Class%03d::method_%04d', rand(100), rand(1000), $_) } 0 .. 9999;
	return join('', map { join(';', 'proc-' . int(rand(20)), map({ $pool[$_ * 3 + rand(3)] } 0 .. 4), map({ $pool[rand(@pool)] } 5 .. 29)) . " 2\n" } 1 .. 10000);
}

my ($modules, $why_not) = browser_modules();
SKIP: {
	skip($why_not, 1) if !$modules;

	spew("$dir/csp", run_command($profile, 'flame', '--csp')->{out});
	write_graph('small.svg', $folded, '--title', 'A graph');
	write_graph('small.html', $folded, '--title', 'A graph');
	write_graph('other.svg', "$folded\napp;init 77\nzoo 5\n");
	write_graph('tiny.svg', "a 1000000\nb;c;needle 1\n");
	write_graph('deep.svg', join(';', map { "f$_" } 0 .. 9999) . " 9\n");
	write_graph('single.svg', "only 1\n");
	write_graph('chart.svg', "a;b 10\na;c 10\na;b 20\n", '--flamechart');
	write_graph('large.svg', large());
	write_graph('diff.svg', "a 50 150\nb 50 50\n");
	write_graph('union.svg', "app;keep;leaf 100 200\napp;more;leaf 50 100\napp;fresh;leaf 0 100\napp;gone 50 0\n");
	my @text = map { ($_ => "<script>window.pwned=1</script>\">'") } qw(--title --subtitle --notes --nametype --countname --fonttype);
	write_graph("hostile.$_", hostile(), @text) for qw(svg html);
	spew("$dir/tampered.svg", slurp("$dir/small.svg") =~ s{</svg>\n\z}{<script>window.pwned=1</script></svg>\n}r);
	(my $inline = slurp("$dir/small.svg")) =~ s/\A<\?xml.*?\?>\n//;
	spew("$dir/page_two.html", "<!DOCTYPE html><meta charset=utf-8><body>$inline$inline");
	spew("$dir/page_img.html", '<!DOCTYPE html><img src="small.svg">');
	spew("$dir/page_sandbox.html", '<!DOCTYPE html><iframe sandbox src="small.svg" width=1200 height=600></iframe>');
	spew("$dir/page_sandbox_scripts.html", '<!DOCTYPE html><iframe sandbox="allow-scripts" src="small.svg" width=1200 height=600></iframe>');
	if ($> == 0) {
		# Two lines of a loop; main calls it twice, the second time for most of the samples. The file's name is markup.
		spew("$dir/lines.c", <<'C');
#line 70 "</title><script>window.pwned=1</script>.c"
volatile unsigned long n;
__attribute__((noinline)) void spin(unsigned long rounds) { for (unsigned long i = 0; i < rounds; i++) {
	n += i; n ^= n << 7; n ^= n >> 9;
	n += i; n ^= n << 7; n ^= n >> 9;
} n++; }




int main(void)
{
	for (int i = 0; i < 30; i++) {
	spin(1000000);
	spin(9000000);
	}
	return 0;
}
C
		system('cc', '-O1', '-g', '-fno-inline', '-o', "$dir/lines", "$dir/lines.c") == 0 or die 'cc';
		my $lines = run_command($profile, '-q', '-F', '499', '-o', "$dir/lines.svg", '--', "$dir/lines");
		is($lines->{status}, 0, 'lines.svg is written') or diag($lines->{err});
		my $load = start_command(program('threads'));
		my $r = run_command($profile, '-q', '-d', '1', '-F', '499', '-o', "$dir/threads.svg", '-p', $load);
		stop_command($load);
		diag("no threads.svg: $r->{err}") if !-e "$dir/threads.svg";
	}

	local $ENV{CHROMIUM} = $chromium;
	my $r = run_command('node', 'tests/system/flame.js', $dir, $modules);
	my %checks;
	my @order;
	for my $line (split(/\n/, $r->{out})) {
		my $check = eval { JSON::PP->new->utf8->decode($line) } // { test => 'the driver', name => $line };
		push @order, $check->{test} if !$checks{ $check->{test} };
		push @{ $checks{ $check->{test} } }, $check;
	}
	is($r->{status}, 0, 'the driver ran') or diag($r->{err});
	ok($checks{'the driver'}, 'to its end');
	my $json = JSON::PP->new->allow_nonref->canonical;
	for my $test (@order) {
		subtest $test => sub {
			for my $check (@{ $checks{$test} }) {
				ok($check->{ok}, $check->{name}) or diag('     got: ', $json->encode($check->{got}), "\nexpected: ", $json->encode($check->{want}));
			}
		};
	}
}

done_testing();
