// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a perf map, at once and in pieces: the same names; ranges ascending and disjoint, names with an end. */
#include "symbolize/perf_map.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct code_map *code)
{
	uint64_t end = 0;

	for (size_t i = 0; i < code->ranges.n; i++) {
		const struct code_range *r = &code->ranges.v[i];

		require(r->start >= end && r->end > r->start && r->name && r->name < code->names.n);
		require(strnlen(code->names.v + r->name, code->names.n - r->name) <= CODE_NAME_MAX);
		require(code_map_find(code, r->start, 0) == r && code_map_find(code, r->end - 1, 0) == r);
		end = r->end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perf_map whole = {0}, pieces = {0};
	struct code_map a = {0}, b = {0};
	size_t step = size ? 1 + data[0] % 50 : 1;

	perf_map_feed(&whole, &a, (const char *)data, size);
	for (size_t at = 0; at < size; at += step)
		perf_map_feed(&pieces, &b, (const char *)data + at, size - at < step ? size - at : step);
	code_map_settle(&a);
	code_map_settle(&b);
	check(&a);
	require(whole.bad_lines == pieces.bad_lines && a.ranges.n == b.ranges.n);
	for (size_t i = 0; i < a.ranges.n; i++)
		require(!strcmp(a.names.v + a.ranges.v[i].name, b.names.v + b.ranges.v[i].name));
	code_map_free(&a);
	code_map_free(&b);
	return 0;
}
