// SPDX-License-Identifier: Apache-2.0
#include "render/flamegraph.h"

#include "base/text.h"
#include "render/label.h"
#include "render/layout.h"
#include "render/palette.h"
#include "render/svg.h"

#include <inttypes.h>
#include <string.h>

#define PAD 16
#define FRAMES_TOP 66
#define MAX_BOXES 12000 /* what a browser draws and searches without a pause */
#define MAX_ROWS 800    /* in view at once; deeper ones come up by zooming */
#define TITLE_SIZE 17

static const char script[] = {
#include "user/render/flamegraph.js.inc"
	0};
static const char style[] = {
#include "user/render/flamegraph.css.inc"
	0};

const struct flamegraph_options flamegraph_defaults = {.count_name = "samples", .min_width = 0.1, .factor = 1};

struct drawing {
	struct buf *out;
	const struct tree *tree;
	const struct flamegraph_options *o;
	struct layout layout;
	uint64_t whole; /* samples of the whole width, at least 1 */
	unsigned width, inner, font, pitch;
	unsigned rows;          /* in view */
	struct buf safe, label; /* scratch */
};

/* Fixed-width fonts are 0.60 em a column, most of them 0.602; a little more leaves air. */
static uint64_t columns_of(const struct drawing *d, uint64_t pixels, unsigned font)
{
	return pixels * 1000 / (font * 612);
}

static uint64_t pixels_of(const struct drawing *d, uint64_t samples)
{
	return (unsigned __int128)samples * d->inner / d->whole;
}

static void add_count(const struct drawing *d, struct buf *out, uint64_t samples)
{
	svg_count(out, d->o->factor == 1 ? samples : (uint64_t)(samples * d->o->factor + 0.5));
}

/* "12.34%" of the whole. */
static void add_share(const struct drawing *d, struct buf *out, uint64_t samples)
{
	uint64_t v = ((unsigned __int128)samples * 10000 + d->whole / 2) / d->whole;

	buf_printf(out, "%" PRIu64 ".%02" PRIu64 "%%", v / 100, v % 100);
}

/* A line of text cut to `columns`; the whole of it is in data-text, from which the script cuts for another width. */
static void add_line(struct drawing *d, const char *class, unsigned y, unsigned font, size_t columns, const char *text)
{
	struct buf *safe = &d->safe, *label = &d->label;

	buf_truncate(safe, 0);
	buf_truncate(label, 0);
	text_escape(safe, text, strlen(text));
	label_cut(label, safe->v, safe->n, columns);
	buf_printf(d->out, "<text class=\"%s\" x=\"%u\" y=\"%u\" data-text=\"", class, PAD, y);
	svg_escape(d->out, safe->v, safe->n);
	buf_puts(d->out, "\">");
	svg_escape(d->out, label->v, label->n);
	buf_puts(d->out, "</text>\n");
}

/* What the tooltip says below the name. */
static void add_numbers(struct drawing *d, const struct tree_node *n)
{
	static const char *const kinds[] = {[FRAME_KERNEL] = "kernel", [FRAME_INLINE] = "inlined", [FRAME_JIT] = "JIT"};
	const char *kind = n->kind < ARRAY_SIZE(kinds) ? kinds[n->kind] : NULL;

	if (n->binary) {
		svg_text(d->out, strings_get(d->tree->profile->strings, n->binary));
		buf_puts(d->out, " \xC2\xB7 ");
	}
	if (kind)
		buf_printf(d->out, "%s \xC2\xB7 ", kind);
	add_count(d, d->out, n->total);
	buf_putc(d->out, ' ');
	svg_text(d->out, d->o->count_name);
	buf_puts(d->out, ", ");
	add_share(d, d->out, n->total);
	buf_puts(d->out, " \xC2\xB7 self ");
	add_count(d, d->out, n->self);
	buf_puts(d->out, ", ");
	add_share(d, d->out, n->self);
}

static void add_rect(struct drawing *d, const struct layout_box *b)
{
	buf_puts(d->out, "<rect x=\"");
	svg_percent(d->out, b->start, d->whole);
	buf_puts(d->out, "%\" width=\"");
	svg_percent(d->out, b->total, d->whole);
	buf_printf(d->out, "%%\" height=\"%u\"/>", d->pitch - 1);
}

static void add_label(struct drawing *d, const struct layout_box *b, uint64_t pixels)
{
	buf_truncate(&d->label, 0);
	label_fit(&d->label, d->safe.v, d->safe.n, pixels > 8 ? columns_of(d, pixels - 8, d->font) : 0);
	if (!d->label.n)
		return;
	buf_puts(d->out, "<text x=\"");
	svg_percent(d->out, b->start, d->whole);
	buf_printf(d->out, "%%\" dx=\"4\" y=\"%u\">", (d->pitch - 1 + d->font * 7 / 10) / 2);
	svg_escape(d->out, d->label.v, d->label.n);
	buf_puts(d->out, "</text>");
}

