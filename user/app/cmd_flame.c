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
#include <getopt.h>
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

enum option_id {
	OPT_TITLE = 256,
	OPT_SUBTITLE,
	OPT_NOTES,
	OPT_WIDTH,
	OPT_HEIGHT,
	OPT_MINWIDTH,
	OPT_FONTSIZE,
	OPT_FONTTYPE,
	OPT_COUNTNAME,
	OPT_NAMETYPE,
	OPT_FACTOR,
	OPT_TOTAL,
	OPT_COLORS,
	OPT_BGCOLORS,
	OPT_INVERTED,
	OPT_REVERSE,
	OPT_FLAMECHART,
	OPT_EXTRACT,
	OPT_STATIC,
	OPT_CSP,
	OPT_NO_EFFECT,
};

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"title", required_argument, NULL, OPT_TITLE},
	{"subtitle", required_argument, NULL, OPT_SUBTITLE},
	{"notes", required_argument, NULL, OPT_NOTES},
	{"width", required_argument, NULL, OPT_WIDTH},
	{"height", required_argument, NULL, OPT_HEIGHT},
	{"minwidth", required_argument, NULL, OPT_MINWIDTH},
	{"fontsize", required_argument, NULL, OPT_FONTSIZE},
	{"fonttype", required_argument, NULL, OPT_FONTTYPE},
	{"countname", required_argument, NULL, OPT_COUNTNAME},
	{"nametype", required_argument, NULL, OPT_NAMETYPE},
	{"factor", required_argument, NULL, OPT_FACTOR},
	{"total", required_argument, NULL, OPT_TOTAL},
	{"colors", required_argument, NULL, OPT_COLORS},
	{"color", required_argument, NULL, OPT_COLORS},
	{"bgcolors", required_argument, NULL, OPT_BGCOLORS},
	{"inverted", no_argument, NULL, OPT_INVERTED},
	{"reverse", no_argument, NULL, OPT_REVERSE},
	{"flamechart", no_argument, NULL, OPT_FLAMECHART},
	{"negate", no_argument, NULL, OPT_NO_EFFECT},
	{"extract", no_argument, NULL, OPT_EXTRACT},
	{"static", no_argument, NULL, OPT_STATIC},
	{"csp", no_argument, NULL, OPT_CSP},
	{"hash", no_argument, NULL, OPT_NO_EFFECT},
	{"random", no_argument, NULL, OPT_NO_EFFECT},
	{"cp", no_argument, NULL, OPT_NO_EFFECT},
	{"encoding", required_argument, NULL, OPT_NO_EFFECT},
	{"fontwidth", required_argument, NULL, OPT_NO_EFFECT},
	VIEW_LONG_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

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

static bool parse_pixels(const char *s, unsigned *ret)
{
	uint64_t v;

	if (text_u64(s, &v) || !v || v > MAX_PIXELS)
		return false;
	*ret = v;
	return true;
}

static bool parse_min_width(const char *s, struct flame_options *o)
{
	size_t n = strlen(s);
	auto_free char *number = xstrndup(s, n && s[n - 1] == '%' ? n - 1 : n);

	if (n && s[n - 1] == '%')
		return parse_number(number, 100, &o->min_percent);
	o->min_percent = 0;
	return parse_number(number, MAX_PIXELS, &o->graph.min_width);
}

/* Takes one option; false when its argument is no good. */
static bool take(struct flame_options *o, int id, const char *arg)
{
	struct flamegraph_options *g = &o->graph;

	switch (id) {
	case 'o':
		o->output = strcmp(arg, "-") ? arg : NULL;
		return *arg;
	case OPT_TITLE:
		g->title = arg;
		return true;
	case OPT_SUBTITLE:
		g->subtitle = arg;
		return true;
	case OPT_NOTES:
		g->notes = arg;
		return true;
	case OPT_WIDTH:
		return parse_pixels(arg, &g->width);
	case OPT_HEIGHT:
		return parse_pixels(arg, &g->row_height);
	case OPT_MINWIDTH:
		return parse_min_width(arg, o);
	case OPT_FONTSIZE:
		return parse_pixels(arg, &g->font_size);
	case OPT_FONTTYPE:
		g->font = arg;
		return true;
	case OPT_COUNTNAME:
		g->count_name = arg;
		return true;
	case OPT_NAMETYPE:
		g->name_type = arg;
		return true;
	case OPT_FACTOR:
		return parse_number(arg, MAX_FACTOR, &g->factor) && g->factor > 0;
	case OPT_TOTAL:
		return !text_u64(arg, &g->total);
	case OPT_COLORS:
		g->colors = arg;
		return palette_find(arg);
	case OPT_BGCOLORS:
		g->background = arg;
		return flamegraph_background(arg);
	case OPT_INVERTED:
		return g->inverted = true;
	case OPT_REVERSE:
		return o->view.reversed = true;
	case OPT_FLAMECHART:
		return o->view.in_order = true;
	case OPT_EXTRACT:
		return o->extract = true;
	case OPT_STATIC:
		return g->no_script = true;
	case OPT_CSP:
		return o->csp = true;
	default:
		return true;
	}
}

/* Returns 0, or the exit status to end with. -1: help was asked for. */
static int parse(struct flame_options *o, int argc, char **argv)
{
	int id, index;

	optind = 0; /* glibc: start over, argv is another one than main()'s */
	opterr = 0;
	while (index = -1, (id = getopt_long(argc, argv, ":o:h", long_options, &index)) != -1) {
		if (id == 'h')
			return -1;
		if (id == '?' || id == ':') {
			log_error("%s '%s'; see 'profile help flame'",
				  id == ':' ? "a value is missing behind" : "there is no option", argv[optind - 1]);
			return EXIT_USAGE;
		}
		if (view_option_is(id)) {
			int status = view_option_take(&o->patterns, id, optarg);

			if (status)
				return status;
			continue;
		}
		if (!take(o, id, optarg ? optarg : "")) {
			log_error("--%s does not take '%s'; see 'profile help flame'",
				  index < 0 ? "output" : long_options[index].name, optarg);
			return EXIT_USAGE;
		}
	}
	if (argc - optind > 1) {
		log_error("one file at a time: '%s' is one too many", argv[optind + 1]);
		return EXIT_USAGE;
	}
	if (optind < argc && strcmp(argv[optind], "-"))
		o->input = argv[optind];
	o->graph.html = o->output && format_by_path(o->output) == &html_format;
	return 0;
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
	if (status < 0) {
		status = fputs(help, stdout) < 0;
	} else if (!status && o.csp) {
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
