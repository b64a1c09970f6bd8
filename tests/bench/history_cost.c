// SPDX-License-Identifier: Apache-2.0
/*
 * history_cost DIR: what the windows of a recorded history cost, in bytes and CPU time: encoded again into a history beside it,
 * merged to 10 minutes and to hours. The same for pairs of windows laid over each other, as if each pair had been one window of
 * a machine with twice the CPUs; and what the default retention comes to.
 */
#include "base/clock.h"
#include "profile/merge.h"
#include "store/database.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define MINUTES_A_DAY 1440

typedef VEC(struct profile *) profiles;

struct total {
	struct store *store;
	profiles windows;
	uint64_t samples, expected, idle, seconds_ns, processes;
	uint64_t read_ns;
};

static uint64_t cpu(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void fail(const struct error *err)
{
	fprintf(stderr, "history_cost: %s\n", err->text);
	exit(1);
}

static int count(void *ctx, const struct store_window *w, const struct store_process *p)
{
	struct total *t = ctx;

	if (p) {
		t->processes++;
		return 0;
	}
	t->samples += w->accounting.recorded;
	t->expected += w->accounting.expected;
	t->idle += w->accounting.idle;
	t->seconds_ns += w->covered_ns;
	return 0;
}

/* Starts of all windows, to read each alone. */
static int list(void *ctx, const struct store_window *w)
{
	struct total *t = ctx;
	struct profile *p = profile_new();

	p->start_ns = w->start_ns;
	*vec_push(&t->windows) = p;
	return 0;
}

static void read_each(struct total *t)
{
	struct store_coverage c;
	struct error err = {0};
	uint64_t start = cpu();

	for (size_t i = 0; i < t->windows.n; i++) {
		struct store_query q = {t->windows.v[i]->start_ns, t->windows.v[i]->start_ns + 1, NULL};

		profile_free(t->windows.v[i]);
		if (store_read(t->store, &q, &t->windows.v[i], &c, &err))
			fail(&err);
	}
	t->read_ns = cpu() - start;
}

/* What grows with time: without the empty database, its log, and the dictionary that is there once. */
static void print_size(const char *what, uint64_t bytes, double windows)
{
	printf("  %-34s %9.0f bytes a window, %6.2f MB a day\n", what, bytes / windows, bytes / windows * MINUTES_A_DAY / 1e6);
}

static uint64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q = NULL;
	uint64_t n = 0;

	if (!sqlite3_prepare_v2(db, sql, -1, &q, NULL) && sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

/*
 * Bytes of the database that are in use. `merged`: all windows are, and of the dictionary that they have only their part counts: it
 * serves for many more.
 */
static uint64_t database_bytes(const char *dir, bool merged)
{
	uint64_t bytes;
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" STORE_FILE, dir);
	sqlite3_open(path, &db);
	bytes = (number(db, "PRAGMA page_count") - number(db, "PRAGMA freelist_count")) * number(db, "PRAGMA page_size");
	if (merged)
		bytes -= number(db, "SELECT sum(length(bytes)) FROM dictionaries") -
			 number(db, "SELECT sum(length(bytes)) FROM dictionaries WHERE id IN (SELECT dictionary FROM windows)") *
				 number(db, "SELECT count(*) FROM windows") / STORE_MERGED_PER_DICTIONARY;
	sqlite3_close(db);
	return bytes;
}

static struct store *open_copy(const char *dir, const char *name, char path[300])
{
	struct error err = {0};
	struct store *s;

	snprintf(path, 300, "%s/%s-%d", dir, name, (int)time(NULL));
	if (mkdir(path, 0700) || !(s = store_open(path, STORE_WRITE, &err)))
		fail(&err);
	return s;
}

/* `n` windows from `first` on as one; the i-th of a row that begins at a full hour. */
static struct profile *laid_over(const struct total *t, size_t i, size_t n)
{
	struct profile *p = profile_new();

	for (size_t k = 0; k < n; k++)
		profile_merge(p, t->windows.v[i * n + k], NULL);
	p->start_ns = (1700000000 / 3600 * 3600 + i * 60) * NS_PER_SEC;
	p->end_ns = p->start_ns + 60 * NS_PER_SEC;
	return p;
}

static double merge(struct store *s, const struct store_limits *limits, const char *dir, uint64_t empty, size_t windows, const char *what)
{
	uint64_t start = cpu(), longest = 0, bytes;
	struct error err = {0};
	int ret;

	do {
		uint64_t step = cpu();

		ret = store_maintain(s, limits, UINT64_MAX / 4, &err);
		longest = cpu() - step > longest ? cpu() - step : longest;
	} while (ret == 1);
	printf("  merging takes %.2f ms CPU a window, %.1f ms the longest step\n", (cpu() - start) / 1e6 / windows, longest / 1e6);
	bytes = database_bytes(dir, true) - empty;
	print_size(what, bytes, windows);
	return (double)bytes / windows * MINUTES_A_DAY / 1e6;
}

/* `n` recorded windows as one. */
static void print_costs(const struct total *t, const char *dir, size_t n)
{
	struct store_limits limits = {.merge_10m_after_ns = NS_PER_SEC};
	const double day = 24.0 * 3600 * NS_PER_SEC;
	size_t all = t->windows.n / n, windows = all < 10 ? all : all / 10 * 10; /* whole ten minutes */
	uint64_t start, empty, first = 0;
	double mb[3], stock;
	struct error err = {0};
	char path[300];
	struct store *s = open_copy(dir, n > 1 ? "twice" : "again", path);

	empty = database_bytes(path, false);
	start = cpu();
	for (size_t i = 0; i < windows; i++) {
		struct profile *p = laid_over(t, i, n);

		if (store_append(s, p, &err))
			fail(&err);
		profile_free(p);
		if (!i)
			first = database_bytes(path, false);
	}
	printf("  append takes %.2f ms of CPU a window\n", (cpu() - start) / 1e6 / windows);
	mb[0] = (database_bytes(path, false) - first) / (windows - 1.0) * MINUTES_A_DAY / 1e6;
	print_size("60 seconds", database_bytes(path, false) - first, windows - 1);
	mb[1] = merge(s, &limits, path, empty, windows, "10 minutes");
	limits.merge_1h_after_ns = NS_PER_SEC;
	mb[2] = merge(s, &limits, path, empty, windows, "hours");
	stock = (mb[0] * store_default_limits.merge_10m_after_ns + mb[1] * (store_default_limits.merge_1h_after_ns - store_default_limits.merge_10m_after_ns) +
		 mb[2] * (store_default_limits.max_age_ns - store_default_limits.merge_1h_after_ns)) / day;
	printf("  default retention, in steady state:  %.0f MB for %.0f days, %.2f MB a day; the first day %.2f MB\n", stock,
	       store_default_limits.max_age_ns / day, stock / (store_default_limits.max_age_ns / day),
	       mb[0] * store_default_limits.merge_10m_after_ns / day + mb[1] * (1 - store_default_limits.merge_10m_after_ns / day));
	store_close(s);
}

int main(int argc, char **argv)
{
	struct store_query all = {0, UINT64_MAX, NULL};
	struct error err = {0};
	struct total t = {0};
	double busy;

	if (argc != 2 || !(t.store = store_open(argv[1], STORE_READ, &err)) || store_each_process(t.store, &all, count, &t, &err) ||
	    store_each_window(t.store, &all, list, &t, &err)) {
		fprintf(stderr, "history_cost: %s\n", argc == 2 ? err.text : "which directory?");
		return 1;
	}
	if (t.windows.n < 4) {
		fprintf(stderr, "history_cost: four windows are the least\n");
		return 1;
	}
	read_each(&t);
	busy = (double)(t.expected - t.idle) * t.windows.v[0]->period_ns / t.seconds_ns;
	printf("%zu windows of %.1f s: %.2f busy CPUs, %.0f samples of %.1f processes a window; read in %.2f ms of CPU\n", t.windows.n,
	       t.seconds_ns / 1e9 / t.windows.n, busy, (double)t.samples / t.windows.n, (double)t.processes / t.windows.n,
	       t.read_ns / 1e6 / t.windows.n);
	print_costs(&t, argv[1], 1);
	printf("pairs of windows laid over each other: %.2f busy CPUs\n", 2 * busy);
	print_costs(&t, argv[1], 2);
	for (size_t i = 0; i < t.windows.n; i++)
		profile_free(t.windows.v[i]);
	vec_free(&t.windows);
	store_close(t.store);
	return 0;
}
