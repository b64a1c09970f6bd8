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

#define FOLDED_SUFFIXES 3
#define FOLDED_SUFFIX_BYTES 4

struct folded_suffix {
	char text[FOLDED_SUFFIX_BYTES + 1];
	enum frame_kind kind;
};

extern const struct folded_suffix folded_suffixes[FOLDED_SUFFIXES];

/* Of a tree with a baseline: two counts a line, before and after. Names of a tree of folded text are written as they are. */
void folded_write(struct buf *out, const struct tree *tree);

/* What reading came to. */
struct folded_errors {
	uint64_t lines; /* that were not "STACK COUNT", or whose count overflowed the total, and were left out */
	uint64_t first; /* number of the first of them, from 1 */
	bool differential; /* every line had two counts: before and after */
};

/*
 * Reading the folded output of any tool, in pieces of any size. Blank lines and "# " comments are skipped; tabs, CRLF and
 * fractions are understood. Frames without a name become [empty], those at the end of a stack are none. Lines with two
 * counts, STACK BEFORE AFTER, are that only when all lines are: else the first number belongs to the name. With the first
 * fraction the builder's counts become thousandths.
 */
struct folded_reader; /* opaque */

/* The stacks go into `b`, their names into the strings of `p`, which is that builder's profile. */
struct folded_reader *folded_reader_new(const struct profile *p, struct tree_builder *b);
void folded_reader_add(struct folded_reader *r, const char *text, size_t n);
/* Ends the reader, which is freed; the builder is the caller's to end. */
void folded_reader_end(struct folded_reader *r, struct folded_errors *errors);

/*
 * Adds the stacks of a whole text to `p`. They keep their own roots: they belong to one process without pid and comm. Of two
 * counts the second is taken; fractions are truncated.
 */
void folded_read(struct profile *p, const char *text, size_t n, struct folded_errors *errors);

#endif
