// SPDX-License-Identifier: Apache-2.0
#include "app/time_line.h"

#include "app/history_options.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIN_BUCKETS 16
#define NAME_COLUMNS 34 /* that are left for the names when the bars are as wide as they may be */
#define FIXED_COLUMNS 20 /* "  12h 34m 56s  99.9%  " before the bars */

struct cell {
	uint32_t window; /* index */
	uint64_t cpu_ns;
};

struct row {
	uint32_t name; /* string ids */
	int32_t pid;
	uint64_t identity;
	uint32_t comm, labels[LABEL_N]; /* the last ones seen; of a process */
	uint64_t cpu_ns;
	VEC(struct cell) cells;
};

struct window {
	int64_t id;
	unsigned level;
	uint64_t parts, start_ns, end_ns, covered_ns, period_ns;
	uint64_t matched; /* samples of the processes that were let through */
	struct accounting accounting;
};

struct time_line {
	enum group_by by;
	struct strings *strings;
	struct table table; /* of rows */
	VEC(struct row) rows;
	VEC(struct window) windows;
	uint32_t host;
	bool several_hosts;
};

struct time_line *time_line_new(enum group_by by)
{
	struct time_line *t = xcalloc(1, sizeof(*t));

	t->by = by;
	t->strings = strings_new();
	return t;
}

void time_line_free(struct time_line *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->rows.n; i++)
		vec_free(&t->rows.v[i].cells);
	vec_free(&t->rows);
	vec_free(&t->windows);
	table_free(&t->table);
	strings_free(t->strings);
	free(t);
}

bool time_line_is_empty(const struct time_line *t)
{
	return !t->windows.n;
}

static bool same_row(const void *ctx, uint32_t id, const void *key)
{
	const struct row *a = &((const struct time_line *)ctx)->rows.v[id], *b = key;

	return a->name == b->name && a->pid == b->pid && a->identity == b->identity;
}

static struct row *row_of(struct time_line *t, const struct store_process *p)
{
	bool process = t->by == GROUP_BY_PROCESS;
	struct row key = {.pid = process ? p->pid : 0, .identity = process ? p->identity : 0};
	char short_id[13];
	uint64_t hash;
	uint32_t id;

	key.name = strings_add(t->strings, group_name(t->by, p->comm, p->labels, short_id));
	hash = hash_mix(hash_mix(key.name, (uint32_t)key.pid), key.identity);
	id = table_find(&t->table, hash, same_row, t, &key);
	if (id == TABLE_NONE) {
		id = t->rows.n;
		*vec_push(&t->rows) = key;
		table_add(&t->table, hash, id);
	}
	return &t->rows.v[id];
}

static void add_window(struct time_line *t, const struct store_window *w)
{
	uint32_t host = strings_add(t->strings, w->host);

	t->several_hosts |= t->windows.n && host != t->host;
	t->host = host;
	*vec_push(&t->windows) = (struct window){
		.id = w->id,
		.level = w->level,
		.parts = w->parts,
		.start_ns = w->start_ns,
		.end_ns = w->end_ns,
		.covered_ns = w->covered_ns,
		.period_ns = w->period_ns,
		.accounting = w->accounting,
	};
}

int time_line_add(void *ctx, const struct store_window *w, const struct store_process *p)
{
	struct time_line *t = ctx;
	uint32_t window;
	struct row *row;

	if (!p) {
		add_window(t, w);
		return 0;
	}
	window = t->windows.n - 1;
	row = row_of(t, p);
	row->comm = strings_add(t->strings, p->comm);
	for (int i = 0; i < LABEL_N; i++)
		row->labels[i] = strings_add(t->strings, p->labels[i]);
	if (!row->cells.n || row->cells.v[row->cells.n - 1].window != window)
		*vec_push(&row->cells) = (struct cell){window, 0};
	row->cells.v[row->cells.n - 1].cpu_ns += p->samples * w->period_ns;
	row->cpu_ns += p->samples * w->period_ns;
	t->windows.v[window].matched += p->samples;
	return 0;
}

