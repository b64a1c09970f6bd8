// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/process_rows.h"
#include "store/salvage.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 2000 /* that a call waits for another connection: a checkpoint, a schema being made */
#define CHECK_BYTES (64u << 20) /* files up to here are checked as a whole when they are opened; larger ones as they are used */

void cleanup_statement(sqlite3_stmt **q)
{
	sqlite3_finalize(*q);
}

int database_exec(struct store *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

static int number_of(sqlite3 *db, const char *sql, int64_t *ret)
{
	auto_statement sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

	*ret = 0;
	if (rc)
		return rc;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int database_number(struct store *s, const char *sql, int64_t *ret)
{
	return number_of(s->db, sql, ret);
}

void database_close(struct store *s)
{
	sqlite3_close_v2(s->db);
	s->db = NULL;
	s->boot = s->swept = 0;
	window_encoder_free(s->encoder);
	s->encoder = NULL;
	dictionary_free(s->read);
	s->read = NULL;
	s->read_id = 0;
	maintain_forget(s);
}

static int sentence(const struct store *s, int rc, int system, struct error *err)
{
	const char *verb = s->mode == STORE_WRITE ? "write" : "read";

	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_ERROR: /* the statements are ours: tables or rows are not what they were */
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return error_set(err, -EBADMSG, "the history %s is damaged", s->path);
	case SQLITE_FULL:
		return error_set(err, -ENOSPC, "cannot write to the history %s: the disk is full", s->path);
	case SQLITE_READONLY:
		return error_set(err, -EROFS, "cannot write to the history %s: it is read-only", s->path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return error_set(err, -EBUSY, "the history %s is locked by another program", s->path);
	case SQLITE_NOMEM:
		return error_set(err, -ENOMEM, "not enough memory to %s the history %s", verb, s->path);
	case SQLITE_TOOBIG:
		return error_set(err, -EFBIG, "a window is too large for the history %s", s->path);
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return error_set(err, -EACCES, "cannot %s the history %s: %s", verb, s->path, strerror(EACCES));
	case SQLITE_CANTOPEN:
		return error_set(err, -(system ? system : EIO), "cannot open the history %s: %s", s->path, strerror(system ? system : EIO));
	}
	if (system == ENOSPC || system == EDQUOT)
		return error_set(err, -system, "cannot write to the history %s: the disk is full", s->path);
	return error_set(err, -EIO, "cannot %s the history %s: %s", verb, s->path, strerror(system ? system : EIO));
}

int database_failed(struct store *s, int rc, struct error *err)
{
	int ret = sentence(s, rc, s->db ? sqlite3_system_errno(s->db) : 0, err);

	if (s->db && !sqlite3_get_autocommit(s->db))
		database_exec(s, "ROLLBACK");
	if (s->mode == STORE_WRITE)
		database_close(s);
	return ret;
}

/* As text in a file: URI, where '?', '#' and '%' mean something. */
static char *uri_of(const char *path, const char *query)
{
	struct buf out = {0};

	buf_puts(&out, "file:");
	for (; *path; path++) {
		if (strchr("?#%", *path))
			buf_printf(&out, "%%%02x", (unsigned char)*path);
		else
			buf_putc(&out, *path);
	}
	buf_puts(&out, query);
	return out.v;
}

static int open_file(const char *path, const char *query, int flags, sqlite3 **ret)
{
	auto_free char *uri = uri_of(path, query);
	int rc = sqlite3_open_v2(uri, ret, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

	if (*ret) {
		sqlite3_extended_result_codes(*ret, 1);
		sqlite3_busy_timeout(*ret, BUSY_MS);
		sqlite3_db_config(*ret, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	}
	return rc;
}

/* What was set aside, or is being read by somebody who may not write. */
int database_open_readonly(const char *path, sqlite3 **ret)
{
	int64_t n;
	int rc = open_file(path, "?mode=ro", SQLITE_OPEN_READONLY, ret);

	rc = rc ? rc : number_of(*ret, "SELECT count(*) FROM sqlite_schema", &n);
	if ((rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_READONLY)
		return rc;
	/* No -wal and -shm there and none can be made: nobody writes, so the file stands still. */
	sqlite3_close_v2(*ret);
	rc = open_file(path, "?mode=ro&immutable=1", SQLITE_OPEN_READONLY, ret);
	return rc ? rc : number_of(*ret, "SELECT count(*) FROM sqlite_schema", &n);
}

/* All tables and columns that are used must be there: the text that describes them may be what is damaged. */
static int check_columns(struct store *s)
{
	static const char *const uses[] = {
		"SELECT * FROM window_list", "SELECT * FROM process_list", "SELECT id, host, boot_id FROM boots",
		"SELECT dictionary FROM windows", "SELECT window, reason, periods FROM losses", "SELECT n, members FROM processes",
		"SELECT id, last_window FROM labels", "SELECT window, bytes FROM profiles", "SELECT id, bytes FROM dictionaries",
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(uses); i++) {
		auto_statement sqlite3_stmt *q = NULL;

		rc = sqlite3_prepare_v2(s->db, uses[i], -1, &q, NULL);
	}
	return rc == SQLITE_ERROR ? SQLITE_CORRUPT : rc;
}

/* 0, or an error of SQLite's; -1 with the sentence in `err`: a version that is not ours. */
static int check_version(struct store *s, struct error *err)
{
	int64_t version, application, meta;
	int rc = database_number(s, "PRAGMA user_version", &version);

	rc = rc ? rc : database_number(s, "PRAGMA application_id", &application);
	rc = rc ? rc : database_number(s, "SELECT value FROM meta WHERE key = 'schema'", &meta);
	if (rc == SQLITE_ERROR) /* there is no such table */
		return SQLITE_CORRUPT;
	if (rc)
		return rc;
	if (application != SCHEMA_APPLICATION_ID || version != meta)
		return SQLITE_CORRUPT;
	if (version == SCHEMA_VERSION)
		return check_columns(s);
	error_set(err, -EPROTO, "the history %s has format %lld, which this version (format %d) does not read; move it away to begin a new one", s->path,
		  (long long)version, SCHEMA_VERSION);
	return -1;
}

static int make_schema(struct store *s)
{
	int rc = database_exec(s, "BEGIN IMMEDIATE");

	rc = rc ? rc : database_exec(s, schema_sql);
	return rc ? rc : database_exec(s, "COMMIT");
}

static int check_pages(struct store *s)
{
	auto_statement sqlite3_stmt *q = NULL;
	struct stat st;
	int rc;

	if (stat(s->path, &st) || st.st_size > CHECK_BYTES)
		return SQLITE_OK;
	rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &q, NULL);
	rc = rc ? rc : sqlite3_step(q);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	return strcmp((const char *)sqlite3_column_text(q, 0), "ok") ? SQLITE_CORRUPT : SQLITE_OK;
}

/* Settings that are kept in the file must come before its first page; those of the connection before the first write. */
static int open_writer(struct store *s, struct error *err)
{
	auto_free char *settings = xasprintf("PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
					     "PRAGMA synchronous = FULL; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"
					     "PRAGMA wal_autocheckpoint = 128; PRAGMA journal_size_limit = 524288;", PAGE_BYTES);
	auto_close int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	int64_t tables;
	int rc, keep = 1;

	if (fd < 0)
		return error_set(err, -errno, "cannot open the history %s: %s", s->path, strerror(errno)), -1;
	rc = open_file(s->path, "?mode=rw", SQLITE_OPEN_READWRITE, &s->db);
	rc = rc ? rc : database_exec(s, settings);
	/* Readers without permission to write need these two files to be there. */
	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	rc = rc ? rc : database_number(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (!rc && !tables)
		rc = make_schema(s);
	rc = rc ? rc : check_version(s, err);
	return rc ? rc : check_pages(s);
}

static int open_reader(struct store *s, struct error *err)
{
	int64_t tables;
	int rc;

	if (access(s->path, R_OK)) {
		if (errno == ENOENT)
			error_set(err, -ENOENT, "there is no history in %s: 'profile daemon' records it", s->dir);
		else
			error_set(err, -errno, "cannot read the history %s: %s", s->path, strerror(errno));
		return -1;
	}
	rc = database_open_readonly(s->path, &s->db);
	rc = rc ? rc : database_number(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (!rc && !tables) {
		error_set(err, -ENOENT, "the history in %s is still empty", s->dir);
		return -1;
	}
	return rc ? rc : check_version(s, err);
}

static int failed_to_open(struct store *s, int rc, struct error *why, struct error *err)
{
	if (rc == -1) {
		database_close(s);
		return error_set(err, why->code, "%s", why->text);
	}
	rc = database_failed(s, rc, err);
	database_close(s);
	return rc;
}

int database_ready(struct store *s, struct error *err)
{
	struct error why = {0};
	int rc;

	if (s->db)
		return 0;
	maintain_look_for_garbage(s); /* the last writer may have ended before it did */
	rc = s->mode == STORE_WRITE ? open_writer(s, &why) : open_reader(s, &why);
	if (rc && s->mode == STORE_WRITE && ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) && rc != -1) {
		database_close(s);
		return database_replace(s, err);
	}
	return rc ? failed_to_open(s, rc, &why, err) : 0;
}

int database_replace(struct store *s, struct error *err)
{
	struct error why = {0};
	char *aside = NULL;
	uint64_t salvaged = 0;
	int ret, rc;

	database_close(s);
	ret = salvage_set_aside(s->path, &aside, err);
	if (ret)
		return ret;
	rc = open_writer(s, &why);
	if (!rc)
		salvaged = salvage_windows(aside, s->db);
	s->notice.code = -EBADMSG;
	snprintf(s->notice.text, sizeof(s->notice.text), "the history %s was damaged: %llu windows were saved from it; it is kept as %s",
		 s->path, (unsigned long long)salvaged, aside);
	free(aside);
	return rc ? failed_to_open(s, rc, &why, err) : 0;
}

const struct dictionary *database_dictionary(struct store *s, int64_t id)
{
	auto_statement sqlite3_stmt *q = NULL;

	if (s->read && s->read_id == id)
		return s->read;
	dictionary_free(s->read);
	s->read = NULL;
	s->read_id = id;
	if (!id)
		return s->read = dictionary_new(NULL, 0);
	if (sqlite3_prepare_v2(s->db, "SELECT bytes FROM dictionaries WHERE id = ?", -1, &q, NULL))
		return NULL;
	sqlite3_bind_int64(q, 1, id);
	if (sqlite3_step(q) != SQLITE_ROW || !sqlite3_column_bytes(q, 0))
		return NULL;
	return s->read = dictionary_new(sqlite3_column_blob(q, 0), sqlite3_column_bytes(q, 0));
}

int database_dictionary_of(struct store *s, unsigned level, int64_t *ret)
{
	auto_free char *sql = xasprintf("SELECT dictionary FROM windows WHERE level = %u ORDER BY id DESC LIMIT 1", level);

	return database_number(s, sql, ret);
}

int database_insert_dictionary(struct store *s, const struct buf *bytes, int64_t *ret_id)
{
	auto_statement sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->db, "INSERT INTO dictionaries VALUES(NULL, ?)", -1, &q, NULL);

	if (rc)
		return rc;
	sqlite3_bind_blob64(q, 1, bytes->v, bytes->n, SQLITE_STATIC);
	rc = sqlite3_step(q);
	*ret_id = sqlite3_last_insert_rowid(s->db);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int database_profile(struct store *s, int64_t window, int64_t dictionary, struct profile **ret)
{
	const struct dictionary *d = database_dictionary(s, dictionary);
	auto_statement sqlite3_stmt *q = NULL;

	if (!d || sqlite3_prepare_v2(s->db, "SELECT bytes FROM profiles WHERE window = ?", -1, &q, NULL))
		return -EBADMSG;
	sqlite3_bind_int64(q, 1, window);
	if (sqlite3_step(q) != SQLITE_ROW)
		return -EBADMSG;
	return window_decode(sqlite3_column_blob(q, 0), sqlite3_column_bytes(q, 0), d, ret);
}

/* Runs a statement with one number for its only parameter. */
static int exec_with(struct store *s, const char *sql, int64_t n)
{
	auto_statement sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);

	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, n);
	rc = sqlite3_step(q);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int database_delete_window(struct store *s, int64_t id)
{
	static const char *const statements[] = {
		"DELETE FROM profiles WHERE window = ?",
		"DELETE FROM processes WHERE window = ?",
		"DELETE FROM losses WHERE window = ?",
		"DELETE FROM windows WHERE id = ?",
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(statements); i++)
		rc = exec_with(s, statements[i], id);
	return rc;
}

static int insert_losses(struct store *s, int64_t window, const struct accounting *a)
{
	auto_statement sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->db, "INSERT INTO losses VALUES(?, ?, ?)", -1, &q, NULL);

	for (int i = 0; !rc && i < LOST_N; i++) {
		if (!a->lost[i])
			continue;
		sqlite3_bind_int64(q, 1, window);
		sqlite3_bind_text(q, 2, lost_reason_name(i), -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 3, a->lost[i]);
		rc = sqlite3_step(q);
		rc = rc == SQLITE_DONE ? sqlite3_reset(q) : rc;
	}
	return rc;
}

static int insert_profile(struct store *s, int64_t window, const struct buf *bytes)
{
	auto_statement sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->db, "INSERT INTO profiles VALUES(?, ?)", -1, &q, NULL);

	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, window);
	sqlite3_bind_blob64(q, 2, bytes->v, bytes->n, SQLITE_STATIC);
	rc = sqlite3_step(q);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void encoded_window_free(struct encoded_window *e)
{
	buf_free(&e->window);
	buf_free(&e->dictionary);
}

int database_insert_window(struct store *s, const struct window_row *w, const struct profile *p, const struct buf *bytes)
{
	const struct accounting *a = &p->accounting;
	auto_statement sqlite3_stmt *q = NULL;
	int64_t id;
	int rc = sqlite3_prepare_v2(s->db, "INSERT INTO windows VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &q, NULL);

	if (rc)
		return rc;
	if (w->id)
		sqlite3_bind_int64(q, 1, w->id);
	sqlite3_bind_int64(q, 2, w->level);
	sqlite3_bind_int64(q, 3, w->parts);
	sqlite3_bind_int64(q, 4, p->start_ns);
	sqlite3_bind_int64(q, 5, p->end_ns);
	sqlite3_bind_int64(q, 6, w->covered_ns);
	sqlite3_bind_int64(q, 7, w->boot);
	sqlite3_bind_int64(q, 8, p->period_ns);
	sqlite3_bind_text(q, 9, p->event ? p->event : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 10, a->expected);
	sqlite3_bind_int64(q, 11, a->idle);
	sqlite3_bind_int64(q, 12, a->filtered);
	sqlite3_bind_int64(q, 13, a->recorded);
	sqlite3_bind_int64(q, 14, accounting_lost(a));
	sqlite3_bind_int64(q, 15, w->dictionary);
	rc = sqlite3_step(q);
	if (rc != SQLITE_DONE)
		return rc;
	id = w->id ? w->id : sqlite3_last_insert_rowid(s->db);
	rc = insert_losses(s, id, a);
	rc = rc ? rc : process_rows_insert(s, id, w->last, p);
	return rc ? rc : insert_profile(s, id, bytes);
}
