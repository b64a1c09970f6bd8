// SPDX-License-Identifier: Apache-2.0
#ifndef RENDER_TOP_H
#define RENDER_TOP_H

#include "base/buf.h"
#include "profile/profile.h"
#include "profile/tree.h"

/*
 * The functions with the most samples of their own, as a table for a terminal `width` columns wide: self share, self
 * samples, total share, name, binary; names are escaped and cut. A function that stands in a stack several times counts
 * once in its total.
 */
void top_write(struct buf *out, const struct profile *p, const struct view *view, size_t rows, size_t width);

#endif
