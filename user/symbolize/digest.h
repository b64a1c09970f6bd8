// SPDX-License-Identifier: Apache-2.0
/*
 * Digesting an image: parser processes are run until one had all files that belong to it, and the image keeps what the last one
 * made of them. One image at a time; nothing here blocks longer than it is told to.
 */
#ifndef SYMBOLIZE_DIGEST_H
#define SYMBOLIZE_DIGEST_H

#include "symbolize/image.h"

/* What became of the parsers, since the start. */
struct digest_counts {
	uint64_t images, processes;
	uint64_t no_names; /* there was nothing to read in it */
	uint64_t died, overran, refused, changed; /* refused: because of earlier ones; changed: the file, meanwhile */
	uint64_t nanoseconds; /* from start to end, of all together */
};

struct digests; /* opaque */

struct digests *digests_new(struct images *images);
void digests_free(struct digests *d); /* NULL is fine; ends a parser that runs */

/*
 * Starts on an image, with a reference, unless another one is being digested: false then. `root`: where to look for other files
 * first ("/proc/PID/root"), or NULL.
 */
bool digests_start(struct digests *d, struct image *i, enum image_level level, const char *root);
/* Goes on until nothing is being digested (true) or `until` (CLOCK_MONOTONIC ns). */
bool digests_run(struct digests *d, uint64_t until);
const struct digest_counts *digests_counts(const struct digests *d);

#endif
