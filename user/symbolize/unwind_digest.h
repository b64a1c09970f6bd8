// SPDX-License-Identifier: Apache-2.0
/*
 * Unwind tables of images: read from the cache, else made by parser processes, several at a time, each for one image. The profiler
 * itself reads nothing of the image but what image.c does. What a parser wrote is checked before anybody sees it: whatever became of the
 * parser, its table does no more harm than to have no rule, or a wrong one, for text of its own file.
 */
#ifndef SYMBOLIZE_UNWIND_DIGEST_H
#define SYMBOLIZE_UNWIND_DIGEST_H

#include "symbolize/digest.h"
#include "unwind/table.h"

/*
 * Given the table of an image that was asked for; NULL: there are no rules, or the parser died or took too long. The table is valid until
 * this returns.
 */
typedef void unwind_digest_done(void *ctx, struct image *i, const struct unwind_table *table);

struct unwind_digests; /* opaque */

/* All must outlive it. `cache`: or NULL. */
struct unwind_digests *unwind_digests_new(struct images *images, struct parsers *parsers, struct image_cache *cache,
					  unwind_digest_done *done, void *ctx);
void unwind_digests_free(struct unwind_digests *d); /* NULL is fine; ends parsers that run */

/*
 * Asks for an image's table. `done` is called at once when the cache has it, else by unwind_digests_wait(). `pid`: a process that has it
 * mapped, through whose root it is found if it is not pinned.
 */
void unwind_digests_ask(struct unwind_digests *d, struct image *i, int32_t pid);
/*
 * Takes what parsers that ended have written, and starts on what waits. Until one has ended, or `until` (CLOCK_MONOTONIC ns) or there is
 * nothing to wait for: false then.
 */
bool unwind_digests_wait(struct unwind_digests *d, uint64_t until);
/* Polls readable when a parser has ended. */
int unwind_digests_fd(const struct unwind_digests *d);

struct digest_counts unwind_digests_counts(const struct unwind_digests *d);

#endif
