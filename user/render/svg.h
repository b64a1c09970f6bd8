// SPDX-License-Identifier: Apache-2.0
/* Pieces of XML 1.0: text and numbers that are safe between tags and inside a quoted attribute. */
#ifndef RENDER_SVG_H
#define RENDER_SVG_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* For text that text_escape() has made safe: the five characters that XML gives a meaning. */
void svg_escape(struct buf *out, const char *safe, size_t n);
/* For foreign text: text_escape(), then svg_escape(). */
void svg_text(struct buf *out, const char *foreign);
/* ` name="foreign"` */
void svg_attribute(struct buf *out, const char *name, const char *foreign);

/* part / whole as a percentage, rounded to 4 digits behind the point, none of them a final 0; whole > 0. */
void svg_percent(struct buf *out, uint64_t part, uint64_t whole);
/* 1234567 as "1,234,567". */
void svg_count(struct buf *out, uint64_t n);

#endif
