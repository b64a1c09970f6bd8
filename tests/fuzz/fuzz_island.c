// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the data of a flame graph: refused, or stacks that are encoded and decoded again as the same stacks. An
 * odd first byte means the rest is a file; else it is a payload, which a fuzzer could not find through a zlib stream.
 */
#include "render/folded.h"
#include "render/island.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void add_folded(struct buf *out, const struct tree *t)
{
	buf_puts(out, "");
	folded_write(out, t);
}

static void check_round_trip(const struct profile *p)
{
	struct view view = {.process = ALL_PROCESSES};
	struct profile *again = profile_new();
	struct tree *t = tree_new(p, &view), *u;
	struct buf payload = {0}, file = {0}, first = {0}, second = {0};
	struct functions f;

	functions_make(&f, t);
	island_encode(&payload, t, &f, 0);
	island_write(&file, &payload);
	require(!island_read(again, file.v, file.n, NULL));
	u = tree_new(again, &view);
	add_folded(&first, t);
	add_folded(&second, u);
	require(!strcmp(first.v, second.v));
	functions_free(&f);
	tree_free(t);
	tree_free(u);
	profile_free(again);
	buf_free(&payload);
	buf_free(&file);
	buf_free(&first);
	buf_free(&second);
}

/* What is a payload is one as a tree too, and again when it was written out. */
static void check_tree(const uint8_t *data, size_t size)
{
	struct view view = {.process = ALL_PROCESSES};
	struct buf payload = {0};

	buf_add(&payload, data, size);
	for (int i = 0; i < 2; i++) {
		struct profile *names = profile_new();
		struct buf file = {0};
		struct functions f;
		struct tree *t;

		island_write(&file, &payload);
		t = island_tree(names, &view, file.v, file.n, NULL);
		require(t);
		functions_make(&f, t);
		buf_truncate(&payload, 0);
		island_encode(&payload, t, &f, 0);
		functions_free(&f);
		tree_free(t);
		profile_free(names);
		buf_free(&file);
	}
	buf_free(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *p = profile_new();

	if (size && *data & 1)
		island_read(p, (const char *)data + 1, size - 1, NULL);
	else if (size && !island_decode(p, data + 1, size - 1, NULL)) {
		check_round_trip(p);
		check_tree(data + 1, size - 1);
	}
	profile_free(p);
	return 0;
}
