// SPDX-License-Identifier: Apache-2.0
#include "render/folded.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define SUFFIX_BYTES 4

static const struct {
	char text[SUFFIX_BYTES + 1];
	enum frame_kind kind;
} suffixes[] = {{"_[k]", FRAME_KERNEL}, {"_[i]", FRAME_INLINE}, {"_[j]", FRAME_JIT}};

/* Frames that stand for no code; they need no suffix to be known again. */
static const char *const notes[] = {"[truncated]", "[unwind: ", "[empty]", "[no_frames]", "[lost]"};

struct line {
	size_t start, n; /* of the stack, in writer.text */
	uint64_t count;
};

struct writer {
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

/* "worker 12" as a leaf would read as a frame "worker" with two counts. Done everywhere: one function, one name. */
static void protect_trailing_number(char *name, size_t n)
{
	size_t digits = n;

	while (digits && ((name[digits - 1] >= '0' && name[digits - 1] <= '9') || name[digits - 1] == '.'))
		digits--;
	if (digits < n && digits && name[digits - 1] == ' ')
		name[digits - 1] = '_';
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
	for (size_t i = 0; n > SUFFIX_BYTES && i < ARRAY_SIZE(suffixes); i++)
		if (!memcmp(name + n - SUFFIX_BYTES, suffixes[i].text, SUFFIX_BYTES))
			name[n - SUFFIX_BYTES + 1] = '(';
}

static void write_name(struct buf *out, const struct tree *t, const struct tree_node *node)
{
	const char *raw = strings_get(t->profile->strings, node->name);
	size_t start = out->n, n;
	char *name;

	text_escape(out, raw, strlen(raw));
	n = out->n - start;
	name = out->v + start;
	replace(name, n, ';', ':');
	/* A root is a comm, or the first frame of a stack that brings its own; spaces there are '_' by custom. */
	if (node->depth == 1)
		replace(name, n, ' ', '_');
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (suffixes[i].kind == node->kind) {
			buf_puts(out, suffixes[i].text);
			return;
		}
	protect_final_spaces(name, n);
	protect_trailing_number(name, n);
	protect_suffix(name, n);
	if (node->depth == 1 && n == 1 && *name == '#') /* alone on a line it would start a comment */
		*name = '_';
}

static void add_line(struct writer *w, const char *stack, size_t n, uint64_t count)
{
	*vec_push(&w->lines) = (struct line){w->text.n, n, count};
	buf_add(&w->text, stack, n);
}

/* Makes the line of one node; called in preorder, so `path` holds the parent's stack. */
static void visit(struct writer *w, const struct tree *t, const struct tree_node *n)
{
	w->ends.n = n->depth;
	buf_truncate(&w->path, w->ends.v[n->depth - 1]);
	if (n->depth > 1)
		buf_putc(&w->path, ';');
	write_name(&w->path, t, n);
	*vec_push(&w->ends) = w->path.n;
	if (n->self)
		add_line(w, w->path.v, w->path.n, n->self);
}

static int by_stack(const void *a, const void *b, void *text)
{
	const struct line *x = a, *y = b;
	int c = memcmp((char *)text + x->start, (char *)text + y->start, x->n < y->n ? x->n : y->n);

	return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

/* Frames that differ in what the format cannot say (binary, escaped bytes) are one here: equal stacks are added up. */
static void print_lines(struct buf *out, struct writer *w)
{
	struct line *lines = w->lines.v;

	if (w->lines.n)
		qsort_r(lines, w->lines.n, sizeof(*lines), by_stack, w->text.v);
	for (size_t i = 0; i < w->lines.n; i++) {
		uint64_t count = lines[i].count;

		for (; i + 1 < w->lines.n && !by_stack(&lines[i], &lines[i + 1], w->text.v); i++)
			count += lines[i + 1].count;
		buf_add(out, w->text.v + lines[i].start, lines[i].n);
		buf_printf(out, " %" PRIu64 "\n", count);
	}
}

void folded_write(struct buf *out, const struct tree *t)
{
	static const char nothing[] = "[no_frames]";
	struct writer w = {0};
	uint32_t id = t->nodes.v[0].first_child;

	if (t->nodes.v[0].self)
		add_line(&w, nothing, sizeof(nothing) - 1, t->nodes.v[0].self);
	buf_puts(&w.path, "");
	*vec_push(&w.ends) = 0;
	while (id) {
		visit(&w, t, &t->nodes.v[id]);
		if (t->nodes.v[id].first_child) {
			id = t->nodes.v[id].first_child;
			continue;
		}
		while (id && !t->nodes.v[id].next_sibling)
			id = t->nodes.v[id].parent;
		id = id ? t->nodes.v[id].next_sibling : 0;
	}
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

/*
 * Reading. A line mostly starts like the one before it, so the frames of the last line and where they end in it are
 * kept: those within the common prefix need no look-up.
 */
struct reader {
	struct profile *profile;
	uint32_t thread;
	uint64_t total;
	const char *last; /* the last line that was read, */
	size_t last_n;    /* the length of its stack, */
	VEC(struct {
		size_t end;
		uint32_t node;
	})
	frames; /* and its frames: offset behind the name */
};

static bool is_note(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		size_t length = strlen(notes[i]);

		if (n >= length && !memcmp(name, notes[i], length) && name[n - 1] == ']')
			return true;
	}
	return false;
}

static uint32_t add_frame(struct profile *p, uint32_t parent, const char *name, size_t n)
{
	enum frame_kind kind = FRAME_USER;
	uint32_t id;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (n > SUFFIX_BYTES && !memcmp(name + n - SUFFIX_BYTES, suffixes[i].text, SUFFIX_BYTES)) {
			kind = suffixes[i].kind;
			n -= SUFFIX_BYTES;
			break;
		}
	if (kind == FRAME_USER && (!n || is_note(name, n)))
		kind = FRAME_NOTE;
	id = n ? strings_add_n(p->strings, name, n) : strings_add(p->strings, "[empty]");
	return profile_node(p, parent, profile_frame_id(p, id, 0, kind));
}

/* Keeps the frames that this stack shares with the last one. Returns where the first other one starts. */
static size_t reuse(struct reader *r, const char *stack, size_t n)
{
	size_t limit = n < r->last_n ? n : r->last_n, common = 0;

	while (common < limit && stack[common] == r->last[common])
		common++;
	/* A frame is shared when its name and what ends it are: the ';', or the end of both stacks. */
	if (common == n && common < r->last_n && r->last[common] == ';')
		common++;
	else if (common == r->last_n && (common == n || stack[common] == ';'))
		common++;
	while (r->frames.n && r->frames.v[r->frames.n - 1].end >= common)
		r->frames.n--;
	return r->frames.n ? r->frames.v[r->frames.n - 1].end + 1 : 0;
}

static uint32_t stack_node(struct reader *r, const char *stack, size_t n)
{
	for (size_t start = reuse(r, stack, n); start <= n;) {
		const char *end = memchr(stack + start, ';', n - start);
		size_t length = end ? end - (stack + start) : n - start;
		uint32_t parent = r->frames.n ? r->frames.v[r->frames.n - 1].node : 0;
		uint32_t node = add_frame(r->profile, parent, stack + start, length);

		start += length;
		*vec_push(&r->frames) = (__typeof__(*r->frames.v)){start++, node};
	}
	r->last = stack;
	r->last_n = n;
	return r->frames.v[r->frames.n - 1].node;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Splits "STACK COUNT" or "STACK COUNT.FRACTION". Returns the length of STACK, or 0 when the line is something else. */
static size_t split_count(const char *line, size_t n, uint64_t *count)
{
	size_t start = n, i;

	while (start && !is_blank(line[start - 1]))
		start--;
	*count = 0;
	for (i = start; i < n && is_digit(line[i]); i++)
		if (__builtin_mul_overflow(*count, 10, count) || __builtin_add_overflow(*count, line[i] - '0', count))
			return 0;
	if (i == start)
		return 0;
	if (i < n && line[i++] != '.')
		return 0;
	while (i < n && is_digit(line[i]))
		i++;
	if (i < n)
		return 0;
	while (start && is_blank(line[start - 1]))
		start--;
	return start;
}

static bool read_line(struct reader *r, const char *line, size_t n)
{
	uint64_t count, total;
	size_t stack = split_count(line, n, &count);

	if (!stack || memchr(line, '\0', n) || __builtin_add_overflow(r->total, count, &total))
		return false;
	r->total = total;
	if (count)
		profile_add(r->profile, r->thread, stack_node(r, line, stack), count);
	return true;
}

void folded_read(struct profile *p, const char *text, size_t n, struct folded_errors *errors)
{
	struct reader r = {.profile = p, .total = profile_total(p)};
	const char *end = text + n, *next;

	r.thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");
	*errors = (struct folded_errors){0};
	for (uint64_t number = 1; text < end; text = next < end ? next + 1 : end, number++) {
		const char *line = text, *stop;

		next = memchr(text, '\n', end - text);
		next = next ? next : end;
		for (stop = next; stop > line && is_blank(stop[-1]);)
			stop--;
		while (line < stop && is_blank(*line))
			line++;
		if (line == stop || (*line == '#' && (line + 1 == stop || line[1] == ' ')))
			continue;
		if (!read_line(&r, line, stop - line) && !errors->lines++)
			errors->first = number;
	}
	vec_free(&r.frames);
}
