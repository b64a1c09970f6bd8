// SPDX-License-Identifier: Apache-2.0
/*
 * A hash table of ids. The caller keeps its elements in an array of its own; the table finds the index of the one that is
 * equal to what is looked for. Open addressing, grows by doubling, no removal (the owners build, use and free). Where a hash
 * stands depends on a secret of this run, so elements with chosen hashes do not meet, unless the whole hashes are equal.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	struct table_slot *slots; /* power of two, or NULL while empty */
	size_t n, cap;
};

#define TABLE_NONE UINT32_MAX

/* Is element `id` the one that `key` describes? `ctx` is what was passed to the look-up. */
typedef bool table_equal(const void *ctx, uint32_t id, const void *key);

/* The id of the element with this hash that is equal, else TABLE_NONE. */
uint32_t table_find(const struct table *t, uint64_t hash, table_equal *equal, const void *ctx, const void *key);
/* Adds an id that table_find() did not find. */
void table_add(struct table *t, uint64_t hash, uint32_t id);
void table_free(struct table *t);
size_t table_bytes(const struct table *t); /* memory it holds */

/* Mixes a value into a hash; good enough for in-memory tables, never stored. */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15ull;
	return h ^ (h >> 32);
}
uint64_t hash_bytes(const void *p, size_t n);
/* The same with a secret of this run: of text that others chose, which could be made to have one hash. */
uint64_t hash_foreign_bytes(const void *p, size_t n);

#endif