static void add_frame(struct drawing *d, const struct layout_box *b)
{
	const struct tree_node *n = &d->tree->nodes.v[b->node];
	const char *name = strings_get(d->tree->profile->strings, n->name);
	uint64_t pixels = pixels_of(d, b->total);

	buf_truncate(&d->safe, 0);
	text_escape(&d->safe, name, strlen(name));
	buf_putc(d->out, '<');
	if (!b->row)
		buf_puts(d->out, "g class=\"root");
	else if (n->kind == FRAME_NOTE)
		buf_puts(d->out, "g class=\"n");
	else
		buf_printf(d->out, "g class=\"%c%u", palette_letter(n->kind), palette_shade(d->safe.v, d->safe.n));
	/* Wide boxes have a rim; it would be all there is of narrow ones. */
	buf_printf(d->out, "%s\" data-v=\"%" PRIu64 " %" PRIu64 "\"><title>", pixels >= 4 ? " w" : "", b->start,
		   b->total);
	svg_escape(d->out, d->safe.v, d->safe.n);
	buf_putc(d->out, '\n');
	add_numbers(d, n);
	buf_puts(d->out, "</title>");
	add_rect(d, b);
	add_label(d, b, pixels);
	buf_puts(d->out, "</g>\n");
}

static void add_folded(struct drawing *d, const struct layout_box *b)
{
	buf_printf(d->out,
		   "<g class=\"folded\" data-v=\"%" PRIu64 " %" PRIu64 "\"><title>(frames too narrow to draw)\n",
		   b->start, b->total);
	add_count(d, d->out, b->total);
	buf_putc(d->out, ' ');
	svg_text(d->out, d->o->count_name);
	buf_puts(d->out, ", ");
	add_share(d, d->out, b->total);
	buf_puts(d->out, "</title>");
	add_rect(d, b);
	buf_puts(d->out, "</g>\n");
}

static void begin_row(struct drawing *d, uint32_t row)
{
	if (row)
		buf_puts(d->out, "</g>\n");
	if (row < d->rows)
		buf_printf(d->out, "<g transform=\"translate(0,%u)\">\n",
			   (d->o->inverted ? row : d->rows - 1 - row) * d->pitch);
	else
		buf_puts(d->out, "<g display=\"none\">\n");
}

static void add_frames(struct drawing *d)
{
	uint32_t row = UINT32_MAX;

	buf_printf(d->out,
		   "<svg class=\"frames\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" font-size=\"%u\" "
		   "data-total=\"%" PRIu64 "\" data-pitch=\"%u\" data-view=\"%u\" data-inverted=\"%d\"",
		   PAD, FRAMES_TOP, d->inner, d->rows * d->pitch, d->font, d->whole, d->pitch, d->rows, d->o->inverted);
	if (d->o->font)
		svg_attribute(d->out, "font-family", d->o->font);
	if (d->o->name_type)
		svg_attribute(d->out, "data-prefix", d->o->name_type);
	buf_puts(d->out, ">\n");
	for (size_t i = 0; i < d->layout.boxes.n; i++) {
		const struct layout_box *b = &d->layout.boxes.v[i];

		if (b->row != row)
			begin_row(d, row = b->row);
		if (b->node == LAYOUT_FOLDED)
			add_folded(d, b);
		else
			add_frame(d, b);
	}
	buf_puts(d->out, "</g>\n</svg>\n");
}

static bool has_class(const struct drawing *d, int kind)
{
	for (size_t i = 1; i < d->layout.boxes.n; i++) {
		uint32_t node = d->layout.boxes.v[i].node;

		if (node == LAYOUT_FOLDED ? kind < 0 : d->tree->nodes.v[node].kind == kind)
			return true;
	}
	return false;
}

/* Only what the graph shows. */
static void add_legend(struct drawing *d, unsigned y)
{
	static const struct {
		int kind;
		const char *class, *text;
	} entries[] = {
		{FRAME_USER, "u5", "user"},     {FRAME_INLINE, "i5", "inlined"}, {FRAME_JIT, "j5", "JIT"},
		{FRAME_KERNEL, "k5", "kernel"}, {FRAME_NOTE, "n", "cut stack"},  {-1, "folded", "too narrow to draw"},
	};
	unsigned x = PAD;

	buf_puts(d->out, "<g class=\"legend\">");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		if (!has_class(d, entries[i].kind))
			continue;
		buf_printf(d->out, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"11\" height=\"11\" rx=\"2\"/>",
			   entries[i].class, x, y - 10);
		buf_printf(d->out, "<text x=\"%u\" y=\"%u\">%s</text>", x + 16, y, entries[i].text);
		x += 16 + strlen(entries[i].text) * 7 + 16;
	}
	buf_puts(d->out, "</g>\n");
}

