# SPDX-License-Identifier: Apache-2.0
# profile flame and profile collapse in the place of other tools: what is read, which views there are, what comes back out
# of a flame graph; hostile names in every place; the same bytes every time.
use strict;
use warnings;
use lib 'tests/lib';
use ProfileTest;
use JSON::PP;
use Test::More;

my $profile = profile_path();
my $dir = scratch();

sub flame {
	my ($folded, @options) = @_;
	spew("$dir/in.folded", $folded);
	return run_command($profile, 'flame', @options, "$dir/in.folded");
}

# What the flame graph of some stacks gives back.
sub extracted {
	my ($folded, @options) = @_;
	my $r = flame($folded, '-o', "$dir/out.svg", @options);
	is($r->{status}, 0, 'drawn') or diag($r->{err});
	my $back = run_command($profile, 'flame', '--extract', "$dir/out.svg");
	is($back->{status}, 0, 'extracted') or diag($back->{err});
	return $back->{out};
}

sub collapse {
	my ($text, @options) = @_;
	spew("$dir/in.script", $text);
	return run_command($profile, 'collapse', @options, "$dir/in.script");
}

# Lines with equal stacks added up, sorted by bytes.
sub tidy {
	my %sum;
	$sum{ $_->[0] } += $_->[1] for folded($_[0]);
	return join('', map { "$_ $sum{$_}\n" } sort keys %sum);
}

