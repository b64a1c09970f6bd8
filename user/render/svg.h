// SPDX-License-Identifier: Apache-2.0
/* Text and colours as SVG wants them. */
#ifndef RENDER_SVG_H
#define RENDER_SVG_H

#include "base/buf.h"
#include "profile/profile.h"

#include <stddef.h>
#include <stdint.h>

/* Foreign text as XML character data or attribute value: text_escape(), then & < > " ' as entities. */
void svg_text(struct buf *out, const char *text);
/* At most `columns` characters of it; a cut one ends in "..", and nothing at all is written below 3 columns. */
void svg_text_cut(struct buf *out, const char *text, size_t columns);
/* "12,345" */
void svg_number(struct buf *out, uint64_t n);
/* 0xRRGGBB for a frame: the hue range tells the kind, a hash of the name (FNV-1a, 64 bit) the shade within it. */
uint32_t svg_color(const char *name, enum frame_kind kind);

#endif
