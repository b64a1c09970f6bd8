// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as folded stacks: what was read is written and read again, with the same total and the same bytes; the
 * flame graph of it accounts for every sample.
 *
 * Build with clang -fsanitize=fuzzer,address,undefined together with all of user/base, user/profile and user/render
 * (but format.c, which names formats of other folders); run for a minute with -max_total_time=60.
 */
#include "render/flamegraph.h"
#include "render/folded.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct profile *read_bytes(const char *text, size_t n, struct folded_errors *errors)
{
	struct profile *p = profile_new();

	folded_read(p, text, n, errors);
	return p;
}

static struct tree *tree_of(const struct profile *p)
{
	struct view view = {.process = ALL_PROCESSES, .pids = true, .threads = true};

	return tree_new(p, &view);
}

static void check_svg(const struct tree *t)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct buf svg = {0};

	o.min_width = 1;
	flamegraph_write(&svg, t, &o);
	require(svg.n && !memchr(svg.v, '\0', svg.n) && strstr(svg.v, "</svg>\n"));
	for (size_t i = 0; i < svg.n; i++)
		require((unsigned char)svg.v[i] >= 0x20 || svg.v[i] == '\n' || svg.v[i] == '\t');
	buf_free(&svg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct folded_errors errors;
	struct profile *p = read_bytes((const char *)data, size, &errors), *again;
	struct tree *t = tree_of(p), *u;
	struct buf first = {0}, second = {0};

	require(t->nodes.v[0].total == profile_total(p));
	folded_write(&first, t);
	again = read_bytes(first.n ? first.v : "", first.n, &errors);
	require(!errors.lines && profile_total(again) == profile_total(p));
	u = tree_of(again);
	folded_write(&second, u);
	require(first.n == second.n && (!first.n || !memcmp(first.v, second.v, first.n)));
	check_svg(t);
	buf_free(&first);
	buf_free(&second);
	tree_free(t);
	tree_free(u);
	profile_free(p);
	profile_free(again);
	return 0;
}
