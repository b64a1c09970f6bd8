// SPDX-License-Identifier: Apache-2.0
#include "base/lines.h"

#include <string.h>

static void add_partial(struct lines *l, const char *text, size_t n)
{
	if (!l->skipping)
		buf_add(&l->partial, text, n);
	if (l->partial.n > LINES_MAX) {
		l->skipping = true;
		buf_truncate(&l->partial, 0);
		buf_puts(&l->partial, LINES_TOO_LONG);
	}
}

static void end_partial(struct lines *l)
{
	l->take(l->ctx, l->partial.v, l->partial.n);
	buf_truncate(&l->partial, 0);
	l->skipping = false;
}

void lines_add(struct lines *l, const char *text, size_t n)
{
	const char *end = text + n, *stop;

	for (; n && (stop = memchr(text, '\n', end - text)); text = stop + 1) {
		if (!l->partial.n) {
			l->take(l->ctx, text, stop - text);
			continue;
		}
		add_partial(l, text, stop - text);
		end_partial(l);
	}
	if (text < end)
		add_partial(l, text, end - text);
}

void lines_end(struct lines *l)
{
	if (l->partial.n)
		end_partial(l);
	buf_free(&l->partial);
}
