// SPDX-License-Identifier: Apache-2.0
/* Text that comes in pieces, cut into lines. */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include "base/buf.h"

#include <stdbool.h>

#define LINES_MAX (16u << 20) /* bytes of a line; of a longer one only LINES_TOO_LONG is told */
#define LINES_TOO_LONG "(line too long)"

/* Zero but for the first two. */
struct lines {
	/* Called with every line, without its newline; `line` is valid during the call only. */
	void (*take)(void *ctx, const char *line, size_t n);
	void *ctx;
	struct buf partial; /* the start of a line whose end is still to come */
	bool skipping;      /* in the middle of one that is too long */
};

void lines_add(struct lines *l, const char *text, size_t n);
void lines_end(struct lines *l); /* takes a last line without newline, and frees */

#endif
