// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a jitdump that grows: it is read to its end or not further, and never twice; names have an end. */
#include "symbolize/jitdump.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t window = size ? JITDUMP_HEAD_BYTES + data[size - 1] : 1;
	struct jitdump d = {0};
	struct code_map code = {0};
	uint64_t at = 0, end = 0;

	for (size_t grown = size / 2;; grown = size) {
		while (at < grown && !d.ended) {
			size_t n = grown - at < window ? grown - at : window;
			uint8_t *exact = malloc(n);
			uint64_t done;

			memcpy(exact, data + at, n);
			done = jitdump_feed(&d, &code, exact, n, grown - at);
			free(exact);
			if (!done)
				break;
			at += done;
			require(at <= grown);
		}
		if (grown == size)
			break;
	}
	code_map_settle(&code);
	for (size_t i = 0; i < code.ranges.n; i++) {
		const struct code_range *r = &code.ranges.v[i];

		require(r->start >= end && r->end > r->start && r->name < code.names.n);
		require(strnlen(code.names.v + r->name, code.names.n - r->name) <= CODE_NAME_MAX);
		require(code_map_find(&code, r->start, UINT64_MAX) == r);
		end = r->end;
	}
	code_map_free(&code);
	return 0;
}
