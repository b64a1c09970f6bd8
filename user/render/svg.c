// SPDX-License-Identifier: Apache-2.0
#include "render/svg.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void svg_escape(struct buf *out, const char *safe, size_t n)
{
	size_t clean = 0;

	for (size_t i = 0; i < n; i++) {
		const char *e = entity(safe[i]);

		if (!e)
			continue;
		buf_add(out, safe + clean, i - clean);
		buf_puts(out, e);
		clean = i + 1;
	}
	buf_add(out, safe + clean, n - clean);
}

void svg_text(struct buf *out, const char *foreign)
{
	struct buf safe = {0};

	text_escape(&safe, foreign, strlen(foreign));
	svg_escape(out, safe.v, safe.n);
	buf_free(&safe);
}

void svg_attribute(struct buf *out, const char *name, const char *foreign)
{
	buf_printf(out, " %s=\"", name);
	svg_text(out, foreign);
	buf_putc(out, '"');
}

/* Integers throughout: the same bytes on every machine and in every locale. */
void svg_percent(struct buf *out, uint64_t part, uint64_t whole)
{
	uint64_t v = ((unsigned __int128)part * 1000000 + whole / 2) / whole;

	buf_printf(out, "%" PRIu64, v / 10000);
	v %= 10000;
	if (!v)
		return;
	buf_printf(out, ".%04" PRIu64, v);
	while (out->v[out->n - 1] == '0')
		buf_truncate(out, out->n - 1);
}

void svg_count(struct buf *out, uint64_t n)
{
	char digits[24];
	size_t length = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			buf_putc(out, ',');
		buf_putc(out, digits[i]);
	}
}
