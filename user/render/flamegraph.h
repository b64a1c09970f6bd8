// SPDX-License-Identifier: Apache-2.0
/*
 * A flame graph as one self-contained SVG file: a complete picture without script, zoom, search and details with it.
 * Deterministic: same tree and options, same bytes. A frame's colour is a stable function of its kind and name.
 */
#ifndef RENDER_FLAMEGRAPH_H
#define RENDER_FLAMEGRAPH_H

#include "base/buf.h"
#include "profile/tree.h"

#include <stdbool.h>

struct flamegraph_options {
	const char *title, *subtitle, *notes; /* foreign text is fine; NULL or "": none */
	const char *count_name;		      /* "samples" */
	const char *name_type;		      /* "Function" */
	unsigned width;			      /* user units, >= 200 */
	unsigned frame_height;		      /* user units, >= 8 */
	unsigned font_size;
	double min_width; /* of a drawn frame, in user units */
	bool inverted;	  /* root on top (icicle) */
};

extern const struct flamegraph_options flamegraph_defaults;

void flamegraph_write(struct buf *out, const struct tree *tree, const struct flamegraph_options *o);

#endif
