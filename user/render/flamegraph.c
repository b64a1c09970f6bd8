// SPDX-License-Identifier: Apache-2.0
#include "render/flamegraph.h"

#include "base/clock.h"
#include "profile/accounting.h"
#include "render/format.h"
#include "render/layout.h"
#include "render/svg.h"

#include <inttypes.h>
#include <string.h>

static const char style[] = {
#include "user/render/flamegraph.css.inc"
	0};
static const char script[] = {
#include "user/render/flamegraph.js.inc"
	0};

#define PAD 10
#define HEADER 64 /* title, subtitle, search */
#define FOOTER 66 /* details, legend, totals, accounting */
#define CHAR_PER_EM 0.602 /* advance of a monospace digit: DejaVu Sans Mono, Menlo and Consolas are at or below it */

const struct flamegraph_options flamegraph_defaults = {
	.title = "Flame graph",
	.count_name = "samples",
	.name_type = "Function",
	.width = 1200,
	.frame_height = 17,
	.font_size = 12,
	.min_width = 0.1,
};

struct drawing {
	struct buf *out;
	const struct tree *tree;
	const struct flamegraph_options *o;
	struct layout layout;
	double scale; /* user units a sample */
	unsigned height;
};

static const char *kind_name(enum frame_kind kind)
{
	static const char *const names[] = {
		[FRAME_USER] = "user", [FRAME_KERNEL] = "kernel", [FRAME_INLINE] = "inlined",
		[FRAME_JIT] = "JIT",   [FRAME_NOTE] = "note",
	};

	return names[kind];
}

static void write_frame(struct drawing *d, const struct layout_frame *f)
{
	const struct tree_node *n = &d->tree->nodes.v[f->node];
	const struct strings *s = d->tree->profile->strings;
	const char *name = strings_get(s, n->name), *binary = strings_get(s, n->binary);
	uint64_t total = d->layout.total;
	unsigned level = d->o->inverted ? n->depth : d->layout.max_depth - n->depth;
	double x = PAD + f->start * d->scale, width = n->total * d->scale;
	double y = HEADER + (double)level * d->o->frame_height;

	buf_printf(d->out, "<g class=\"f\" data-x=\"%" PRIu64 "\" data-n=\"%" PRIu64 "\" data-s=\"%" PRIu64 "\" data-d=\"%u\"><title>",
		   f->start, n->total, n->self, n->depth);
	svg_text(d->out, name);
	buf_puts(d->out, "\n");
	svg_number(d->out, n->total);
	buf_printf(d->out, " %s, %.2f%%; self ", d->o->count_name, total ? 100.0 * n->total / total : 0.0);
	svg_number(d->out, n->self);
	if (*binary) {
		buf_puts(d->out, "; ");
		svg_text(d->out, binary);
	}
	if (n->kind != FRAME_USER)
		buf_printf(d->out, "; %s", kind_name(n->kind));
	buf_printf(d->out, "</title><rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%u\" fill=\"#%06x\" rx=\"1.5\"/>", x, y,
		   width < 0.1 ? 0.1 : width, d->o->frame_height - 1,
		   f->node ? svg_color(name, n->kind) : 0xC9CCD1);
	buf_printf(d->out, "<text x=\"%.2f\" y=\"%.1f\">", x + 3, y + d->o->frame_height * 0.72);
	svg_text_cut(d->out, name, width > 6 ? (size_t)((width - 6) / (d->o->font_size * CHAR_PER_EM)) : 0);
	buf_puts(d->out, "</text></g>\n");
}

static void text_at(struct drawing *d, const char *class, double x, double y, const char *anchor, const char *text)
{
	buf_printf(d->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, x, y, anchor);
	svg_text(d->out, text);
	buf_puts(d->out, "</text>\n");
}

static void write_header(struct drawing *d)
{
	const struct flamegraph_options *o = d->o;

	text_at(d, "title", PAD, 25, "start", o->title ? o->title : "");
	if (o->subtitle && *o->subtitle)
		text_at(d, "sub", PAD, 45, "start", o->subtitle);
	text_at(d, "button reset off", o->width - PAD - 100, 20, "end", "reset zoom");
	text_at(d, "button find off", o->width - PAD, 20, "end", "search (/)");
	text_at(d, "sub matched", o->width - PAD, 60, "end", "");
}

