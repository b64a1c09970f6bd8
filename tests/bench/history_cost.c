// SPDX-License-Identifier: Apache-2.0
/*
 * history_cost DIR: what the windows of a recorded history cost, in bytes and CPU time: as they are, decoded, encoded again
 * into a history beside it, and merged.
 */
#include "base/clock.h"
#include "profile/merge.h"
#include "store/store.h"

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

/* Bytes of the database that are in use; without the dictionary that the next windows will refer to, or with it. */
static uint64_t database_bytes(const char *dir, bool with_dictionary)
{
	uint64_t bytes;
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" STORE_FILE, dir);
	sqlite3_open(path, &db);
	bytes = (number(db, "PRAGMA page_count") - number(db, "PRAGMA freelist_count")) * number(db, "PRAGMA page_size");
	if (!with_dictionary)
		bytes -= number(db, "SELECT length(bytes) FROM dictionaries ORDER BY id DESC LIMIT 1");
	sqlite3_close(db);
	return bytes;
}

int main(int argc, char **argv)
{
	struct store_limits merge = {.merge_10m_after_ns = NS_PER_SEC}, merge_more = {.merge_10m_after_ns = NS_PER_SEC, .merge_1h_after_ns = NS_PER_SEC};
	struct store_query all = {0, UINT64_MAX, NULL};
	struct error err = {0};
	struct total t = {0};
	char copy[256];
	struct store *s;
	uint64_t start, empty, first = 0;

	if (argc != 2 || !(t.store = store_open(argv[1], STORE_READ, &err)) || store_each_process(t.store, &all, count, &t, &err) ||
	    store_each_window(t.store, &all, list, &t, &err)) {
		fprintf(stderr, "history_cost: %s\n", argc == 2 ? err.text : "which directory?");
		return 1;
	}
	read_each(&t);
	printf("%zu windows, %.1f s each: %.2f busy CPUs, %.0f samples and %.1f processes a window\n", t.windows.n,
	       t.seconds_ns / 1e9 / t.windows.n, (double)(t.expected - t.idle) / t.expected * 2, (double)t.samples / t.windows.n,
	       (double)t.processes / t.windows.n);
	snprintf(copy, sizeof(copy), "%s/again-%d", argv[1], (int)time(NULL));
	if (mkdir(copy, 0700) || !(s = store_open(copy, STORE_WRITE, &err)))
		fail(&err);
	empty = database_bytes(copy, true);
	start = cpu();
	for (size_t i = 0; i < t.windows.n; i++) {
		if (store_append(s, t.windows.v[i], &err))
			fail(&err);
		if (!i)
			first = database_bytes(copy, true);
	}
	printf("  append %.2f ms, read %.2f ms of CPU a window\n", (cpu() - start) / 1e6 / t.windows.n, t.read_ns / 1e6 / t.windows.n);
	print_size("as recorded", database_bytes(copy, true) - first, t.windows.n - 1);
	for (int hours = 0; hours < 2; hours++) {
		start = cpu();
		while (store_maintain(s, hours ? &merge_more : &merge, UINT64_MAX / 4, &err) == 1)
			;
		printf("  merged %s in %.2f ms CPU a window\n", hours ? "to hours" : "to 10 minutes", (cpu() - start) / 1e6 / t.windows.n);
		print_size(hours ? "hours" : "10 minutes", database_bytes(copy, false) - empty, t.windows.n);
	}
	store_close(s);
	store_close(t.store);
	return 0;
}
