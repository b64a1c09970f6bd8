// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include "base/clock.h"
#include "base/file.h"
#include "profile/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 1700000000ull /* seconds: 2023-11-14 22:13:20 UTC */
#define PERIOD 20000000ull

static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test-store-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	auto_free char *command = xasprintf("rm -rf %s", dir);
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static struct store *open_store(enum store_mode mode)
{
	struct error err = {0};
	struct store *s = store_open(dir, mode, &err);

	if (!s)
		fail_msg("%s", err.text);
	return s;
}

/* A window of `seconds` from T0 + start on, in which process number i of `processes` had start % 7 + i + 1 samples. */
static struct profile *window_at(int64_t start, unsigned seconds, unsigned processes)
{
	struct profile *p = profile_new();

	for (unsigned i = 0; i < processes; i++) {
		auto_free char *comm = xasprintf("comm%u", i), *unit = xasprintf("unit%u.service", i % 3);
		uint32_t process = profile_process(p, 1000 + i, i, comm);
		uint32_t node = profile_node(p, 0, profile_frame(p, "main", comm, FRAME_USER));

		p->processes.v[process].labels[LABEL_UNIT] = strings_add(p->strings, unit);
		for (unsigned f = 0; f < 5; f++) {
			auto_free char *name = xasprintf("f%u of %u", (unsigned)(start / 60 + f) % 11, i);

			node = profile_node(p, node, profile_frame(p, name, comm, FRAME_USER));
		}
		profile_add(p, profile_thread(p, process, 1000 + i, comm), node, start % 7 + i + 1);
	}
	p->start_ns = (T0 + start) * NS_PER_SEC;
	p->end_ns = p->start_ns + seconds * NS_PER_SEC;
	p->period_ns = PERIOD;
	p->event = xstrdup("cpu-clock");
	p->accounting = (struct accounting){.idle = 100, .recorded = profile_total(p), .lost[LOST_MISSED] = start % 5};
	p->accounting.expected = 100 + p->accounting.recorded + start % 5;
	return p;
}

static void append(struct store *s, int64_t start, unsigned seconds, unsigned processes)
{
	struct profile *p = window_at(start, seconds, processes);
	struct error err = {0};

	if (store_append(s, p, &err))
		fail_msg("%s", err.text);
	profile_free(p);
}

static struct profile *read_range(struct store *s, uint64_t since, uint64_t until, const struct process_filter *filter,
				  struct store_coverage *coverage)
{
	struct store_query q = {since * NS_PER_SEC, until == UINT64_MAX ? until : until * NS_PER_SEC, filter};
	struct error err = {0};
	struct profile *p;

	if (store_read(s, &q, &p, coverage, &err))
		fail_msg("%s", err.text);
	return p;
}

static bool is_exact(const struct accounting *a)
{
	return a->expected == a->idle + a->filtered + a->recorded + accounting_lost(a);
}

