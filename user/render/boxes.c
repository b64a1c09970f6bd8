// SPDX-License-Identifier: Apache-2.0
#include "render/boxes.h"

#include "base/text.h"
#include "render/label.h"
#include "render/palette.h"
#include "render/svg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDE 50      /* tenths of a pixel: narrower boxes have no round corners, they would be nothing else */
#define LABELLED 380 /* likewise: narrower ones no label, it would be two letters */
#define NO_SHADE 99

/* Classes of colour: a letter and a number. */
struct paint {
	char letter;
	unsigned shade;
};

/* The pieces of one path, for wide boxes and for narrow ones. */
struct path {
	struct paint paint;
	struct buf d[2];
};

struct pen {
	const struct boxes *b;
	struct buf *out;
	VEC(struct path) paths;
	uint32_t by_class[128][NO_SHADE + 1]; /* index + 1 */
	struct buf safe, label; /* scratch */
};

unsigned boxes_columns(uint64_t pixels, unsigned font)
{
	/* Fixed-width fonts are 0.60 em a column, most of them 0.602; a little more leaves air. */
	return pixels * 1000 / (font * 612);
}

/* Tenths of a pixel; the same numbers on every machine. */
static uint64_t tenths(const struct boxes *b, uint64_t samples)
{
	return (unsigned __int128)samples * b->width * 10 / b->whole;
}

static uint64_t pixels(uint64_t in_tenths)
{
	return (in_tenths + 5) / 10;
}

static void add_tenths(struct buf *out, uint64_t v)
{
	buf_decimal(out, v / 10);
	if (v % 10) {
		buf_putc(out, '.');
		buf_decimal(out, v % 10);
	}
}

/* A command of a path and its number. */
static void add_step(struct buf *d, char command, uint64_t v)
{
	buf_putc(d, command);
	buf_decimal(d, v);
}

static unsigned top_of(const struct boxes *b, uint32_t row)
{
	return (b->inverted ? row : b->rows - 1 - row) * b->pitch;
}

static void escape_name(struct pen *p, const struct tree_node *n)
{
	const char *name = strings_get(p->b->tree->profile->strings, n->name);

	buf_truncate(&p->safe, 0);
	text_escape(&p->safe, name, strlen(name));
}

/* How much of the own share, in steps, changed: 1 for a tenth of a percent or a twentieth of it; 7: there was, or is, none. */
static unsigned change(double before, double now)
{
	double most = before > now ? before : now, delta = before > now ? before - now : now - before;
	double relative = most > 0 ? delta / most : 0;

	if (most > 0 && !(before > 0 && now > 0))
		return PALETTE_STEPS + 1;
	if (delta < 0.0005 || relative < 0.02)
		return 0;
	return relative < 0.05 ? 1 : relative < 0.1 ? 2 : relative < 0.2 ? 3 : relative < 0.4 ? 4 : relative < 0.7 ? 5 : 6;
}

static struct paint paint_change(const struct tree *t, uint32_t id)
{
	const struct tree_baseline *root = &t->baseline[0], *n = &t->baseline[id];
	double before = root->total ? (double)n->total / root->total : 0;
	double now = t->nodes.v[0].total ? (double)t->nodes.v[id].total / t->nodes.v[0].total : 0;

	return (struct paint){now >= before ? 'p' : 'm', change(before, now)};
}

static struct paint paint_of(struct pen *p, const struct layout_box *box)
{
	const struct tree *t = p->b->tree;
	const struct tree_node *n;

	if (box->node == LAYOUT_FOLDED)
		return (struct paint){'x', NO_SHADE};
	n = &t->nodes.v[box->node];
	if (!box->row)
		return (struct paint){'r', NO_SHADE};
	if (t->baseline)
		return paint_change(t, box->node);
	if (n->highlight)
		return (struct paint){'h', (n->highlight - 1u) % PALETTE_HIGHLIGHTS};
	if (n->kind == FRAME_NOTE)
		return (struct paint){'n', NO_SHADE};
	return (struct paint){palette_letter(n->kind), palette_shade(p->safe.v, p->safe.n)};
}

static struct path *path_of(struct pen *p, struct paint paint)
{
	uint32_t *id = &p->by_class[(unsigned char)paint.letter][paint.shade];

	if (!*id) {
		*vec_push(&p->paths) = (struct path){.paint = paint};
		*id = p->paths.n;
	}
	return &p->paths.v[*id - 1];
}

/*
 * A wide box is a smaller rectangle with a round-joined stroke of its own colour, which makes round corners of one in
 * twenty bytes; its edges are whole pixels, and a pixel of air keeps neighbours apart. A narrow one is a line as thick as
 * a row is high.
 */
static void add_box(struct pen *p, const struct layout_box *box)
{
	const struct boxes *b = p->b;
	uint64_t x = tenths(b, box->start), end = tenths(b, box->start + box->total);
	unsigned y = top_of(b, box->row);
	bool wide = end - x >= WIDE && b->pitch > 5;
	struct buf *d = &path_of(p, paint_of(p, box))->d[!wide];

	x = pixels(x);
	end = pixels(end) > x ? pixels(end) : x + 1;
	add_step(d, 'M', x + wide);
	add_step(d, ' ', y + wide);
	add_step(d, 'h', wide ? end - x - 3 : end - x > 2 ? end - x - 1 : 1);
	if (!wide)
		return;
	add_step(d, 'v', b->pitch - 3);
	add_step(d, 'H', x + 1);
	buf_putc(d, 'z');
}

