// SPDX-License-Identifier: Apache-2.0
#include "render/flamegraph.h"

#include "base/text.h"
#include "render/boxes.h"
#include "render/functions.h"
#include "render/island.h"
#include "render/label.h"
#include "render/layout.h"
#include "render/palette.h"
#include "render/svg.h"

#include <inttypes.h>
#include <string.h>

#define PAD 16
#define FRAMES_TOP 66
#define MAX_BOXES 4000 /* of the still picture; the script draws from all frames */
#define MAX_ROWS 800   /* in view at once; deeper ones come up by zooming */
#define TOP_ROWS 10
#define TOP_NAMES 148 /* where the names of the table start */
#define LINE 16
#define TITLE_SIZE 17

static const char script[] = {
#include "user/render/flamegraph.js.inc"
	0};
static const char style[] = {
#include "user/render/flamegraph.css.inc"
	0};

const char flamegraph_csp[] = "default-src 'none'; style-src 'unsafe-inline'; script-src '"
#include "user/render/flamegraph.js.sha256"
			      "'";

const struct flamegraph_options flamegraph_defaults = {.count_name = "samples", .min_width = 1, .factor = 1};

struct drawing {
	struct buf *out;
	const struct tree *tree;
	const struct flamegraph_options *o;
	struct functions functions;
	struct layout layout;
	uint64_t whole; /* samples of the whole width, at least 1 */
	unsigned width, inner, font, pitch;
	unsigned rows;          /* in view */
	unsigned kinds;         /* bits 1 << enum frame_kind of what the tree has */
	struct buf safe, label; /* scratch */
};

static void add_count(const struct drawing *d, struct buf *out, uint64_t samples)
{
	svg_count(out, d->o->factor == 1 ? samples : (uint64_t)(samples * d->o->factor + 0.5));
}

/* "12.34%", of nothing too. */
static void add_part(struct buf *out, uint64_t samples, uint64_t of)
{
	uint64_t v = of ? ((unsigned __int128)samples * 10000 + of / 2) / of : 0;

	buf_printf(out, "%" PRIu64 ".%02" PRIu64 "%%", v / 100, v % 100);
}

static void add_share(const struct drawing *d, struct buf *out, uint64_t samples)
{
	add_part(out, samples, d->whole);
}

static void escape(struct drawing *d, const char *text)
{
	buf_truncate(&d->safe, 0);
	buf_truncate(&d->label, 0);
	text_escape(&d->safe, text, strlen(text));
}

/* A line of text cut to `columns`; the whole of it is in data-text, from which the script cuts for another width. */
static void add_line(struct drawing *d, const char *class, unsigned y, unsigned font, const char *text)
{
	escape(d, text);
	label_cut(&d->label, d->safe.v, d->safe.n, boxes_columns(d->inner, font));
	buf_printf(d->out, "<text class=\"%s\" x=\"%u\" y=\"%u\"", class, PAD, y);
	if (d->label.n != d->safe.n || !d->o->width) {
		buf_puts(d->out, " data-text=\"");
		svg_escape(d->out, d->safe.v, d->safe.n);
		buf_putc(d->out, '"');
	}
	buf_putc(d->out, '>');
	svg_escape(d->out, d->label.v, d->label.n);
	buf_puts(d->out, "</text>\n");
}

