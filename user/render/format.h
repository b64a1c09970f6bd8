// SPDX-License-Identifier: Apache-2.0
/*
 * An output format: one file under render/ or export/ that ends in one const descriptor, and its line in formats[].
 */
#ifndef RENDER_FORMAT_H
#define RENDER_FORMAT_H

#include "base/buf.h"
#include "base/error.h"
#include "profile/profile.h"
#include "profile/tree.h"

struct format {
	const char *suffix; /* chooses the format for `-o FILE`, e.g. ".svg" */
	const char *help;
	/* Appends the whole file to `out`. Deterministic: same profile and view, same bytes. 0 or a negative errno. */
	int (*write)(struct buf *out, const struct profile *p, const struct view *view, struct error *err);
};

extern const struct format folded_format;     /* .folded */
extern const struct format flamegraph_format; /* .svg */
extern const struct format html_format;       /* .html */
extern const struct format pprof_format;      /* .pb.gz */
extern const struct format speedscope_format; /* .json */

extern const struct format *const formats[]; /* NULL-terminated */

/* The format whose suffix ends `path`, or NULL. */
const struct format *format_by_path(const char *path);

#endif
