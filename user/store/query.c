// SPDX-License-Identifier: Apache-2.0
/* Asking the history. */
#include "store/database.h"

#include "base/mem.h"
#include "profile/merge.h"
#include "store/process_rows.h"

#include <errno.h>
#include <string.h>

/* The order of the columns that window_of() reads. A window of a clock that went back spans from its lesser time. */
#define WINDOW_COLUMNS                                                                                                 \
	"w.id, w.level, w.parts, w.start_ns, w.end_ns, w.covered_ns, b.host, b.boot_id, w.period_ns, w.event, w.expected,"   \
	" w.idle, w.filtered, w.recorded, w.lost, w.dictionary"
#define WINDOWS                                                                                                        \
	"SELECT " WINDOW_COLUMNS " FROM windows AS w LEFT JOIN boots AS b ON b.id = w.boot"                              \
	" WHERE min(w.start_ns, w.end_ns) < ?2 AND (max(w.start_ns, w.end_ns) > ?1 OR w.start_ns >= ?1) ORDER BY w.id"
enum { W_ID, W_LEVEL, W_PARTS, W_START, W_END, W_COVERED, W_HOST, W_BOOT, W_PERIOD, W_EVENT, W_EXPECTED, W_IDLE, W_FILTERED,
       W_RECORDED, W_LOST, W_DICTIONARY };

static int64_t clamp(uint64_t ns)
{
	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

static const char *text(sqlite3_stmt *q, int column)
{
	const char *s = (const char *)sqlite3_column_text(q, column);

	return s ? s : "";
}

static int prepare_windows(struct store *s, const struct store_query *query, sqlite3_stmt **ret)
{
	int rc = sqlite3_prepare_v2(s->db, WINDOWS, -1, ret, NULL);

	if (rc)
		return rc;
	sqlite3_bind_int64(*ret, 1, clamp(query->since_ns));
	sqlite3_bind_int64(*ret, 2, clamp(query->until_ns));
	return SQLITE_OK;
}

/* Losses by reason. A reason that this version does not know is still a loss. */
static int read_losses(struct store *s, struct store_window *w, uint64_t lost)
{
	auto_statement sqlite3_stmt *q = NULL;
	uint64_t known = 0;
	int rc;

	if (!lost)
		return SQLITE_OK;
	rc = sqlite3_prepare_v2(s->db, "SELECT reason, periods FROM losses WHERE window = ?", -1, &q, NULL);
	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, w->id);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		for (int i = 0; i < LOST_N; i++) {
			if (strcmp(lost_reason_name(i), text(q, 0)))
				continue;
			w->accounting.lost[i] = sqlite3_column_int64(q, 1);
			known += w->accounting.lost[i];
		}
	}
	if (known < lost)
		w->accounting.lost[LOST_UNREADABLE] += lost - known;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int window_of(struct store *s, sqlite3_stmt *q, struct store_window *ret)
{
	*ret = (struct store_window){
		.id = sqlite3_column_int64(q, W_ID),
		.level = sqlite3_column_int64(q, W_LEVEL),
		.parts = sqlite3_column_int64(q, W_PARTS),
		.start_ns = sqlite3_column_int64(q, W_START),
		.end_ns = sqlite3_column_int64(q, W_END),
		.covered_ns = sqlite3_column_int64(q, W_COVERED),
		.host = text(q, W_HOST),
		.boot_id = text(q, W_BOOT),
		.period_ns = sqlite3_column_int64(q, W_PERIOD),
		.event = text(q, W_EVENT),
		.accounting.expected = sqlite3_column_int64(q, W_EXPECTED),
		.accounting.idle = sqlite3_column_int64(q, W_IDLE),
		.accounting.filtered = sqlite3_column_int64(q, W_FILTERED),
		.accounting.recorded = sqlite3_column_int64(q, W_RECORDED),
	};
	return read_losses(s, ret, sqlite3_column_int64(q, W_LOST));
}

/* A transaction around a query: the windows that it finds stay as they are until it ends. */
static int begin(struct store *s, struct error *err)
{
	int rc, ret = database_ready(s, err);

	if (ret)
		return ret;
	rc = database_exec(s, "BEGIN");
	return rc ? database_failed(s, rc, err) : 0;
}

