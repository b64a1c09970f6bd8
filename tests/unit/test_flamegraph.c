// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/file.h"
#include "render/flamegraph.h"
#include "render/folded.h"
#include "render/layout.h"
#include "render/palette.h"

#include <inttypes.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static bool have_xmllint(void)
{
	return !access("/usr/bin/xmllint", X_OK);
}

/* Is it well-formed XML 1.0? libxml2 says. */
static void assert_well_formed(const struct buf *svg)
{
	char path[] = "/tmp/test_flamegraph_XXXXXX";
	char *argv[] = {"xmllint", "--noout", "--huge", path, NULL};
	int fd = mkstemp(path), status = -1;
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, svg->v, svg->n), 0);
	close(fd);
	assert_int_equal(posix_spawn(&pid, "/usr/bin/xmllint", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	assert_int_equal(status, 0);
}

static struct buf draw(const struct profile *p, const struct flamegraph_options *o)
{
	struct view view = {.process = ALL_PROCESSES};
	struct tree *t = tree_new(p, &view);
	struct buf out = {0};

	flamegraph_write(&out, t, o ? o : &flamegraph_defaults);
	tree_free(t);
	return out;
}

static struct profile *read_text(const char *folded)
{
	struct profile *p = profile_new();
	struct folded_errors errors;

	folded_read(p, folded, strlen(folded), &errors);
	assert_int_equal(errors.lines, 0);
	return p;
}

static struct buf draw_text(const char *folded, const struct flamegraph_options *o)
{
	struct profile *p = read_text(folded);
	struct buf out = draw(p, o);

	profile_free(p);
	return out;
}

static size_t occurrences(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void assert_has(const struct buf *svg, const char *part)
{
	if (!strstr(svg->v, part))
		fail_msg("not in the file: %s", part);
}

static void boxes_have_their_samples_and_places(void **state)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf svg;

	/* all 100; a 60 at 0, z 40 at 60; b 30 at 0, c 30 at 30 with 20 of its own; d 10 at 30. 1000 pixels: 10 a sample. */
	o.width = 1032;
	o.no_script = true;
	svg = draw_text("a;b 30\na;c;d_[k] 10\na;c 20\nz 40\n", &o);
	assert_has(&svg, "<rect class=\"o\" x=\"0\" y=\"54\" width=\"1000\" height=\"17\"><title>all\n100 samples, 100.00%, self 0");
	assert_has(&svg, "<rect class=\"o\" x=\"0\" y=\"36\" width=\"600\" height=\"17\"><title>a\n60 samples, 60.00%, self 0");
	assert_has(&svg, "<rect class=\"o\" x=\"600\" y=\"36\" width=\"400\" height=\"17\"><title>z\n40 samples, 40.00%, self 40");
	assert_has(&svg, "<rect class=\"o\" x=\"0\" y=\"18\" width=\"300\" height=\"17\"><title>b\n30 samples");
	assert_has(&svg, "<rect class=\"o\" x=\"300\" y=\"18\" width=\"300\" height=\"17\"><title>c\n30 samples, 30.00%, self 20");
	assert_has(&svg, "<rect class=\"o\" x=\"300\" y=\"0\" width=\"100\" height=\"17\"><title>d\n10 samples");
	/* The box itself: a pixel smaller on each side, its stroke makes up for it; a pixel of air at the right. */
	assert_has(&svg, "M301 1h97v15H301z");
	assert_has(&svg, "<text x=\"304\" y=\"12\">d</text>");
	assert_int_equal(occurrences(svg.v, "class=\"o\""), 6);
	assert_has(&svg, ">100 samples, all shown</text>");
	assert_int_equal(occurrences(svg.v, "<script"), 0);
	assert_int_equal(occurrences(svg.v, "island"), 0);
	buf_free(&svg);
}

static void narrow_frames_are_counted(void **state)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf svg;

	/* 1168 px for 10,000 samples: 1 px is 8.56, so 9 samples are the least, which are 1.05 px. b and c have no box. */
	o.min_width = 1;
	o.no_script = true;
	svg = draw_text("a 9998\nb 1\nc 1\n", &o);
	assert_has(&svg, "10,000 samples = 9,998 shown + 2 in 2 frames narrower than 1.05 px");
	assert_int_equal(occurrences(svg.v, "class=\"o\""), 2);
	buf_free(&svg);
	o.min_width = 0;
	svg = draw_text("a 9998\nb 1\nc 1\n", &o);
	assert_has(&svg, "10,000 samples, all shown");
	assert_int_equal(occurrences(svg.v, "class=\"o\""), 4);
	buf_free(&svg);
}

