// SPDX-License-Identifier: Apache-2.0
/* Keeping the history within its limits: merging old windows, deleting the oldest, giving space back. In small steps. */
#include "store/database.h"

#include "base/clock.h"
#include "base/mem.h"
#include "profile/merge.h"
#include "store/salvage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define DELETE_AT_ONCE 16
#define MERGE_AT_ONCE 64  /* windows of less than 10 seconds make more than one merged window in 10 minutes */
#define VACUUM_PAGES 256  /* given back in a step */
#define SPARE_PAGES 64    /* free pages that may stay: the next window uses them */
#define LABELS_AT_ONCE 512 /* looked at in a step */
#define GAP_NS NS_PER_SEC /* that the clock may be slewed between two windows that follow one another */
#define FLOOR_BYTES (64u << 20) /* without max_bytes: what is kept when others fill the file system */

/*
 * Windows of these lengths, and from how much CPU time on a process or a frame is kept for itself in them. Most frames of a
 * window have one sample, so that long windows would be as large as all their parts; what is cut here is at most two ten
 * thousandths of one CPU, a quarter of a pixel in a flame graph.
 */
static const struct {
	uint64_t span_ns, process_ns, frame_ns;
} levels[] = {
	[1] = {600 * NS_PER_SEC, NS_PER_SEC / 2, NS_PER_SEC / 8},
	[2] = {3600 * NS_PER_SEC, 2 * NS_PER_SEC, NS_PER_SEC / 3},
};

uint64_t store_bytes(const struct store *s)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	uint64_t bytes = salvage_copies(s->path, 0);
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		auto_free char *path = xasprintf("%s%s", s->path, suffixes[i]);

		if (!stat(path, &st))
			bytes += st.st_size;
	}
	return bytes;
}

/* What a step did: more to do, or nothing. An error of SQLite's is negative. */
enum { NOTHING, MORE };

static int failed(int rc)
{
	return -rc;
}

static int checkpoint(struct store *s)
{
	int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return rc == SQLITE_BUSY ? SQLITE_OK : rc; /* a reader holds it: next time */
}

/* Gives back at most VACUUM_PAGES free pages. */
static int vacuum(struct store *s, int64_t spare, bool *ret_any)
{
	auto_free char *sql = xasprintf("PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	int64_t pages;
	int rc = database_number(s, "PRAGMA freelist_count", &pages);

	*ret_any = !rc && pages > spare;
	return *ret_any ? database_exec(s, sql) : rc;
}

/* What is unused from now on may be among what this round has looked at already. */
void maintain_look_for_garbage(struct store *s)
{
	s->garbage = s->garbage && s->swept ? 2 : 1;
}

/* Deletes what the query with its one parameter lists: oldest windows, never the newest. */
static int delete_windows(struct store *s, const char *sql, int64_t before)
{
	auto_statement sqlite3_stmt *q = NULL;
	int64_t ids[DELETE_AT_ONCE];
	int rc, n = 0;

	rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
	if (rc)
		return failed(rc);
	sqlite3_bind_int64(q, 1, before);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW && n < DELETE_AT_ONCE)
		ids[n++] = sqlite3_column_int64(q, 0);
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		return failed(rc);
	sqlite3_reset(q);
	if (!n)
		return NOTHING;
	rc = database_exec(s, "BEGIN IMMEDIATE");
	for (int i = 0; !rc && i < n; i++)
		rc = database_delete_window(s, ids[i]);
	rc = rc ? rc : database_exec(s, "COMMIT");
	if (rc)
		return failed(rc);
	s->counters.deleted += n;
	maintain_look_for_garbage(s);
	return MORE;
}

static int delete_oldest(struct store *s)
{
	return delete_windows(s, "SELECT id FROM windows WHERE id < (SELECT max(id) FROM windows) AND id < ?1 ORDER BY id LIMIT 4",
			      INT64_MAX);
}

/* Of a clock that was stepped, the later of both times counts. */
static int delete_old(struct store *s, const struct store_limits *l, uint64_t now_ns)
{
	if (!l->max_age_ns || now_ns <= l->max_age_ns)
		return NOTHING;
	return delete_windows(s, "SELECT id FROM windows WHERE max(start_ns, end_ns) < ?1 AND id < (SELECT max(id) FROM windows)"
				 " ORDER BY id LIMIT 16", now_ns - l->max_age_ns);
}

