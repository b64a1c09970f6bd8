// SPDX-License-Identifier: Apache-2.0
/*
 * Colours of frames: the kind of code chooses the hue, a hash of the name the shade.
 *
 * The shade depends on nothing but the name, so one function has one colour in every graph, on every host, in every
 * version: FNV-1a (32 bits) over the UTF-8 bytes of the escaped name, folded (h ^ h >> 16), modulo PALETTE_SHADES.
 */
#ifndef RENDER_PALETTE_H
#define RENDER_PALETTE_H

#include "base/buf.h"
#include "profile/profile.h"

#include <stdbool.h>

#define PALETTE_SHADES 12
#define PALETTE_STEPS 6      /* of a share, or of a change */
#define PALETTE_HIGHLIGHTS 8 /* colours of the view's highlights, used again from the ninth on */

struct palette; /* opaque */

/* By flamegraph.pl's name ("hot", "mem", "io", "java", "blue", ...); NULL or "" is the default. NULL when there is
 * none. */
const struct palette *palette_find(const char *name);

unsigned palette_shade(const char *safe, size_t n);
/* The CSS class is this letter, followed by the shade unless the kind is FRAME_NOTE. */
char palette_letter(enum frame_kind kind);
/* Rules ".fg .LETTERSHADE{color:#rrggbb}" for the kinds in `kinds` (bits 1 << enum frame_kind), and for notes. */
void palette_css(struct buf *out, const struct palette *p, bool dark, unsigned kinds);
/* What the script colours by: b0.. by a hash (of the binary, of the name), s0.. by a share. */
void palette_css_categories(struct buf *out, bool dark);
/* h0..h7: the view's highlights. Strong enough to be found among everything else. */
void palette_css_highlights(struct buf *out, bool dark);
/* Comparisons: p0.. more than before, m0.. less. */
void palette_css_changes(struct buf *out, bool dark);

#endif
