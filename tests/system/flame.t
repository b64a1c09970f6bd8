# SPDX-License-Identifier: Apache-2.0
# profile flame: the command, and its drawing in a browser.
use strict;
use warnings;
use utf8;
use lib 'tests/lib';
use ProfileTest;
use Test::More;
use File::Temp 'tempdir';
use JSON::PP;

binmode(Test::More->builder->$_, ':utf8') for qw(output failure_output todo_output);
my $profile = profile_path();
my $dir = scratch();
my ($chromium) = grep { -x } qw(/usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome);

sub flame {
	my ($folded, @options) = @_;
	spew("$dir/in.folded", $folded);
	return run_command($profile, 'flame', @options, "$dir/in.folded");
}

subtest 'command' => sub {
	my $r = flame("a;b 3\nrubbish\na;c 4\n", '--title', 'A & B', '--countname', 'ms');
	is($r->{status}, 0, 'exit status');
	like($r->{out}, qr{\A<\?xml .*<title>A &amp; B</title>.*</svg>\n\z}s, 'an SVG file');
	like($r->{out}, qr{<title>a\n7 ms, 100\.00%}, 'counts');
	like($r->{err}, qr{left out 1 lines.*line 2}, 'malformed lines are told');

	is(flame("a;b 3\na;c 4\n")->{out}, flame("a;c 4\na;b 3\n")->{out}, 'order of lines does not matter');
	my $file = run_command($profile, 'flame', '-o', "$dir/out.svg", "$dir/in.folded");
	is($file->{out}, '', '-o: nothing on stdout');
	is(slurp("$dir/out.svg"), flame("a;c 4\na;b 3\n")->{out}, '-o: the same file');

	my ($up) = flame("a;b;c 3\n", '--inverted')->{out} =~ /data-inverted="(\d)"/;
	is($up, 1, '--inverted');
	like(flame("a;b;c 3\n", '--reverse')->{out}, qr{<title>c\n.*<title>b\n.*<title>a\n}s, '--reverse');
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

# What Chromium makes of a page.
sub dump_dom {
	my ($url) = @_;
	my $user = tempdir('profile-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my $r = run_command($chromium, qw(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
		--hide-scrollbars --disable-background-networking --disable-component-update --disable-sync), '--window-size=1232,900',
		"--user-data-dir=$user", '--dump-dom', $url);
	utf8::decode($r->{out});
	return $r->{out};
}

# Runs a driver in a page that has the SVG files inline; it fills `result`.
sub in_browser {
	my ($driver, @svg) = @_;
	s/\A<\?xml.*?\?>\n// for @svg;
	my $helpers = slurp('tests/system/flame.js');
	spew("$dir/page.html", join("\n", '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body style="margin:0">', @svg,
		'<pre id="result"></pre><script>', $helpers, 'addEventListener("load", function () { var result = {};',
		'try {', $driver, '} catch (e) { result.error = e.stack; }',
		'document.getElementById("result").textContent = JSON.stringify(result); });</script></body></html>'));
	my ($json) = dump_dom("file://$dir/page.html") =~ m{<pre id="result">(.*?)</pre>}s;
	$json //= '{"error":"the page did not run"}';
	$json =~ s/&lt;/</g;
	$json =~ s/&gt;/>/g;
	$json =~ s/&amp;/&/g;
	my $result = JSON::PP->new->decode($json);
	is($result->{error}, undef, 'the page ran');
	return $result;
}

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

