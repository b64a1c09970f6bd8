// SPDX-License-Identifier: Apache-2.0
/* profile collapse: what perf script prints in, folded stacks out. */
#include "app/command.h"
#include "app/streams.h"
#include "app/view_options.h"
#include "base/log.h"
#include "render/folded.h"
#include "render/perf_script.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: perf script | profile collapse [options] [FILE]\n"
	"\n"
	"The output of perf script (FILE or standard input) -> folded stacks on standard output.\n"
	"Any fields perf script prints (-F) will do; a stack counts its period, or 1 where there is none.\n"
	"Kernel frames end in _[k], inlined ones in _[i], those of a JIT compiler in _[j].\n"
	"\n"
	"  -o, --output FILE      write FILE instead of standard output\n"
	"      --event NAME       samples of this event (default: the first there is)\n"
	"      --samples          a sample counts 1, whatever its period\n"
	"      --pid              root frames are COMM-PID (with perf script -F +pid)\n"
	"      --tid              root frames are COMM-PID/TID\n"
	"      --addrs            unknown functions are [BINARY <ADDRESS>]\n"
	"      --no-inline        leave out inlined functions\n"
	VIEW_HELP
	"      --event-filter NAME   the same as --event\n"
	"      --kernel, --jit, --all, --inline   accepted without effect: all of this is always told\n";

enum { OPT_EVENT = 256, OPT_SAMPLES, OPT_PID, OPT_TID, OPT_ADDRS, OPT_NO_INLINE, OPT_NO_EFFECT };

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"event", required_argument, NULL, OPT_EVENT},
	{"event-filter", required_argument, NULL, OPT_EVENT},
	{"samples", no_argument, NULL, OPT_SAMPLES},
	{"pid", no_argument, NULL, OPT_PID},
	{"tid", no_argument, NULL, OPT_TID},
	{"addrs", no_argument, NULL, OPT_ADDRS},
	{"no-inline", no_argument, NULL, OPT_NO_INLINE},
	{"kernel", no_argument, NULL, OPT_NO_EFFECT},
	{"jit", no_argument, NULL, OPT_NO_EFFECT},
	{"all", no_argument, NULL, OPT_NO_EFFECT},
	{"inline", no_argument, NULL, OPT_NO_EFFECT},
	VIEW_LONG_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct collapse_options {
	struct perf_script_options script;
	struct view view;
	struct patterns *patterns;  /* the view's */
	const char *input, *output; /* NULL: standard input, output */
};

static int take(struct collapse_options *o, int id, const char *arg)
{
	if (view_option_is(id))
		return view_option_take(&o->patterns, id, arg);
	switch (id) {
	case 'o':
		o->output = strcmp(arg, "-") ? arg : NULL;
		break;
	case OPT_EVENT:
		o->script.event = arg;
		break;
	case OPT_SAMPLES:
		o->script.each_is_one = true;
		break;
	case OPT_PID:
		o->script.pids = true;
		break;
	case OPT_TID:
		o->script.tids = true;
		break;
	case OPT_ADDRS:
		o->script.addresses = true;
		break;
	case OPT_NO_INLINE:
		o->view.no_inline = true;
		break;
	}
	return 0;
}

/* Returns 0, or the exit status to end with. -1: help was asked for. */
static int parse(struct collapse_options *o, int argc, char **argv)
{
	int id, status = 0;

	optind = 0; /* glibc: start over, argv is another one than main()'s */
	opterr = 0;
	while (!status && (id = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
		if (id == 'h')
			return -1;
		if (id == '?' || id == ':') {
			log_error("%s '%s'; see 'profile help collapse'",
				  id == ':' ? "a value is missing behind" : "there is no option", argv[optind - 1]);
			return EXIT_USAGE;
		}
		status = take(o, id, optarg);
	}
	if (status)
		return status;
	if (argc - optind > 1) {
		log_error("one file at a time: '%s' is one too many", argv[optind + 1]);
		return EXIT_USAGE;
	}
	if (optind < argc && strcmp(argv[optind], "-"))
		o->input = argv[optind];
	return 0;
}

static void take_piece(void *reader, const char *bytes, size_t n)
{
	perf_script_add(reader, bytes, n);
}

static int report(const struct collapse_options *o, const struct perf_script_report *r, const struct tree *t,
		  struct error *err)
{
	struct buf view = {0};

	view_report(&view, t);
	if (view.n)
		log_info("%.*s", (int)view.n - 1, view.v);
	buf_free(&view);
	if (r->bad)
		log_warn("left out %" PRIu64 " lines that are not of perf script, the first is line %" PRIu64, r->bad,
			 r->first);
	if (r->others)
		log_warn("left out %" PRIu64 " samples of events other than %s; --event chooses", r->others,
			 o->script.event ? o->script.event : r->event);
	if (!r->samples)
		return error_set(err, -ENODATA, "there are no samples%s%s in %s: it should be what perf script prints",
				 o->script.event ? " of " : "", o->script.event ? o->script.event : "",
				 stream_name(o->input));
	return 0;
}

static int collapse(const struct collapse_options *o, struct error *err)
{
	struct profile *p = profile_new();
	struct tree_builder *b = tree_builder_new(p, &o->view);
	struct perf_script *reader = perf_script_new(p, b, &o->script);
	struct perf_script_report found;
	struct buf folded = {0};
	struct tree *t;
	int ret = stream_read(o->input, take_piece, reader, err);

	perf_script_end(reader, &found);
	t = tree_builder_end(b);
	if (!ret)
		ret = report(o, &found, t, err);
	if (!ret) {
		folded_write(&folded, t);
		ret = stream_write(o->output, &folded, err);
	}
	free(found.event);
	buf_free(&folded);
	tree_free(t);
	profile_free(p);
	return ret;
}

static int cmd_collapse(int argc, char **argv)
{
	struct collapse_options o = {.view = {.process = ALL_PROCESSES}};
	struct error err = {0};
	int status = parse(&o, argc, argv);

	o.view.patterns = o.patterns;
	if (status < 0) {
		status = fputs(help, stdout) < 0;
	} else if (!status && collapse(&o, &err)) {
		log_error("%s", err.text);
		status = 1;
	}
	patterns_free(o.patterns);
	return status;
}

const struct command collapse_command = {
	.name = "collapse",
	.summary = "what perf script prints to folded stacks",
	.help = help,
	.run = cmd_collapse,
};
