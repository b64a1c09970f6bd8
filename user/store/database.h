// SPDX-License-Identifier: Apache-2.0
/*
 * history.db as a file that can fail: opening it for either side, the statements, and what its errors mean to a user.
 * The inside of user/store; everybody else uses store.h.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include "base/error.h"
#include "process/proc.h"
#include "store/store.h"
#include "store/window_codec.h"

#include <sqlite3.h>

#define STORE_MERGED_PER_DICTIONARY 72 /* merged windows: half a day of ten minutes, three days of hours */
#define PAGE_BYTES 2048 /* of a new database: a compressed window is some 10 KB, half a page of it is wasted */

struct store {
	enum store_mode mode;
	char *dir, *path;
	int lock; /* descriptor of the lock file; -1 for readers */
	sqlite3 *db; /* NULL: to be opened by the next call */
	struct window_encoder *encoder; /* of `dictionary`; NULL: to be made from the newest one */
	int64_t dictionary;
	int64_t boot; /* row of this host and boot; 0: to be found */
	char host[65], boot_id[PROC_BOOT_ID_SIZE];
	struct dictionary *read; /* the last dictionary that was read */
	int64_t read_id;
	struct error notice;
	struct store_status counters;
	struct merging *merging; /* of maintain.c: windows that are becoming one, or NULL */
	unsigned garbage; /* rounds in which labels and dictionaries are to be looked at, as some may be unused */
	int64_t swept;	  /* how far the labels were looked at in this round */
};

/*
 * Opens the database when it is not open. A writer makes an empty one, sets a damaged one aside and takes over what can be
 * read in it. 0 or a negative errno with the sentence in `err`.
 */
int database_ready(struct store *s, struct error *err);
void database_close(struct store *s);

/*
 * Turns what SQLite returned into one sentence and a negative errno (-EBADMSG: the file is damaged). Ends a transaction that
 * is open; a writer's database is closed then, so that the next call begins with a fresh one.
 */
int database_failed(struct store *s, int rc, struct error *err);

/* For reading only, whoever the file belongs to and whether or not somebody writes to it. SQLITE_OK or the error. */
int database_open_readonly(const char *path, sqlite3 **ret);

/* After -EBADMSG: sets the file aside, begins a new one, leaves a notice. 0 or a negative errno. */
int database_replace(struct store *s, struct error *err);

/* SQLITE_OK or the error. */
int database_exec(struct store *s, const char *sql);
/* One number; 0 when there is no row. */
int database_number(struct store *s, const char *sql, int64_t *ret);

/* `auto_statement sqlite3_stmt *q = NULL;` is finalized at the end of its scope. */
void cleanup_statement(sqlite3_stmt **q);
#define auto_statement __attribute__((cleanup(cleanup_statement)))

/* Removes a window with all that belongs to it, but for shared rows. SQLITE_OK or the error. */
int database_delete_window(struct store *s, int64_t id);

/* The parsed dictionary of a window (0: the empty one), kept until another one is asked for; NULL when it is damaged or missing. */
const struct dictionary *database_dictionary(struct store *s, int64_t id);
/* The profile of a window. 0, or -EBADMSG when it, or its dictionary, is damaged or missing. */
int database_profile(struct store *s, int64_t window, int64_t dictionary, struct profile **ret);

/* The dictionary of the last window of a level; 0: there is none. SQLITE_OK or the error. */
int database_dictionary_of(struct store *s, unsigned level, int64_t *ret);
/* Inside an open transaction. SQLITE_OK or the error. */
int database_insert_dictionary(struct store *s, const struct buf *bytes, int64_t *ret_id);

/* A window as it is written, and a new dictionary, if it begins one; else that is empty. */
struct encoded_window {
	struct buf window, dictionary;
};
void encoded_window_free(struct encoded_window *e);

/* Writes a window inside an open transaction. `id` 0: the next one. SQLITE_OK or the error; -EFBIG and the like too. */
struct window_row {
	int64_t id, last; /* last: of a merged window, the id of its last part; else 0 */
	unsigned level;
	uint64_t parts, covered_ns;
	int64_t boot, dictionary; /* dictionary 0: none */
};
int database_insert_window(struct store *s, const struct window_row *w, const struct profile *p, const struct buf *bytes);

/* Rows were deleted: labels and dictionaries may be unused. */
void maintain_look_for_garbage(struct store *s);
void maintain_forget(struct store *s); /* drops s->merging; NULL is fine */

/* Bytes of history.db and its companions; copies set aside too. */
uint64_t store_bytes(const struct store *s);

#endif
