// SPDX-License-Identifier: Apache-2.0
/* A function's name made to fit its box. The script of the flame graph does the same after zooming. */
#ifndef RENDER_LABEL_H
#define RENDER_LABEL_H

#include "base/buf.h"

#include <stddef.h>

/*
 * Appends the most telling form of the name that takes at most `columns` of a fixed-width font: the whole name, without
 * its arguments, with template arguments as <…>, its last component, or the start of that with an ellipsis. Nothing
 * when less than 3 columns are left. `safe` went through text_escape(), the result is a part of it (and …), not
 * XML-escaped yet.
 */
void label_fit(struct buf *out, const char *safe, size_t n, size_t columns);

/* Appends the start of a text that takes at most `columns`, ending in an ellipsis where something is missing. */
void label_cut(struct buf *out, const char *safe, size_t n, size_t columns);

/* Columns of valid UTF-8; East Asian wide characters and emoji take two. */
size_t label_columns(const char *safe, size_t n);

#endif
