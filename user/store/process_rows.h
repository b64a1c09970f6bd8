// SPDX-License-Identifier: Apache-2.0
/*
 * The rows of table `processes`. A process of less than half a CPU second in a window shares its row with all others of equal
 * comm and labels that are as small, when there are some: a machine that compiles has a thousand a minute. Each of them is in the
 * row's `members`: pid (signed, difference to the one before), identity (likewise) and samples, as numbers of varint.h.
 */
#ifndef STORE_PROCESS_ROWS_H
#define STORE_PROCESS_ROWS_H

#include "store/database.h"

/*
 * All processes with samples, inside an open transaction. `last`: of a window that takes the place of others, the id of the last of
 * them, else 0. SQLITE_OK or the error.
 */
int process_rows_insert(struct store *s, int64_t window, int64_t last, const struct profile *p);

typedef int process_member_fn(void *ctx, int32_t pid, uint64_t identity, uint64_t samples);

/* Calls `fn` for the members of a row until it returns something but 0: *ret. SQLITE_OK, or SQLITE_CORRUPT for damaged bytes. */
int process_row_members(const void *bytes, size_t n, process_member_fn *fn, void *ctx, int *ret);

#endif