/* The last of the next labels to look at; 0: there are none left. */
static int next_labels(struct store *s, int64_t *ret)
{
	auto_free char *sql = xasprintf("SELECT max(id) FROM (SELECT id FROM labels WHERE id > %lld ORDER BY id LIMIT %d)",
					(long long)s->swept, LABELS_AT_ONCE);

	return database_number(s, sql, ret);
}

/*
 * Those that no window has any more, up to `last`. A window that has gone was the last to have one, mostly: windows go in the order of
 * their ids. Only when the clock was set back older ones are left, and may have it.
 */
static char *sweep_labels(const struct store *s, int64_t last)
{
	return xasprintf("BEGIN IMMEDIATE;"
			 "UPDATE labels SET last_window = ifnull((SELECT window FROM processes AS p WHERE p.window < last_window"
			 " AND p.labels = labels.id ORDER BY window DESC LIMIT 1), 0)"
			 " WHERE id > %lld AND id <= %lld AND last_window NOT IN (SELECT id FROM windows);"
			 "DELETE FROM labels WHERE id > %lld AND id <= %lld AND last_window = 0;"
			 "COMMIT", (long long)s->swept, (long long)last, (long long)s->swept, (long long)last);
}

/* The encoder goes on with its dictionary, though no window may have it at the moment. */
static char *sweep_dictionaries(const struct store *s)
{
	return xasprintf("BEGIN IMMEDIATE;"
			 "DELETE FROM dictionaries WHERE id NOT IN (SELECT dictionary FROM windows) AND id != %lld;"
			 "DELETE FROM boots WHERE id NOT IN (SELECT boot FROM windows);"
			 "COMMIT", (long long)(s->encoder ? s->dictionary : 0));
}

/* A step of deleting what no window needs any more: some labels, and after the last of them dictionaries and boots. */
static int collect_garbage(struct store *s)
{
	auto_free char *sql = NULL;
	int64_t last;
	int rc;

	if (!s->garbage)
		return NOTHING;
	rc = next_labels(s, &last);
	if (rc)
		return failed(rc);
	sql = last ? sweep_labels(s, last) : sweep_dictionaries(s);
	rc = database_exec(s, sql);
	if (rc)
		return failed(rc);
	s->swept = last;
	if (!last) {
		s->garbage--;
		s->boot = 0;
	}
	return MORE;
}

/* Makes the files smaller, cheapest first. */
static int shrink(struct store *s)
{
	uint64_t before = store_bytes(s);
	bool any;
	int rc;

	if (salvage_copies(s->path, 1))
		return MORE;
	rc = collect_garbage(s);
	if (rc)
		return rc;
	rc = vacuum(s, 0, &any);
	rc = rc ? rc : checkpoint(s);
	if (rc)
		return failed(rc);
	return any || store_bytes(s) < before ? MORE : delete_oldest(s);
}

static bool is_too_large(const struct store *s, const struct store_limits *l)
{
	uint64_t bytes = store_bytes(s), floor = l->max_bytes ? l->max_bytes / 8 : FLOOR_BYTES;
	struct statvfs fs;

	if (l->max_bytes && bytes > l->max_bytes - l->max_bytes / 16)
		return true;
	return l->min_free_bytes && bytes > floor && !statvfs(s->dir, &fs) &&
	       (uint64_t)fs.f_bavail * fs.f_frsize < l->min_free_bytes;
}

/* Consecutive windows of one level that become one of the next. */
struct group {
	int64_t ids[MERGE_AT_ONCE], dictionaries[MERGE_AT_ONCE];
	size_t n;
	uint64_t parts, covered_ns, slot, end_ns;
	int64_t boot, period;
	char event[32];
};

/* Columns of the query in find_group(). */
enum { ID, LEVEL, PARTS, START, END, COVERED, BOOT, PERIOD, EVENT, DICTIONARY };

