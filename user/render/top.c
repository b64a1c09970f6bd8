// SPDX-License-Identifier: Apache-2.0
#include "render/top.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define BINARY_COLUMNS 20
#define MIN_NAME 16
#define FIXED_COLUMNS 27 /* the numbers of a row */

struct function {
	uint32_t name, binary;
	enum frame_kind kind;
	uint64_t self, total;
	uint32_t open; /* while walking: how often it stands in the current path */
};

struct functions {
	VEC(struct function) all;
	struct table table;
	const struct profile *profile;
	size_t name_columns;
};

static bool same(const void *ctx, uint32_t id, const void *key)
{
	const struct function *f = &((const struct functions *)ctx)->all.v[id];
	const struct tree_node *n = key;

	return f->name == n->name && f->binary == n->binary && f->kind == n->kind;
}

static uint32_t function_of(struct functions *f, const struct tree_node *n)
{
	uint64_t hash = hash_mix(hash_mix(n->name, n->binary), n->kind);
	uint32_t id = table_find(&f->table, hash, same, f, n);

	if (id == TABLE_NONE) {
		id = f->all.n;
		*vec_push(&f->all) = (struct function){n->name, n->binary, n->kind, 0, 0, 0};
		table_add(&f->table, hash, id);
	}
	return id;
}

/* The outermost occurrence in a path carries the total; inner ones are part of it. */
static void enter(struct functions *f, const struct tree_node *n)
{
	uint32_t id = function_of(f, n); /* first: it may move the array */
	struct function *fn = &f->all.v[id];

	fn->self += n->self;
	if (!fn->open++)
		fn->total += n->total;
}

static void leave(struct functions *f, const struct tree_node *n)
{
	uint32_t id = function_of(f, n);

	f->all.v[id].open--;
}

static void collect(struct functions *f, const struct tree *t)
{
	uint32_t id = t->nodes.v[0].first_child;

	while (id) {
		enter(f, &t->nodes.v[id]);
		if (t->nodes.v[id].first_child) {
			id = t->nodes.v[id].first_child;
			continue;
		}
		leave(f, &t->nodes.v[id]);
		while (id && !t->nodes.v[id].next_sibling) {
			id = t->nodes.v[id].parent;
			if (id)
				leave(f, &t->nodes.v[id]);
		}
		id = id ? t->nodes.v[id].next_sibling : 0;
	}
}

static int by_self(const void *a, const void *b, void *strings)
{
	const struct function *x = a, *y = b;
	int c;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	c = strcmp(strings_get(strings, x->name), strings_get(strings, y->name));
	if (!c)
		c = strcmp(strings_get(strings, x->binary), strings_get(strings, y->binary));
	return c ? c : (int)x->kind - (int)y->kind;
}

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

static void write_row(struct buf *out, const struct functions *f, const struct function *fn, uint64_t all, size_t width)
{
	const char *binary = strings_get(f->profile->strings, fn->binary);
	size_t line = out->n, left, used;

	buf_printf(out, "%6.2f%% %9" PRIu64 " %6.2f%%  ", 100.0 * fn->self / all, fn->self, 100.0 * fn->total / all);
	used = out->n - line;
	left = width > used ? width - used : 0;
	/* Where there is no room for both, the name matters more. */
	if (left < MIN_NAME + 2 + BINARY_COLUMNS) {
		add_cut(out, strings_get(f->profile->strings, fn->name), left > MIN_NAME ? left : MIN_NAME);
	} else {
		left -= 2 + BINARY_COLUMNS;
		used = add_cut(out, strings_get(f->profile->strings, fn->name), left);
		if (*binary) {
			buf_printf(out, "%*s", (int)(f->name_columns > used ? f->name_columns - used : 0) + 2, "");
			add_cut(out, binary, BINARY_COLUMNS);
		}
	}
	buf_putc(out, '\n');
}

/* The column of binaries starts behind the longest name that is shown, as far as the width allows. */
static void measure(struct functions *f, size_t rows, size_t width)
{
	size_t most = width > FIXED_COLUMNS + 2 + BINARY_COLUMNS ? width - FIXED_COLUMNS - 2 - BINARY_COLUMNS : 0;
	struct buf scratch = {0};

	for (size_t i = 0; i < rows; i++) {
		size_t columns = add_cut(&scratch, strings_get(f->profile->strings, f->all.v[i].name), most);

		f->name_columns = columns > f->name_columns ? columns : f->name_columns;
	}
	buf_free(&scratch);
}

void top_write(struct buf *out, const struct profile *p, const struct view *view, size_t rows, size_t width)
{
	struct tree *t = tree_new(p, view);
	struct functions f = {.profile = p};
	uint64_t all = t->nodes.v[0].total;
	size_t shown = 0;

	collect(&f, t);
	if (f.all.n)
		qsort_r(f.all.v, f.all.n, sizeof(*f.all.v), by_self, p->strings);
	while (shown < f.all.n && shown < rows && f.all.v[shown].self)
		shown++;
	measure(&f, shown, width);
	buf_puts(out, all ? "   self   samples   total  function\n" : "no samples: nothing ran on a CPU\n");
	for (size_t i = 0; i < shown; i++)
		write_row(out, &f, &f.all.v[i], all, width);
	vec_free(&f.all);
	table_free(&f.table);
	tree_free(t);
}
