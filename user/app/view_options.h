// SPDX-License-Identifier: Apache-2.0
/* The options that choose what of a profile is looked at, the same in every command that draws or exports. */
#ifndef APP_VIEW_OPTIONS_H
#define APP_VIEW_OPTIONS_H

#include "app/options.h"
#include "profile/tree.h"

/* For a command's table of options; `patterns` is the member of `type` that points to what they make. */
#define VIEW_OPTIONS(type, patterns)                                                                                   \
	OPTION_TAKE(0, "highlight", type, patterns, view_option_take, PATTERN_HIGHLIGHT),                              \
	OPTION_TAKE(0, "hide", type, patterns, view_option_take, PATTERN_HIDE),                                        \
	OPTION_TAKE(0, "focus", type, patterns, view_option_take, PATTERN_FOCUS),                                      \
	OPTION_TAKE(0, "root", type, patterns, view_option_take, PATTERN_ROOT),                                        \
	OPTION_TAKE(0, "ignore", type, patterns, view_option_take, PATTERN_IGNORE)

/* For its help. */
#define VIEW_HELP                                                                                                      \
	"      --highlight REGEX=LABEL   colour these frames and say their share; may be repeated\n"                   \
	"      --hide REGEX       leave these frames out, what they call moves up\n"                                   \
	"      --focus REGEX      only stacks with such a frame\n"                                                     \
	"      --root REGEX       stacks start at the first such frame; those without one are left out\n"              \
	"      --ignore REGEX     leave out stacks with such a frame; they are counted\n"

/* Of a pattern (`which`) into a struct patterns *, which is made when it is NULL; patterns_free() is the caller's. */
option_take view_option_take;

/* Appends "left out N of M samples: ignored=N out of focus=N without root=N" and a newline; nothing when there are none. */
void view_report(struct buf *out, const struct tree *t);

#endif