subtest 'zoom' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	my $r = in_browser(<<'END', flame($folded)->{out});
var s = graph(0), before = s.places();
result.inner = s.frames.getAttribute("width");
result.overflow = s.overflowing();
result.short = s.label("std::map");
s.click("work");
result.work = s.place("work");
result.above = s.place("main");
result.above_class = s.box("main").classList.contains("above");
result.hidden = s.place("rest");
result.alloc = s.place("alloc");
result.long = s.label("std::map");
result.crumbs = s.svg.querySelector(".trail").textContent;
result.zoomed_overflow = s.overflowing();
s.over("alloc");
result.details = s.details();
s.svg.querySelector(".crumb").dispatchEvent(new MouseEvent("click", { bubbles: true }));
result.crumb_back = s.places() === before;
s.click("alloc");
s.svg.querySelector("button").click();
result.back = s.places() === before;
result.crumbs_gone = s.svg.querySelector(".trail") === null;
s.click("alloc");
s.key("Escape");
result.escape = s.places() === before;
s.key("i");
result.flipped = s.frames.children[0].getAttribute("transform");
END
	is($r->{inner}, 1200, 'as wide as the window');
	is_deeply($r->{overflow}, [], 'no label is wider than its box');
	is($r->{short}, '…::find', 'a long name cut to its box');
	is($r->{work}, '0% 100%', 'the clicked box takes the whole width');
	is($r->{above}, '0% 100%', 'its caller too');
	ok($r->{above_class}, 'its caller is faded');
	is($r->{hidden}, 'hidden', 'what is beside it is hidden');
	# Callees of work by name: Alloc_arena 50, alloc 250, std::map 100 of 400.
	is($r->{alloc}, '12.5% 62.5%', 'its callee in the zoomed scale');
	is($r->{long}, 'std::map<int, std::less<int> >::find', 'the label grows with its box');
	is($r->{crumbs}, 'all › app › main › work', 'where we are');
	is_deeply($r->{zoomed_overflow}, [], 'no label is wider than its box after zooming');
	is($r->{details}, 'alloc   250 samples, 25.00% · self 100, 10.00% · 62.50% of view', 'details');
	ok($r->{$_}, "$_: every box is back where it was") for qw(crumb_back back escape);
	ok($r->{crumbs_gone}, 'no trail at the root');
	is($r->{flipped}, 'translate(0,0)', 'i puts the root on top');
};

subtest 'search' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	my $r = in_browser(<<'END', flame($folded)->{out});
var s = graph(0);
["alloc", "Alloc", "^alloc$", "f(x", "f\\(x", "nosuch", "rest|f"].forEach(function (t) { result[t] = s.search(t); });
result.marked = (s.search("Alloc"), Array.from(s.svg.querySelectorAll(".match")).map(s.name));
s.click("work");
result.zoomed = s.search("alloc");
s.click("all");
s.search("");
result.none = s.svg.querySelectorAll(".match").length + (s.svg.querySelector(".found").hidden ? 0 : 1);
result.slash = [s.key("/"), document.activeElement === s.input];
s.search("x");
s.key("Escape", s.input);
result.escape = [s.input.value, document.activeElement === s.input];
result.find = [s.key("f", s.svg, true), document.activeElement === s.input];
END
	# alloc 250 (once a sample, however often it stands in the stack) + Alloc_arena 50 of 1000
	is($r->{alloc}, '30.00% matched', 'lower case finds both cases');
	is($r->{Alloc}, '5.00% matched', 'a capital only itself');
	is($r->{'^alloc$'}, '25.00% matched', 'a regular expression; recursion counts once');
	is($r->{'f(x'}, '30.00% matched', 'no regular expression: literal');
	is($r->{'f\\(x'}, '30.00% matched', 'escaped');
	is($r->{nosuch}, '0.00% matched', 'nothing');
	is($r->{'rest|f'}, '70.00% matched', 'a match on a match is part of it');
	is_deeply($r->{marked}, ['Alloc_arena'], 'boxes are marked');
	is($r->{zoomed}, '75.00% matched', 'of the zoomed box');
	is($r->{none}, 0, 'an empty search marks nothing');
	is_deeply($r->{slash}, [JSON::PP::true, JSON::PP::true], '/ opens the box, the browser does not type it');
	is_deeply($r->{escape}, ['', JSON::PP::false], 'Escape ends the search');
	is_deeply($r->{find}, [JSON::PP::true, JSON::PP::true], 'Ctrl-F opens the box instead of the browser\'s');
};

