// SPDX-License-Identifier: Apache-2.0
#include "base/table.h"

#include "base/mem.h"

#include <string.h>

struct table_slot {
	uint64_t hash;
	uint32_t id;
	bool used;
};

uint64_t hash_bytes(const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = 0xCBF29CE484222325ull ^ n, v;

	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&v, b, 8);
		h = hash_mix(h, v);
	}
	for (v = 0; n; n--)
		v = v << 8 | *b++;
	return hash_mix(h, v);
}

static void insert(struct table *t, uint64_t hash, uint32_t id)
{
	size_t i = hash & (t->cap - 1);

	while (t->slots[i].used)
		i = (i + 1) & (t->cap - 1);
	t->slots[i] = (struct table_slot){hash, id, true};
}

uint32_t table_find(const struct table *t, uint64_t hash, table_equal *equal, const void *ctx, const void *key)
{
	if (!t->cap)
		return TABLE_NONE;
	for (size_t i = hash & (t->cap - 1); t->slots[i].used; i = (i + 1) & (t->cap - 1))
		if (t->slots[i].hash == hash && equal(ctx, t->slots[i].id, key))
			return t->slots[i].id;
	return TABLE_NONE;
}

void table_add(struct table *t, uint64_t hash, uint32_t id)
{
	if (t->n * 4 >= t->cap * 3) {
		struct table_slot *old = t->slots;
		size_t cap = t->cap;

		t->cap = cap ? cap * 2 : 64;
		t->slots = xcalloc(t->cap, sizeof(*t->slots));
		for (size_t i = 0; i < cap; i++)
			if (old[i].used)
				insert(t, old[i].hash, old[i].id);
		free(old);
	}
	insert(t, hash, id);
	t->n++;
}

size_t table_bytes(const struct table *t)
{
	return t->cap * sizeof(*t->slots);
}

void table_free(struct table *t)
{
	free(t->slots);
	*t = (struct table){0};
}
