// SPDX-License-Identifier: Apache-2.0
/* One side of a comparison: a file of stacks, or a time range of the history. */
#ifndef APP_DIFF_SIDE_H
#define APP_DIFF_SIDE_H

#include "app/history_options.h"
#include "base/statistics.h"
#include "base/table.h"
#include "profile/tree.h"

/* A function, by name and kind, with what it used itself in the windows of a range: sums of CPUs, a value a window. */
struct diff_function {
	uint32_t name;
	enum frame_kind kind;
	struct sums windows;
};

struct diff_side {
	const char *argument;
	struct tree *tree;    /* names are strings of the profile that was passed in */
	uint64_t unit_ns;     /* CPU time of one count; 0: not known */
	double seconds;       /* measured; 0: not known */
	struct sums windows;  /* CPUs that were busy, a value a window; n = 0: a file */
	VEC(struct diff_function) functions; /* that any window has */
	struct table function_table;
};

/*
 * "-" (standard input), a file of folded stacks or a flame graph of ours, or FROM..TO: two times, or one and nothing for now. What of
 * the history is asked for is in `o`. Tells the user on stderr what was read. 0, or an exit status after telling what is wrong.
 */
int diff_side_read(struct diff_side *s, const char *argument, const struct history_options *o, struct profile *names,
		   const struct view *view);
void diff_side_free(struct diff_side *s);

/* The windows of a function; all zero when it was in none. */
struct sums diff_side_function(const struct diff_side *s, uint32_t name, enum frame_kind kind);

#endif