/* What another reader of the database file says. */
static int64_t sql_number(const char *sql)
{
	auto_free char *path = xasprintf("%s/" STORE_FILE, dir);
	sqlite3_stmt *q = NULL;
	sqlite3 *db = NULL;
	int64_t n = -1;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

/* Steps until nothing is left to do; fails when that takes for ever. */
static void maintain(struct store *s, const struct store_limits *l, uint64_t now)
{
	struct error err = {0};
	int ret = 1;

	for (int i = 0; ret == 1; i++) {
		assert_true(i < 5000);
		ret = store_maintain(s, l, now * NS_PER_SEC, &err);
	}
	if (ret)
		fail_msg("%s", err.text);
}

static void what_was_appended_is_read(void **state)
{
	struct store *w = open_store(STORE_WRITE), *r;
	struct store_coverage c;
	struct profile *p;
	uint64_t sum = 0;

	for (int i = 0; i < 10; i++) {
		append(w, i * 60, 60, 5);
		sum += 5 * (i * 60 % 7) + 15;
	}
	r = open_store(STORE_READ);
	p = read_range(r, 0, UINT64_MAX, NULL, &c);
	assert_int_equal(profile_total(p), sum);
	assert_int_equal(p->accounting.recorded, sum);
	assert_true(is_exact(&p->accounting));
	assert_int_equal(p->accounting.idle, 1000);
	assert_int_equal(p->processes.n, 5);
	assert_string_equal(strings_get(p->strings, p->processes.v[4].labels[LABEL_UNIT]), "unit1.service");
	assert_int_equal(c.windows, 10);
	assert_true(c.start_ns == T0 * NS_PER_SEC && c.end_ns == (T0 + 600) * NS_PER_SEC && c.covered_ns == 600 * NS_PER_SEC);
	assert_int_equal(sql_number("SELECT sum(samples) FROM processes"), sum);
	assert_int_equal(sql_number("SELECT sum(recorded) FROM windows"), sum);
	assert_int_equal(sql_number("SELECT count(*) FROM windows WHERE expected != idle + filtered + recorded + lost"), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM process_list WHERE unit = 'unit2.service'"), 10);
	profile_free(p);
	store_close(r);
	store_close(w);
}

static void ranges_are_whole_windows(void **state)
{
	static const struct {
		uint64_t since, until, windows;
	} examples[] = {{0, 60, 1}, {60, 120, 1}, {59, 61, 2}, {61, 62, 1}, {60, 60, 0}, {600, 700, 0}, {0, 600, 10}, {599, 9999, 1}};
	struct store *w = open_store(STORE_WRITE);
	struct store_coverage c;

	for (int i = 0; i < 10; i++)
		append(w, i * 60, 60, 1);
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct profile *p = read_range(w, T0 + examples[i].since, T0 + examples[i].until, NULL, &c);

		assert_int_equal(c.windows, examples[i].windows);
		profile_free(p);
	}
	store_close(w);
}

static void filters(void **state)
{
	struct store *w = open_store(STORE_WRITE);
	struct process_filter f = {0};
	struct store_coverage c;
	struct profile *p;
	uint64_t all, some;

	for (int i = 0; i < 10; i++)
		append(w, i * 60, 60, 6);
	p = read_range(w, 0, UINT64_MAX, NULL, &c);
	all = profile_total(p);
	profile_free(p);
	*vec_push(&f.labels[LABEL_UNIT]) = "unit1";
	p = read_range(w, 0, UINT64_MAX, &f, &c);
	some = sql_number("SELECT sum(samples) FROM process_list WHERE unit = 'unit1.service'");
	assert_true(some > 0 && some < all);
	assert_int_equal(profile_total(p), some);
	assert_int_equal(p->accounting.recorded, some);
	assert_int_equal(p->accounting.filtered, all - some);
	assert_true(is_exact(&p->accounting));
	profile_free(p);
	*vec_push(&f.pids) = 1004;
	p = read_range(w, 0, UINT64_MAX, &f, &c);
	assert_int_equal(profile_total(p), sql_number("SELECT sum(samples) FROM processes WHERE pid = 1004"));
	profile_free(p);
	*vec_push(&f.comms) = "nobody";
	p = read_range(w, 0, UINT64_MAX, &f, &c);
	assert_int_equal(profile_total(p), 0);
	assert_int_equal(p->accounting.filtered, all);
	assert_true(is_exact(&p->accounting));
	assert_int_equal(c.windows, 10);
	profile_free(p);
	process_filter_free(&f);
	store_close(w);
}

static uint64_t samples_of(const struct profile *p, int32_t pid)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->samples.n; i++)
		if (p->processes.v[p->threads.v[p->samples.v[i].thread].process].pid == pid)
			sum += p->samples.v[i].count;
	return sum;
}

/* What store_each_process() told of processes 2000 to 2999. */
struct seen {
	uint64_t samples[1000];
	unsigned n, wrong;
};

static int see(void *ctx, const struct store_window *w, const struct store_process *p)
{
	struct seen *seen = ctx;

	if (!p || p->pid < 2000 || p->pid >= 3000)
		return 0;
	seen->n++;
	seen->samples[p->pid - 2000] += p->samples;
	seen->wrong += p->identity != (uint64_t)p->pid << 40 || strcmp(p->comm, p->pid % 2 ? "odd" : "even") ||
		       strcmp(p->labels[LABEL_UNIT], p->pid % 4 < 2 ? "low.service" : "");
	return 0;
}