subtest 'round trip' => sub {
	my %inputs = (
		'plain' => "a;b;c 5\na;b 3\na;d;c 2\n",
		'kinds' => "app;main;sys_[k];x_[i];y_[j];z_[w];-;--;q_[0] 7\n",
		'names' => "Web Content;operator new(unsigned long) 1\nb;std::map<int, char>::f 2\nc;&lt;]]>--> 3\nd;caf\xC3\xA9 4\n",
		'numbers in names' => "a;worker 12 300\nb;1 2\nc 18446744073709000000\n",
		'unsorted, twice' => "z;a 1\nb;c 2\nz;a 3\n",
		'deep' => join(';', map { "f$_" } 1 .. 10000) . " 3\n",
		'recursion' => "m;f;f;f 1\nm;f 2\nm;f;f 4\n",
	);
	srand(5);
	$inputs{many} = join('', map { join(';', map { 'n' . int(rand(300)) } 0 .. rand(30)) . ' ' . (1 + int(rand(99))) . "\n" } 1 .. 5000);
	for my $name (sort keys %inputs) {
		is(extracted($inputs{$name}), tidy($inputs{$name}), $name);
	}
	is(extracted("a;b 3 5\na;c 0 4\nd 2 0\n"), "a;b 3 5\na;c 0 4\nd 2 0\n", 'two counts');
	is(extracted("a;b 1.5\na;c 2\na 0.25\n"), "a 0.25\na;b 1.5\na;c 2\n", 'fractions');
	spew("$dir/other.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>');
	for my $bad ("$dir/other.svg", "$dir/in.folded", '/dev/null') {
		my $r = run_command($profile, 'flame', '--extract', $bad);
		is($r->{status}, 1, "$bad: no flame graph of ours");
		like($r->{err}, qr{\Aprofile: [^\n]+\n\z}, 'one sentence');
	}
};

subtest 'folded stacks of other tools' => sub {
	is(extracted("swapper;start_kernel_[k];cpu_idle_[k] 1\nsh;-;main;--;x 2\n"), "sh;-;main;--;x 2\nswapper;start_kernel_[k];cpu_idle_[k] 1\n",
		'bcc profile -adf');
	is(extracted("[main tid=12];java/lang/Thread.run_[j];Foo.bar_[0];Foo.baz_[1];libjvm.so_[k] 3\r\n"),
		"[main tid=12];java/lang/Thread.run_[j];Foo.bar_[0];Foo.baz_[1];libjvm.so_[k] 3\n", 'async-profiler, CRLF');
	is(extracted("a;b\t3\n  a;c   4  \n"), "a;b 3\na;c 4\n", 'tabs and spaces');
	is(extracted(";a;b 3\n"), "[empty];a;b 3\n", 'an empty root');
	my $r = flame("a 1\nno count\nb;c -3\nd 2\n\n# a comment 7\nx y\n");
	is($r->{status}, 0, 'malformed lines do not fail');
	like($r->{err}, qr/\Aprofile: warning: left out 3 lines that are not 'STACK COUNT', the first is line 2\n\z/, 'they are counted');
	my @all = (qw(--title T --subtitle S --width 800 --height 20 --minwidth 1% --fonttype Verdana --fontsize 10 --countname ms --nametype F: --colors java
		--bgcolors blue --hash --random --cp --total 100 --factor 2 --notes N --encoding UTF-8 --negate));
	for my $shape ([], ['--reverse'], ['--inverted'], ['--flamechart']) {
		is(flame("a;b 3\na;c 4\n", @all, @$shape)->{status}, 0, "flamegraph.pl's options @$shape");
	}
	is(flame("a 1\n", '--title=x', '--width=500')->{status}, 0, '--option=value');
};

my $stacks = <<'END';
app;main;poll;io;read 10
app;main;poll;work;alloc;grow;alloc 20
app;main;poll;work 30
app;init;alloc 5
idle;sleep 35
END

subtest 'views' => sub {
	my %views = (
		'--hide ^poll$' => "app;init;alloc 5\napp;main;io;read 10\napp;main;work 30\napp;main;work;alloc;grow;alloc 20\nidle;sleep 35\n",
		'--focus work|init' => "app;init;alloc 5\napp;main;poll;work 30\napp;main;poll;work;alloc;grow;alloc 20\n",
		'--root work|alloc' => "alloc 5\nwork 30\nwork;alloc;grow;alloc 20\n",
		'--ignore alloc' => "app;main;poll;io;read 10\napp;main;poll;work 30\nidle;sleep 35\n",
		'--ignore idle --hide poll --root main' => "main;io;read 10\nmain;work 30\nmain;work;alloc;grow;alloc 20\n",
		'--reverse' => "alloc;grow;alloc;work;poll;main;app 20\nalloc;init;app 5\nread;io;poll;main;app 10\nsleep;idle 35\nwork;poll;main;app 30\n",
	);
	for my $view (sort keys %views) {
		is(extracted($stacks, split(/ /, $view)), $views{$view}, $view);
	}
	my $svg = flame($stacks, '--static', '--highlight', 'alloc=memory', '--highlight', 'read|write=input/output', '--ignore', 'idle')->{out};
	# Of 65 samples 25 have such a frame, one of them three times.
	like($svg, qr/memory 38\.46%/, 'a label and its share, once a sample');
	like($svg, qr{input/output 15\.38%}, 'another');
	like($svg, qr/65[^<]*35[^<]*ignored|35[^<]*left out/i, 'what was ignored is told') or diag($svg =~ /(<text class="foot.*)/g);
	for my $bad (['--hide', '('], ['--highlight', 'nolabel'], ['--focus', ''], ['--ignore'], ['--root', 'a{2,1}']) {
		for my $command (['flame'], ['collapse'], ['export'], ['-d', 1, '-a']) {
			my $r = run_command($profile, @$command, @$bad);
			is($r->{status}, 2, "@$command @$bad: bad usage");
			like($r->{err}, qr{\Aprofile: [^\n]+\n\z}, 'one sentence');
		}
	}
	my $r = flame($stacks, '--focus', 'nosuch');
	is($r->{status}, 1, 'nothing left');
	like($r->{err}, qr/leave none of the 100 samples/, 'why');
};

subtest 'views of a run' => sub {
	plan(skip_all => 'needs root') if $> != 0;
	my $load = start_command(program('split'));
	my @formats = map { ('-o', "$dir/run.$_") } qw(folded svg pb.gz json);
	my $r = run_command($profile, '-q', '-F', 499, '-d', 2, '-p', $load, '-U', '--hide', '^leaf_seventy$', '--ignore', '^leaf_thirty$', @formats);
	stop_command($load);
	is($r->{status}, 0, 'profiled') or diag($r->{err});
	my @lines = folded(slurp("$dir/run.folded"));
	cmp_ok(total(@lines), '>', 100, 'samples');
	is(count_matching(qr/leaf_/, @lines), 0, 'neither frame is there');
	my $speedscope = JSON::PP->new->decode(slurp("$dir/run.json"));
	my @used = map { my $p = $_; map { map { $speedscope->{shared}{frames}[$_]{name} } @$_ } @{ $p->{samples} } } @{ $speedscope->{profiles} };
	is(scalar(grep { /leaf_/ } @used), 0, 'speedscope has neither');
	cmp_ok(scalar(@used), '>', 0, 'but others');
	is(run_command($profile, 'flame', '--extract', "$dir/run.svg")->{out}, slurp("$dir/run.folded"), 'the flame graph has the same stacks');
};

subtest 'collapse' => sub {
	my $script = "sh 12/13 [000] 1.000000: 10 cycles: \n\tffffffff81000000 do_x+0x1 ([kernel.kallsyms])\n\t401136 main+0x2 (/bin/sh)\n\n"
		. "my app 14/15 [001] 1.000001: 5 cycles: \n\t401136 f(int, char)+0x2 (/bin/a b)\n\t7f0000000000 [unknown] (/lib/libc.so.6)\n\n"
		. "sh 12/13 [000] 1.000002: 7 page-faults: \n\t401136 main+0x2 (/bin/sh)\n\n";
	my $r = collapse($script);
	is($r->{out}, "my_app;[libc.so.6];f(int, char) 5\nsh;main;do_x_[k] 10\n", 'stacks');
	like($r->{err}, qr/left out 1 samples of events other than cycles/, 'another event is told');
	is(collapse($script, '--event', 'page-faults', '--pid')->{out}, "sh-12;main 7\n", '--event, --pid');
	is(collapse($script, '--samples', '--hide', 'main', '--all', '--kernel')->{out}, "my_app;[libc.so.6];f(int, char) 1\nsh;do_x_[k] 1\n", '--samples, views');
	like(collapse($script, '--samples', '--ignore', 'libc', '--all')->{err}, qr/left out 1 of 2 samples: ignored=1 out of focus=0 without root=0/,
		'what was ignored is told');
	like(collapse("Some words\n$script")->{err}, qr/left out 1 lines that are not of perf script, the first is line 1/, 'other text is counted');
	for my $bad (["a;b 3\n"], [''], [$script, '--event', 'nosuch']) {
		my $r = collapse(@$bad);
		is($r->{status}, 1, 'no samples');
		like($r->{err}, qr/there are no samples/, 'is told');
	}
	is(collapse($script, '--nosuch')->{status}, 2, 'bad usage');
	is(run_command($profile, 'collapse', "$dir/nosuch")->{status}, 1, 'no such file');

	my ($theirs) = grep { -r } map { "$_/stackcollapse-perf.pl" } split(/:/, $ENV{PATH});
	SKIP: {
		skip('stackcollapse-perf.pl is not on PATH', 1) if !$theirs;
		my $pl = run_command($^X, $theirs, '--all', "$dir/in.script");
		(my $ours = collapse($script)->{out}) =~ s/\(int, char\)//;
		is($ours, tidy($pl->{out}), 'as stackcollapse-perf.pl does, which cuts arguments off');
	}
};

# perf's own samples: as many as it says it has, whatever fields are printed.
subtest 'collapse what perf recorded' => sub {
	plan(skip_all => 'needs root and perf') if $> != 0 || !have('perf');
	my $load = start_command(program('split'));
	my $record = run_command('perf', 'record', '-e', 'cpu-clock', '-F', 499, '-g', '-o', "$dir/perf.data", '-p', $load, '--', 'sleep', 2);
	stop_command($load);
	my $count = grep { /\S/ } split(/\n\s*\n/, run_command('perf', 'script', '-i', "$dir/perf.data", '-F', 'ip,sym')->{out});
	plan(skip_all => 'perf cannot record here: ' . substr($record->{err}, 0, 100) =~ s/\n.*//sr) if !$count;
	my $share;
	for my $fields (undef, 'comm,pid,tid,cpu,time,event,ip,sym,dso', 'comm,tid,ip,sym', 'comm,ip,sym,dso', 'ip,sym', '+srcline', '+symoff,+addr') {
		my $script = run_command('perf', 'script', '-i', "$dir/perf.data", defined $fields ? ('-F', $fields) : ());
		my $name = $fields // 'default fields';
		next if $script->{status};    # this perf has none of these
		my $r = collapse($script->{out}, '--samples');
		is(total(folded($r->{out})), $count, "$name: $count samples");
		unlike($r->{err}, qr/left out/, "$name: every line means something");
		my $leaves = count_matching(qr/;leaf_seventy$/, folded($r->{out}));
		$share //= $leaves;
		is($leaves, $share, "$name: as many in a function") if $fields // '' ne '+srcline';
	}
	cmp_ok($share / $count, '>', 0.5, 'the busy function is the one that perf saw');
};

# Attacks in every place that text can come from: well-formed XML, with one script, which is ours.
subtest 'hostile text' => sub {
	plan(skip_all => 'xmllint is not installed') if !have('xmllint');
	my $attack = 'alert(1)';
	my @attacks = (
		"<script>$attack</script>", "</script><script>$attack</script>", "</title><script>$attack</script>", "</text></svg><script>$attack</script>",
		"\"><svg onload=\"$attack\">", "' onload='$attack", "]]>", "]]><script>$attack</script><![CDATA[", "-->", "--><script>$attack</script><!--",
		"<!--", "<![CDATA[", "<?xml version='1.0'?>", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e:", "&e", "&#0", "&#x1", "&lt:", "&",
		"javascript:$attack", "data:text/html,<script>$attack</script>", "</style><style>*{display:none}", "}*{fill:url(http://127.0.0.1/x)}",
		"</metadata><script>$attack</script>", "<metadata class=\"island\">AAAA</metadata>", "%3Cscript%3E", "\\u003cscript\\u003e", "\${$attack}", "`$attack`",
		"\x01", "\x08\x1b[2J\x1b]0:x\x07", "\x7f\xc2\x85", "\xe2\x80\xae\xe2\x80\x8b\xef\xbb\xbf", "\xe2\x80\xa8\xe2\x80\xa9", "\xef\xbf\xbe\xef\xbf\xbf",
		"\xff\xfe", "\xc0\x80", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "x" x 5000, "\xf0\x9f\x94\xa5" x 300,
	);
	tr/;/:/ for @attacks;
	my $folded = join('', map { "$_;f;leaf_[k] 100\n$_;f;$_ 50\n" } @attacks);
	my @places = qw(--title --subtitle --notes --nametype --countname --fonttype);
	for my $format ('svg', 'html', 'static.svg', 'diff.svg') {
		for my $i (-1 .. $#attacks) {
			my @text = $i < 0 ? () : map { ($_ => $attacks[$i]) } @places;
			my @label = $i < 0 || $attacks[$i] =~ /=\z/ ? () : ('--highlight', 'leaf=' . $attacks[$i] =~ tr/=/:/r);
			my $input = $i < 0 ? $folded : "$attacks[$i];leaf 3\n";
			$input =~ s/ (\d+)$/ $1 7/mg if $format eq 'diff.svg';
			my $r = flame($input, '-o', "$dir/hostile.$format", ($format eq 'static.svg' ? '--static' : ()), @text, @label);
			is($r->{status}, 0, "$format $i: drawn") or diag($r->{err});
			my $file = slurp("$dir/hostile.$format");
			my @scripts = $file =~ /<script\b/g;
			is(scalar(@scripts), $format eq 'static.svg' ? 0 : 1, "$format $i: scripts");
			unlike($file =~ s{<script\b.*</script>}{}sr, qr/<[^>"]*\son\w+=|<!ENTITY|<\w+[^>]*href=/, "$format $i: no handlers, entities or links");
			next if $format eq 'html';
			my $lint = run_command('xmllint', '--noout', '--huge', '--nonet', "$dir/hostile.$format");
			is($lint->{status}, 0, "$format $i: well-formed") or diag($lint->{err}, $i < 0 ? '' : $attacks[$i]);
		}
	}
	is(total(folded(extracted($folded))), 150 * @attacks, 'no sample is lost');
	my $script = join('', map { my $comm = substr($_, 0, 15) =~ tr/\n//dr; "$comm 12/12 [000] 1.000000: 1 e: \n\t401136 $_+0x1 (/tmp/$_)\n\n" } @attacks);
	my $r = collapse($script);
	is(total(folded($r->{out})), scalar(@attacks), 'perf script: nor is one there') or diag($r->{err});
	unlike($r->{out}, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'no control character');
};

subtest 'the same bytes' => sub {
	srand(9);
	my @lines = map { join(';', map { 'n' . int(rand(50)) } 0 .. rand(12)) . ' ' . (1 + int(rand(9))) . "\n" } 1 .. 3000;
	my @options = ('--highlight', 'n1=one', '--highlight', 'n2=two', '--hide', 'n7');
	for my $options ([], \@options, ['--static'], ['--reverse']) {
		my $first = flame(join('', @lines), @$options)->{out};
		is(flame(join('', @lines), @$options)->{out}, $first, "@$options: twice");
		is(flame(join('', reverse @lines), @$options)->{out}, $first, "@$options: another order of lines");
		local @ENV{qw(LC_ALL TZ HOME)} = ('tr_TR.UTF-8', 'Asia/Tokyo', '/nonexistent');
		is(flame(join('', @lines), @$options)->{out}, $first, "@$options: another environment");
	}
	flame(join('', @lines), '-o', "$dir/one.html");
	flame(join('', @lines), '-o', "$dir/two.html");
	is(slurp("$dir/one.html"), slurp("$dir/two.html"), 'a page');
	my $chart = flame("b 1\na 2\nb 3\n", '--flamechart')->{out};
	is(flame("b 1\na 2\nb 3\n", '--flamechart')->{out}, $chart, 'a flame chart');
	isnt(flame("a 2\nb 1\nb 3\n", '--flamechart')->{out}, $chart, 'where the order matters');
};

done_testing();
