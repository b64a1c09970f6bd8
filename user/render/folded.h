// SPDX-License-Identifier: Apache-2.0
/*
 * Folded stacks: "root;...;leaf COUNT" a line, as flamegraph.pl and everything after it reads them.
 *
 * The format has no escape, so what would break it is replaced when writing: ';' by ':', control bytes by \xNN, invalid
 * UTF-8 by U+FFFD, a space before trailing digits by '_' (it would read as a second count), spaces at the end of a name
 * and within the first one (a comm) by '_'. Kinds are suffixes: _[k] kernel, _[i] inlined, _[j] JIT; a name that ends so
 * without being of that kind ends in _(k] and so on. Lines are sorted
 * by bytes, and no stack stands in two of them, so what was written once reads back and writes again as the same bytes.
 */
#ifndef RENDER_FOLDED_H
#define RENDER_FOLDED_H

#include "profile/profile.h"
#include "profile/tree.h"
#include "render/format.h"

void folded_write(struct buf *out, const struct tree *tree);

struct folded_errors {
	uint64_t lines; /* that were not "STACK COUNT", or whose count overflowed the total, and were left out */
	uint64_t first; /* number of the first of them, from 1 */
};

/*
 * Adds the stacks of any tool's folded output to `p`. Blank lines and "# " comments are skipped, CRLF and fractions
 * (truncated) are understood; a frame without a name becomes [empty]. The stacks keep their own roots: they belong to
 * one process without pid and comm.
 */
void folded_read(struct profile *p, const char *text, size_t n, struct folded_errors *errors);

#endif
