// SPDX-License-Identifier: Apache-2.0
/*
 * The data of a flame graph file: every frame of its tree, so that the picture can be zoomed, turned and read back
 * without loss. In the file it is base64 (no other alphabet is as harmless between tags) of a zlib stream (RFC 1950; the
 * browser's DecompressionStream("deflate")) of this payload, all numbers LEB128:
 *
 *	version (1), flags (island_flags)
 *	bytes of the text, the text: strings separated by newlines, escaped by text_escape(), so none holds a newline
 *	number of functions, then four columns of as many numbers each:
 *		name (0: the next string that was no name yet, else index + 1 of an earlier one), binary (index + 1, or 0),
 *		kind (enum frame_kind, or ISLAND_THREAD), highlight
 *	with ISLAND_PLACES: a column of as many numbers, how many places in the source each function has, then the places in the
 *		order of the functions in two columns: file (index + 1), line; those with the most samples come first
 *	number of nodes, then columns of as many numbers each, nodes in preorder, siblings in the tree's order:
 *		function (0: the next one that did not occur yet, else its number, from 1); up: how many levels to go up
 *		from the node before it to reach its parent (0: it is the parent; the first node starts at the root, which
 *		has no record); self; with ISLAND_BASELINE: self before; with ISLAND_PLACES: which of the function's places
 *		has most of the node's samples (from 1; 0: unknown)
 *
 * The root's own samples (stacks without a frame) are a last number, with ISLAND_BASELINE those before are another.
 * Columns compress better than records, and what comes for the first time is told as 0.
 *
 * In the file the text stands in elements of class "island", in order, none longer than ISLAND_PART: XML parsers bound
 * one text node to 10 MB.
 */
#ifndef RENDER_ISLAND_H
#define RENDER_ISLAND_H

#include "base/buf.h"
#include "base/error.h"
#include "profile/tree.h"
#include "render/functions.h"

#define ISLAND_PART (4u << 20)
#define ISLAND_THREAD 5 /* kind of a frame that stands for a thread */

enum island_flags {
	ISLAND_BASELINE = 1,
	ISLAND_THREADS = 2, /* frames at depth 2 are threads */
	ISLAND_ASIDE = 4,   /* and are there to choose from: the stacks as asked for are without them */
	ISLAND_FOLDED = 8,  /* the names are those of folded text */
	ISLAND_THOUSANDTHS = 16, /* the unit of all counts */
	ISLAND_IN_ORDER = 32,    /* siblings are in the order of the samples, those of one function are not one */
	ISLAND_PLACES = 64,
};

/* The payload of a tree; `f` is functions_make()'s of the same tree. ISLAND_BASELINE and the flags after it are set as the tree has it. */
void island_encode(struct buf *payload, const struct tree *t, const struct functions *f, unsigned flags);

/*
 * Adds the stacks of a payload to `p`, with roots of their own as folded_read() does; places are left out. Foreign bytes: returns -EBADMSG
 * when they are not a payload, in which case some stacks may have been added.
 */
int island_decode(struct profile *p, const void *payload, size_t n, struct error *err);

/* Appends the elements of class "island" for a payload: `<metadata class="island">BASE64</metadata>` and a newline each. */
void island_write(struct buf *out, const struct buf *payload);

/* Finds the island in the bytes of a flame graph file (SVG or HTML) and decodes it. -ENODATA: there is none. */
int island_read(struct profile *p, const char *file, size_t n, struct error *err);

/*
 * The same, as a tree with all that it was encoded from but the highlights, under the patterns of the view. Its names are
 * in the strings of `p`. NULL after an error.
 */
struct tree *island_tree(const struct profile *p, const struct view *view, const char *file, size_t n, struct error *err);

#endif