static void add_window(struct group *g, sqlite3_stmt *q, uint64_t span_ns)
{
	if (!g->n) {
		const char *event = (const char *)sqlite3_column_text(q, EVENT);

		*g = (struct group){
			.slot = (uint64_t)sqlite3_column_int64(q, START) / span_ns,
			.boot = sqlite3_column_int64(q, BOOT),
			.period = sqlite3_column_int64(q, PERIOD),
		};
		snprintf(g->event, sizeof(g->event), "%s", event ? event : "");
	}
	g->ids[g->n] = sqlite3_column_int64(q, ID);
	g->dictionaries[g->n++] = sqlite3_column_int64(q, DICTIONARY);
	g->parts += sqlite3_column_int64(q, PARTS);
	g->covered_ns += sqlite3_column_int64(q, COVERED);
	g->end_ns = sqlite3_column_int64(q, END);
}

/* A window joins when it continues the same measurement in the same stretch of time, and the clock did not go back. */
static bool joins(const struct group *g, sqlite3_stmt *q, uint64_t span_ns)
{
	uint64_t start_ns = sqlite3_column_int64(q, START);
	const char *event = (const char *)sqlite3_column_text(q, EVENT);

	return g->n < MERGE_AT_ONCE && start_ns / span_ns == g->slot && start_ns + GAP_NS >= g->end_ns &&
	       g->boot == sqlite3_column_int64(q, BOOT) && g->period == sqlite3_column_int64(q, PERIOD) &&
	       event && !strcmp(g->event, event);
}

/* The first group of windows of that level whose time has come. Groups end where a row of another level stands between. */
static int find_group(struct store *s, unsigned level, uint64_t before_ns, struct group *ret)
{
	auto_statement sqlite3_stmt *q = NULL;
	uint64_t span_ns = levels[level + 1].span_ns;
	int rc = sqlite3_prepare_v2(s->db, "SELECT id, level, parts, start_ns, end_ns, covered_ns, boot, period_ns, event, dictionary"
				    " FROM windows ORDER BY id", -1, &q, NULL);

	ret->n = 0;
	while (!rc && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		bool same_level = sqlite3_column_int64(q, LEVEL) == level;

		rc = SQLITE_OK;
		if (ret->n && same_level && joins(ret, q, span_ns)) {
			add_window(ret, q, span_ns);
			continue;
		}
		if (ret->n && (ret->slot + 1) * span_ns <= before_ns)
			return SQLITE_OK;
		ret->n = 0;
		if (same_level)
			add_window(ret, q, span_ns);
	}
	if (rc == SQLITE_DONE && ret->n && (ret->slot + 1) * span_ns > before_ns)
		ret->n = 0;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One that stays as it is: alone in its stretch of time, or damaged. */
static int raise_level(struct store *s, int64_t id, unsigned level)
{
	auto_statement sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->db, "UPDATE windows SET level = ? WHERE id = ?", -1, &q, NULL);

	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, level);
	sqlite3_bind_int64(q, 2, id);
	rc = sqlite3_step(q);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A group of which some windows are added up already: each step takes one. */
struct merging {
	struct group group;
	size_t added;
	struct profile *sum;
};

void maintain_forget(struct store *s)
{
	if (s->merging)
		profile_free(s->merging->sum);
	free(s->merging);
	s->merging = NULL;
}

/* The group may have lost windows since the last step, to a limit. */
static struct merging *merging_of(struct store *s, const struct group *g)
{
	struct merging *m = s->merging;

	if (m && m->group.n == g->n && !memcmp(m->group.ids, g->ids, g->n * sizeof(*g->ids)))
		return m;
	maintain_forget(s);
	m = xcalloc(1, sizeof(*m));
	m->group = *g;
	m->sum = profile_new();
	return s->merging = m;
}

/* False: the window cannot be read. */
static bool add_next(struct store *s, struct merging *m)
{
	struct profile *p;

	if (database_profile(s, m->group.ids[m->added], m->group.dictionaries[m->added], &p))
		return false;
	profile_merge(m->sum, p, NULL);
	profile_free(p);
	m->added++;
	return true;
}

static struct profile *coarsened(const struct merging *m, unsigned level)
{
	uint64_t period = m->group.period > 0 ? m->group.period : INT64_MAX;

	return profile_coarsen(m->sum, levels[level].process_ns / period, levels[level].frame_ns / period);
}