static void add_frames(struct drawing *d)
{
	struct boxes b = {d->tree, &d->layout, d->whole, d->inner, d->font, d->pitch, d->rows, d->o->inverted,
			  d->o->no_script, d->o->count_name, d->o->factor};

	buf_printf(d->out,
		   "<g class=\"fg graph\" transform=\"translate(%u %u)\" font-size=\"%u\" data-whole=\"%" PRIu64
		   "\" data-pitch=\"%u\" data-rows=\"%u\"",
		   PAD, FRAMES_TOP, d->font, d->whole, d->pitch, d->rows);
	if (d->o->min_width != flamegraph_defaults.min_width)
		buf_printf(d->out, " data-min=\"%.4g\"", d->o->min_width);
	if (d->o->factor != 1)
		buf_printf(d->out, " data-factor=\"%.17g\"", d->o->factor);
	if (d->o->inverted)
		buf_puts(d->out, " data-inverted=\"\"");
	if (d->o->font)
		svg_attribute(d->out, "font-family", d->o->font);
	if (d->o->name_type)
		svg_attribute(d->out, "data-prefix", d->o->name_type);
	svg_attribute(d->out, "data-unit", d->o->count_name);
	buf_puts(d->out, ">\n");
	boxes_draw(d->out, &b);
	buf_puts(d->out, "</g>\n");
}

/* Puts one entry of the legend at *x in line *line, or at the start of the next line where it does not fit. */
static void add_entry(struct drawing *d, const char *class, const char *text, unsigned *x, unsigned *line)
{
	unsigned width;

	escape(d, text);
	label_cut(&d->label, d->safe.v, d->safe.n, 60);
	width = 16 + label_columns(d->label.v, d->label.n) * 7 + 18;
	if (*x && *x + width > d->inner) {
		*x = 0;
		++*line;
	}
	buf_printf(d->out, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"11\" height=\"11\" rx=\"2\"/>", class, *x,
		   *line * LINE);
	buf_printf(d->out, "<text x=\"%u\" y=\"%u\">", *x + 16, *line * LINE + 10);
	svg_escape(d->out, d->label.v, d->label.n);
	buf_puts(d->out, "</text>");
	*x += width;
}

