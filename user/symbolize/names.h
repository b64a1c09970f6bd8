// SPDX-License-Identifier: Apache-2.0
/*
 * The readable forms of symbols. Mangled ones are read by namer processes (symbolize/namer.h): first all that will be needed are
 * asked for, then answered together, then used.
 *
 * Symbols of one owner are read together, and those of different owners never: whoever takes a namer over by a symbol can at most
 * falsify names of his own programs, and use up the time of those. A symbol that a namer dies of stays as it is; another namer
 * goes on behind it.
 */
#ifndef SYMBOLIZE_NAMES_H
#define SYMBOLIZE_NAMES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Who can choose a symbol: the owner of its file, on its file system (containers have their own). All zero: the kernel. */
struct names_owner {
	uid_t user;
	dev_t device;
};

/* What became of mangled symbols since the start: one list gives the counters and the words for them. */
#define NAMES_COUNTS(X)                                                                                                \
	X(symbols, "symbols")	      /* that were asked for */                                                        \
	X(namers, "namers")	      /* processes that read them */                                                   \
	X(died, "died")		      /* namers that did; each leaves one symbol as it is */                           \
	X(overran, "overran")	      /* those that took too long over one symbol, which stays as it is */             \
	X(unanswered, "unanswered")   /* symbols that stay as they are since there was no time or no namer for them */ \
	X(not_started, "not-started") /* namers, for want of descriptors or processes */

struct names_counts {
#define X(name, text) uint64_t name;
	NAMES_COUNTS(X)
#undef X
	uint64_t nanoseconds; /* spent waiting for namers */
};

/* Appends "symbols=N namers=N died=N ... in S s"; of failures those that happened. */
void names_counts_print(struct buf *out, const struct names_counts *c);

struct names; /* opaque */

struct names *names_new(bool full); /* full: see demangle() */
void names_free(struct names *n);   /* NULL is fine */

/* Asks for a symbol; of one that is not mangled, or was asked for already, nothing comes of it. */
void names_want(struct names *n, const struct names_owner *owner, const char *symbol);
/* Has all that was asked for answered, until `until` (CLOCK_MONOTONIC ns). False: some of it was not; ask again later. */
bool names_answer(struct names *n, uint64_t until);
/* The readable form of a symbol; of a mangled one that has no answer, the symbol. Never empty unless `symbol` is. Valid until the next call here. */
const char *names_get(struct names *n, const struct names_owner *owner, const char *symbol);
/* Forgets what was asked for and answered. */
void names_forget(struct names *n);

struct names_counts names_counts(const struct names *n);

#endif