/* The dictionary of the window before, while it serves for few others. NULL: there is none to go on with. */
static const struct dictionary *last_dictionary(struct store *s, unsigned level, int64_t *ret_id)
{
	auto_free char *sql = NULL;
	int64_t windows;

	if (database_dictionary_of(s, level, ret_id) || !*ret_id)
		return NULL;
	sql = xasprintf("SELECT count(*) FROM windows WHERE dictionary = %lld", (long long)*ret_id);
	return database_number(s, sql, &windows) || windows >= STORE_MERGED_PER_DICTIONARY ? NULL : database_dictionary(s, *ret_id);
}

/*
 * Most of a merged window is names of functions, which the next ones have too: a window in some dozens is a dictionary for those that
 * follow, and for itself. Encoders of merged windows are not kept: it is some milliseconds in ten minutes.
 */
static int encode_merged(struct store *s, unsigned level, const struct profile *p, struct encoded_window *m, int64_t *ret_dictionary)
{
	const struct dictionary *last = last_dictionary(s, level, ret_dictionary);
	struct window_encoder *e = last ? window_encoder_new(last) : window_encoder_renew(NULL, p, &m->dictionary);
	int ret = e ? window_encode(e, p, &m->window) : -EFBIG;

	window_encoder_free(e);
	return ret ? SQLITE_TOOBIG : SQLITE_OK;
}

static int replace_group(struct store *s, const struct group *g, unsigned level, const struct profile *p)
{
	struct window_row w = {.id = g->ids[0], .last = g->ids[g->n - 1], .level = level, .parts = g->parts, .covered_ns = g->covered_ns, .boot = g->boot};
	struct encoded_window m = {0};
	int rc = encode_merged(s, level, p, &m, &w.dictionary);

	rc = rc ? rc : database_exec(s, "BEGIN IMMEDIATE");
	for (size_t i = 0; !rc && i < g->n; i++)
		rc = database_delete_window(s, g->ids[i]);
	if (!rc && m.dictionary.n)
		rc = database_insert_dictionary(s, &m.dictionary, &w.dictionary);
	rc = rc ? rc : database_insert_window(s, &w, p, &m.window);
	rc = rc ? rc : database_exec(s, "COMMIT");
	encoded_window_free(&m);
	return rc;
}

static int finish_merging(struct store *s, const struct merging *m, unsigned level)
{
	struct profile *p = coarsened(m, level);
	int rc = replace_group(s, &m->group, level, p);

	profile_free(p);
	return rc;
}

static int merge_group(struct store *s, unsigned level, uint64_t after_ns, uint64_t now_ns)
{
	struct group g = {0};
	struct merging *m;
	int rc;

	if (!after_ns || now_ns <= after_ns)
		return NOTHING;
	rc = find_group(s, level - 1, now_ns - after_ns, &g);
	if (rc)
		return failed(rc);
	if (!g.n)
		return NOTHING;
	m = g.n > 1 ? merging_of(s, &g) : NULL;
	if (m && m->added < g.n && add_next(s, m))
		return MORE;
	if (m && m->added == g.n) {
		rc = finish_merging(s, m, level);
		s->counters.merged += rc ? 0 : g.n;
	} else {
		rc = raise_level(s, g.ids[m ? m->added : 0], level);
	}
	maintain_forget(s);
	maintain_look_for_garbage(s);
	return rc ? failed(rc) : MORE;
}

static int step(struct store *s, const struct store_limits *l, uint64_t now_ns)
{
	bool any = false;
	int ret = is_too_large(s, l) ? shrink(s) : NOTHING;

	ret = ret ? ret : delete_old(s, l, now_ns);
	ret = ret ? ret : merge_group(s, 1, l->merge_10m_after_ns, now_ns);
	ret = ret ? ret : merge_group(s, 2, l->merge_1h_after_ns, now_ns);
	ret = ret ? ret : collect_garbage(s);
	if (!ret)
		ret = failed(vacuum(s, SPARE_PAGES, &any));
	return ret ? ret : any ? MORE : NOTHING;
}

int store_maintain(struct store *s, const struct store_limits *limits, uint64_t now_ns, struct error *err)
{
	struct error why = {0};
	int ret = database_ready(s, err);

	if (ret)
		return ret;
	ret = step(s, limits, now_ns);
	if (ret >= 0)
		return ret;
	ret = database_failed(s, -ret, &why);
	if (ret == -EBADMSG)
		return database_replace(s, err);
	return error_set(err, ret, "%s", why.text);
}
