// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as folded stacks: what was read is written and read again, with the same total and the same bytes; the
 * flame graph of it accounts for every sample. Read into a tree, in one piece or many, it comes to the same, and the
 * tree's flame graph gives the tree's stacks back.
 *
 * Build with clang -fsanitize=fuzzer,address,undefined together with all of user/base, user/profile and user/render
 * (but format.c, which names formats of other folders); run for a minute with -max_total_time=60.
 */
#include "render/flamegraph.h"
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

static struct tree *build(const struct profile *p, const char *text, size_t n, size_t piece, struct folded_errors *errors)
{
	struct view view = {.process = ALL_PROCESSES};
	struct tree_builder *b = tree_builder_new(p, &view);
	struct folded_reader *r = folded_reader_new(p, b);

	for (size_t i = 0; i < n; i += piece)
		folded_reader_add(r, text + i, n - i < piece ? n - i : piece);
	folded_reader_end(r, errors);
	return tree_builder_end(b);
}

static struct buf folded_of(const struct tree *t)
{
	struct buf out = {0};

	buf_puts(&out, "");
	folded_write(&out, t);
	return out;
}

static void require_same(const struct buf *a, const struct buf *b)
{
	require(a->n == b->n && !memcmp(a->v, b->v, a->n));
}

static void check_tree(const char *text, size_t n)
{
	struct view view = {.process = ALL_PROCESSES};
	struct profile *p = profile_new();
	struct folded_errors errors, again;
	struct tree *t = build(p, text, n, n ? n : 1, &errors), *u = build(p, text, n, 5, &again), *v;
	struct buf first = folded_of(t), second = folded_of(u), third, svg = {0};

	require_same(&first, &second);
	require(errors.lines == again.lines && errors.first == again.first && errors.differential == again.differential);
	flamegraph_write(&svg, t, &flamegraph_defaults);
	v = island_tree(p, &view, svg.v, svg.n, NULL);
	require(v);
	third = folded_of(v);
	require_same(&first, &third);
	tree_free(t);
	tree_free(u);
	tree_free(v);
	buf_free(&first);
	buf_free(&second);
	buf_free(&third);
	buf_free(&svg);
	profile_free(p);
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
	check_tree((const char *)data, size);
	buf_free(&first);
	buf_free(&second);
	tree_free(t);
	tree_free(u);
	profile_free(p);
	profile_free(again);
	return 0;
}