/* What calls many narrow frames must not look as if it had run itself. */
static void narrow_neighbours_share_a_box(void **state)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf folded = {0}, svg;

	for (int i = 0; i < 100; i++)
		buf_printf(&folded, "r;x%02d;y 1\n", i);
	buf_puts(&folded, "r;a 450\nr;z 450\n");
	o.min_width = 2; /* 1000 samples on 1168 px: 2 samples */
	o.no_script = true;
	svg = draw_text(folded.v, &o);
	assert_has(&svg, "x=\"525.6\" y=\"0\" width=\"116.8\" height=\"17\"><title>(frames too narrow to draw)\n100 samples, 10.00%");
	assert_has(&svg, "1,000 samples = 900 shown + 100 in 200 frames narrower than 2.33 px");
	assert_int_equal(occurrences(svg.v, "class=\"o\""), 5);
	buf_free(&folded);
	buf_free(&svg);
}

static void highlights_have_their_colour_and_share(void **state)
{
	struct patterns *patterns = patterns_new();
	struct view view = {.process = ALL_PROCESSES, .patterns = patterns};
	struct profile *p = read_text("a;alloc 30\na;alloc;alloc 20\nb 50\n");
	struct buf svg = {0};
	struct tree *t;

	assert_int_equal(patterns_add(patterns, PATTERN_HIGHLIGHT, "^alloc=heap <&>", NULL), 0);
	t = tree_new(p, &view);
	flamegraph_write(&svg, t, &flamegraph_defaults);
	assert_has(&svg, "<path class=\"h0\" d=\"M1 ");
	assert_has(&svg, "<rect class=\"h0\" x=\"0\"");
	assert_has(&svg, ">heap &lt;&amp;&gt; 50.00%</text>");
	buf_free(&svg);
	tree_free(t);
	profile_free(p);
	patterns_free(patterns);
}

static uint64_t shown(const struct layout *l, const struct tree *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->boxes.n; i++)
		if (l->boxes.v[i].node != LAYOUT_FOLDED)
			sum += t->nodes.v[l->boxes.v[i].node].self;
	return sum;
}

static void every_layout_adds_up(void **state)
{
	struct profile *p = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, ""), seed = 5;
	struct tree *t;

	for (int i = 0; i < 3000; i++) {
		uint32_t node = 0;

		for (int depth = (seed = seed * 1664525 + 1013904223) >> 28; depth >= 0; depth--) {
			char name[8];

			seed = seed * 1664525 + 1013904223;
			snprintf(name, sizeof(name), "f%u", (seed >> 16) % 9);
			node = profile_node(p, node, profile_frame(p, name, "", FRAME_USER));
		}
		profile_add(p, thread, node, 1 + (seed >> 24));
	}
	t = tree_new(p, &view);
	for (uint64_t min = 0; min < 100000; min = min * 3 + 1) {
		for (size_t max = 10; max < 100000; max *= 10) {
			struct layout l;

			layout_make(&l, t, min, max);
			assert_true(l.boxes.n <= max + l.rows);
			assert_true(shown(&l, t) + l.folded == t->nodes.v[0].total);
			for (size_t i = 1; i < l.boxes.n; i++) {
				const struct layout_box *a = &l.boxes.v[i - 1], *b = &l.boxes.v[i];

				assert_true(b->total >= l.min_total);
				assert_true(b->row == a->row ? b->start >= a->start + a->total : b->row == a->row + 1);
			}
			layout_free(&l);
		}
	}
	tree_free(t);
	profile_free(p);
}

static void same_samples_give_the_same_bytes(void **state)
{
	struct buf a = draw_text("x;y 1\nx;z 2\nw 3\n", NULL), b = draw_text("w 1\nx;z 2\nx;y 1\nw 2\n", NULL);

	assert_string_equal(a.v, b.v);
	buf_free(&a);
	buf_free(&b);
}

