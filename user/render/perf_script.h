// SPDX-License-Identifier: Apache-2.0
/*
 * Reading what `perf script` prints, whatever fields it was asked for (-F): a line per sample that says who, when and
 * what, its frames on the lines below it, leaf first, and an empty line; or all of it in one line where perf recorded no
 * stacks. See perf-script(1); the format is the one of tools/perf/builtin-script.c.
 *
 *	COMM PID/TID [CPU] TIME: PERIOD EVENT:
 *		ADDRESS SYMBOL+0xOFFSET (BINARY)
 *
 * Every part may be missing. A comm may hold spaces and digits: what is before the first PID [CPU] TIME: is it.
 */
#ifndef RENDER_PERF_SCRIPT_H
#define RENDER_PERF_SCRIPT_H

#include "profile/tree.h"

struct perf_script_options {
	const char *event; /* only samples of this event; NULL: of the first that has any */
	bool pids, tids;   /* the root frame is COMM-PID, or COMM-PID/TID; "?" for what the text does not say */
	bool addresses;    /* unknown functions are [BINARY <ADDRESS>] instead of [BINARY] */
	bool each_is_one;  /* a sample counts 1, not its period */
};

/* What reading came to. */
struct perf_script_report {
	uint64_t samples;    /* that were taken */
	uint64_t others;     /* that were left out: of other events */
	uint64_t bad, first; /* lines that mean nothing, and the number of the first, from 1 */
	char *event;         /* whose samples were taken; NULL: they name none. The caller's to free. */
};

struct perf_script; /* opaque */

/* The stacks go into `b`, their names into the strings of `p`, which is that builder's profile. */
struct perf_script *perf_script_new(const struct profile *p, struct tree_builder *b, const struct perf_script_options *o);
void perf_script_add(struct perf_script *r, const char *text, size_t n); /* a piece of any size */
/* Ends the reader, which is freed; the builder is the caller's to end. */
void perf_script_end(struct perf_script *r, struct perf_script_report *report);

#endif