/* A thousand that used little share four rows; asked for, each is there with what it had. */
static void small_processes_share_rows(void **state)
{
	struct store *w = open_store(STORE_WRITE);
	struct process_filter f = {0};
	struct store_query q = {0, UINT64_MAX, NULL};
	struct profile *p = window_at(0, 60, 0);
	struct store_coverage c;
	struct seen seen = {0};
	struct error err = {0};

	for (int i = 0; i < 1000; i++) {
		/* 24 samples are 0.48 s, 25 are half a second. */
		uint64_t samples = i == 500 ? 25 : i == 501 ? 24 : 1 + i % 3;
		uint32_t process = profile_process(p, 2999 - i, (2999ull - i) << 40, i % 2 ? "even" : "odd");

		if ((2999 - i) % 4 < 2)
			p->processes.v[process].labels[LABEL_UNIT] = strings_add(p->strings, "low.service");
		profile_add(p, profile_thread(p, process, 2999 - i, "t"), profile_node(p, 0, profile_frame(p, "f", "", FRAME_USER)), samples);
	}
	profile_add(p, profile_thread(p, profile_process(p, 1, 1, "alone"), 1, "t"), 1, 1);
	assert_int_equal(store_append(w, p, &err), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM processes"), 6);
	assert_int_equal(sql_number("SELECT count(*) FROM processes WHERE members IS NULL AND pid IN (1, 2499)"), 2);
	assert_int_equal(sql_number("SELECT sum(processes) FROM process_list"), 1001);
	assert_int_equal(sql_number("SELECT sum(samples) FROM processes"), profile_total(p));
	profile_free(p);
	assert_int_equal(store_each_process(w, &q, see, &seen, &err), 0);
	assert_int_equal(seen.n, 1000);
	assert_int_equal(seen.wrong, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(seen.samples[999 - i], i == 500 ? 25 : i == 501 ? 24 : 1 + i % 3);
	/* By one of them. */
	*vec_push(&f.pids) = 2999 - 7;
	q.filter = &f;
	seen = (struct seen){0};
	assert_int_equal(store_each_process(w, &q, see, &seen, &err), 0);
	assert_int_equal(seen.n, 1);
	p = read_range(w, 0, UINT64_MAX, &f, &c);
	assert_int_equal(profile_total(p), 1 + 7 % 3);
	profile_free(p);
	process_filter_free(&f);
	store_close(w);
}

/* Three hours of minutes become windows of ten minutes and then of an hour: sums stay, process by process. */
static void merging_keeps_all_sums(void **state)
{
	struct store_limits l = {.merge_10m_after_ns = 3600 * NS_PER_SEC};
	struct store *w = open_store(STORE_WRITE);
	struct store_coverage c;
	struct profile *before, *after;
	int64_t start = 1200 - (int64_t)(T0 % 600); /* at a full ten minutes */

	for (int i = 0; i < 180; i++)
		append(w, start + i * 60, 60, 5);
	before = read_range(w, 0, UINT64_MAX, NULL, &c);
	maintain(w, &l, T0 + start + 180 * 60 + 3600);
	assert_int_equal(sql_number("SELECT count(*) FROM windows WHERE level = 1 AND parts = 10"), 18);
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 18);
	assert_int_equal(sql_number("SELECT sum(parts) FROM windows"), 180);
	assert_int_equal(sql_number("SELECT count(*) FROM windows WHERE end_ns - start_ns != 600000000000"), 0);
	after = read_range(w, 0, UINT64_MAX, NULL, &c);
	assert_int_equal(c.parts, 180);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(profile_total(after), profile_total(before));
		assert_memory_equal(&after->accounting, &before->accounting, sizeof(after->accounting));
		/* All processes of these windows are large enough to keep their rows. */
		for (int pid = 1000; pid < 1005; pid++)
			assert_int_equal(samples_of(after, pid), samples_of(before, pid));
		assert_int_equal(sql_number("SELECT sum(samples) FROM processes"), profile_total(before));
		assert_int_equal(sql_number("SELECT sum(periods) FROM losses"), before->accounting.lost[LOST_MISSED]);
		profile_free(after);
		l.merge_1h_after_ns = 3600 * NS_PER_SEC;
		maintain(w, &l, T0 + start + 5 * 180 * 60);
		after = read_range(w, 0, UINT64_MAX, NULL, &c);
	}
	assert_true(sql_number("SELECT count(*) FROM windows WHERE level = 2") <= 4);
	assert_int_equal(sql_number("SELECT count(*) FROM windows WHERE level != 2"), 0);
	assert_int_equal(sql_number("SELECT sum(parts) FROM windows"), 180);
	profile_free(before);
	profile_free(after);
	store_close(w);
}