/* `rc`: what SQLite said; `ret`: what the caller's function said, once rc is well. */
static int end(struct store *s, int rc, int ret, struct error *err)
{
	if (rc && rc != SQLITE_DONE && rc != SQLITE_ROW)
		return database_failed(s, rc, err);
	database_exec(s, "COMMIT");
	return ret;
}

int store_each_window(struct store *s, const struct store_query *query, store_window_fn *fn, void *ctx, struct error *err)
{
	sqlite3_stmt *q = NULL;
	struct store_window w;
	int rc, ret = begin(s, err);

	if (ret)
		return ret;
	rc = prepare_windows(s, query, &q);
	while (!rc && !ret && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = window_of(s, q, &w);
		ret = rc ? 0 : fn(ctx, &w);
	}
	sqlite3_finalize(q);
	return end(s, rc, ret, err);
}

struct process_walk {
	sqlite3_stmt *q;
	const struct process_filter *filter;
};

enum { P_PID, P_IDENTITY, P_COMM, P_SAMPLES, P_MEMBERS, P_LABELS };

static int prepare_processes(struct store *s, struct process_walk *walk)
{
	struct buf sql = {0};
	int rc;

	buf_puts(&sql, "SELECT p.pid, p.identity, p.comm, p.samples, p.members");
	for (int i = 0; i < LABEL_N; i++)
		buf_printf(&sql, ", l.%s", profile_label_name(i));
	buf_puts(&sql, " FROM processes AS p LEFT JOIN labels AS l ON l.id = p.labels WHERE p.window = ? ORDER BY p.n");
	rc = sqlite3_prepare_v2(s->db, sql.v, -1, &walk->q, NULL);
	buf_free(&sql);
	return rc;
}

/* A row that several processes share. */
struct shared_row {
	const struct process_walk *walk;
	const struct store_window *w;
	struct store_process process;
	store_process_fn *fn;
	void *ctx;
};

static int visit_member(void *ctx, int32_t pid, uint64_t identity, uint64_t samples)
{
	struct shared_row *row = ctx;
	struct store_process *p = &row->process;

	p->pid = pid;
	p->identity = identity;
	p->samples = samples;
	return process_filter_matches(row->walk->filter, pid, p->comm, p->labels) ? row->fn(row->ctx, row->w, p) : 0;
}

