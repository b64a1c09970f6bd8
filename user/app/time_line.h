// SPDX-License-Identifier: Apache-2.0
/* Windows and their processes as a time line: a row a process (or comm, unit, container), its CPU time over the range. */
#ifndef APP_TIME_LINE_H
#define APP_TIME_LINE_H

#include "base/buf.h"
#include "profile/merge.h"
#include "store/store.h"

struct time_line; /* opaque */

struct time_line *time_line_new(enum group_by by);
void time_line_free(struct time_line *t); /* NULL is fine */
/* A store_process_fn with the time line as its context; always returns 0. */
int time_line_add(void *t, const struct store_window *w, const struct store_process *p);
bool time_line_is_empty(const struct time_line *t); /* no window was added */

/* A table `width` columns wide with at most `rows` rows (0: all); the accounting line is its last. */
void time_line_text(struct buf *out, struct time_line *t, size_t rows, size_t width);
/* One JSON object and a newline; its members are told by `profile help history`. */
void time_line_json(struct buf *out, struct time_line *t);

#endif