static const char *const hostile[] = {
	"</script><script>alert(1)</script>",
	"\"><svg onload=alert(1)>",
	"'><image href=x onerror=alert(1)>",
	"]]>",
	"--><x>",
	"</title></style></svg>",
	"&amp;&#x3c;&lt;&nosuch;",
	"\x01\x02\x1B[31m\x7F\r\n\t",
	"\xC2\x85\xC2\x9F",
	"\xFF\xFE\xC3(\xED\xA0\x80\xF4\x90\x80\x80\xC0\x80",
	"\xE2\x80\xAE\xE2\x81\xA6\xEF\xBB\xBF\xEF\xBF\xBE\xEF\xBF\xBF",
	"*{fill:red}</style>; url(javascript:alert(1)) expression(x)",
	"%s%n%d${x}`y`\\u003c",
	"<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a<&\"'>a",
};

static struct buf draw_hostile(const char *s, bool still)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 1, 1, s), 1, s);
	uint32_t node = profile_node_at(p, 0, profile_frame(p, s, s, FRAME_USER), profile_location_in(p, 0, 1, strings_add(p->strings, s), 7));
	struct buf svg;

	o.no_script = still;
	profile_add(p, thread, node, 1000);
	/* A hundred widths of a box, so that its label is cut at every place. */
	for (int i = 1; i < 100; i++) {
		char name[512];

		snprintf(name, sizeof(name), "%03d%s", i, s);
		profile_add(p, thread, profile_node(p, node, profile_frame(p, name, s, FRAME_KERNEL)), i * 10);
	}
	o.title = o.subtitle = o.notes = o.accounting = o.count_name = o.name_type = o.colors = o.background = o.font =
		s;
	svg = draw(p, &o);
	profile_free(p);
	return svg;
}

static void no_name_can_break_out(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(hostile); i++) {
		bool still = i & 1;
		struct buf svg = draw_hostile(hostile[i / 2], still);

		assert_int_equal(occurrences(svg.v, "<script"), !still);
		assert_int_equal(occurrences(svg.v, "</script"), !still);
		assert_int_equal(occurrences(svg.v, "<style"), 1);
		assert_int_equal(occurrences(svg.v, "<svg"), 1);
		assert_int_equal(occurrences(svg.v, "]]>"), !still);
		assert_int_equal(occurrences(svg.v, "<image"), 0);
		assert_int_equal(occurrences(svg.v, "{fill:red}</"), 0);
		for (size_t k = 0; k < svg.n; k++)
			assert_true((unsigned char)svg.v[k] >= 0x20 || svg.v[k] == '\n' || svg.v[k] == '\t');
		assert_null(strstr(svg.v, "\xE2\x80\xAE")); /* U+202E */
		buf_free(&svg);
	}
}

static void every_file_is_well_formed(void **state)
{
	if (!have_xmllint()) {
		print_message("xmllint is not installed\n");
		skip();
	}
	for (size_t i = 0; i < 2 * ARRAY_SIZE(hostile); i++) {
		struct buf svg = draw_hostile(hostile[i / 2], i & 1);

		assert_well_formed(&svg);
		buf_free(&svg);
	}
}

static void a_web_page_carries_its_policy(void **state)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf page;

	o.html = true;
	o.title = "<&";
	page = draw_text("a 1\n", &o);
	assert_int_equal(strncmp(page.v, "<!DOCTYPE html>\n", 16), 0);
	assert_has(&page, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; ");
	assert_has(&page, "<title>&lt;&amp;</title>");
	assert_has(&page, "script-src &#39;sha256-");
	assert_int_equal(occurrences(page.v, "<svg"), 1);
	buf_free(&page);
}

static void source_lines_are_told(void **state)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, ""), file = strings_add(p->strings, "/src/a&b.c");
	uint32_t node = profile_node_at(p, 0, profile_frame(p, "f", "x", FRAME_USER), profile_location_in(p, 0, 1, file, 12));
	struct buf svg;

	profile_add(p, thread, node, 4);
	profile_add(p, thread, profile_node(p, node, profile_frame(p, "g", "x", FRAME_USER)), 1);
	o.no_script = true;
	svg = draw(p, &o);
	assert_has(&svg, "<title>f\n5 samples, 100.00%, self 4\n/src/a&amp;b.c:12</title>");
	assert_has(&svg, "<title>g\n1 samples, 20.00%, self 1</title>");
	assert_has(&svg, "<tspan class=\"dim\" dx=\"12\">x a&amp;b.c:12</tspan>");
	assert_has(&svg, "<tspan class=\"dim\" dx=\"12\">x</tspan>");
	buf_free(&svg);
	profile_free(p);
}

