// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include "base/mem.h"

#include <string.h>

/* Text lives in chunks that never move, so strings_get() results stay valid. */
#define CHUNK_BYTES (64 * 1024)

struct strings {
	VEC(const char *) text;
	VEC(char *) chunks;
	size_t room;        /* free bytes at the end of the last chunk */
	size_t chunk_bytes; /* of all chunks */
	struct table table;
};

struct key {
	const char *text;
	size_t n;
};

static bool equal(const void *ctx, uint32_t id, const void *key)
{
	const struct strings *s = ctx;
	const struct key *k = key;

	return !strncmp(s->text.v[id], k->text, k->n) && !s->text.v[id][k->n];
}

static char *place(struct strings *s, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

	if (bytes > s->room) {
		*vec_push(&s->chunks) = xmalloc(size);
		s->room = size;
		s->chunk_bytes += size;
	}
	s->room -= bytes;
	/* A chunk is filled from its end, so that `room` alone says where the next string goes. */
	return s->chunks.v[s->chunks.n - 1] + s->room;
}

struct strings *strings_new(void)
{
	struct strings *s = xcalloc(1, sizeof(*s));

	strings_add(s, "");
	return s;
}

void strings_free(struct strings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->chunks.n; i++)
		free(s->chunks.v[i]);
	vec_free(&s->chunks);
	vec_free(&s->text);
	table_free(&s->table);
	free(s);
}

uint32_t strings_add_n(struct strings *s, const char *text, size_t n)
{
	struct key key = {text, n};
	uint64_t hash = hash_foreign_bytes(text, n);
	uint32_t id = table_find(&s->table, hash, equal, s, &key);
	char *copy;

	if (id != TABLE_NONE)
		return id;
	copy = place(s, n + 1);
	memcpy(copy, text, n);
	copy[n] = '\0';
	id = s->text.n;
	*vec_push(&s->text) = copy;
	table_add(&s->table, hash, id);
	return id;
}

uint32_t strings_add(struct strings *s, const char *text)
{
	return strings_add_n(s, text, strlen(text));
}

bool strings_find(const struct strings *s, const char *text)
{
	struct key key = {text, strlen(text)};

	return table_find(&s->table, hash_foreign_bytes(text, key.n), equal, s, &key) != TABLE_NONE;
}

const char *strings_get(const struct strings *s, uint32_t id)
{
	return s->text.v[id];
}

uint32_t strings_count(const struct strings *s)
{
	return s->text.n;
}

size_t strings_bytes(const struct strings *s)
{
	return s->chunk_bytes + s->text.cap * sizeof(*s->text.v) + table_bytes(&s->table);
}
