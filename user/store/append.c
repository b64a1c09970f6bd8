// SPDX-License-Identifier: Apache-2.0
/* One window more: encoded before, written in one transaction. */
#include "store/database.h"

#include "base/mem.h"

#include <errno.h>

/* The encoder goes on with the dictionary of the last window. A damaged one is followed by a new one. */
static int continue_dictionary(struct store *s)
{
	const struct dictionary *d;
	int rc = database_dictionary_of(s, 0, &s->dictionary);

	if (rc || !s->dictionary)
		return rc;
	d = database_dictionary(s, s->dictionary);
	s->encoder = d ? window_encoder_new(d) : NULL;
	return SQLITE_OK;
}

static int encode(struct store *s, const struct profile *p, struct encoded_window *e)
{
	int rc = s->encoder ? SQLITE_OK : continue_dictionary(s);

	if (rc)
		return rc;
	if (!s->encoder || window_encoder_wants_dictionary(s->encoder))
		s->encoder = window_encoder_renew(s->encoder, p, &e->dictionary);
	return !s->encoder || window_encode(s->encoder, p, &e->window) ? SQLITE_TOOBIG : SQLITE_OK;
}

static int find_boot(struct store *s)
{
	auto_statement sqlite3_stmt *add = NULL, *find = NULL;
	int rc = sqlite3_prepare_v2(s->db, "INSERT OR IGNORE INTO boots VALUES(NULL, ?, ?)", -1, &add, NULL);

	rc = rc ? rc : sqlite3_prepare_v2(s->db, "SELECT id FROM boots WHERE host = ? AND boot_id = ?", -1, &find, NULL);
	if (rc)
		return rc;
	for (int i = 0; i < 2; i++) {
		sqlite3_bind_text(i ? find : add, 1, s->host, -1, SQLITE_STATIC);
		sqlite3_bind_text(i ? find : add, 2, s->boot_id, -1, SQLITE_STATIC);
	}
	rc = sqlite3_step(add);
	if (rc != SQLITE_DONE)
		return rc;
	rc = sqlite3_step(find);
	if (rc == SQLITE_ROW)
		s->boot = sqlite3_column_int64(find, 0);
	return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

static int write_rows(struct store *s, const struct profile *p, const struct encoded_window *e)
{
	struct window_row w = {.parts = 1, .covered_ns = p->end_ns > p->start_ns ? p->end_ns - p->start_ns : 0};
	int rc = database_exec(s, "BEGIN IMMEDIATE");

	if (!rc && !s->boot)
		rc = find_boot(s);
	if (!rc && e->dictionary.n)
		rc = database_insert_dictionary(s, &e->dictionary, &s->dictionary);
	w.boot = s->boot;
	w.dictionary = s->dictionary;
	rc = rc ? rc : database_insert_window(s, &w, p, &e->window);
	return rc ? rc : database_exec(s, "COMMIT");
}

static int append(struct store *s, const struct profile *p, struct error *err)
{
	struct encoded_window e = {0};
	int rc, ret = database_ready(s, err);

	if (ret)
		return ret;
	rc = encode(s, p, &e);
	rc = rc ? rc : write_rows(s, p, &e);
	encoded_window_free(&e);
	return rc ? database_failed(s, rc, err) : 0;
}

int store_append(struct store *s, const struct profile *p, struct error *err)
{
	struct error first = {0};
	int ret = append(s, p, &first);

	/* Damage that shows only now: the window goes into the new history. */
	if (ret == -EBADMSG) {
		first = (struct error){0};
		ret = database_replace(s, &first);
		ret = ret ? ret : append(s, p, &first);
	}
	s->counters.appended += !ret;
	s->counters.failed += !!ret;
	return ret ? error_set(err, ret, "%s", first.text) : 0;
}
