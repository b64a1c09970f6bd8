// SPDX-License-Identifier: Apache-2.0
#include "base/lines.h"
#include "render/folded.h"

#include <string.h>

#define MAX_UNDECIDED (256u << 20) /* bytes */
#define SCALE 1000                 /* thousandths, once a count has a fraction */

/* Frames that stand for no code; they need no suffix to be known again. */
static const char *const notes[] = {"[truncated]", "[unwind: ", "[empty]", "[no_frames]", "[lost]"};

/*
 * A line mostly starts like the one before it, so the frames of the last line and where they end in it are kept: those
 * within the common prefix need no look-up.
 */
struct folded_reader {
	const struct profile *profile;
	struct tree_builder *builder;
	struct profile *samples; /* where they go when there is no builder, */
	uint32_t thread;         /* and to whom */
	uint64_t total, baseline_total;
	bool thousandths; /* is the unit of counts */
	struct lines lines;
	uint64_t line; /* number of the last one */
	struct folded_errors errors;
	enum { UNDECIDED, ONE_COUNT, TWO_COUNTS } columns;
	struct buf undecided; /* the lines so far, while all of them had two counts */
	struct buf last;      /* the stack of the last line */
	VEC(struct {
		size_t end;    /* offset behind the name */
		uint32_t node; /* of the profile, without a builder */
	})
	frames; /* and its frames */
};

/* A count as written: whole and thousandths. */
struct count {
	uint64_t whole;
	unsigned thousandths;
};

static bool is_note(const char *name, size_t n)
{
	/* bcc and the scripts for off-CPU stacks write these between user and kernel, or waker and sleeper. */
	if (*name == '-' && (n == 1 || (n == 2 && name[1] == '-')))
		return true;
	for (size_t i = 0; *name == '[' && i < ARRAY_SIZE(notes); i++) {
		size_t length = strlen(notes[i]);

		if (n >= length && !memcmp(name, notes[i], length) && name[n - 1] == ']')
			return true;
	}
	return false;
}

static void push_frame(struct folded_reader *r, const char *name, size_t n, size_t end)
{
	struct strings *strings = r->profile->strings;
	uint32_t parent = r->frames.n ? r->frames.v[r->frames.n - 1].node : 0, node = 0, id;
	enum frame_kind kind = FRAME_USER;

	for (size_t i = 0; n > FOLDED_SUFFIX_BYTES && name[n - 1] == ']' && i < FOLDED_SUFFIXES; i++)
		if (!memcmp(name + n - FOLDED_SUFFIX_BYTES, folded_suffixes[i].text, FOLDED_SUFFIX_BYTES)) {
			kind = folded_suffixes[i].kind;
			n -= FOLDED_SUFFIX_BYTES;
			break;
		}
	if (kind == FRAME_USER && (!n || is_note(name, n)))
		kind = FRAME_NOTE;
	id = n ? strings_add_n(strings, name, n) : strings_add(strings, "[empty]");
	if (r->builder)
		tree_builder_push(r->builder, id, 0, kind);
	else
		node = profile_node(r->samples, parent, profile_frame_id(r->samples, id, 0, kind));
	*vec_push(&r->frames) = (__typeof__(*r->frames.v)){end, node};
}

static size_t common_prefix(const char *a, const char *b, size_t limit)
{
	size_t n = 0;
	uint64_t x, y;

	for (; n + 8 <= limit; n += 8) {
		memcpy(&x, a + n, 8);
		memcpy(&y, b + n, 8);
		if (x != y)
			return n + __builtin_ctzll(x ^ y) / 8;
	}
	while (n < limit && a[n] == b[n])
		n++;
	return n;
}

/* Keeps the frames that this stack shares with the last one. Returns where the first other one starts. */
static size_t reuse(struct folded_reader *r, const char *stack, size_t n)
{
	const char *last = r->last.v;
	size_t last_n = r->last.n, limit = n < last_n ? n : last_n, common = limit ? common_prefix(stack, last, limit) : 0;
	size_t keep = common;

	/* A frame is shared when its name and what ends it are: the ';', or the end of both stacks. */
	if (keep == n && keep < last_n && last[keep] == ';')
		keep++;
	else if (keep == last_n && (keep == n || stack[keep] == ';'))
		keep++;
	while (r->frames.n && r->frames.v[r->frames.n - 1].end >= keep)
		r->frames.n--;
	if (r->builder)
		tree_builder_keep(r->builder, r->frames.n);
	buf_truncate(&r->last, common);
	buf_add(&r->last, stack + common, n - common);
	return r->frames.n ? r->frames.v[r->frames.n - 1].end + 1 : 0;
}