subtest 'hostile names' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	my $attack = 'window.pwned=1';
	my @names = ("</script><script>$attack</script>", "\"><svg onload=$attack>", "<img src=x onerror=$attack>", "]]><script>$attack</script>",
		"--><script>$attack</script>", "</title></style></svg><script>$attack</script>", "javascript:$attack", "&#x3c;script>$attack</script>",
		"\x01\x1b[2J", "it's `\${$attack}`");
	tr/;/:/ for @names;
	my $text = join('', map { "$_;leaf 100\n" } @names);
	my @all = map { ($_ => "<script>$attack</script>\">'") } qw(--title --subtitle --notes --nametype --countname --fonttype);
	my $r = in_browser(<<'END', flame($text, @all)->{out});
var s = graph(0);
s.boxes.forEach(function (b) { s.clickBox(b); s.overBox(b); s.search(s.name(b)); });
s.key("Escape");
result.pwned = window.pwned === undefined;
result.scripts = document.querySelectorAll("script").length;
result.images = document.querySelectorAll("img, image, iframe").length;
result.names = s.boxes.map(s.name).filter(function (n) { return n !== "leaf" && n !== "all"; });
END
	ok($r->{pwned}, 'no script of a name ran');
	is($r->{scripts}, 2, 'the script of the graph and ours, no other');
	is($r->{images}, 0, 'no element of a name');
	@names = sort @names;
	s/\x01/\\x01/, s/\x1b/\\x1B/ for @names;
	is_deeply($r->{names}, \@names, 'names arrive whole, control characters escaped');
};

subtest 'as a picture, without script' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	my $svg = flame($folded)->{out};
	$svg =~ s{<script>.*</script>}{}s;
	my $r = in_browser('var s = graph(0); result.overflow = s.overflowing(); result.texts = s.frames.querySelectorAll("text").length;', $svg);
	is_deeply($r->{overflow}, [], 'no label is wider than its box in the fonts of this machine');
	cmp_ok($r->{texts}, '>=', 8, 'there are labels');
};

subtest 'two on one page' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	my $r = in_browser(<<'END', flame($folded)->{out}, flame($folded)->{out});
var one = graph(0), two = graph(1), before = two.places();
one.click("work");
one.search("alloc");
result.same = two.places() === before;
result.marks = two.svg.querySelectorAll(".match").length;
result.work = one.place("work");
result.ids = document.querySelectorAll("svg [id]").length;
END
	ok($r->{same}, 'zooming one leaves the other');
	is($r->{marks}, 0, 'searching too');
	is($r->{work}, '0% 100%', 'the first was zoomed');
	is($r->{ids}, 0, 'no ids that could clash');
};

subtest 'a stack of 3000 frames' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	my $r = in_browser(<<'END', flame(join(';', map { "f$_" } 1 .. 3000) . " 9\n")->{out});
var s = graph(0), clicks = 0, box;
result.before = s.place("f3000");
while (s.place("f3000") === "hidden" && clicks++ < 20) {
	box = s.boxes.filter(function (b) { return s.visible(b); }).pop();
	s.clickBox(box);
}
result.after = s.place("f3000");
result.height = s.svg.getBoundingClientRect().height;
s.key("Escape");
result.back = s.place("f3000") + s.place("f1");
END
	is($r->{before}, 'hidden', 'the top is out of the picture');
	is($r->{after}, '0% 100%', 'zooming reaches it');
	cmp_ok($r->{height}, '<', 16000, 'the picture has a bounded height');
	is($r->{back}, 'hidden0% 100%', 'and back');
};

subtest 'the file by itself' => sub {
	plan(skip_all => 'chromium is not installed') if !$chromium;
	spew("$dir/alone.svg", flame($folded)->{out});
	my $dom = dump_dom("file://$dir/alone.svg");
	like($dom, qr/class="flamegraph live"/, 'the script runs in a stand-alone SVG file');
	like($dom, qr/<input[^>]*type="search"/, 'it has a search box');
	unlike($dom, qr/parsererror/, 'it parses');
};

done_testing();