static void add_kinds(struct drawing *d, unsigned *x, unsigned *line)
{
	static const struct {
		enum frame_kind kind;
		const char *class, *text;
	} entries[] = {
		{FRAME_USER, "u5", "user"},     {FRAME_INLINE, "i5", "inlined"}, {FRAME_JIT, "j5", "JIT"},
		{FRAME_KERNEL, "k5", "kernel"}, {FRAME_NOTE, "n", "cut stack"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		if (d->kinds & 1 << entries[i].kind)
			add_entry(d, entries[i].class, entries[i].text, x, line);
}

static void add_changes(struct drawing *d, unsigned *x, unsigned *line)
{
	const struct tree *t = d->tree;
	bool some_new = false, some_gone = false;

	add_entry(d, "p5", "larger share than before", x, line);
	add_entry(d, "p2", "slightly larger", x, line);
	add_entry(d, "p0", "same", x, line);
	add_entry(d, "m2", "slightly smaller", x, line);
	add_entry(d, "m5", "smaller share", x, line);
	for (size_t i = 1; i < t->nodes.n; i++) {
		some_new |= t->nodes.v[i].total && !t->baseline[i].total;
		some_gone |= !t->nodes.v[i].total && t->baseline[i].total;
	}
	if (some_new)
		add_entry(d, "p7", "new", x, line);
	if (some_gone)
		add_entry(d, "m7", d->o->no_script ? "gone" : "gone (choose Width: before, or both)", x, line);
}

/* Only what the graph shows. Returns how many lines it takes. */
static unsigned add_legend(struct drawing *d, unsigned y)
{
	const struct tree *t = d->tree;
	unsigned x = 0, line = 0;

	buf_printf(d->out, "<g class=\"fg legend\" transform=\"translate(%u %u)\">\n", PAD, y);
	for (size_t i = 0; i < t->highlights.n; i++) {
		struct buf text = {0};
		char class[8] = {'h', '0' + i % PALETTE_HIGHLIGHTS};

		buf_printf(&text, "%s ", t->highlights.v[i].label);
		add_share(d, &text, t->highlights.v[i].samples);
		add_entry(d, class, text.v, &x, &line);
		buf_free(&text);
	}
	if (t->baseline)
		add_changes(d, &x, &line);
	else
		add_kinds(d, &x, &line);
	if (d->layout.folded_frames)
		add_entry(d, "x", "too narrow to draw", &x, &line);
	buf_puts(d->out, "</g>\n");
	return line + 1;
}

/* "libc.so.6 malloc.c:3301" */
static void add_origin(struct drawing *d, const struct function *f, struct buf *out)
{
	const struct strings *strings = d->tree->profile->strings;

	buf_puts(out, strings_get(strings, f->binary));
	if (f->places) {
		struct tree_place at = d->functions.places.v[f->first_place].at;
		const char *file = strings_get(strings, at.file), *slash = strrchr(file, '/');

		buf_printf(out, "%s%s:%" PRIu32, out->n ? " " : "", slash ? slash + 1 : file, at.line);
	}
}

static void add_top_row(struct drawing *d, const struct function *f, unsigned y)
{
	const struct strings *strings = d->tree->profile->strings;
	unsigned columns = boxes_columns(d->inner > TOP_NAMES ? d->inner - TOP_NAMES : 0, 12), used;
	struct buf where = {0};

	buf_printf(d->out, "<text y=\"%u\"><tspan x=\"56\" class=\"number\">", y);
	if (d->tree->baseline)
		add_part(d->out, f->before, d->tree->baseline[0].total);
	else
		add_share(d, d->out, f->self);
	buf_puts(d->out, "</tspan><tspan x=\"126\" class=\"number\">");
	add_share(d, d->out, d->tree->baseline ? f->self : f->total);
	buf_printf(d->out, "</tspan><tspan x=\"%u\">", TOP_NAMES);
	escape(d, strings_get(strings, f->name));
	label_fit(&d->label, d->safe.v, d->safe.n, columns > 3 ? columns : 3);
	svg_escape(d->out, d->label.v, d->label.n);
	buf_puts(d->out, "</tspan>");
	used = label_columns(d->label.v, d->label.n) + 2;
	add_origin(d, f, &where);
	escape(d, where.v);
	if (where.n && used + label_columns(d->safe.v, d->safe.n) <= columns) {
		buf_puts(d->out, "<tspan class=\"dim\" dx=\"12\">");
		svg_escape(d->out, d->safe.v, d->safe.n);
		buf_puts(d->out, "</tspan>");
	}
	buf_free(&where);
	buf_puts(d->out, "</text>");
}

/* The functions with the most samples of their own, or those with most of a change. Returns how many lines it takes. */
static unsigned add_top(struct drawing *d, unsigned y)
{
	uint32_t ids[TOP_ROWS];
	bool compared = d->tree->baseline;
	size_t n = (compared ? functions_changed : functions_top)(&d->functions, d->tree, ids, TOP_ROWS);

	if (!n)
		return 0;
	buf_printf(d->out,
		   "<g class=\"top\" transform=\"translate(%u %u)\">\n<text y=\"10\" class=\"dim\"><tspan x=\"56\" "
		   "class=\"number\">%s</tspan><tspan x=\"126\" class=\"number\">%s</tspan><tspan "
		   "x=\"%u\">%s</tspan></text>\n",
		   PAD, y, compared ? "before" : "self", compared ? "now" : "total", TOP_NAMES,
		   compared ? "self time of function" : "function");
	for (size_t i = 0; i < n; i++)
		add_top_row(d, &d->functions.all.v[ids[i]], 12 + (i + 1) * LINE);
	buf_puts(d->out, "</g>\n");
	return n + 1;
}

/* "compared with 550 samples, 190 of which were in frames that are gone" */
static void compare(const struct drawing *d, struct buf *line)
{
	const struct tree *t = d->tree;
	uint64_t gone = 0;

	for (size_t i = 0; i < t->nodes.n; i++)
		gone += t->nodes.v[i].total ? 0 : t->baseline[i].self;
	buf_puts(line, "compared with ");
	add_count(d, line, t->baseline[0].total);
	buf_printf(line, " %s, ", d->o->count_name);
	if (gone)
		add_count(d, line, gone);
	else
		buf_puts(line, "none");
	buf_puts(line, " of them in frames that are gone");
}

/* "12,362 samples = 12,345 shown + 17 in 312 frames narrower than 0.50 px" */
static void reconcile(const struct drawing *d, struct buf *line)
{
	const struct layout *l = &d->layout;
	uint64_t total = d->tree->nodes.v[0].total, left_out = tree_left_out(d->tree);
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
	if (left_out) {
		buf_puts(line, "; ");
		add_count(d, line, left_out);
		buf_puts(line, " more left out by the view's filters");
	}
	if (l->rows > d->rows) {
		buf_puts(line, "; the deepest stack has ");
		svg_count(line, l->rows - 1);
		buf_printf(line, " frames, %u of them in the picture", d->rows - 1);
	}
}

/* Returns how many lines it takes. */
static unsigned add_footer(struct drawing *d, unsigned y)
{
	struct buf sum = {0}, compared = {0};
	unsigned n = 0;

	if (d->tree->baseline)
		compare(d, &compared);
	reconcile(d, &sum);
	const char *lines[] = {d->o->notes, d->o->accounting, compared.v, sum.v};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (lines[i])
			add_line(d, lines[i] == sum.v ? "foot sum" : "foot", y + LINE * n++, 11, lines[i]);
	buf_free(&compared);
	buf_free(&sum);
	return n;
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

static void add_colours(struct drawing *d, bool dark)
{
	const struct palette *p = palette_find(d->o->colors);

	palette_css(d->out, p ? p : palette_find(NULL), dark, d->kinds);
	if (!d->o->no_script)
		palette_css_categories(d->out, dark);
	if (d->tree->highlights.n)
		palette_css_highlights(d->out, dark);
	if (d->tree->baseline)
		palette_css_changes(d->out, dark);
}

static void add_style(struct drawing *d)
{
	const char *background = background_of(d->o->background);

	buf_puts(d->out, "<style>\n");
	add_colours(d, false);
	buf_puts(d->out, "@media screen and (prefers-color-scheme:dark){\n");
	add_colours(d, true);
	buf_puts(d->out, "}\n");
	buf_puts(d->out, style);
	if (background)
		buf_printf(d->out, "@media (prefers-color-scheme:light){.fl .bg{fill:%s}}\n", background);
	buf_puts(d->out, "</style>\n");
}

/* What the file was made of, for programs. */
static void add_provenance(struct drawing *d)
{
	const struct profile *p = d->tree->profile;
	struct buf json = {0};

	buf_printf(&json, "{\"generator\":\"profile " VERSION "\",\"total\":%" PRIu64 ",\"frames\":%zu,\"unit\":",
		   d->tree->nodes.v[0].total, d->tree->nodes.n - 1);
	text_json(&json, d->o->count_name);
	if (p->command) {
		buf_puts(&json, ",\"command\":");
		text_json(&json, p->command);
	}
	if (p->event) {
		buf_puts(&json, ",\"event\":");
		text_json(&json, p->event);
	}
	if (p->start_ns)
		buf_printf(&json, ",\"start_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64, p->start_ns, p->end_ns);
	if (p->period_ns)
		buf_printf(&json, ",\"period_ns\":%" PRIu64, p->period_ns);
	buf_putc(&json, '}');
	buf_puts(d->out, "<metadata class=\"provenance\">");
	svg_escape(d->out, json.v, json.n);
	buf_puts(d->out, "</metadata>\n");
	buf_free(&json);
}

static void add_head(struct drawing *d)
{
	const char *title = d->o->title ? d->o->title : "Flame graph";

	buf_puts(d->out, "<title>");
	svg_text(d->out, title);
	buf_puts(d->out, "</title>\n<desc>");
	svg_text(d->out, d->o->subtitle ? d->o->subtitle : "Width is a function's share of the total.");
	buf_puts(d->out, "</desc>\n");
	add_provenance(d);
	add_style(d);
	buf_puts(d->out, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
	add_line(d, "head", 31, TITLE_SIZE, title);
	if (d->o->subtitle)
		add_line(d, "sub", 52, 12, d->o->subtitle);
}

static void make_layout(struct drawing *d)
{
	double min = d->o->min_width > 0 ? d->o->min_width * d->whole / d->inner : 0;
	uint64_t min_total = min < d->whole ? (uint64_t)min : d->whole;

	layout_make(&d->layout, d->tree, min_total + (min_total < min), MAX_BOXES);
	d->rows = d->layout.rows < MAX_ROWS ? d->layout.rows : MAX_ROWS;
}

static void add_island(struct drawing *d)
{
	struct buf payload = {0};
	struct functions f;

	if (d->o->threads) {
		functions_make(&f, d->o->threads);
		island_encode(&payload, d->o->threads, &f, ISLAND_THREADS | ISLAND_ASIDE);
		functions_free(&f);
	} else {
		island_encode(&payload, d->tree, &d->functions, d->o->thread_frames ? ISLAND_THREADS : 0);
	}
	island_write(d->out, &payload);
	buf_free(&payload);
}

/* Everything between the tags of the outer element. Returns the height that it takes. */
static unsigned add_content(struct drawing *d)
{
	unsigned y = FRAMES_TOP + d->rows * d->pitch + 14;

	add_head(d);
	add_frames(d);
	y += add_legend(d, y) * LINE + 8;
	y += add_top(d, y) * LINE + 20;
	y += add_footer(d, y) * LINE;
	if (!d->o->no_script) {
		add_island(d);
		buf_puts(d->out, "<script><![CDATA[");
		buf_puts(d->out, script);
		buf_puts(d->out, "]]></script>\n");
	}
	return y;
}

static void begin_html(struct buf *out, const struct flamegraph_options *o)
{
	buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width\">\n"
		      "<meta http-equiv=\"Content-Security-Policy\" content=\"");
	svg_escape(out, flamegraph_csp, strlen(flamegraph_csp));
	buf_puts(out, "\">\n<title>");
	svg_text(out, o->title ? o->title : "Flame graph");
	buf_puts(out, "</title>\n<style>html{color-scheme:light dark}body{margin:0}main{display:block}"
		      "h1{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%)}</style>\n</head>\n"
		      "<body>\n<main>\n<h1>"); /* for who does not see the picture's own */
	svg_text(out, o->title ? o->title : "Flame graph");
	buf_puts(out, "</h1>\n");
}

void flamegraph_write(struct buf *out, const struct tree *tree, const struct flamegraph_options *o)
{
	struct buf content = {0};
	struct drawing d = {.out = &content, .tree = tree, .o = o};
	uint64_t total = tree->nodes.v[0].total;
	unsigned height;

	d.whole = o->total > total ? o->total : total ? total : 1;
	d.width = o->width ? o->width : FLAMEGRAPH_WIDTH;
	d.inner = d.width > 4 * PAD ? d.width - 2 * PAD : 2 * PAD;
	d.font = o->font_size ? o->font_size : 12;
	d.pitch = o->row_height ? o->row_height : d.font + 6;
	functions_make(&d.functions, tree);
	for (size_t i = 0; i < d.functions.all.n; i++)
		d.kinds |= 1u << d.functions.all.v[i].kind;
	make_layout(&d);
	height = add_content(&d);
	if (o->html)
		begin_html(out, o);
	else
		buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flamegraph fl\" width=\"%u\" height=\"%u\" "
			"viewBox=\"0 0 %u %u\"%s>\n",
		   d.width, height, d.width, height, o->width ? "" : " data-fluid=\"\"");
	buf_add(out, content.v, content.n);
	buf_puts(out, "</svg>\n");
	if (o->html)
		buf_puts(out, "</main>\n</body>\n</html>\n");
	buf_free(&content);
	functions_free(&d.functions);
	layout_free(&d.layout);
	buf_free(&d.safe);
	buf_free(&d.label);
}