/* The processes of a window that the filter lets through. *ret is what `fn` returned. */
static int each_process_of(struct process_walk *walk, const struct store_window *w, store_process_fn *fn, void *ctx, int *ret)
{
	int rc;

	sqlite3_reset(walk->q);
	sqlite3_bind_int64(walk->q, 1, w->id);
	*ret = 0;
	rc = SQLITE_DONE;
	while (!*ret && (rc = sqlite3_step(walk->q)) == SQLITE_ROW) {
		struct store_process p = {
			.window = w->id,
			.pid = sqlite3_column_int64(walk->q, P_PID),
			.identity = sqlite3_column_int64(walk->q, P_IDENTITY),
			.comm = text(walk->q, P_COMM),
			.samples = sqlite3_column_int64(walk->q, P_SAMPLES),
		};

		for (int i = 0; i < LABEL_N; i++)
			p.labels[i] = text(walk->q, P_LABELS + i);
		if (sqlite3_column_type(walk->q, P_MEMBERS) != SQLITE_NULL) {
			struct shared_row row = {walk, w, p, fn, ctx};

			rc = process_row_members(sqlite3_column_blob(walk->q, P_MEMBERS), sqlite3_column_bytes(walk->q, P_MEMBERS),
						 visit_member, &row, ret);
			if (rc)
				return rc;
		} else if (process_filter_matches(walk->filter, p.pid, p.comm, p.labels)) {
			*ret = fn(ctx, w, &p);
		}
	}
	return *ret || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_each_process(struct store *s, const struct store_query *query, store_process_fn *fn, void *ctx, struct error *err)
{
	struct process_walk walk = {.filter = query->filter};
	sqlite3_stmt *q = NULL;
	struct store_window w;
	int rc, ret = begin(s, err);

	if (ret)
		return ret;
	rc = prepare_windows(s, query, &q);
	rc = rc ? rc : prepare_processes(s, &walk);
	while (!rc && !ret && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = window_of(s, q, &w);
		ret = rc ? 0 : fn(ctx, &w, NULL);
		if (!rc && !ret)
			rc = each_process_of(&walk, &w, fn, ctx, &ret);
	}
	sqlite3_finalize(q);
	sqlite3_finalize(walk.q);
	return end(s, rc, ret, err);
}

/* The windows of a range on their way into one profile. */
struct reading {
	struct store *store;
	struct process_walk walk;
	struct profile *sum;
	struct store_coverage coverage;
	char *host;
	store_profile_fn *fn; /* or NULL */
	void *ctx;
};

static int is_one(void *ctx, const struct store_window *w, const struct store_process *p)
{
	return 1;
}

/* What a window contributes when nothing in it is wanted, or nothing can be read: its time and its accounting. */
static struct profile *without_samples(const struct store_window *w, bool is_readable)
{
	struct profile *p = profile_new();

	p->start_ns = w->start_ns;
	p->end_ns = w->end_ns;
	p->period_ns = w->period_ns;
	p->event = *w->event ? xstrdup(w->event) : NULL;
	p->accounting = w->accounting;
	p->accounting.recorded = 0;
	if (is_readable)
		p->accounting.filtered += w->accounting.recorded;
	else
		p->accounting.lost[LOST_UNREADABLE] += w->accounting.recorded;
	return p;
}

static void cover(struct reading *r, const struct store_window *w)
{
	uint64_t start = w->start_ns < w->end_ns ? w->start_ns : w->end_ns, end_ns = w->start_ns < w->end_ns ? w->end_ns : w->start_ns;
	struct store_coverage *c = &r->coverage;

	if (!c->windows++ || start < c->start_ns)
		c->start_ns = start;
	if (end_ns > c->end_ns)
		c->end_ns = end_ns;
	c->parts += w->parts;
	c->covered_ns += w->covered_ns;
	c->several_periods |= r->sum->period_ns && w->period_ns && r->sum->period_ns != w->period_ns;
	if (!r->host)
		r->host = xstrdup(w->host);
	c->several_hosts |= !!strcmp(r->host, w->host);
}

static void show_window(const struct reading *r, const struct store_window *w, const struct profile *p)
{
	struct profile *wanted = profile_new();

	profile_merge(wanted, p, r->walk.filter);
	r->fn(r->ctx, w, wanted);
	profile_free(wanted);
}

static int read_window(struct reading *r, const struct store_window *w, int64_t dictionary)
{
	bool all = process_filter_is_empty(r->walk.filter), is_readable = true;
	struct profile *p;
	int any = 1, rc = SQLITE_OK;

	cover(r, w);
	if (!all)
		rc = each_process_of(&r->walk, w, is_one, NULL, &any);
	if (rc)
		return rc;
	if (any)
		is_readable = !database_profile(r->store, w->id, dictionary, &p);
	if (!any || !is_readable)
		p = without_samples(w, is_readable);
	r->coverage.unreadable += !is_readable;
	if (r->fn && is_readable)
		show_window(r, w, p);
	profile_merge(r->sum, p, r->walk.filter);
	profile_free(p);
	return SQLITE_OK;
}

int store_read(struct store *s, const struct store_query *query, struct profile **ret, struct store_coverage *ret_coverage,
	       struct error *err)
{
	return store_read_each(s, query, NULL, NULL, ret, ret_coverage, err);
}

int store_read_each(struct store *s, const struct store_query *query, store_profile_fn *fn, void *ctx, struct profile **ret,
		    struct store_coverage *ret_coverage, struct error *err)
{
	struct reading r = {.store = s, .walk.filter = query->filter, .fn = fn, .ctx = ctx};
	sqlite3_stmt *q = NULL;
	struct store_window w;
	int rc, result = begin(s, err);

	if (result)
		return result;
	r.sum = profile_new();
	rc = prepare_windows(s, query, &q);
	rc = rc ? rc : prepare_processes(s, &r.walk);
	while (!rc && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = window_of(s, q, &w);
		rc = rc ? rc : read_window(&r, &w, sqlite3_column_int64(q, W_DICTIONARY));
	}
	sqlite3_finalize(q);
	sqlite3_finalize(r.walk.q);
	free(r.host);
	result = end(s, rc, 0, err);
	if (result) {
		profile_free(r.sum);
		return result;
	}
	*ret = r.sum;
	*ret_coverage = r.coverage;
	return 0;
}
