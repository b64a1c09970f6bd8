// SPDX-License-Identifier: Apache-2.0
/*
 * Where the frames of a call tree lie: rows of boxes, in samples. Knows neither pixels nor SVG.
 *
 * A frame narrower than `min_total` is folded: neither it nor what it calls gets a box. Neighbours that are folded and
 * together wide enough get one box for all of them, so that they do not look like self time of their caller.
 */
#ifndef RENDER_LAYOUT_H
#define RENDER_LAYOUT_H

#include "profile/tree.h"

#define LAYOUT_FOLDED UINT32_MAX /* `node` of a box that stands for folded frames */

struct layout_box {
	uint32_t node;         /* of the tree, or LAYOUT_FOLDED */
	uint32_t row;          /* 0: the root */
	uint64_t start, total; /* samples */
};

/* Boxes are in order of (row, start). */
struct layout {
	VEC(struct layout_box) boxes;
	uint32_t rows;
	uint64_t min_total; /* what was used in the end, in samples */
	uint64_t folded; /* samples whose own frame (the leaf) has no box; the rest is shown: sum = total of the root */
	uint64_t folded_frames;
};

/*
 * min_total is doubled until at most `max_boxes` boxes are left beside one a row (a deep stack has no fewer); an empty
 * tree has one box of 0 samples.
 */
void layout_make(struct layout *l, const struct tree *t, uint64_t min_total, size_t max_boxes);
void layout_free(struct layout *l);

#endif
