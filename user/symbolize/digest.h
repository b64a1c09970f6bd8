// SPDX-License-Identifier: Apache-2.0
/*
 * Digesting an image: parser processes are run until one had all files that belong to it, and the image keeps what the last one
 * made of them. One image at a time; nothing here blocks longer than it is told to.
 */
#ifndef SYMBOLIZE_DIGEST_H
#define SYMBOLIZE_DIGEST_H

#include "symbolize/debuginfod.h"
#include "symbolize/image.h"
#include "symbolize/image_cache.h"

/* What became of parsers, for names or for tables, since the start: one list gives the counters and the words for them. */
#define DIGEST_COUNTS(X)                                                                                               \
	X(images, "images")	  /* that something was asked of */                                                    \
	X(processes, "parsers")	  /* that were run for them */                                                         \
	X(cached, "cached")	  /* that were in the cache */                                                         \
	X(nothing, "nothing")	  /* there was nothing to read in it */                                                \
	X(died, "died")		  /* parsers that did */                                                               \
	X(overran, "overran")	  /* those that took too long */                                                       \
	X(too_large, "too-large") /* images of which something was left out for its size */                             \
	X(refused, "refused")	  /* images that were not tried again after that */                                    \
	X(changed, "changed")	  /* files that did while they were read */                                            \
	X(slow, "slow-mappings")  /* of files on file systems that may not answer, which are not opened */                   \
	X(damaged, "damaged-entries") /* of the cache */                                                              \
	X(not_started, "not-started") /* parsers, for want of descriptors or processes */                              \
	X(fetched, "fetched")	  /* debug files, from servers */                                                      \
	X(not_found, "not-found") /* that no server has */                                                             \
	X(fetch_failed, "fetch-failed") /* no answer, or not the file */                                               \
	X(not_asked, "not-asked") /* for, as they are known to be missing, or no server answers */                     \
	X(awaited, "awaited")	  /* images whose debug file is on its way, now */

struct digest_counts {
#define X(name, text) uint64_t name;
	DIGEST_COUNTS(X)
#undef X
	uint64_t nanoseconds; /* from start to end, of all images together */
};

/* Appends "images=N parsers=N died=N ... in S s"; of failures those that happened. */
void digest_counts_print(struct buf *out, const struct digest_counts *c);

struct digests; /* opaque */

/* All must outlive it. `cache`: where results are kept, or NULL; `debuginfod`: who is asked for debug files, or NULL. */
struct digests *digests_new(struct images *images, struct parsers *parsers, struct image_cache *cache, struct debuginfod *debuginfod);
void digests_free(struct digests *d); /* NULL is fine; ends a parser that runs */

/*
 * Starts on an image, with a reference, unless another one is being digested: false then. `root`: where to look for other files
 * first ("/proc/PID/root"), or NULL.
 */
bool digests_start(struct digests *d, struct image *i, enum image_level level, const char *root);
/* Goes on until nothing is being digested (true) or `until` (CLOCK_MONOTONIC ns). */
bool digests_run(struct digests *d, uint64_t until);
/*
 * Goes on with fetching until an image that awaits a debug file can be digested again (true: more than one may), none awaits any, or
 * `until`; see debuginfod_run().
 */
bool digests_fetch(struct digests *d, uint64_t until);
struct digest_counts digests_counts(const struct digests *d);

#endif