static void the_script_is_the_same_bytes_in_every_file(void **state)
{
	struct buf a = draw_hostile(hostile[0], false), b = draw_text("a 1\n", NULL);
	const char *script = strstr(a.v, "<script>");

	assert_non_null(script);
	assert_string_equal(script, strstr(b.v, "<script>"));
	/* A bound that keeps small pictures small. */
	assert_true(strstr(script, "]]></script>") - script - strlen("<script><![CDATA[") <= 25000);
	/* What it must not use to stay that way: names would become markup or code. */
	assert_null(strstr(script, "innerHTML"));
	assert_null(strstr(script, "outerHTML"));
	assert_null(strstr(script, "insertAdjacent"));
	assert_null(strstr(script, "document.write"));
	assert_null(strstr(script, "eval("));
	assert_null(strstr(script, "prompt("));
	buf_free(&a);
	buf_free(&b);
}

static void without_samples_there_is_still_a_picture(void **state)
{
	struct profile *p = profile_new();
	struct buf svg = draw(p, NULL);

	assert_has(&svg, "0 samples, all shown");
	if (have_xmllint())
		assert_well_formed(&svg);
	buf_free(&svg);
	profile_free(p);
}

static void counts_up_to_64_bits(void **state)
{
	struct buf svg = draw_text("a 9223372036854775808\nb 9223372036854775807\n", NULL);

	assert_has(&svg, "18,446,744,073,709,551,615 samples, all shown");
	assert_has(&svg, "M585 1h581v15H585z"); /* b: the right half of 1168 pixels */
	buf_free(&svg);
}

static void deep_stacks_make_no_endless_picture(void **state)
{
	struct buf folded = {0}, svg;
	unsigned width = 0, height = 0;

	for (int i = 0; i < 10000; i++)
		buf_printf(&folded, "%sf%d", i ? ";" : "", i);
	buf_puts(&folded, " 5\n");
	svg = draw_text(folded.v, NULL);
	assert_int_equal(sscanf(strstr(svg.v, "width="), "width=\"%u\" height=\"%u\"", &width, &height), 2);
	assert_true(height < 16000);
	assert_has(&svg, ">f798</text>");
	assert_has(&svg, "the deepest stack has 10,000 frames, 799 of them in the picture");
	if (have_xmllint())
		assert_well_formed(&svg);
	buf_free(&folded);
	buf_free(&svg);
}

static void total_and_factor(void **state)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf svg;

	o.total = 200;
	o.factor = 10;
	o.count_name = "ms";
	svg = draw_text("a 100\n", &o);
	assert_has(&svg, "M1 1h581v15H1z"); /* a: half of 1168 pixels */
	assert_has(&svg, ">50.00%</tspan>");
	assert_has(&svg, "1,000 ms, all shown");
	buf_free(&svg);
}

/* x to the power of 2.4 = x * x * the fifth root of x * x, by Newton; without libm. */
static double power_2_4(double x)
{
	double y = 1;

	for (int i = 0; i < 60; i++)
		y -= (y * y * y * y * y - x * x) / (5 * y * y * y * y);
	return x * x * y;
}

/* WCAG 2.1, relative luminance and contrast. */
static double luminance(unsigned rgb)
{
	static const double weight[] = {0.0722, 0.7152, 0.2126};
	double sum = 0;

	for (int i = 0; i < 3; i++) {
		double c = (rgb >> 8 * i & 0xFF) / 255.0;

		sum += weight[i] * (c <= 0.03928 ? c / 12.92 : power_2_4((c + 0.055) / 1.055));
	}
	return sum;
}

static void assert_contrast(struct buf *css, unsigned text, unsigned expected)
{
	unsigned rgb, n = 0;

	for (const char *s = css->v; (s = strstr(s, "{color:#")); n++) {
		double a, b;

		assert_int_equal(sscanf(s, "{color:#%6x}", &rgb), 1);
		s++;
		a = luminance(rgb) + 0.05;
		b = luminance(text) + 0.05;
		if ((a > b ? a / b : b / a) < 4.5)
			fail_msg("#%06x on #%06x: contrast %.2f", text, rgb, a > b ? a / b : b / a);
	}
	assert_int_equal(n, expected);
	buf_free(css);
}