static int by_cpu_time(const void *a, const void *b, void *ctx)
{
	const struct strings *s = ((struct time_line *)ctx)->strings;
	const struct row *x = a, *y = b;
	int c;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	c = strcmp(strings_get(s, x->name), strings_get(s, y->name));
	return c ? c : x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The rows by CPU time. Row ids are not valid any more. */
static uint64_t sort_rows(struct time_line *t)
{
	uint64_t sum = 0;

	if (t->rows.n)
		qsort_r(t->rows.v, t->rows.n, sizeof(*t->rows.v), by_cpu_time, t);
	for (size_t i = 0; i < t->rows.n; i++)
		sum += t->rows.v[i].cpu_ns;
	return sum;
}

/* What was held back is filtered. */
static struct accounting accounting_of(const struct window *w)
{
	struct accounting a = w->accounting;
	uint64_t matched = w->matched < a.recorded ? w->matched : a.recorded;

	a.filtered += a.recorded - matched;
	a.recorded = matched;
	return a;
}

/* Of all windows, in counts of one period (profile_merge() knows how). The caller's. */
static struct profile *measurement(const struct time_line *t)
{
	struct profile *sum = profile_new();

	for (size_t i = 0; i < t->windows.n; i++) {
		struct profile *p = profile_new();

		p->period_ns = t->windows.v[i].period_ns;
		p->accounting = accounting_of(&t->windows.v[i]);
		profile_merge(sum, p, NULL);
		profile_free(p);
	}
	return sum;
}

static uint64_t first_ns(const struct window *w)
{
	return w->start_ns < w->end_ns ? w->start_ns : w->end_ns;
}

static uint64_t last_ns(const struct window *w)
{
	return w->start_ns < w->end_ns ? w->end_ns : w->start_ns;
}

static struct store_coverage coverage_of(const struct time_line *t)
{
	struct store_coverage c = {.windows = t->windows.n, .several_hosts = t->several_hosts};

	for (size_t i = 0; i < t->windows.n; i++) {
		const struct window *w = &t->windows.v[i];

		if (!i || first_ns(w) < c.start_ns)
			c.start_ns = first_ns(w);
		if (last_ns(w) > c.end_ns)
			c.end_ns = last_ns(w);
		c.parts += w->parts;
		c.covered_ns += w->covered_ns;
		c.several_periods |= w->period_ns != t->windows.v[0].period_ns;
	}
	return c;
}

/* The range cut into equal stretches: busy CPUs in each, below 0 where there is no window. */
struct buckets {
	uint64_t start_ns, end_ns;
	size_t n;
	double *busy;
};

static double bucket_edge(const struct buckets *b, size_t i)
{
	return b->start_ns + (double)(b->end_ns - b->start_ns) * i / b->n;
}

/* Spreads CPU time evenly over the window's time. */
static void spread(struct buckets *b, const struct window *w, uint64_t cpu_ns)
{
	double from = first_ns(w), to = last_ns(w), width = (double)(b->end_ns - b->start_ns) / b->n;

	for (size_t i = 0; i < b->n; i++) {
		double left = bucket_edge(b, i), right = left + width;
		double overlap = (to < right ? to : right) - (from > left ? from : left);

		if (overlap <= 0)
			continue;
		if (b->busy[i] < 0)
			b->busy[i] = 0;
		b->busy[i] += cpu_ns * (overlap / (to - from)) / width;
	}
}

static void clear(struct buckets *b, const struct time_line *t)
{
	for (size_t i = 0; i < b->n; i++)
		b->busy[i] = -1;
	for (size_t i = 0; i < t->windows.n; i++)
		spread(b, &t->windows.v[i], 0);
}

static void print_bars(struct buf *out, const struct buckets *b, double full)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

	for (size_t i = 0; i < b->n; i++) {
		double part = full > 0 ? b->busy[i] / full : 0;
		size_t level = part * ARRAY_SIZE(bars);

		if (b->busy[i] < 0)
			buf_putc(out, ' ');
		else if (b->busy[i] == 0)
			buf_puts(out, "·");
		else
			buf_puts(out, bars[level < ARRAY_SIZE(bars) ? level : ARRAY_SIZE(bars) - 1]);
	}
}

/* "12h 34m 56s", "34m 56s", "56.7s", in 11 columns. */
static void print_cpu_time(struct buf *out, uint64_t ns)
{
	uint64_t seconds = (ns + NS_PER_SEC / 2) / NS_PER_SEC, hours = seconds / 3600, minutes = seconds / 60 % 60;
	char text[48];

	if (seconds < 60)
		snprintf(text, sizeof(text), "%.1fs", ns / (double)NS_PER_SEC);
	else if (!hours)
		snprintf(text, sizeof(text), "%" PRIu64 "m %02" PRIu64 "s", minutes, seconds % 60);
	else
		snprintf(text, sizeof(text), "%" PRIu64 "h %02" PRIu64 "m %02" PRIu64 "s", hours, minutes, seconds % 60);
	buf_printf(out, "%12s", text);
}