static void add_label(struct pen *p, const struct layout_box *box)
{
	const struct boxes *b = p->b;
	uint64_t x = tenths(b, box->start), width = tenths(b, box->total);

	if (box->node == LAYOUT_FOLDED || width < LABELLED)
		return;
	escape_name(p, &b->tree->nodes.v[box->node]);
	buf_truncate(&p->label, 0);
	label_fit(&p->label, p->safe.v, p->safe.n, boxes_columns((width - 90) / 10, b->font));
	if (!p->label.n)
		return;
	buf_printf(p->out, "<text x=\"%" PRIu64 "\" y=\"%u\">", pixels(x) + 4,
		   top_of(b, box->row) + (b->pitch - 1 + b->font * 7 / 10) / 2);
	svg_escape(p->out, p->label.v, p->label.n);
	buf_puts(p->out, "</text>");
}

static void add_paths(struct pen *p, int narrow)
{
	if (narrow)
		buf_printf(p->out, "<g class=\"t\" stroke-width=\"%u\" transform=\"translate(0 %g)\">", p->b->pitch - 1,
			   (p->b->pitch - 1) / 2.0);
	else
		buf_puts(p->out, "<g class=\"w\">");
	for (size_t i = 0; i < p->paths.n; i++) {
		struct path *path = &p->paths.v[i];

		if (!path->d[narrow].n)
			continue;
		buf_printf(p->out, "<path class=\"%c", path->paint.letter);
		if (path->paint.shade != NO_SHADE)
			buf_printf(p->out, "%u", path->paint.shade);
		buf_puts(p->out, "\" d=\"");
		buf_add(p->out, path->d[narrow].v, path->d[narrow].n);
		buf_puts(p->out, "\"/>");
	}
	buf_puts(p->out, "</g>\n");
}

static void add_count(struct pen *p, uint64_t samples)
{
	double factor = p->b->factor;

	svg_count(p->out, factor == 1 ? samples : (uint64_t)(samples * factor + 0.5));
}

static void add_place(struct pen *p, uint32_t node)
{
	const struct tree *t = p->b->tree;

	if (!t->places || !t->places[node].line)
		return;
	buf_putc(p->out, '\n');
	svg_text(p->out, strings_get(t->profile->strings, t->places[node].file));
	buf_printf(p->out, ":%" PRIu32, t->places[node].line);
}

/* An invisible box over each with what it is: viewers show it for the one under the pointer. */
static void add_tooltip(struct pen *p, const struct layout_box *box)
{
	const struct boxes *b = p->b;
	const struct tree_node *n = box->node == LAYOUT_FOLDED ? NULL : &b->tree->nodes.v[box->node];
	uint64_t x = tenths(b, box->start), share = ((unsigned __int128)box->total * 10000 + b->whole / 2) / b->whole;

	buf_puts(p->out, "<rect class=\"o\" x=\"");
	add_tenths(p->out, x);
	buf_printf(p->out, "\" y=\"%u\" width=\"", top_of(b, box->row));
	add_tenths(p->out, tenths(b, box->start + box->total) - x);
	buf_printf(p->out, "\" height=\"%u\"><title>", b->pitch - 1);
	if (n) {
		escape_name(p, n);
		svg_escape(p->out, p->safe.v, p->safe.n);
	} else {
		buf_puts(p->out, "(frames too narrow to draw)");
	}
	buf_putc(p->out, '\n');
	add_count(p, box->total);
	buf_putc(p->out, ' ');
	svg_text(p->out, b->unit);
	buf_printf(p->out, ", %" PRIu64 ".%02" PRIu64 "%%", share / 100, share % 100);
	if (n) {
		buf_puts(p->out, ", self ");
		add_count(p, n->self);
		add_place(p, box->node);
	}
	buf_puts(p->out, "</title></rect>\n");
}

void boxes_draw(struct buf *out, const struct boxes *b)
{
	struct pen *p = xcalloc(1, sizeof(*p));
	size_t n = 0;

	p->b = b;
	p->out = out;
	while (n < b->layout->boxes.n && b->layout->boxes.v[n].row < b->rows)
		n++;
	for (size_t i = 0; i < n; i++) {
		const struct layout_box *box = &b->layout->boxes.v[i];

		if (box->node != LAYOUT_FOLDED)
			escape_name(p, &b->tree->nodes.v[box->node]);
		add_box(p, box);
	}
	add_paths(p, 0);
	add_paths(p, 1);
	for (size_t i = 0; i < n; i++)
		add_label(p, &b->layout->boxes.v[i]);
	for (size_t i = 0; i < n && b->tooltips; i++)
		add_tooltip(p, &b->layout->boxes.v[i]);
	for (size_t i = 0; i < p->paths.n; i++) {
		buf_free(&p->paths.v[i].d[0]);
		buf_free(&p->paths.v[i].d[1]);
	}
	vec_free(&p->paths);
	buf_free(&p->safe);
	buf_free(&p->label);
	free(p);
}
