// SPDX-License-Identifier: Apache-2.0
/*
 * Debug files that were fetched, on disk: a directory that belongs to us alone, one file for each build id; which file that is can never
 * change, so none is ever out of date. Beside them stand notes, empty files whose time is when they end: of what no server had, and
 * which server did not answer. Any number of runs use it at a time, without locks: files come by rename and are never written again.
 */
#ifndef SYMBOLIZE_FETCH_STORE_H
#define SYMBOLIZE_FETCH_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The largest file that is fetched: more than nearly all of a distribution's debug packages hold, and a parser leaves sections out above
 * half of that (INFLATED_BYTES_MAX).
 */
#define FETCH_FILE_BYTES_MAX (1ull << 30)

struct fetch_store; /* opaque */

/*
 * `dir`: made if it is not there (0700; its parent must be), refused if it is a link, another user's or open to others; NULL: a new one
 * in $TMPDIR or /var/tmp, which goes when this is closed. `bytes`: what all files may take. NULL with one sentence in `err`.
 */
struct fetch_store *fetch_store_open(const char *dir, uint64_t bytes, struct error *err);
void fetch_store_close(struct fetch_store *s); /* NULL is fine */

/* The absolute path of the file with that name, which counts as a use of it, to be freed; NULL: there is none. */
char *fetch_store_find(struct fetch_store *s, const char *name);
/* How large a new file may become, in bytes: within the limits, and leaving others some room on the file system. */
uint64_t fetch_store_room(const struct fetch_store *s);
/* A new file to write to, under way under a name that is returned for keep or drop, to be freed. A descriptor or a negative errno. */
int fetch_store_new(struct fetch_store *s, char **ret_name);
/* It is whole: from now on found as `name`. Then what was not used for longest goes while all are more than the limit. 0 or a negative errno. */
int fetch_store_keep(struct fetch_store *s, const char *new_name, const char *name);
void fetch_store_drop(struct fetch_store *s, const char *new_name);

/* Notes something for so many seconds from now on. */
void fetch_store_note(struct fetch_store *s, const char *note, unsigned seconds);
bool fetch_store_noted(const struct fetch_store *s, const char *note);

#endif