static void windows_that_are_not_old_enough_stay(void **state)
{
	struct store_limits l = {.merge_10m_after_ns = 3600 * NS_PER_SEC};
	struct store *w = open_store(STORE_WRITE);

	for (int i = 0; i < 30; i++)
		append(w, i * 60, 60, 2);
	maintain(w, &l, T0 + 30 * 60);
	assert_int_equal(sql_number("SELECT count(*) FROM windows WHERE level = 0"), 30);
	store_close(w);
}

static void age_limit(void **state)
{
	struct store_limits l = {.max_age_ns = 3600 * NS_PER_SEC};
	struct store *w = open_store(STORE_WRITE);

	for (int i = 0; i < 100; i++)
		append(w, i * 60, 60, 2);
	maintain(w, &l, T0 + 6000);
	/* Windows that ended before 6000 - 3600 = 2400 are gone: the first 39. */
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 61);
	assert_int_equal(sql_number("SELECT min(start_ns) / 1000000000 FROM windows"), T0 + 39 * 60);
	assert_int_equal(sql_number("SELECT count(*) FROM profiles"), 61);
	assert_int_equal(sql_number("SELECT count(*) FROM processes"), 122);
	maintain(w, &l, T0 + 1000000);
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 1);
	store_close(w);
}

/* A window of `n` processes whose units no other window has, and of one in each of these units. */
static void append_units(struct store *s, int64_t start, unsigned n, const char *const *units)
{
	struct profile *p = window_at(start, 60, n);
	struct error err = {0};

	for (unsigned i = 0; i < n; i++) {
		auto_free char *unit = xasprintf("run-%u-%lld.scope", i, (long long)start);

		p->processes.v[i].labels[LABEL_UNIT] = strings_add(p->strings, unit);
		p->processes.v[i].identity = start + i;
	}
	for (; *units; units++) {
		uint32_t process = profile_process(p, 5000 + **units, 1, "service");

		p->processes.v[process].labels[LABEL_UNIT] = strings_add(p->strings, *units);
		profile_add(p, profile_thread(p, process, 5000, "service"), 0, 1);
		p->accounting.recorded++;
		p->accounting.expected++;
	}
	assert_int_equal(store_append(s, p, &err), 0);
	profile_free(p);
}

static void labels_are_those_of_the_windows(void)
{
	assert_int_equal(sql_number("SELECT count(*) FROM labels WHERE id NOT IN (SELECT labels FROM processes)"), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM processes WHERE labels NOT IN (SELECT id FROM labels)"), 0);
}

/* Also when a window stays that is older than those which go: its clock was ahead. A step deletes some, not all at once. */
static void labels_go_with_their_windows(void **state)
{
	static const char *const future[] = {"future", "early", "always", NULL}, *const early[] = {"early", "always", NULL},
				 *const later[] = {"always", NULL};
	struct store_limits l = {.max_age_ns = 3 * 3600 * NS_PER_SEC, .merge_10m_after_ns = 3600 * NS_PER_SEC};
	int64_t start = 1200 - T0 % 600, before, now;
	struct store *w = open_store(STORE_WRITE);
	struct error err = {0};
	int ret;

	append_units(w, start + 100 * 86400, 3, future);
	for (int i = 0; i < 150; i++)
		append_units(w, start + i * 60, 15, i < 20 ? early : later);
	maintain(w, &l, T0 + start + 150 * 60);
	assert_true(sql_number("SELECT count(*) FROM windows WHERE level = 1") >= 8);
	assert_int_equal(sql_number("SELECT count(*) FROM labels"), 3 + 3 + 150 * 15);
	labels_are_those_of_the_windows();
	before = sql_number("SELECT count(*) FROM labels");
	do {
		ret = store_maintain(w, &l, (T0 + start + 10 * 3600) * NS_PER_SEC, &err);
		now = sql_number("SELECT count(*) FROM labels");
		assert_true(before - now <= 1000);
		before = now;
	} while (ret == 1);
	assert_int_equal(ret, 0);
	/* The first window, and the newest. */
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM labels"), 3 + 3 + 15);
	assert_int_equal(sql_number("SELECT count(*) FROM labels WHERE unit IN ('future', 'early', 'always')"), 3);
	labels_are_those_of_the_windows();
	/* When the first one goes as well, its labels do. */
	append_units(w, start + 200 * 86400, 0, later);
	maintain(w, &l, T0 + start + 200 * 86400);
	assert_int_equal(sql_number("SELECT count(*) FROM labels"), 1);
	labels_are_those_of_the_windows();
	store_close(w);
}

static uint64_t bytes_on_disk(void)
{
	static const char *const names[] = {"history.db", "history.db-wal", "history.db-shm"};
	uint64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		auto_free char *path = xasprintf("%s/%s", dir, names[i]);

		if (!stat(path, &st))
			sum += st.st_size;
	}
	return sum;
}

