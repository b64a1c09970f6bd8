// SPDX-License-Identifier: Apache-2.0
#include "store/process_rows.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/varint.h"

#include <string.h>

#define SMALL_NS (NS_PER_SEC / 2)

struct label_statements {
	sqlite3_stmt *find, *add, *use;
};

static int prepare_labels(struct store *s, struct label_statements *l)
{
	struct buf find = {0}, add = {0};
	int rc;

	buf_puts(&find, "SELECT id FROM labels WHERE 1");
	buf_puts(&add, "INSERT INTO labels VALUES(NULL");
	for (int i = 0; i < LABEL_N; i++) {
		buf_printf(&find, " AND %s = ?%d", profile_label_name(i), i + 1);
		buf_printf(&add, ", ?%d", i + 1);
	}
	buf_printf(&add, ", ?%d)", LABEL_N + 1);
	rc = sqlite3_prepare_v2(s->db, find.v, -1, &l->find, NULL);
	rc = rc ? rc : sqlite3_prepare_v2(s->db, add.v, -1, &l->add, NULL);
	rc = rc ? rc : sqlite3_prepare_v2(s->db, "UPDATE labels SET last_window = ?2 WHERE id = ?1 AND last_window <= max(?2, ?3)", -1, &l->use, NULL);
	buf_free(&find);
	buf_free(&add);
	return rc;
}

static void finalize_labels(struct label_statements *l)
{
	sqlite3_finalize(l->find);
	sqlite3_finalize(l->add);
	sqlite3_finalize(l->use);
}

static void bind_labels(sqlite3_stmt *q, const struct profile *p, const struct profile_process *process)
{
	for (int i = 0; i < LABEL_N; i++)
		sqlite3_bind_text(q, i + 1, strings_get(p->strings, process->labels[i]), -1, SQLITE_STATIC);
}

/* The row of these labels, which is used in `window`, and in that instead of those after it up to `last`. */
static int labels_row(struct store *s, struct label_statements *l, const struct profile *p,
		      const struct profile_process *process, int64_t window, int64_t last, int64_t *ret)
{
	int rc;

	sqlite3_reset(l->find);
	bind_labels(l->find, p, process);
	rc = sqlite3_step(l->find);
	if (rc == SQLITE_DONE) {
		sqlite3_reset(l->add);
		bind_labels(l->add, p, process);
		sqlite3_bind_int64(l->add, LABEL_N + 1, window);
		rc = sqlite3_step(l->add);
		*ret = sqlite3_last_insert_rowid(s->db);
		return rc == SQLITE_DONE ? sqlite3_reset(l->add) : rc;
	}
	if (rc != SQLITE_ROW)
		return rc;
	*ret = sqlite3_column_int64(l->find, 0);
	sqlite3_reset(l->find);
	sqlite3_reset(l->use);
	sqlite3_bind_int64(l->use, 1, *ret);
	sqlite3_bind_int64(l->use, 2, window);
	sqlite3_bind_int64(l->use, 3, last);
	rc = sqlite3_step(l->use);
	return rc == SQLITE_DONE ? sqlite3_reset(l->use) : rc;
}

/* Small processes of equal comm and labels. */
struct kind {
	uint32_t first; /* id of a process */
	uint32_t n;
	int32_t pid; /* of the last one, as is `identity` */
	uint64_t identity, samples;
	struct buf members;
};

struct kinds {
	const struct profile *p;
	struct table table;
	VEC(struct kind) v;
};

static bool same_kind(const void *ctx, uint32_t id, const void *key)
{
	const struct kinds *k = ctx;
	const struct profile_process *a = &k->p->processes.v[k->v.v[id].first], *b = key;

	return a->comm == b->comm && !memcmp(a->labels, b->labels, sizeof(a->labels));
}

