// SPDX-License-Identifier: Apache-2.0
/* The options that choose what of a profile is looked at, the same in every command that draws or exports. */
#ifndef APP_VIEW_OPTIONS_H
#define APP_VIEW_OPTIONS_H

#include "profile/tree.h"

#define OPT_VIEW 4096 /* values of getopt_long() from here on are these options' */

/* For a command's table of long options. */
#define VIEW_LONG_OPTIONS                                                                                              \
	{"highlight", required_argument, NULL, OPT_VIEW + PATTERN_HIGHLIGHT},                                          \
	{"hide", required_argument, NULL, OPT_VIEW + PATTERN_HIDE},                                                    \
	{"focus", required_argument, NULL, OPT_VIEW + PATTERN_FOCUS},                                                  \
	{"root", required_argument, NULL, OPT_VIEW + PATTERN_ROOT},                                                    \
	{"ignore", required_argument, NULL, OPT_VIEW + PATTERN_IGNORE}

/* For its help. */
#define VIEW_HELP                                                                                                      \
	"      --highlight REGEX=LABEL   colour these frames and say their share; may be repeated\n"                   \
	"      --hide REGEX       leave these frames out, what they call moves up\n"                                   \
	"      --focus REGEX      only stacks with such a frame\n"                                                     \
	"      --root REGEX       stacks start at the first such frame; those without one are left out\n"              \
	"      --ignore REGEX     leave out stacks with such a frame; they are counted\n"

/*
 * Takes an option with such a value into *patterns, which is made when it is NULL; patterns_free() is the caller's. Returns
 * 0, or EXIT_USAGE after telling the user what is wrong. Any other value is 0 too: ask view_option_is() first.
 */
int view_option_take(struct patterns **patterns, int value, const char *arg);
bool view_option_is(int value);

/* Appends "left out N of M samples: ignored=N out of focus=N without root=N" and a newline; nothing when there are none. */
void view_report(struct buf *out, const struct tree *t);

#endif
