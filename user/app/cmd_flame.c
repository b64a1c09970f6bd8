// SPDX-License-Identifier: Apache-2.0
/* profile flame: folded stacks in, a flame graph out. */
#include "app/command.h"
#include "app/streams.h"
#include "app/view_options.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "render/flamegraph.h"
#include "render/folded.h"
#include "render/format.h"
#include "render/island.h"
#include "render/palette.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_GRAPH (2ull << 30) /* bytes of a file to extract from */
#define MAX_PIXELS 100000
#define MAX_FACTOR 1e12

static const char help[] =
	"usage: profile flame [options] [FILE]\n"
	"\n"
	"Folded stacks (FILE or standard input) -> an SVG flame graph on standard output.\n"
	"\n"
	"  -o, --output FILE      write FILE instead of standard output; a web page when it ends in .html\n"
	"      --static           a still picture with tooltips, without script and data\n"
	"      --csp              print the Content-Security-Policy under which these files work, and nothing else\n"
	"      --extract          FILE is a flame graph of ours: give its folded stacks back\n"
	"      --title TEXT       title (default: Flame graph)\n"
	"      --subtitle TEXT    second line\n"
	"      --notes TEXT       a line below the graph\n"
	"      --width PX         fixed width (default: as wide as the window)\n"
	"      --height PX        height of a frame (default: font size + 6)\n"
	"      --minwidth PX|N%   narrower frames are added up, not drawn (default 1; 0.5 by the script)\n"
	"      --fontsize PX      (default 12)\n"
	"      --fonttype FONT    CSS font family of labels, of fixed width (default: monospace)\n"
	"      --countname TEXT   what the counts are (default: samples)\n"
	"      --nametype TEXT    before the name in the details line\n"
	"      --factor N         counts shown are multiplied by N\n"
	"      --total N          samples that the whole width stands for\n"
	"      --colors NAME      hot mem io wakeup chain java js perl red green blue aqua yellow purple orange\n"
	"      --bgcolors COLOR   #rrggbb, yellow, blue, green or grey\n"
	"      --inverted         root on top (icicle)\n"
	"      --reverse          merge stacks from their leaves\n"
	"      --flamechart       stacks from left to right in the order of the input, only neighbours merged\n"
	VIEW_HELP
	"      --hash, --random, --cp, --negate, --encoding X, --fontwidth X   accepted without effect:\n"
	"                         colours depend on the name alone or on the change, the encoding is UTF-8\n"
	"\n"
	"Lines with two counts (STACK BEFORE AFTER) make a differential graph, when all lines have two.\n";

struct flame_options {
	struct flamegraph_options graph;
	const char *input, *output; /* NULL: standard input, output */
	double min_percent;         /* of the width; 0: graph.min_width counts */
	struct view view;
	struct patterns *patterns; /* the view's */
	bool extract; /* the input is a flame graph, the output folded stacks */
	bool csp;
};

/* A finite decimal number in [0, max], "12" or "0.5"; strtod() would take "inf" and "0x1p9" too. */
static bool parse_number(const char *s, double max, double *ret)
{
	char *end;

	if (!*s || strspn(s, "0123456789.") != strlen(s))
		return false;
	*ret = strtod(s, &end);
	return !*end && *ret <= max;
}

static int take_pixels(void *to, const char *s, int which)
{
	uint64_t v;

	if (text_u64(s, &v) || !v || v > MAX_PIXELS)
		return OPTION_REFUSED;
	*(unsigned *)to = v;
	return 0;
}

static int take_min_width(void *to, const char *s, int which)
{
	struct flame_options *o = to;
	size_t n = strlen(s);
	bool percent = n && s[n - 1] == '%';
	auto_free char *number = xstrndup(s, percent ? n - 1 : n);

	o->min_percent = 0;
	return parse_number(number, percent ? 100 : MAX_PIXELS, percent ? &o->min_percent : &o->graph.min_width) ? 0 : OPTION_REFUSED;
}

static int take_factor(void *to, const char *s, int which)
{
	return parse_number(s, MAX_FACTOR, to) && *(double *)to > 0 ? 0 : OPTION_REFUSED;
}

static int take_colors(void *to, const char *s, int which)
{
	return palette_find(s) ? option_text(to, s, which) : OPTION_REFUSED;
}

static int take_background(void *to, const char *s, int which)
{
	return flamegraph_background(s) ? option_text(to, s, which) : OPTION_REFUSED;
}

#define TEXT(name, member) OPTION_TEXT(0, name, struct flame_options, member)
#define FLAG(name, member) OPTION_FLAG(0, name, struct flame_options, member)
#define TAKE(name, member, take) OPTION_TAKE(0, name, struct flame_options, member, take, 0)

