// SPDX-License-Identifier: Apache-2.0
/* profile history: who used the CPUs when. */
#include "app/command.h"
#include "app/history_options.h"
#include "app/time_line.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char help[] =
	"Usage: profile history [time range] [processes] [--by KIND] [--json]\n"
	"\n"
	"A time line of CPU time by process, comm, unit or container (default process).\n"
	"\n"
	HISTORY_HELP
	"  -n, --rows N           how many rows (default 20; 0: all)\n"
	"      --json             one JSON object on standard output, with all rows\n"
	"\n"
	"The bars show busy CPUs, full height being the busiest moment of the range; a dot is a\n"
	"time without samples, a blank one without windows.\n"
	"\n"
	"JSON: windows: [id, level, parts, start, end (seconds since 1970), covered_seconds, rate,\n"
	"accounting]; rows: [name, pid, comm, labels, cpu_seconds, share (of the CPU time of all\n"
	"rows), windows: [[id, cpu_seconds]...]], by CPU time; accounting as in the last line of\n"
	"the text form.\n";

struct options {
	struct history_options history;
	uint64_t rows;
	bool json;
};

static const struct option_row rows[] = {
	OPTION_TAKE('n', "rows", struct options, rows, option_number, 0),
	OPTION_FLAG(0, "json", struct options, json),
	HISTORY_OPTIONS(struct options, history),
};

static int parse(struct options *o, int argc, char **argv)
{
	int first, status;

	*o = (struct options){.rows = 20};
	history_options_init(&o->history);
	status = options_parse(rows, ARRAY_SIZE(rows), o, "history", false, argc, argv, &first);
	return status ? status : history_options_finish(&o->history, argc, argv, first);
}

static unsigned terminal_width(void)
{
	struct winsize w;

	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col >= 60 ? w.ws_col : 100;
}

static int show(const struct options *o, struct store *s, struct error *err)
{
	struct store_query query = history_query(&o->history);
	struct time_line *t = time_line_new(o->history.by);
	struct buf out = {0};
	int ret = store_each_process(s, &query, time_line_add, t, err);

	if (!ret && time_line_is_empty(t)) {
		history_tell_empty(s, &o->history);
		time_line_free(t);
		return 1;
	}
	if (ret) {
		log_error("%s", err->text);
	} else {
		if (o->json)
			time_line_json(&out, t);
		else
			time_line_text(&out, t, o->rows, terminal_width());
		ret = file_write_fd(STDOUT_FILENO, out.v, out.n);
		if (ret)
			log_error("cannot write to standard output: %s", strerror(-ret));
	}
	buf_free(&out);
	time_line_free(t);
	return !!ret;
}

static int run_history(int argc, char **argv)
{
	struct options o;
	struct error err = {0};
	struct store *s = NULL;
	int status = parse(&o, argc, argv);

	if (!status && !(s = store_open(o.history.state_dir, STORE_READ, &err))) {
		log_error("%s", err.text);
		status = 1;
	}
	if (!status)
		status = show(&o, s, &err);
	store_close(s);
	history_options_free(&o.history);
	return status;
}

const struct command history_command = {
	.name = "history",
	.summary = "who used the CPUs when: a time line from the history",
	.help = help,
	.run = run_history,
};