/* Escaped and cut to so many characters. */
static void print_cut(struct buf *out, const char *s, size_t columns)
{
	struct buf safe = {0};
	size_t at = 0;
	uint32_t c;
	bool valid;

	text_escape(&safe, s, strlen(s));
	for (; columns && at < safe.n; columns--)
		at += text_utf8(safe.v + at, safe.n - at, &c, &valid);
	buf_add(out, safe.n ? safe.v : "", at);
	buf_free(&safe);
}

static void print_name(struct buf *out, const struct time_line *t, const struct row *r, size_t columns)
{
	struct buf name = {0};
	const char *text = strings_get(t->strings, r->name), *unit = strings_get(t->strings, r->labels[LABEL_UNIT]);

	buf_puts(&name, *text ? text : "[unnamed]");
	if (t->by == GROUP_BY_PROCESS) {
		if (r->pid)
			buf_printf(&name, " (%d)", r->pid);
		if (*unit)
			buf_printf(&name, "  %s", unit);
	}
	print_cut(out, name.v, columns);
	buf_free(&name);
}

static void print_row(struct buf *out, uint64_t cpu_ns, uint64_t sum, const struct buckets *b, double full)
{
	print_cpu_time(out, cpu_ns);
	buf_printf(out, " %5.1f%%  ", sum ? 100.0 * cpu_ns / sum : 0);
	print_bars(out, b, full);
	buf_puts(out, "  ");
}

/* "03:10" at the left and right ends above the bars, with the date when the range has several. */
static void print_head(struct buf *out, const struct buckets *b, enum group_by by)
{
	time_t from = b->start_ns / NS_PER_SEC, to = b->end_ns / NS_PER_SEC;
	char left[32] = "", right[32] = "";
	struct tm tm, other;

	localtime_r(&from, &tm);
	localtime_r(&to, &other);
	strftime(left, sizeof(left), tm.tm_yday != other.tm_yday ? "%m-%d %H:%M" : to - from < 600 ? "%H:%M:%S" : "%H:%M", &tm);
	strftime(right, sizeof(right), tm.tm_yday != other.tm_yday ? "%m-%d %H:%M" : to - from < 600 ? "%H:%M:%S" : "%H:%M", &other);
	buf_printf(out, "    CPU time  share  %s%*s  %s\n", left, (int)(b->n - strlen(left)), right, group_by_name(by));
}

void time_line_text(struct buf *out, struct time_line *t, size_t rows, size_t width)
{
	uint64_t sum = sort_rows(t), rest_ns = 0;
	struct store_coverage c = coverage_of(t);
	struct profile *m = measurement(t);
	size_t bars = width > FIXED_COLUMNS + NAME_COLUMNS + MIN_BUCKETS ? width - FIXED_COLUMNS - NAME_COLUMNS : MIN_BUCKETS;
	size_t columns = width > FIXED_COLUMNS + bars + 10 ? width - FIXED_COLUMNS - bars - 2 : 10;
	struct buckets b = {c.start_ns, c.end_ns > c.start_ns ? c.end_ns : c.start_ns + 1, bars, xcalloc(bars, sizeof(double))};
	double full = 0;

	history_print_coverage(out, &c, m);
	print_head(out, &b, t->by);
	clear(&b, t);
	for (size_t i = 0; i < t->windows.n; i++)
		spread(&b, &t->windows.v[i], t->windows.v[i].matched * t->windows.v[i].period_ns);
	for (size_t i = 0; i < b.n; i++)
		full = b.busy[i] > full ? b.busy[i] : full;
	print_row(out, sum, sum, &b, full);
	buf_printf(out, "all, up to %.2g CPUs\n", full);
	for (size_t i = 0; i < t->rows.n; i++) {
		const struct row *r = &t->rows.v[i];

		if (rows && i >= rows) {
			rest_ns += r->cpu_ns;
			continue;
		}
		clear(&b, t);
		for (size_t k = 0; k < r->cells.n; k++)
			spread(&b, &t->windows.v[r->cells.v[k].window], r->cells.v[k].cpu_ns);
		print_row(out, r->cpu_ns, sum, &b, full);
		print_name(out, t, r, columns);
		buf_putc(out, '\n');
	}
	if (rows && t->rows.n > rows) {
		print_cpu_time(out, rest_ns);
		buf_printf(out, " %5.1f%%  %zu more\n", sum ? 100.0 * rest_ns / sum : 0, t->rows.n - rows);
	}
	accounting_print(out, &m->accounting);
	buf_putc(out, '\n');
	free(b.busy);
	profile_free(m);
}

