// SPDX-License-Identifier: Apache-2.0
/*
 * Regular expressions over frame names, and what is to happen with the frames that they match.
 *
 * POSIX extended ones, tried on the name as it was found, without a suffix such as _[k]; upper and lower case differ.
 * Process and thread frames are frames like any other. Of several patterns for one use any may match.
 */
#ifndef PROFILE_PATTERNS_H
#define PROFILE_PATTERNS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* One list gives the enum and the name of the option. */
#define PATTERN_USES(X)                                                                                                \
	X(HIGHLIGHT, "highlight") /* REGEX=LABEL: coloured and counted under the label; the first that matches counts */ \
	X(HIDE, "hide")           /* frames are left out, their callees move up */                                     \
	X(FOCUS, "focus")         /* only stacks with such a frame */                                                  \
	X(ROOT, "root")           /* stacks start at the first such frame; those without one are left out */           \
	X(IGNORE, "ignore")       /* stacks with such a frame are left out */

enum pattern_use {
#define X(id, name) PATTERN_##id,
	PATTERN_USES(X)
#undef X
	PATTERN_N
};

#define PATTERN_LABELS 1000 /* highlights at most */

struct patterns; /* opaque */

struct patterns *patterns_new(void);
void patterns_free(struct patterns *p); /* NULL is fine */

/* -EINVAL with a sentence when `text` is no such pattern, or a highlight has no label. Highlights of one label are one. */
int patterns_add(struct patterns *p, enum pattern_use use, const char *text, struct error *err);

/* All below: NULL is no patterns. */
bool patterns_have(const struct patterns *p, enum pattern_use use);
bool patterns_match(const struct patterns *p, enum pattern_use use, const char *name);
/* Index + 1 of the first highlight that matches, 0 when there is none. */
unsigned patterns_highlight(const struct patterns *p, const char *name);
size_t patterns_labels(const struct patterns *p);
const char *patterns_label(const struct patterns *p, size_t index);

const char *pattern_use_name(enum pattern_use use);

#endif