static void byte_limit(void **state)
{
	struct store_limits l = {.max_bytes = 600000};
	struct store *w = open_store(STORE_WRITE);

	for (int i = 0; i < 300; i++) {
		append(w, i * 60, 60, 60);
		if (i % 10)
			continue;
		maintain(w, &l, T0 + i * 60);
		assert_true(bytes_on_disk() <= l.max_bytes);
	}
	maintain(w, &l, T0);
	assert_true(bytes_on_disk() <= l.max_bytes);
	assert_true(sql_number("SELECT count(*) FROM windows") > 20);
	assert_true(sql_number("SELECT count(*) FROM windows") < 290);
	assert_int_equal(sql_number("SELECT max(start_ns) / 1000000000 FROM windows"), T0 + 299 * 60);
	/* And the file shrinks when less is allowed. */
	l.max_bytes = 200000;
	maintain(w, &l, T0);
	assert_true(bytes_on_disk() <= l.max_bytes);
	store_close(w);
}

/* Bounded: no step deletes more than a few windows, or adds more than one to a merged one. */
static void steps_are_small(void **state)
{
	struct store_limits l = {.max_age_ns = 3600 * NS_PER_SEC};
	struct store *w = open_store(STORE_WRITE);
	struct error err = {0};
	int64_t left = 200;

	for (int i = 0; i < 200; i++)
		append(w, i * 60, 60, 2);
	while (store_maintain(w, &l, (T0 + 100000) * NS_PER_SEC, &err) == 1) {
		int64_t now = sql_number("SELECT count(*) FROM windows");

		assert_true(left - now <= 16);
		left = now;
	}
	assert_int_equal(left, 1);
	store_close(w);
}

/* A limit takes windows of a group of which some are added up already. */
static void merging_is_interrupted(void **state)
{
	struct store_limits merge = {.merge_10m_after_ns = NS_PER_SEC}, age = {.max_age_ns = 3600 * NS_PER_SEC};
	uint64_t start = 1200 - T0 % 600, now = T0 + start + 3600 + 5 * 60;
	struct store *w = open_store(STORE_WRITE);
	struct store_coverage c;
	struct error err = {0};
	struct profile *p;

	for (int i = 0; i < 11; i++)
		append(w, start + i * 60, 60, 3);
	for (int steps = 0; steps < 3; steps++)
		assert_int_equal(store_maintain(w, &merge, now * NS_PER_SEC, &err), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 11);
	assert_int_equal(store_maintain(w, &age, now * NS_PER_SEC, &err), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 7);
	p = read_range(w, 0, UINT64_MAX, NULL, &c);
	maintain(w, &merge, now);
	assert_int_equal(sql_number("SELECT parts FROM windows WHERE level = 1"), 6);
	assert_int_equal(sql_number("SELECT sum(recorded) FROM windows"), profile_total(p));
	profile_free(p);
	store_close(w);
}

