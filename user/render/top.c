// SPDX-License-Identifier: Apache-2.0
#include "render/top.h"

#include "base/text.h"
#include "render/functions.h"

#include <inttypes.h>
#include <string.h>

#define BINARY_COLUMNS 20
#define MIN_NAME 16
#define FIXED_COLUMNS 27 /* the numbers of a row */

/* At most `width` characters of a name, cut at a character. Returns how many it took. */
static size_t add_cut(struct buf *out, const char *name, size_t width)
{
	struct buf safe = {0};
	size_t i = 0, columns = 0, last = 0;
	uint32_t c;
	bool valid;

	text_escape(&safe, name, strlen(name));
	while (i < safe.n && columns < width) {
		last = i;
		i += text_utf8(safe.v + i, safe.n - i, &c, &valid);
		columns++;
	}
	if (i < safe.n) {
		buf_add(out, safe.v, last);
		buf_puts(out, "\xE2\x80\xA6"); /* an ellipsis */
	} else {
		buf_add(out, safe.v, safe.n);
	}
	buf_free(&safe);
	return columns;
}

static void write_row(struct buf *out, const struct strings *strings, const struct function *fn, uint64_t all,
		      size_t name_columns, size_t width)
{
	const char *binary = strings_get(strings, fn->binary);
	size_t line = out->n, left, used;

	buf_printf(out, "%6.2f%% %9" PRIu64 " %6.2f%%  ", 100.0 * fn->self / all, fn->self, 100.0 * fn->total / all);
	used = out->n - line;
	left = width > used ? width - used : 0;
	/* Where there is no room for both, the name matters more. */
	if (left < MIN_NAME + 2 + BINARY_COLUMNS) {
		add_cut(out, strings_get(strings, fn->name), left > MIN_NAME ? left : MIN_NAME);
	} else {
		left -= 2 + BINARY_COLUMNS;
		used = add_cut(out, strings_get(strings, fn->name), left);
		if (*binary) {
			buf_printf(out, "%*s", (int)(name_columns > used ? name_columns - used : 0) + 2, "");
			add_cut(out, binary, BINARY_COLUMNS);
		}
	}
	buf_putc(out, '\n');
}

/* The column of binaries starts behind the longest name that is shown, as far as the width allows. */
static size_t longest_name(const struct strings *strings, const struct functions *f, const uint32_t *ids, size_t rows,
			   size_t width)
{
	size_t most = width > FIXED_COLUMNS + 2 + BINARY_COLUMNS ? width - FIXED_COLUMNS - 2 - BINARY_COLUMNS : 0;
	size_t longest = 0;
	struct buf scratch = {0};

	for (size_t i = 0; i < rows; i++) {
		size_t columns = add_cut(&scratch, strings_get(strings, f->all.v[ids[i]].name), most);

		longest = columns > longest ? columns : longest;
	}
	buf_free(&scratch);
	return longest;
}

void top_write(struct buf *out, const struct profile *p, const struct view *view, size_t rows, size_t width)
{
	auto_free uint32_t *ids = xcalloc(rows + 1, sizeof(*ids));
	struct tree *t = tree_new(p, view);
	uint64_t all = t->nodes.v[0].total;
	size_t shown, name_columns;
	struct functions f;

	functions_make(&f, t);
	shown = functions_top(&f, t, ids, rows);
	name_columns = longest_name(p->strings, &f, ids, shown, width);
	buf_puts(out, all ? "   self   samples   total  function\n" : "no samples: nothing ran on a CPU\n");
	for (size_t i = 0; i < shown; i++)
		write_row(out, p->strings, &f.all.v[ids[i]], all, name_columns, width);
	functions_free(&f);
	tree_free(t);
}