/* Labels are #1f1a17 on a light page and #f3efea on a dark one. */
static void labels_can_be_read_on_every_colour(void **state)
{
	static const char *const names[] = {NULL,   "red",    "orange", "yellow", "green", "aqua",
					    "blue", "purple", "mem",    "io",     "java"};
	static const unsigned text[] = {0x1f1a17, 0xf3efea};
	struct buf svg = draw_text("a 1\n", NULL), css = {0};

	assert_has(&svg, ".fl .graph text{fill:#1f1a17;");
	assert_has(&svg, ".fl .graph text{fill:#f3efea}");
	buf_free(&svg);
	for (int dark = 0; dark < 2; dark++) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			assert_non_null(palette_find(names[i]));
			palette_css(&css, palette_find(names[i]), dark, ~0u);
			assert_contrast(&css, text[dark], 4 * PALETTE_SHADES + 1);
		}
		palette_css_categories(&css, dark);
		assert_contrast(&css, text[dark], PALETTE_SHADES + PALETTE_STEPS);
		palette_css_highlights(&css, dark);
		assert_contrast(&css, text[dark], PALETTE_HIGHLIGHTS);
		palette_css_changes(&css, dark);
		assert_contrast(&css, text[dark], 2 * (PALETTE_STEPS + 1) + 1);
	}
	assert_null(palette_find("nosuch"));
	assert_null(palette_find("hot java"));
	assert_null(palette_find("ho"));
}

static void the_shade_is_the_published_hash(void **state)
{
	/* FNV-1a test vectors of the IETF draft (draft-eastlake-fnv): "" 811c9dc5, "a" e40c292c, "foobar" bf9cf968 */
	assert_int_equal(palette_shade("", 0), (0x811c9dc5 ^ 0x811c) % 12);
	assert_int_equal(palette_shade("a", 1), (0xe40c292c ^ 0xe40c) % 12);
	assert_int_equal(palette_shade("foobar", 6), (0xbf9cf968 ^ 0xbf9c) % 12);
}

static void format_tells_what_was_measured(void **state)
{
	struct profile *p = profile_new();
	uint32_t process = profile_process(p, 812, 1, "postgres");
	struct view all = {.process = ALL_PROCESSES}, one = {.process = process};
	struct buf svg = {0};

	profile_add(p, profile_thread(p, process, 812, "postgres"),
		    profile_node(p, 0, profile_frame(p, "f", "x", FRAME_USER)), 990);
	p->command = xstrdup("sh -c <make>");
	p->event = xstrdup("cpu-clock");
	p->period_ns = 10101010;           /* 99 Hz */
	p->start_ns = 1764011883000000000; /* date -u -d @1764011883 */
	p->end_ns = p->start_ns + 12340000000;
	p->accounting.expected = p->accounting.recorded = 990;
	assert_int_equal(flamegraph_format.write(&svg, p, &all, NULL), 0);
	assert_has(&svg, "<title>sh -c &lt;make&gt;</title>");
	assert_has(&svg, "on CPU \xC2\xB7 12.3 s \xC2\xB7 cpu-clock at 99 Hz \xC2\xB7 990 samples, 10.0 s of CPU time "
			 "\xC2\xB7 "
			 "2025-11-24 19:18:03 UTC");
	assert_has(&svg, "accounting: expected=990 idle=0 filtered=0 recorded=990 lost=0");
	buf_truncate(&svg, 0);
	assert_int_equal(flamegraph_format.write(&svg, p, &one, NULL), 0);
	assert_has(&svg, "<title>postgres (812)</title>");
	buf_free(&svg);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boxes_have_their_samples_and_places),
		cmocka_unit_test(narrow_frames_are_counted),
		cmocka_unit_test(narrow_neighbours_share_a_box),
		cmocka_unit_test(every_layout_adds_up),
		cmocka_unit_test(same_samples_give_the_same_bytes),
		cmocka_unit_test(no_name_can_break_out),
		cmocka_unit_test(every_file_is_well_formed),
		cmocka_unit_test(highlights_have_their_colour_and_share),
		cmocka_unit_test(a_web_page_carries_its_policy),
		cmocka_unit_test(source_lines_are_told),
		cmocka_unit_test(the_script_is_the_same_bytes_in_every_file),
		cmocka_unit_test(without_samples_there_is_still_a_picture),
		cmocka_unit_test(counts_up_to_64_bits),
		cmocka_unit_test(deep_stacks_make_no_endless_picture),
		cmocka_unit_test(total_and_factor),
		cmocka_unit_test(labels_can_be_read_on_every_colour),
		cmocka_unit_test(the_shade_is_the_published_hash),
		cmocka_unit_test(format_tells_what_was_measured),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