/* Makes `frames` those of this stack. */
static void take_stack(struct folded_reader *r, const char *stack, size_t n)
{
	while (n && stack[n - 1] == ';')
		n--;
	for (size_t start = reuse(r, stack, n); start < n;) {
		const char *end = memchr(stack + start, ';', n - start);
		size_t length = end ? end - (stack + start) : n - start;

		push_frame(r, stack + start, length, start + length);
		start += length + 1;
	}
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
static size_t split_count(const char *line, size_t n, struct count *count)
{
	size_t start = n, i;
	unsigned unit = SCALE;

	while (start && !is_blank(line[start - 1]))
		start--;
	*count = (struct count){0};
	for (i = start; i < n && is_digit(line[i]); i++)
		if (__builtin_mul_overflow(count->whole, 10, &count->whole) ||
		    __builtin_add_overflow(count->whole, line[i] - '0', &count->whole))
			return 0;
	if (i == start)
		return 0;
	if (i < n && line[i++] != '.')
		return 0;
	for (; i < n && is_digit(line[i]); i++)
		count->thousandths += (unit /= 10) * (line[i] - '0');
	if (i < n)
		return 0;
	while (start && is_blank(line[start - 1]))
		start--;
	return start;
}

/* The count in the unit of the tree, which becomes a smaller one with the first fraction. False: it does not fit. */
static bool scaled(struct folded_reader *r, struct count c, uint64_t *ret)
{
	uint64_t total, baseline;

	if (r->builder && c.thousandths && !r->thousandths) {
		if (__builtin_mul_overflow(r->total, SCALE, &total) ||
		    __builtin_mul_overflow(r->baseline_total, SCALE, &baseline))
			return false;
		r->total = total;
		r->baseline_total = baseline;
		r->thousandths = true;
		tree_builder_thousandths(r->builder);
	}
	*ret = c.whole;
	if (!r->thousandths)
		return true;
	return !__builtin_mul_overflow(c.whole, SCALE, ret) && !__builtin_add_overflow(*ret, c.thousandths, ret);
}

static void count_stack(struct folded_reader *r, uint64_t count)
{
	if (r->builder)
		tree_builder_count(r->builder, count);
	else
		profile_add(r->samples, r->thread, r->frames.n ? r->frames.v[r->frames.n - 1].node : 0, count);
}

static bool take_line(struct folded_reader *r, const char *line, size_t n)
{
	uint64_t count, before = 0, total, baseline_total = r->baseline_total;
	struct count c;
	size_t stack = split_count(line, n, &c);

	if (!stack || memchr(line, '\0', n) || !scaled(r, c, &count))
		return false;
	if (r->columns == TWO_COUNTS) {
		stack = split_count(line, stack, &c);
		if (!stack || !scaled(r, c, &before))
			return false;
		/* That may have been the first fraction. */
		split_count(line, n, &c);
		scaled(r, c, &count);
	}
	if (__builtin_add_overflow(r->total, count, &total) ||
	    __builtin_add_overflow(r->baseline_total, before, &baseline_total))
		return false;
	r->total = total;
	r->baseline_total = baseline_total;
	if (!count && !before)
		return true;
	take_stack(r, line, stack);
	if (count)
		count_stack(r, count);
	if (before && r->builder)
		tree_builder_count_baseline(r->builder, before);
	return true;
}

/* Takes off what surrounds a line. False when nothing is left or it is a comment. */
static bool trim(const char **line, size_t *n)
{
	while (*n && is_blank((*line)[*n - 1]))
		--*n;
	while (*n && is_blank(**line))
		++*line, --*n;
	return *n && (**line != '#' || (*n > 1 && (*line)[1] != ' '));
}

static void read_line(struct folded_reader *r, const char *line, size_t n)
{
	r->line++;
	if (trim(&line, &n) && !take_line(r, line, n) && !r->errors.lines++)
		r->errors.first = r->line;
}

static void decide(struct folded_reader *r, bool two)
{
	struct buf text = r->undecided;

	r->columns = two ? TWO_COUNTS : ONE_COUNT;
	r->errors.differential = two;
	r->undecided = (struct buf){0};
	for (const char *line = text.v, *end = line + text.n, *next; line < end; line = next + 1) {
		next = memchr(line, '\n', end - line);
		read_line(r, line, next - line);
	}
	buf_free(&text);
}

/* Is this the line that says how many counts a line has? */
static bool has_one_count(const char *line, size_t n)
{
	struct count c;
	size_t stack = trim(&line, &n) ? split_count(line, n, &c) : 0;

	return stack && !split_count(line, stack, &c);
}

static void add_line(void *reader, const char *line, size_t n)
{
	struct folded_reader *r = reader;

	if (r->columns == UNDECIDED && has_one_count(line, n))
		decide(r, false);
	if (r->columns != UNDECIDED) {
		read_line(r, line, n);
		return;
	}
	buf_add(&r->undecided, line, n);
	buf_putc(&r->undecided, '\n');
	if (r->undecided.n > MAX_UNDECIDED)
		decide(r, true);
}

struct folded_reader *folded_reader_new(const struct profile *p, struct tree_builder *b)
{
	struct folded_reader *r = xcalloc(1, sizeof(*r));

	r->profile = p;
	r->builder = b;
	if (b)
		tree_builder_folded(b);
	r->lines = (struct lines){.take = add_line, .ctx = r};
	buf_puts(&r->last, "");
	buf_puts(&r->undecided, "");
	return r;
}

void folded_reader_add(struct folded_reader *r, const char *text, size_t n)
{
	lines_add(&r->lines, text, n);
}

void folded_reader_end(struct folded_reader *r, struct folded_errors *errors)
{
	lines_end(&r->lines);
	if (r->columns == UNDECIDED) {
		decide(r, true);
		/* Not one good line: there is no difference between one count and two. */
		r->errors.differential = r->total || r->baseline_total;
	}
	*errors = r->errors;
	buf_free(&r->undecided);
	buf_free(&r->last);
	vec_free(&r->frames);
	free(r);
}

void folded_read(struct profile *p, const char *text, size_t n, struct folded_errors *errors)
{
	struct folded_reader *r = folded_reader_new(p, NULL);

	r->samples = p;
	r->total = profile_total(p);
	r->thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");
	folded_reader_add(r, text, n);
	folded_reader_end(r, errors);
}
