// SPDX-License-Identifier: Apache-2.0
/*
 * Debug files from debuginfod servers, for who switched that on: a queue of build ids, some fetcher processes at a time, and a memory of
 * what was not to be had, which other runs share. Nothing waits but debuginfod_run(), as long as it is told to.
 *
 * What no server has is asked for again after an hour; what could not be got for another reason, after five minutes. A server that does
 * not answer is left alone for five minutes, so that it costs one wait, not one a file.
 */
#ifndef SYMBOLIZE_DEBUGINFOD_H
#define SYMBOLIZE_DEBUGINFOD_H

#include "base/error.h"
#include "symbolize/fetch.h"

#include <stdbool.h>
#include <stdint.h>

#define DEBUGINFOD_ID_MIN 8 /* bytes of a build id: with less, anybody could have the same */
#define DEBUGINFOD_HEX_MAX (2 * 20 + 1)
#define DEBUGINFOD_MISSING_SECONDS 3600
#define DEBUGINFOD_RETRY_SECONDS 300

struct debuginfod_options {
	const char *urls; /* with spaces between them, in the order in which they are asked */
	const char *dir;  /* where files are kept, or NULL: nowhere after this run; see symbolize/fetch_store.h */
	uint64_t bytes;	  /* that they may take */
	unsigned silence_seconds; /* of a server; 0: FETCH_SILENCE_SECONDS */
};

struct debuginfod_counts {
	uint64_t fetched, not_found, failed; /* since the start */
	uint64_t unasked; /* not asked for, as it is known to be missing or no server answers */
};

struct debuginfod; /* opaque */

/* Does the list name servers, by http:// or https:// alone? 0, or -EINVAL with one sentence in `err`. "ima:..." words are passed over. */
int debuginfod_check(const char *urls, struct error *err);

/* NULL with one sentence in `err`. Starts nothing. */
struct debuginfod *debuginfod_open(const struct debuginfod_options *o, struct error *err);
void debuginfod_close(struct debuginfod *d); /* NULL is fine; ends fetchers that run */

/* The file with that build id (lower-case hexadecimal), if it is here: its absolute path, to be freed, or NULL. */
char *debuginfod_find(struct debuginfod *d, const char *hex);
/* Asks for it. True: it is on its way; false: it cannot be had. */
bool debuginfod_want(struct debuginfod *d, const char *hex);
/* Is it still on its way? */
bool debuginfod_is_coming(const struct debuginfod *d, const char *hex);
/*
 * Starts fetchers and takes what they fetched, until something came or will not (true), nothing is on its way, `until` (CLOCK_MONOTONIC
 * ns) or, if that is later than now, a signal that is blocked and ends programs.
 */
bool debuginfod_run(struct debuginfod *d, uint64_t until);
/* Something that the user should hear, once: a sentence. False: there is nothing. */
bool debuginfod_take_notice(struct debuginfod *d, struct error *ret);
struct debuginfod_counts debuginfod_counts(const struct debuginfod *d);

#endif
