// SPDX-License-Identifier: Apache-2.0
/*
 * The directory that always holds the last complete window: system.* and a flame graph per process. It is replaced as a whole
 * in one step, so a reader never sees files of two windows, or half of one. window.txt in it says what it covers.
 */
#ifndef APP_CURRENT_H
#define APP_CURRENT_H

#include "base/error.h"
#include "profile/profile.h"

/*
 * May `dir` be replaced? It need not exist; one that exists must be empty or hold a window of ours, because what is in it is
 * removed. 0 or a negative errno with one sentence.
 */
int current_check(const char *dir, struct error *err);

/*
 * Replaces `dir` by the window in `p`; processes below `min_share` millionths of the samples get no files of their own. Modes
 * follow the umask. On failure `dir` is what it was. 0 or a negative errno with one sentence.
 */
int current_write(const char *dir, const struct profile *p, uint64_t min_share, struct error *err);

#endif