static void clock_that_jumps(void **state)
{
	static const int64_t starts[] = {0, 60, 120, -3480, -3420, -3360, 300, 3900, 3960, 420};
	struct store_limits l = store_default_limits;
	struct store *w = open_store(STORE_WRITE);
	struct profile *p;
	struct store_coverage c;
	struct error err = {0};
	uint64_t sum = 0;

	l.min_free_bytes = 0;
	l.merge_10m_after_ns = 24 * 3600 * NS_PER_SEC;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		p = window_at(starts[i] < 0 ? 0 : starts[i], 60, 3);
		p->start_ns = (T0 + starts[i]) * NS_PER_SEC;
		p->end_ns = i == 5 ? p->start_ns - 3600 * NS_PER_SEC : p->start_ns + 60 * NS_PER_SEC;
		sum += profile_total(p);
		assert_int_equal(store_append(w, p, &err), 0);
		profile_free(p);
		maintain(w, &l, T0 + starts[i] + 60);
	}
	assert_int_equal(sql_number("SELECT count(*) FROM windows"), 10);
	p = read_range(w, T0 - 3480, T0 - 3420, NULL, &c);
	assert_int_equal(c.windows, 2); /* the one there, and the one in which the clock went back over it */
	profile_free(p);
	/* Also once they are merged. */
	maintain(w, &l, T0 + 20 * 86400);
	p = read_range(w, 0, UINT64_MAX, NULL, &c);
	assert_int_equal(profile_total(p), sum);
	assert_int_equal(c.parts, 10);
	profile_free(p);
	store_close(w);
}

/* 50 Hz and 20 Hz: a sample is 20 ms, or 50 ms. CPU time adds up in units of 10 ms. */
static void several_rates(void **state)
{
	struct store *w = open_store(STORE_WRITE);
	struct profile *p = window_at(0, 60, 1), *q = window_at(60, 60, 1), *sum;
	uint64_t expected = profile_total(p) * 2 + profile_total(q) * 5;
	struct error err = {0};
	struct store_coverage c;

	q->period_ns = 50000000;
	assert_int_equal(store_append(w, p, &err), 0);
	assert_int_equal(store_append(w, q, &err), 0);
	sum = read_range(w, 0, UINT64_MAX, NULL, &c);
	assert_true(c.several_periods);
	assert_int_equal(sum->period_ns, 10000000);
	assert_int_equal(profile_total(sum), expected);
	assert_true(is_exact(&sum->accounting));
	profile_free(p);
	profile_free(q);
	profile_free(sum);
	store_close(w);
}

static void second_writer_is_refused(void **state)
{
	struct store *w = open_store(STORE_WRITE);
	struct error err = {0};

	assert_null(store_open(dir, STORE_WRITE, &err));
	assert_int_equal(err.code, -EBUSY);
	assert_non_null(strstr(err.text, "another"));
	store_close(w);
	w = open_store(STORE_WRITE);
	store_close(w);
}

static void no_history(void **state)
{
	struct error err = {0};

	assert_null(store_open(dir, STORE_READ, &err));
	assert_int_equal(err.code, -ENOENT);
	assert_non_null(strstr(err.text, "no history"));
}

/* Both while a writer has it open and after: a reader that may write nothing (as another user; tests may run as root). */
static void readers_without_permission_to_write(void **state)
{
	auto_free char *path = xasprintf("%s/history.db", dir), *wal = xasprintf("%s-wal", path), *shm = xasprintf("%s-shm", path);
	struct store *w = open_store(STORE_WRITE);

	append(w, 0, 60, 3);
	for (int round = 0; round < 3; round++) {
		pid_t pid;
		int status;

		if (round == 1)
			store_close(w);
		if (round == 2) {
			unlink(wal);
			unlink(shm);
		}
		chmod(path, 0444);
		chmod(wal, 0444);
		chmod(shm, 0444);
		chmod(dir, 0555);
		pid = fork();
		if (!pid) {
			struct error err = {0};
			struct store_coverage c;
			struct profile *p;
			struct store_query q = {0, UINT64_MAX, NULL};
			struct store *r;

			if (!geteuid() && (setgid(65534) || setuid(65534)))
				_exit(3);
			r = store_open(dir, STORE_READ, &err);
			if (!r || store_read(r, &q, &p, &c, &err)) {
				fprintf(stderr, "# %s\n", err.text);
				_exit(1);
			}
			_exit(c.windows == 1 && profile_total(p) == 6 ? 0 : 2);
		}
		waitpid(pid, &status, 0);
		chmod(dir, 0755);
		assert_int_equal(status, 0);
	}
}

static void copy_file(const char *from, const char *to)
{
	struct buf bytes = {0};
	struct error err = {0};

	assert_int_equal(file_read(from, 1 << 28, &bytes), 0);
	assert_int_equal(file_write(to, bytes.v, bytes.n, &err), 0);
	buf_free(&bytes);
}