static const struct option_row rows[] = {
	OPTION_TAKE('o', "output", struct flame_options, output, option_stream, 0),
	TEXT("title", graph.title),
	TEXT("subtitle", graph.subtitle),
	TEXT("notes", graph.notes),
	TAKE("width", graph.width, take_pixels),
	TAKE("height", graph.row_height, take_pixels),
	{"minwidth", 0, true, take_min_width, 0, 0}, /* of the whole struct */
	TAKE("fontsize", graph.font_size, take_pixels),
	TEXT("fonttype", graph.font),
	TEXT("countname", graph.count_name),
	TEXT("nametype", graph.name_type),
	TAKE("factor", graph.factor, take_factor),
	TAKE("total", graph.total, option_number),
	TAKE("colors", graph.colors, take_colors),
	TAKE("color", graph.colors, take_colors),
	TAKE("bgcolors", graph.background, take_background),
	FLAG("inverted", graph.inverted),
	FLAG("reverse", view.reversed),
	FLAG("flamechart", view.in_order),
	FLAG("extract", extract),
	FLAG("static", graph.no_script),
	FLAG("csp", csp),
	OPTION_IGNORED("negate", false),
	OPTION_IGNORED("hash", false),
	OPTION_IGNORED("random", false),
	OPTION_IGNORED("cp", false),
	OPTION_IGNORED("encoding", true),
	OPTION_IGNORED("fontwidth", true),
	VIEW_OPTIONS(struct flame_options, patterns),
};

static int parse(struct flame_options *o, int argc, char **argv)
{
	int first, status = options_parse(rows, ARRAY_SIZE(rows), o, "flame", false, argc, argv, &first);

	o->graph.html = o->output && format_by_path(o->output) == &html_format;
	return status ? status : options_input(argc, argv, first, &o->input);
}

static void take_piece(void *reader, const char *bytes, size_t n)
{
	folded_reader_add(reader, bytes, n);
}

static void render(struct buf *svg, const struct tree *t, const struct flame_options *o)
{
	struct flamegraph_options graph = o->graph;

	if (o->min_percent > 0)
		graph.min_width = o->min_percent / 100 * (graph.width ? graph.width : FLAMEGRAPH_WIDTH);
	graph.factor /= t->thousandths ? 1000 : 1;
	graph.total *= t->thousandths ? 1000 : 1;
	flamegraph_write(svg, t, &graph);
}

/* Is there anything to draw? */
static int check_tree(const struct tree *t, const char *input, struct error *err)
{
	if (t->nodes.v[0].total || t->baseline)
		return 0;
	if (tree_left_out(t))
		return error_set(err, -ENODATA, "--focus, --root and --ignore leave none of the %" PRIu64 " samples",
				 tree_left_out(t));
	return error_set(err, -ENODATA, "there are no stacks in %s: folded stacks are lines of 'root;...;leaf COUNT'",
			 stream_name(input));
}

static void report(const struct folded_errors *errors)
{
	if (errors->lines)
		log_warn("left out %" PRIu64 " lines that are not 'STACK COUNT', the first is line %" PRIu64,
			 errors->lines, errors->first);
	if (errors->differential)
		log_info("every line has two counts: the first is what the second is compared with");
}

static int convert(struct flame_options *o, struct error *err)
{
	struct profile *p = profile_new();
	struct tree_builder *b = tree_builder_new(p, &o->view);
	struct folded_reader *reader = folded_reader_new(p, b);
	struct folded_errors errors;
	struct tree *t;
	struct buf svg = {0};
	int ret = stream_read(o->input, take_piece, reader, err);

	folded_reader_end(reader, &errors);
	t = tree_builder_end(b);
	if (!ret) {
		report(&errors);
		ret = check_tree(t, o->input, err);
	}
	if (!ret) {
		render(&svg, t, o);
		ret = stream_write(o->output, &svg, err);
	}
	buf_free(&svg);
	tree_free(t);
	profile_free(p);
	return ret;
}

static int extract(struct flame_options *o, struct error *err)
{
	struct profile *p = profile_new();
	struct buf file = {0}, folded = {0};
	struct tree *t = NULL;
	int ret = o->input ? file_read(o->input, MAX_GRAPH, &file) : file_read_fd(STDIN_FILENO, MAX_GRAPH, &file);

	if (ret)
		error_set(err, ret, "cannot read %s: %s", stream_name(o->input), strerror(-ret));
	else if ((t = island_tree(p, &o->view, file.n ? file.v : "", file.n, err)))
		folded_write(&folded, t);
	else
		ret = -EBADMSG;
	if (!ret)
		ret = stream_write(o->output, &folded, err);
	tree_free(t);
	buf_free(&file);
	buf_free(&folded);
	profile_free(p);
	return ret;
}

static int cmd_flame(int argc, char **argv)
{
	struct flame_options o = {.graph = flamegraph_defaults, .view = {.process = ALL_PROCESSES}};
	struct error err = {0};
	int status = parse(&o, argc, argv);

	o.view.patterns = o.patterns;
	if (!status && o.csp) {
		status = puts(flamegraph_csp) < 0;
	} else if (!status && (o.extract ? extract(&o, &err) : convert(&o, &err))) {
		log_error("%s", err.text);
		status = 1;
	}
	patterns_free(o.patterns);
	return status;
}

const struct command flame_command = {
	.name = "flame",
	.summary = "folded stacks to an SVG flame graph",
	.help = help,
	.run = cmd_flame,
};