static void add_member(struct kinds *k, uint32_t id, uint64_t samples)
{
	const struct profile_process *p = &k->p->processes.v[id];
	uint64_t hash = hash_mix(9, p->comm);
	struct kind *kind;
	uint32_t at;

	for (int i = 0; i < LABEL_N; i++)
		hash = hash_mix(hash, p->labels[i]);
	at = table_find(&k->table, hash, same_kind, k, p);
	if (at == TABLE_NONE) {
		at = k->v.n;
		*vec_push(&k->v) = (struct kind){.first = id};
		table_add(&k->table, hash, at);
	}
	kind = &k->v.v[at];
	put_next(&kind->members, (int64_t)p->pid, (int64_t)kind->pid);
	put_next(&kind->members, p->identity, kind->identity);
	put_varint(&kind->members, samples);
	kind->n++;
	kind->samples += samples;
	kind->pid = p->pid;
	kind->identity = p->identity;
}

static void kinds_free(struct kinds *k)
{
	for (size_t i = 0; i < k->v.n; i++)
		buf_free(&k->v.v[i].members);
	vec_free(&k->v);
	table_free(&k->table);
}

/* The statements, and where rows go. */
struct writer {
	struct store *s;
	const struct profile *p;
	int64_t window, last, n;
	struct label_statements labels;
	sqlite3_stmt *insert;
};

/* One process; or a kind, that of the process. */
static int insert_row(struct writer *w, uint32_t id, uint64_t samples, const struct kind *kind)
{
	const struct profile_process *process = &w->p->processes.v[id];
	int64_t labels = 0;
	int rc = labels_row(w->s, &w->labels, w->p, process, w->window, w->last, &labels);

	if (rc)
		return rc;
	sqlite3_bind_int64(w->insert, 1, w->window);
	sqlite3_bind_int64(w->insert, 2, w->n++);
	sqlite3_bind_int64(w->insert, 3, kind ? 0 : process->pid);
	sqlite3_bind_int64(w->insert, 4, kind ? 0 : (int64_t)process->identity);
	sqlite3_bind_text(w->insert, 5, strings_get(w->p->strings, process->comm), -1, SQLITE_STATIC);
	sqlite3_bind_int64(w->insert, 6, labels);
	sqlite3_bind_int64(w->insert, 7, samples);
	sqlite3_bind_int64(w->insert, 8, kind ? kind->n : 1);
	if (kind)
		sqlite3_bind_blob64(w->insert, 9, kind->members.v, kind->members.n, SQLITE_STATIC);
	else
		sqlite3_bind_null(w->insert, 9);
	rc = sqlite3_step(w->insert);
	return rc == SQLITE_DONE ? sqlite3_reset(w->insert) : rc;
}

int process_rows_insert(struct store *s, int64_t window, int64_t last, const struct profile *p)
{
	auto_free uint64_t *samples = profile_process_totals(p);
	struct writer w = {.s = s, .p = p, .window = window, .last = last};
	uint64_t small = p->period_ns ? (SMALL_NS - 1) / p->period_ns : 0;
	struct kinds kinds = {.p = p};
	int rc = sqlite3_prepare_v2(s->db, "INSERT INTO processes VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &w.insert, NULL);

	rc = rc ? rc : prepare_labels(s, &w.labels);
	for (uint32_t i = 0; !rc && i < p->processes.n; i++) {
		if (samples[i] && samples[i] <= small)
			add_member(&kinds, i, samples[i]);
		else if (samples[i])
			rc = insert_row(&w, i, samples[i], NULL);
	}
	for (size_t i = 0; !rc && i < kinds.v.n; i++) {
		const struct kind *k = &kinds.v.v[i];

		rc = insert_row(&w, k->first, k->samples, k->n > 1 ? k : NULL);
	}
	kinds_free(&kinds);
	finalize_labels(&w.labels);
	sqlite3_finalize(w.insert);
	return rc;
}

int process_row_members(const void *bytes, size_t n, process_member_fn *fn, void *ctx, int *ret)
{
	struct reader r = {bytes, (const unsigned char *)bytes + n, false};
	uint64_t identity = 0;
	int64_t pid = 0;

	for (*ret = 0; !*ret && r.p < r.end;) {
		uint64_t samples;

		pid = (int64_t)read_next(&r, pid);
		identity = read_next(&r, identity);
		samples = read_varint(&r);
		if (r.bad || pid < INT32_MIN || pid > INT32_MAX)
			return SQLITE_CORRUPT;
		*ret = fn(ctx, pid, identity, samples);
	}
	return SQLITE_OK;
}