/* Every kind of damage at many places: no crash, a new history (or the old one) takes the next window, reading stays sane. */
static void damaged_files(void **state)
{
	auto_free char *path = xasprintf("%s/history.db", dir), *whole = xasprintf("%s/whole", dir), *wal = xasprintf("%s-wal", path);
	struct store *s = open_store(STORE_WRITE);
	uint64_t saved = 0, replaced = 0;
	struct stat st;

	for (int i = 0; i < 20; i++)
		append(s, i * 60, 60, 20);
	store_close(s);
	/* All of it into the one file, so that the damage is not behind a log. */
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "SELECT count(*) FROM windows; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_close(db);
	copy_file(path, whole);
	assert_int_equal(stat(whole, &st), 0);
	for (int i = 0; i < 90; i++) {
		off_t at = st.st_size * (i / 3) / 30 + (i % 7);
		struct store_query q = {0, UINT64_MAX, NULL};
		struct error err = {0}, notice;
		struct store_coverage c = {0};
		struct profile *p = NULL;
		char bytes[2048];
		int fd;

		unlink(wal);
		copy_file(whole, path);
		fd = open(path, O_RDWR);
		memset(bytes, i % 2 ? 0 : 0x5a, sizeof(bytes));
		if (i % 3 == 0)
			assert_int_equal(ftruncate(fd, at), 0);
		else
			assert_true(pwrite(fd, bytes, i % 3 == 1 ? 3 : sizeof(bytes), at) > 0);
		close(fd);
		/* A reader first: a sentence or an answer. */
		s = store_open(dir, STORE_READ, &err);
		if (s && !store_read(s, &q, &p, &c, &err))
			assert_true(is_exact(&p->accounting));
		else
			assert_true(err.code < 0 && err.text[0]);
		profile_free(p);
		store_close(s);
		/* Then the writer goes on. */
		s = open_store(STORE_WRITE);
		append(s, 3600, 60, 20);
		if (store_take_notice(s, &notice)) {
			assert_non_null(strstr(notice.text, "damaged"));
			assert_false(store_take_notice(s, &notice));
			replaced++;
		}
		p = read_range(s, 0, UINT64_MAX, NULL, &c);
		assert_true(c.windows >= 1 && c.windows <= 21);
		assert_true(is_exact(&p->accounting));
		saved += c.windows - 1;
		profile_free(p);
		p = read_range(s, T0 + 3600, T0 + 3601, NULL, &c);
		assert_int_equal(c.windows, 1);
		assert_int_equal(c.unreadable, 0);
		profile_free(p);
		store_close(s);
	}
	assert_true(replaced > 20);
	assert_true(saved > 90 * 20 / 3);
	print_message("# %llu of 90 damaged files were replaced, %llu of 1800 windows kept\n", (unsigned long long)replaced,
		      (unsigned long long)saved);
}

static void other_format_is_refused(void **state)
{
	auto_free char *path = xasprintf("%s/history.db", dir);
	struct store *s = open_store(STORE_WRITE);
	struct error err = {0};
	sqlite3 *db;

	append(s, 0, 60, 1);
	store_close(s);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 3; UPDATE meta SET value = 3", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_null(store_open(dir, STORE_WRITE, &err));
	assert_non_null(strstr(err.text, "format 3"));
	err = (struct error){0};
	assert_null(store_open(dir, STORE_READ, &err));
	assert_non_null(strstr(err.text, "format 3"));
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(what_was_appended_is_read), WITH_DIR(ranges_are_whole_windows),
		WITH_DIR(filters),                   WITH_DIR(merging_keeps_all_sums),
		WITH_DIR(age_limit), WITH_DIR(labels_go_with_their_windows),               WITH_DIR(windows_that_are_not_old_enough_stay),
		WITH_DIR(byte_limit),                WITH_DIR(steps_are_small), WITH_DIR(merging_is_interrupted), WITH_DIR(small_processes_share_rows),
		WITH_DIR(clock_that_jumps),          WITH_DIR(several_rates),
		WITH_DIR(second_writer_is_refused),  WITH_DIR(no_history),
		WITH_DIR(damaged_files),             WITH_DIR(readers_without_permission_to_write),
		WITH_DIR(other_format_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
