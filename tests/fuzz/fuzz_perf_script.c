// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the output of perf script: in one piece or in many they come to the same folded stacks, which read back
 * without a bad line and with the same total.
 */
#include "render/folded.h"
#include "render/perf_script.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Returns the total. */
static uint64_t collapse(struct buf *out, const char *text, size_t n, size_t piece, struct perf_script_options o)
{
	struct profile *p = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	struct tree_builder *b = tree_builder_new(p, &view);
	struct perf_script *r = perf_script_new(p, b, &o);
	struct perf_script_report report;
	struct tree *t;
	uint64_t total;

	for (size_t i = 0; i < n; i += piece)
		perf_script_add(r, text + i, n - i < piece ? n - i : piece);
	perf_script_end(r, &report);
	free(report.event);
	t = tree_builder_end(b);
	total = t->nodes.v[0].total;
	if (o.each_is_one)
		require(total == report.samples);
	buf_puts(out, "");
	folded_write(out, t);
	tree_free(t);
	profile_free(p);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perf_script_options o = {.each_is_one = true};
	struct buf whole = {0}, pieces = {0};
	struct folded_errors errors;
	struct profile *p = profile_new();
	uint64_t total;

	if (size) {
		o.pids = *data & 1;
		o.tids = *data & 2;
		o.addresses = *data & 4;
		data++, size--;
	}
	total = collapse(&whole, (const char *)data, size, size ? size : 1, o);
	collapse(&pieces, (const char *)data, size, 7, o);
	require(!strcmp(whole.v, pieces.v));
	folded_read(p, whole.v, whole.n, &errors);
	require(!errors.lines && !errors.differential && profile_total(p) == total);
	buf_free(&whole);
	buf_free(&pieces);
	profile_free(p);
	return 0;
}
