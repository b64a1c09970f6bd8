// SPDX-License-Identifier: Apache-2.0
#include "app/history_options.h"

#include "app/command.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/timerange.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HOUR_NS (3600 * NS_PER_SEC)

void history_options_init(struct history_options *o)
{
	*o = (struct history_options){
		.state_dir = STORE_DEFAULT_DIR,
		.now_ns = clock_ns(CLOCK_REALTIME),
		.until_ns = UINT64_MAX,
	};
}

void history_options_free(struct history_options *o)
{
	process_filter_free(&o->filter);
}

static int parse_time(struct history_options *o, const char *arg, uint64_t *ret)
{
	int bad = timerange_point(arg, o->now_ns, ret);

	if (!bad)
		return 0;
	if (bad == -ERANGE)
		log_error("there is no time '%s'", arg);
	else
		log_error("'%s' is not a time: such as '2026-01-31 09:30', '09:30', '-10m', 'yesterday 03:00' is wanted", arg);
	return EXIT_USAGE;
}

static int parse_pids(struct history_options *o, const char *list)
{
	auto_free char *copy = xstrdup(list);
	char *rest = copy, *word;
	uint64_t pid;

	while ((word = strsep(&rest, ","))) {
		if (text_u64(word, &pid) || !pid || pid > INT32_MAX) {
			log_error("'%s' is not a process id", word);
			return EXIT_USAGE;
		}
		*vec_push(&o->filter.pids) = pid;
	}
	return 0;
}

int history_option_take(void *to, const char *arg, int which)
{
	struct history_options *o = to;

	switch (which) {
	case HISTORY_SINCE:
		o->has_since = true;
		return parse_time(o, arg, &o->since_ns);
	case HISTORY_UNTIL:
		return parse_time(o, arg, &o->until_ns);
	case HISTORY_BY:
		o->has_by = true;
		if (!group_by_parse(arg, &o->by))
			return 0;
		log_error("--by %s: process, comm, unit or container is wanted", arg);
		return EXIT_USAGE;
	case HISTORY_COMM:
		*vec_push(&o->filter.comms) = arg;
		return 0;
	case HISTORY_PID:
		return parse_pids(o, arg);
	default:
		*vec_push(&o->filter.labels[which - HISTORY_LABEL]) = arg;
		return 0;
	}
}

int history_options_finish(struct history_options *o, int argc, char **argv, int first)
{
	uint64_t until = o->until_ns == UINT64_MAX ? o->now_ns : o->until_ns;

	if (first < argc) {
		log_error("'%s' is not understood; see 'profile help %s'", argv[first], argv[0]);
		return EXIT_USAGE;
	}
	if (!o->has_since)
		o->since_ns = until > HOUR_NS ? until - HOUR_NS : 0;
	if (o->since_ns < until)
		return 0;
	log_error("the time range is empty: --since is not before --until");
	return EXIT_USAGE;
}

struct store_query history_query(const struct history_options *o)
{
	return (struct store_query){o->since_ns, o->until_ns, &o->filter};
}

void history_print_time(struct buf *out, uint64_t ns)
{
	time_t t = ns / NS_PER_SEC;
	char text[64];
	struct tm tm;

	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		buf_puts(out, text);
	else
		buf_printf(out, "@%" PRIu64, (uint64_t)(ns / NS_PER_SEC));
}

void history_print_coverage(struct buf *out, const struct store_coverage *c, const struct profile *p)
{
	uint64_t span = c->end_ns - c->start_ns;

	buf_printf(out, "history: %" PRIu64 " window%s from ", c->windows, c->windows == 1 ? "" : "s");
	history_print_time(out, c->start_ns);
	buf_puts(out, " to ");
	history_print_time(out, c->end_ns);
	if (c->several_periods)
		buf_printf(out, ", at several rates: a count is %" PRIu64 " ns of CPU time", p->period_ns);
	else if (p->period_ns)
		buf_printf(out, ", %.4g samples a second", (double)NS_PER_SEC / p->period_ns);
	if (c->several_hosts)
		buf_puts(out, ", of several hosts");
	buf_puts(out, "\n");
	if (span > c->covered_ns && span - c->covered_ns >= NS_PER_SEC)
		buf_printf(out, "history: nothing was recorded for %.0f s of that time\n", (span - c->covered_ns) / (double)NS_PER_SEC);
	if (c->unreadable)
		buf_printf(out, "history: %" PRIu64 " of the windows cannot be read, their samples are counted as lost\n", c->unreadable);
}

void history_tell_empty(struct store *s, const struct history_options *o)
{
	struct store_status status;
	struct error err = {0};
	struct buf from = {0}, to = {0};

	if (store_status(s, &status, &err)) {
		log_error("%s", err.text);
	} else if (!status.windows) {
		log_error("the history in %s is still empty", o->state_dir);
	} else {
		history_print_time(&from, status.oldest_ns);
		history_print_time(&to, status.newest_ns);
		log_error("the history in %s has nothing of that time: it reaches from %s to %s", o->state_dir, from.v, to.v);
	}
	buf_free(&from);
	buf_free(&to);
}
