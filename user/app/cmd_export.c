// SPDX-License-Identifier: Apache-2.0
/* profile export: a time range of the history, in the formats of a one-shot run. */
#include "app/cache.h"
#include "app/command.h"
#include "app/history_options.h"
#include "app/results.h"
#include "app/view_options.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "symbolize/symbolize.h"

#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: profile export [time range] [processes] [-o FILE]...\n"
	"\n"
	"A time range of the history as flame graph, folded stacks, pprof or speedscope.\n"
	"\n"
	HISTORY_HELP
	"                         (export: of the root frames; default comm)\n"
	"Output:\n"
	"  -o, --output FILE      format by suffix: .folded .svg .html .pb.gz .json; '-' is folded on\n"
	"                         standard output; may be repeated\n"
	"  -f, --folded           folded stacks on standard output, nothing else there\n"
	"      --per-process DIR  a .folded and a .svg for every process (or what --by says)\n"
	"      --threads          thread name and id as a frame under the process\n"
	"      --pids             COMM-PID instead of COMM as root frame (the same as --by process)\n"
	"  -U, --user             only user frames\n"
	"  -K, --kernel           only kernel frames\n"
	"      --no-inline        do not expand inlined functions\n"
	"      --static           flame graphs as still pictures, without script\n"
	"      --resymbolize      look up names that are missing: after a debug package was installed\n"
	"      --debuginfod[=URL...] with that: ask debuginfod servers for debug files as well;\n"
	"                         without URL those of $DEBUGINFOD_URLS, or what profiled.conf(5) says\n"
	VIEW_HELP
	"  -q, --quiet            no summary\n"
	"\n"
	"Without -o, -f and --per-process a directory profile-YYYYMMDD-HHMMSS/ is written, as 'profile -a' does.\n"
	"The summary on standard error says which windows were read and what was lost in them.\n";

struct options {
	struct history_options history;
	struct record_options out; /* only its output half */
	struct debug_servers debug_servers;
	bool resymbolize;
};

static const struct option_row rows[] = {
	HISTORY_OPTIONS(struct options, history),
	RECORD_OUTPUT_OPTIONS(struct options, out.),
	OPTION_FLAG(0, "resymbolize", struct options, resymbolize),
	DEBUG_SERVERS_OPTION(struct options, debug_servers),
};

static int parse(struct options *o, int argc, char **argv)
{
	int first, status;

	history_options_init(&o->history);
	status = options_parse(rows, ARRAY_SIZE(rows), o, "export", false, argc, argv, &first);
	if (!status)
		status = record_options_check_output(&o->out);
	if (!status && o->debug_servers.on && !o->resymbolize) {
		log_error("--debuginfod asks for the names that --resymbolize looks up: give both");
		status = EXIT_USAGE;
	}
	o->out.pid_roots |= o->history.has_by && o->history.by == GROUP_BY_PROCESS;
	return status ? status : history_options_finish(&o->history, argc, argv, first);
}

/* "history, 2026-11-24 11:00:00 to 2026-11-24 12:00:00" */
static char *title(const struct store_coverage *c)
{
	struct buf text = {0};

	buf_puts(&text, "history, ");
	history_print_time(&text, c->start_ns);
	buf_puts(&text, " to ");
	history_print_time(&text, c->end_ns);
	return text.v;
}

static void summarize(const struct options *o, const struct store_coverage *c, const struct profile *p, const struct buf *written)
{
	struct buf text = {0};

	if (o->out.quiet)
		return;
	history_print_coverage(&text, c, p);
	file_write_fd(STDERR_FILENO, text.v, text.n);
	buf_free(&text);
	results_summary(p, &o->out, written);
}

/* What was read, grouped as asked for, to all outputs. */
static int write_profile(const struct options *o, struct profile *read, const struct store_coverage *c, struct error *err)
{
	struct profile *p = o->history.has_by ? profile_group(read, o->history.by) : read;
	struct buf written = {0};
	int ret;

	free(p->command);
	p->command = title(c);
	ret = results_write(p, &o->out, "system", 0, NULL, &written, err);
	if (!ret)
		summarize(o, c, p, &written);
	buf_free(&written);
	if (p != read)
		profile_free(p);
	return ret;
}

/* The history itself stays as it is: the daemon writes it. */
static int resymbolize(const struct options *o, struct profile *p, const struct store_coverage *coverage, struct error *err)
{
	struct symbolizer_options names = {.all_debug_info = true, .fetch_patience_ns = DEBUG_SERVERS_WAIT_NS};
	struct symbolizer *s;
	struct config c;
	size_t n;

	cache_config(&c);
	names.debuginfod = debug_servers_open(&o->debug_servers, &c, true, err);
	if (o->debug_servers.on && !names.debuginfod) {
		config_free(&c);
		return err->code;
	}
	names.cache = cache_open(&c, NULL);
	s = symbolizer_new(&names);
	n = symbolize_again(s, p, coverage->parts == coverage->windows);
	debug_servers_tell_end(names.debuginfod, symbolizer_counts(s).awaited);
	log_info("%zu frames that had no name have one now", n);
	symbolizer_free(s);
	debuginfod_close(names.debuginfod);
	image_cache_close(names.cache);
	config_free(&c);
	return 0;
}

static int export_range(const struct options *o, struct store *s)
{
	struct store_query query = history_query(&o->history);
	struct store_coverage coverage;
	struct profile *p = NULL;
	struct error err = {0};
	int ret = store_read(s, &query, &p, &coverage, &err);

	if (!ret && !coverage.windows) {
		history_tell_empty(s, &o->history);
		profile_free(p);
		return 1;
	}
	if (!ret && !p->samples.n && coverage.unreadable < coverage.windows && !process_filter_is_empty(&o->history.filter))
		log_warn("no process that was asked for had samples in these windows");
	if (!ret && o->resymbolize)
		ret = resymbolize(o, p, &coverage, &err);
	ret = ret ? ret : write_profile(o, p, &coverage, &err);
	if (ret)
		log_error("%s", err.text);
	profile_free(p);
	return !!ret;
}

static int run_export(int argc, char **argv)
{
	struct options o = {0};
	struct error err = {0};
	struct store *s = NULL;
	int status = parse(&o, argc, argv);

	if (!status && (results_check(&o.out, &err) || !(s = store_open(o.history.state_dir, STORE_READ, &err)))) {
		log_error("%s", err.text);
		status = 1;
	}
	if (!status)
		status = export_range(&o, s);
	store_close(s);
	history_options_free(&o.history);
	record_options_free(&o.out);
	buf_free(&o.debug_servers.urls);
	return status;
}

const struct command export_command = {
	.name = "export",
	.summary = "flame graphs, folded stacks and pprof from the history",
	.help = help,
	.run = run_export,
};