static void write_legend(struct drawing *d, double y)
{
	static const enum frame_kind kinds[] = {FRAME_USER, FRAME_KERNEL, FRAME_INLINE, FRAME_JIT, FRAME_NOTE};
	bool used[FRAME_NOTE + 1] = {false};
	double x = d->o->width - PAD - 10;

	for (size_t i = 1; i < d->layout.frames.n; i++)
		used[d->tree->nodes.v[d->layout.frames.v[i].node].kind] = true;
	buf_puts(d->out, "<g class=\"legend\">");
	for (size_t i = ARRAY_SIZE(kinds); i--;) {
		if (!used[kinds[i]])
			continue;
		x -= strlen(kind_name(kinds[i])) * 7 + 22;
		buf_printf(d->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"11\" height=\"11\" rx=\"2\" fill=\"#%06x\"/><text x=\"%.1f\" y=\"%.1f\">%s</text>", x,
			   y - 10, svg_color(kind_name(kinds[i]), kinds[i]), x + 15, y, kind_name(kinds[i]));
	}
	buf_puts(d->out, "</g>\n");
}

static void write_footer(struct drawing *d)
{
	const struct profile *p = d->tree->profile;
	double y = d->height - FOOTER + 20;
	struct buf line = {0};

	text_at(d, "details", PAD, y, "start", "");
	write_legend(d, y);
	svg_number(&line, d->layout.shown);
	buf_puts(&line, " shown + ");
	svg_number(&line, d->layout.folded);
	buf_puts(&line, " folded into frames too narrow to draw = ");
	svg_number(&line, d->layout.total);
	buf_printf(&line, " %s", d->o->count_name);
	text_at(d, "foot", PAD, y + 18, "start", line.v);
	if (p->accounting.expected) {
		buf_truncate(&line, 0);
		accounting_print(&line, &p->accounting);
		text_at(d, "foot", PAD, y + 35, "start", line.v);
	}
	if (d->o->notes && *d->o->notes)
		text_at(d, "foot", d->o->width - PAD, y + 35, "end", d->o->notes);
	buf_free(&line);
}

static void write_open(struct drawing *d)
{
	const struct flamegraph_options *o = d->o;

	buf_puts(d->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_printf(d->out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" height=\"%u\" "
		   "style=\"max-width:100%%;height:auto\" role=\"img\" data-width=\"%u\" data-pad=\"%u\" data-char=\"%.3f\" data-total=\"%" PRIu64 "\" data-unit=\"",
		   o->width, d->height, o->width, d->height, o->width, PAD, o->font_size * CHAR_PER_EM, d->layout.total);
	svg_text(d->out, o->count_name);
	buf_puts(d->out, "\">\n<title>");
	svg_text(d->out, o->title ? o->title : "");
	buf_puts(d->out, "</title>\n<style>");
	buf_puts(d->out, style);
	buf_printf(d->out, ".f text{font-size:%upx}</style>\n<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n", o->font_size);
}

void flamegraph_write(struct buf *out, const struct tree *tree, const struct flamegraph_options *o)
{
	struct drawing d = {.out = out, .tree = tree, .o = o};
	uint64_t total = tree->nodes.v[0].total;

	d.scale = total ? (o->width - 2.0 * PAD) / total : 0;
	layout_build(&d.layout, tree, total ? o->min_width / d.scale : 0);
	d.height = HEADER + (d.layout.max_depth + 1) * o->frame_height + FOOTER;
	write_open(&d);
	write_header(&d);
	for (size_t i = 0; i < d.layout.frames.n; i++)
		write_frame(&d, &d.layout.frames.v[i]);
	write_footer(&d);
	buf_puts(out, "<script><![CDATA[\n");
	buf_puts(out, script);
	buf_puts(out, "]]></script>\n</svg>\n");
	layout_free(&d.layout);
}

/* "12.0 s from 2026-01-31 14:05:09 UTC, cpu-clock at 99 Hz" */
static void describe(struct buf *out, const struct profile *p)
{
	time_t start = p->start_ns / NS_PER_SEC;
	struct tm tm;
	char when[40];

	gmtime_r(&start, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	buf_printf(out, "%.1f s from %s, %s at %.0f Hz", (p->end_ns - p->start_ns) / 1e9, when, p->event ? p->event : "samples",
		   p->period_ns ? 1e9 / p->period_ns : 0);
}

static void title_of(struct buf *out, const struct profile *p, const struct view *view)
{
	const struct profile_process *process;

	if (view->process == ALL_PROCESSES) {
		buf_puts(out, p->command ? p->command : "Flame graph");
		return;
	}
	process = &p->processes.v[view->process];
	buf_printf(out, "%s (%d)", strings_get(p->strings, process->comm), process->pid);
}

static int write_svg(struct buf *out, const struct profile *p, const struct view *view, struct error *err)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf title = {0}, subtitle = {0};
	struct tree *t = tree_new(p, view);

	title_of(&title, p, view);
	o.title = title.v;
	if (p->start_ns) {
		describe(&subtitle, p);
		o.subtitle = subtitle.v;
	}
	flamegraph_write(out, t, &o);
	tree_free(t);
	buf_free(&title);
	buf_free(&subtitle);
	return 0;
}

const struct format flamegraph_format = {".svg", "interactive flame graph", write_svg};
