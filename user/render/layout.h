// SPDX-License-Identifier: Apache-2.0
/* Geometry of a flame graph: which frames of a tree are drawn, and where. Knows nothing of SVG. */
#ifndef RENDER_LAYOUT_H
#define RENDER_LAYOUT_H

#include "profile/tree.h"

struct layout_frame {
	uint32_t node;	/* of the tree */
	uint64_t start; /* samples to its left; its width is the node's total */
};

struct layout {
	VEC(struct layout_frame) frames; /* parents before children, left to right */
	uint32_t max_depth;		 /* of what is drawn */
	uint64_t total, shown, folded;	 /* samples: total = shown + folded; folded end in a frame too narrow to draw */
};

/* Draws every frame of at least `min_samples` (fractions allowed). No recursion. */
void layout_build(struct layout *l, const struct tree *t, double min_samples);
void layout_free(struct layout *l);

#endif
