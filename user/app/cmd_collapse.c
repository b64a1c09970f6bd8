// SPDX-License-Identifier: Apache-2.0
/* profile collapse: what perf script prints in, folded stacks out. */
#include "app/command.h"
#include "app/streams.h"
#include "app/view_options.h"
#include "base/log.h"
#include "render/folded.h"
#include "render/perf_script.h"

#include <errno.h>
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

struct collapse_options {
	struct perf_script_options script;
	struct view view;
	struct patterns *patterns;  /* the view's */
	const char *input, *output; /* NULL: standard input, output */
};

#define TEXT(name, member) OPTION_TEXT(0, name, struct collapse_options, member)
#define FLAG(name, member) OPTION_FLAG(0, name, struct collapse_options, member)

static const struct option_row rows[] = {
	OPTION_TAKE('o', "output", struct collapse_options, output, option_stream, 0),
	TEXT("event", script.event),
	TEXT("event-filter", script.event),
	FLAG("samples", script.each_is_one),
	FLAG("pid", script.pids),
	FLAG("tid", script.tids),
	FLAG("addrs", script.addresses),
	FLAG("no-inline", view.no_inline),
	OPTION_IGNORED("kernel", false),
	OPTION_IGNORED("jit", false),
	OPTION_IGNORED("all", false),
	OPTION_IGNORED("inline", false),
	VIEW_OPTIONS(struct collapse_options, patterns),
};

static int parse(struct collapse_options *o, int argc, char **argv)
{
	int first, status = options_parse(rows, ARRAY_SIZE(rows), o, "collapse", false, argc, argv, &first);

	return status ? status : options_input(argc, argv, first, &o->input);
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
	if (!status && collapse(&o, &err)) {
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
