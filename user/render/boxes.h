// SPDX-License-Identifier: Apache-2.0
/* The boxes of a layout as SVG: one path per colour, and the labels that fit. */
#ifndef RENDER_BOXES_H
#define RENDER_BOXES_H

#include "base/buf.h"
#include "profile/tree.h"
#include "render/layout.h"

/* Where and how boxes are drawn; lengths in pixels. */
struct boxes {
	const struct tree *tree;
	const struct layout *layout;
	uint64_t whole;        /* samples of the whole width, at least 1 */
	unsigned width, font, pitch, rows;
	bool inverted;         /* row 0 on top */
	bool tooltips;         /* a <title> per box, for pictures without script: twice the bytes */
	const char *unit;      /* of a tooltip's count, */
	double factor;         /* which is samples times this */
};

/*
 * Appends `<g class="w">` with the paths of wide boxes, `<g class="t">` with those of narrow ones, then the labels. Rows
 * from `rows` on are left out.
 */
void boxes_draw(struct buf *out, const struct boxes *b);

/* Columns of a fixed-width font of `font` pixels that fit into `pixels`. */
unsigned boxes_columns(uint64_t pixels, unsigned font);

#endif
