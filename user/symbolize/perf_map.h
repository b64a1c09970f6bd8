// SPDX-License-Identifier: Apache-2.0
/*
 * Perf maps: text files in which a JIT compiler names its code, one line "START SIZE NAME" each, numbers in hexadecimal
 * (Linux, tools/perf/Documentation/jit-interface.txt). Pure: bytes in, names out, in pieces of any size.
 */
#ifndef SYMBOLIZE_PERF_MAP_H
#define SYMBOLIZE_PERF_MAP_H

#include "symbolize/code_map.h"

#include <stdbool.h>

#define PERF_MAP_LINE_MAX 1024 /* bytes of a line that are looked at: two numbers and a name of CODE_NAME_MAX */

struct perf_map {
	char line[PERF_MAP_LINE_MAX]; /* that has no end yet */
	size_t n;
	uint64_t bad_lines; /* ignored: not of that form */
};

/* Adds what the next n bytes of the file say to `code`, for all times: a map has none, so the last line for an address wins. */
void perf_map_feed(struct perf_map *m, struct code_map *code, const char *bytes, size_t n);
/* Forgets a line that is not complete: what follows is the start of another. */
void perf_map_restart(struct perf_map *m);

#endif