static void json_seconds(struct buf *out, uint64_t ns)
{
	buf_printf(out, "%" PRIu64 ".%09" PRIu64, (uint64_t)(ns / NS_PER_SEC), (uint64_t)(ns % NS_PER_SEC));
}

static void json_member(struct buf *out, const char *name, uint64_t ns)
{
	buf_printf(out, ",\"%s\":", name);
	json_seconds(out, ns);
}

static void json_accounting(struct buf *out, const struct accounting *a)
{
	const char *separator = "";

	buf_printf(out, "\"accounting\":{\"expected\":%" PRIu64 ",\"idle\":%" PRIu64 ",\"filtered\":%" PRIu64 ",\"recorded\":%" PRIu64
			",\"lost\":%" PRIu64 ",\"reasons\":{", a->expected, a->idle, a->filtered, a->recorded, accounting_lost(a));
	for (int i = 0; i < LOST_N; i++) {
		if (!a->lost[i])
			continue;
		buf_printf(out, "%s\"%s\":%" PRIu64, separator, lost_reason_name(i), a->lost[i]);
		separator = ",";
	}
	buf_puts(out, "}}");
}

static void json_window(struct buf *out, const struct window *w)
{
	struct accounting a = accounting_of(w);

	buf_printf(out, "{\"id\":%" PRId64 ",\"level\":%u,\"parts\":%" PRIu64, w->id, w->level, w->parts);
	json_member(out, "start", w->start_ns);
	json_member(out, "end", w->end_ns);
	json_member(out, "covered_seconds", w->covered_ns);
	buf_printf(out, ",\"rate\":%.6g,", w->period_ns ? (double)NS_PER_SEC / w->period_ns : 0);
	json_accounting(out, &a);
	buf_putc(out, '}');
}

static void json_row(struct buf *out, const struct time_line *t, const struct row *r, uint64_t sum)
{
	buf_puts(out, "{\"name\":");
	text_json(out, strings_get(t->strings, r->name));
	if (t->by == GROUP_BY_PROCESS) {
		buf_printf(out, ",\"pid\":%d,\"comm\":", r->pid);
		text_json(out, strings_get(t->strings, r->comm));
		for (int i = 0; i < LABEL_N; i++) {
			if (!r->labels[i])
				continue;
			buf_printf(out, ",\"%s\":", profile_label_name(i));
			text_json(out, strings_get(t->strings, r->labels[i]));
		}
	}
	json_member(out, "cpu_seconds", r->cpu_ns);
	buf_printf(out, ",\"share\":%.6f,\"windows\":[", sum ? (double)r->cpu_ns / sum : 0);
	for (size_t i = 0; i < r->cells.n; i++) {
		buf_printf(out, "%s[%" PRId64 ",", i ? "," : "", t->windows.v[r->cells.v[i].window].id);
		json_seconds(out, r->cells.v[i].cpu_ns);
		buf_putc(out, ']');
	}
	buf_puts(out, "]}");
}

void time_line_json(struct buf *out, struct time_line *t)
{
	uint64_t sum = sort_rows(t);
	struct store_coverage c = coverage_of(t);
	struct profile *m = measurement(t);

	buf_puts(out, "{\"host\":");
	text_json(out, strings_get(t->strings, t->host));
	json_member(out, "start", c.start_ns);
	json_member(out, "end", c.end_ns);
	json_member(out, "covered_seconds", c.covered_ns);
	json_member(out, "cpu_seconds", sum);
	json_member(out, "count_seconds", m->period_ns);
	buf_printf(out, ",\"by\":\"%s\",", group_by_name(t->by));
	json_accounting(out, &m->accounting);
	buf_puts(out, ",\"windows\":[");
	for (size_t i = 0; i < t->windows.n; i++) {
		buf_puts(out, i ? "," : "");
		json_window(out, &t->windows.v[i]);
	}
	buf_puts(out, "],\"rows\":[");
	for (size_t i = 0; i < t->rows.n; i++) {
		buf_puts(out, i ? "," : "");
		json_row(out, t, &t->rows.v[i], sum);
	}
	buf_puts(out, "]}\n");
	profile_free(m);
}
