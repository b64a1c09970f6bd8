// SPDX-License-Identifier: Apache-2.0
#include "base/table.h"

#include "base/mem.h"

#include <string.h>
#include <sys/auxv.h>

struct table_slot {
	uint32_t hash;
	uint32_t next_id; /* id + 1; 0: free */
};

static uint64_t secret[2];

/* The 16 random bytes that the kernel gives every program (getauxval(3)). */
__attribute__((constructor)) static void choose_secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (random)
		memcpy(secret, random, sizeof(secret));
	secret[0] |= 1; /* never zero */
	secret[1] |= 1;
}

/* Both halves of a product whose factors hold secrets. */
static inline uint64_t mix_secretly(uint64_t h, uint64_t v)
{
	__extension__ unsigned __int128 m = (unsigned __int128)(h ^ secret[0]) * (v ^ secret[1]);

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_with(uint64_t (*mix)(uint64_t h, uint64_t v), const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = 0xCBF29CE484222325ull ^ n, v;

	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&v, b, 8);
		h = mix(h, v);
	}
	for (v = 0; n; n--)
		v = v << 8 | *b++;
	return mix(h, v);
}

uint64_t hash_bytes(const void *p, size_t n)
{
	return hash_with(hash_mix, p, n);
}

uint64_t hash_foreign_bytes(const void *p, size_t n)
{
	return hash_with(mix_secretly, p, n);
}

/* What a slot keeps of a hash: enough to find a place among 2^32, and to compare. Nobody outside can tell which. */
static uint32_t hash_of_slot(uint64_t hash)
{
	return mix_secretly(hash, 0);
}

static void insert(struct table *t, struct table_slot slot)
{
	size_t i = slot.hash & (t->cap - 1);

	while (t->slots[i].next_id)
		i = (i + 1) & (t->cap - 1);
	t->slots[i] = slot;
}

uint32_t table_find(const struct table *t, uint64_t hash, table_equal *equal, const void *ctx, const void *key)
{
	uint32_t kept = hash_of_slot(hash);

	if (!t->cap)
		return TABLE_NONE;
	for (size_t i = kept & (t->cap - 1); t->slots[i].next_id; i = (i + 1) & (t->cap - 1))
		if (t->slots[i].hash == kept && equal(ctx, t->slots[i].next_id - 1, key))
			return t->slots[i].next_id - 1;
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
			if (old[i].next_id)
				insert(t, old[i]);
		free(old);
	}
	insert(t, (struct table_slot){hash_of_slot(hash), id + 1});
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