/* "12,362 samples = 12,345 shown + 17 in 312 frames narrower than 0.10 px" */
static void reconcile(const struct drawing *d, struct buf *line)
{
	const struct layout *l = &d->layout;
	uint64_t total = d->tree->nodes.v[0].total;
	uint64_t width = (unsigned __int128)l->min_total * d->inner * 100 / d->whole;

	add_count(d, line, total);
	buf_printf(line, " %s", d->o->count_name);
	if (l->folded_frames) {
		buf_puts(line, " = ");
		add_count(d, line, total - l->folded);
		buf_puts(line, " shown + ");
		add_count(d, line, l->folded);
		buf_puts(line, " in ");
		svg_count(line, l->folded_frames);
		buf_printf(line, " frames narrower than %" PRIu64 ".%02" PRIu64 " px", width / 100, width % 100);
	} else {
		buf_puts(line, ", all shown");
	}
	if (l->rows > d->rows) {
		buf_puts(line, "; the deepest stack has ");
		svg_count(line, l->rows - 1);
		buf_printf(line, " frames, zooming in shows those above the first %u", d->rows - 1);
	}
}

static void add_footer(struct drawing *d, unsigned y)
{
	const char *lines[] = {d->o->notes, d->o->accounting, NULL};
	struct buf line = {0};

	reconcile(d, &line);
	lines[2] = line.v;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!lines[i])
			continue;
		add_line(d, "foot", y, 11, columns_of(d, d->inner, 11), lines[i]);
		y += 16;
	}
	buf_free(&line);
}

static const struct {
	const char *name, *light;
} backgrounds[] = {
	{"yellow", "#fbf7e6"}, {"blue", "#eef2fb"}, {"green", "#eef7ee"}, {"grey", "#f4f4f4"}, {"gray", "#f4f4f4"}};

static const char *background_of(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(backgrounds); i++)
		if (!strcmp(name, backgrounds[i].name))
			return backgrounds[i].light;
	if (name && *name == '#' && strlen(name) == 7 && strspn(name + 1, "0123456789abcdefABCDEF") == 6)
		return name;
	return NULL;
}

bool flamegraph_background(const char *name)
{
	return background_of(name);
}

static void add_style(struct drawing *d)
{
	const struct palette *p = palette_find(d->o->colors);
	const char *background = background_of(d->o->background);

	p = p ? p : palette_find(NULL);
	buf_puts(d->out, "<style>\n");
	palette_css(d->out, p, false);
	buf_puts(d->out, "@media (prefers-color-scheme: dark) {\n");
	palette_css(d->out, p, true);
	buf_puts(d->out, "}\n");
	buf_puts(d->out, style);
	if (background)
		buf_printf(d->out, "@media (prefers-color-scheme: light) { .flamegraph .bg { fill: %s } }\n",
			   background);
	buf_puts(d->out, "</style>\n");
}

static void add_head(struct drawing *d, unsigned height)
{
	const char *title = d->o->title ? d->o->title : "Flame graph";

	buf_printf(d->out,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flamegraph\" width=\"%u\" height=\"%u\" "
		   "viewBox=\"0 0 %u %u\"%s>\n",
		   d->width, height, d->width, height, d->o->width ? "" : " data-fluid=\"\"");
	buf_puts(d->out, "<title>");
	svg_text(d->out, title);
	buf_puts(d->out, "</title>\n<desc>");
	if (d->o->subtitle)
		svg_text(d->out, d->o->subtitle);
	buf_puts(d->out, "</desc>\n");
	add_style(d);
	buf_puts(d->out, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
	add_line(d, "head", 31, TITLE_SIZE, columns_of(d, d->inner, TITLE_SIZE), title);
	if (d->o->subtitle)
		add_line(d, "sub", 52, 12, columns_of(d, d->inner, 12), d->o->subtitle);
}

static unsigned footer_lines(const struct flamegraph_options *o)
{
	return 1 + !!o->notes + !!o->accounting;
}

static void make_layout(struct drawing *d)
{
	double min = d->o->min_width > 0 ? d->o->min_width * d->whole / d->inner : 0;
	uint64_t min_total = min < d->whole ? (uint64_t)min : d->whole;

	layout_make(&d->layout, d->tree, min_total + (min_total < min), MAX_BOXES);
	d->rows = d->layout.rows < MAX_ROWS ? d->layout.rows : MAX_ROWS;
}

void flamegraph_write(struct buf *out, const struct tree *tree, const struct flamegraph_options *o)
{
	struct drawing d = {.out = out, .tree = tree, .o = o};
	uint64_t total = tree->nodes.v[0].total;
	unsigned legend;

	d.whole = o->total > total ? o->total : total ? total : 1;
	d.width = o->width ? o->width : FLAMEGRAPH_WIDTH;
	d.inner = d.width > 4 * PAD ? d.width - 2 * PAD : 2 * PAD;
	d.font = o->font_size ? o->font_size : 12;
	d.pitch = o->row_height ? o->row_height : d.font + 6;
	make_layout(&d);
	legend = FRAMES_TOP + d.rows * d.pitch + 24;
	add_head(&d, legend + 24 + 16 * footer_lines(o));
	add_frames(&d);
	add_legend(&d, legend);
	add_footer(&d, legend + 24);
	buf_puts(out, "<script><![CDATA[\n");
	buf_puts(out, script);
	buf_puts(out, "]]></script>\n</svg>\n");
	layout_free(&d.layout);
	buf_free(&d.safe);
	buf_free(&d.label);
}
