// SPDX-License-Identifier: Apache-2.0
#include "render/folded.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

const struct folded_suffix folded_suffixes[FOLDED_SUFFIXES] = {
	{"_[k]", FRAME_KERNEL},
	{"_[i]", FRAME_INLINE},
	{"_[j]", FRAME_JIT},
};

struct line {
	size_t start, n; /* of the stack, in writer.text */
	uint64_t count, before;
};

struct writer {
	const struct tree *tree;
	bool as_is; /* names are written as they are */
	struct buf text, path;
	VEC(size_t) ends; /* length of `path` up to each depth */
	VEC(struct line) lines;
};

static void replace(char *s, size_t n, char from, char to)
{
	for (char *end = s + n; s < end; s++)
		if (*s == from)
			*s = to;
}

/* Where the space before trailing digits is, or `n`. */
static size_t trailing_number(const char *name, size_t n)
{
	size_t digits = n;

	while (digits && ((name[digits - 1] >= '0' && name[digits - 1] <= '9') || name[digits - 1] == '.'))
		digits--;
	return digits < n && digits && name[digits - 1] == ' ' ? digits - 1 : n;
}

/* "worker 12" as a leaf would read as a frame "worker" with two counts. Done everywhere: one function, one name. */
static void protect_trailing_number(char *name, size_t n)
{
	size_t space = trailing_number(name, n);

	if (space < n)
		name[space] = '_';
}

/* Readers trim what stands between a stack and its count. */
static void protect_final_spaces(char *name, size_t n)
{
	for (; n && name[n - 1] == ' '; n--)
		name[n - 1] = '_';
}

/* A name may end like the suffix of a kind that it is not of: a function of a program would read as one of the kernel. */
static void protect_suffix(char *name, size_t n)
{
	for (size_t i = 0; n > FOLDED_SUFFIX_BYTES && i < FOLDED_SUFFIXES; i++)
		if (!memcmp(name + n - FOLDED_SUFFIX_BYTES, folded_suffixes[i].text, FOLDED_SUFFIX_BYTES))
			name[n - FOLDED_SUFFIX_BYTES + 1] = '(';
}

static const char *suffix_of(enum frame_kind kind)
{
	for (size_t i = 0; i < FOLDED_SUFFIXES; i++)
		if (folded_suffixes[i].kind == kind)
			return folded_suffixes[i].text;
	return NULL;
}

static void write_name(struct writer *w, const struct tree_node *node)
{
	const char *raw = strings_get(w->tree->profile->strings, node->name), *suffix = suffix_of(node->kind);
	struct buf *out = &w->path;
	size_t start = out->n, n;
	char *name;

	text_escape(out, raw, strlen(raw));
	n = out->n - start;
	name = out->v + start;
	/* A root is a comm, or the first frame of a stack that brings its own; spaces there are '_' by custom. */
	if (node->depth == 1 && !w->as_is)
		replace(name, n, ' ', '_');
	if (!w->as_is)
		replace(name, n, ';', ':');
	if (suffix)
		buf_puts(out, suffix);
	if (suffix || w->as_is)
		return;
	protect_final_spaces(name, n);
	protect_trailing_number(name, n);
	protect_suffix(name, n);
	if (node->depth == 1 && n == 1 && *name == '#') /* alone on a line it would start a comment */
		*name = '_';
}

static void add_line(struct writer *w, const char *stack, size_t n, uint32_t node)
{
	const struct tree_baseline *baseline = w->tree->baseline;

	*vec_push(&w->lines) =
		(struct line){w->text.n, n, w->tree->nodes.v[node].self, baseline ? baseline[node].self : 0};
	buf_add(&w->text, stack, n);
}

static bool has_samples(const struct tree *t, uint32_t node)
{
	return t->nodes.v[node].self || (t->baseline && t->baseline[node].self);
}

/* Makes the line of one node; called in preorder, so `path` holds the parent's stack. */
static void visit(struct writer *w, uint32_t node)
{
	const struct tree_node *n = &w->tree->nodes.v[node];

	w->ends.n = n->depth;
	buf_truncate(&w->path, w->ends.v[n->depth - 1]);
	if (n->depth > 1)
		buf_putc(&w->path, ';');
	write_name(w, n);
	*vec_push(&w->ends) = w->path.n;
	if (has_samples(w->tree, node))
		add_line(w, w->path.v, w->path.n, node);
}

static int by_stack(const void *a, const void *b, void *text)
{
	const struct line *x = a, *y = b;
	int c = memcmp((char *)text + x->start, (char *)text + y->start, x->n < y->n ? x->n : y->n);

	return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

static void print_count(struct buf *out, const struct tree *t, uint64_t count)
{
	unsigned thousandths = t->thousandths ? count % 1000 : 0, digits = 3;

	buf_printf(out, " %" PRIu64, t->thousandths ? count / 1000 : count);
	if (!thousandths)
		return;
	for (; thousandths % 10 == 0; digits--)
		thousandths /= 10;
	buf_printf(out, ".%0*u", digits, thousandths);
}

/* Frames that differ in what the format cannot say (binary, escaped bytes) are one here: equal stacks are added up. */
static void print_lines(struct buf *out, struct writer *w)
{
	struct line *lines = w->lines.v;

	if (w->lines.n)
		qsort_r(lines, w->lines.n, sizeof(*lines), by_stack, w->text.v);
	for (size_t i = 0; i < w->lines.n; i++) {
		struct line sum = lines[i];

		for (; i + 1 < w->lines.n && !by_stack(&lines[i], &lines[i + 1], w->text.v); i++) {
			sum.count += lines[i + 1].count;
			sum.before += lines[i + 1].before;
		}
		buf_add(out, w->text.v + sum.start, sum.n);
		if (w->tree->baseline)
			print_count(out, w->tree, sum.before);
		print_count(out, w->tree, sum.count);
		buf_putc(out, '\n');
	}
}

/* Names of folded text are fine as they are, unless the numbers that end them would all read as counts. */
static bool reads_as_is(const struct tree *t)
{
	if (!t->folded || t->baseline)
		return t->folded;
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const char *name = strings_get(t->profile->strings, t->nodes.v[i].name);

		if (t->nodes.v[i].self && (suffix_of(t->nodes.v[i].kind) || trailing_number(name, strlen(name)) == strlen(name)))
			return true;
	}
	return false;
}

void folded_write(struct buf *out, const struct tree *t)
{
	static const char nothing[] = "[no_frames]";
	struct writer w = {.tree = t, .as_is = reads_as_is(t)};

	if (has_samples(t, 0))
		add_line(&w, nothing, sizeof(nothing) - 1, 0);
	buf_puts(&w.path, "");
	*vec_push(&w.ends) = 0;
	for (uint32_t id = tree_next(t, 0); id; id = tree_next(t, id))
		visit(&w, id);
	print_lines(out, &w);
	buf_free(&w.text);
	buf_free(&w.path);
	vec_free(&w.ends);
	vec_free(&w.lines);
}

static int write_folded(struct buf *out, const struct profile *p, const struct view *view, struct error *err)
{
	struct tree *t = tree_new(p, view);

	folded_write(out, t);
	tree_free(t);
	return 0;
}

const struct format folded_format = {".folded", "folded stacks, one a line", write_folded};
