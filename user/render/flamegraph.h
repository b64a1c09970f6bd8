// SPDX-License-Identifier: Apache-2.0
/*
 * A flame graph: one self-contained SVG or HTML file. Complete as a still picture; where scripts run it zooms, searches,
 * turns around and follows the width of the window.
 *
 * Safe for names that other users choose: everything foreign passes text_escape() and XML escaping, the script is the
 * same bytes in every file and writes to the document only through textContent and attributes. Same tree and options,
 * same bytes.
 *
 * Layers: layout.h says which frames get a box, boxes.h draws them, island.h holds all frames as data, flamegraph.js draws
 * from those what the reader asks for, with the same classes of flamegraph.css.
 */
#ifndef RENDER_FLAMEGRAPH_H
#define RENDER_FLAMEGRAPH_H

#include "base/buf.h"
#include "profile/tree.h"

#include <stdbool.h>
#include <stdint.h>

#define FLAMEGRAPH_WIDTH 1200 /* pixels, where nothing else is said */

/* All text is foreign and may be NULL; everything 0 is a good default but the strings, see flamegraph_defaults. */
struct flamegraph_options {
	const char *title, *subtitle;
	const char *notes;      /* a line below the graph */
	const char *accounting; /* likewise: where the samples went */
	const char *count_name; /* what is counted: "samples" */
	const char *name_type;  /* before a name in the details line: "Function:" */
	const char *colors;     /* a name that palette_find() knows */
	const char *background; /* "#rrggbb" or a name of flamegraph.pl; ignored when it is neither */
	const char *font;       /* a CSS font family; label fitting takes it to be of fixed width */
	unsigned width;         /* pixels; 0: follows the window, drawn for FLAMEGRAPH_WIDTH */
	unsigned row_height;    /* pixels; 0: the font size + 6 */
	unsigned font_size;     /* pixels; 0: 12 */
	double min_width;       /* pixels; narrower frames are folded. The default, 1, holds without script: it draws from 0.5 */
	double factor;          /* numbers shown are samples times this */
	uint64_t total;         /* samples the whole width stands for, when above the tree's */
	bool inverted;          /* icicle: the root on top */
	bool html;              /* an HTML page around the SVG */
	bool no_script;         /* a still picture with tooltips: neither script nor the data that only it can show */
	const struct tree *threads; /* the same view with thread frames, to choose from; NULL: there is nothing to choose */
	bool thread_frames;     /* the tree itself has them */
};

extern const struct flamegraph_options flamegraph_defaults;

/* Is this a background that flamegraph_options takes? */
bool flamegraph_background(const char *name);

void flamegraph_write(struct buf *out, const struct tree *tree, const struct flamegraph_options *o);

/*
 * A Content-Security-Policy for servers of these files: our script runs, known by its hash, and nothing else does or is
 * loaded. HTML files carry it themselves.
 */
extern const char flamegraph_csp[];

#endif
