// SPDX-License-Identifier: Apache-2.0
#include "render/functions.h"

#include <string.h>

#define NONE UINT32_MAX /* ends a chain */

/* Few functions share a name, and names are small numbers: a chain per name is all the look-up that is needed. */
static uint32_t find(struct functions *f, uint32_t *first, const struct tree_node *n)
{
	uint32_t id = first[n->name];

	for (; id != NONE; id = f->all.v[id].next) {
		const struct function *fn = &f->all.v[id];

		if (fn->binary == n->binary && fn->kind == n->kind && fn->highlight == n->highlight)
			return id;
	}
	id = f->all.n;
	*vec_push(&f->all) = (struct function){
		.name = n->name,
		.binary = n->binary,
		.kind = n->kind,
		.highlight = n->highlight,
		.next = first[n->name],
	};
	return first[n->name] = id;
}

/* The outermost occurrence in a path carries the total; inner ones are part of it. */
static void add_totals(struct functions *f, const struct tree *t)
{
	auto_free uint32_t *open = xcalloc(f->all.n + 1, sizeof(*open)); /* how often it stands in the current path */
	uint32_t id = t->nodes.v[0].first_child;

	while (id) {
		const struct tree_node *n = &t->nodes.v[id];

		if (!open[f->of_node[id]]++)
			f->all.v[f->of_node[id]].total += n->total;
		if (n->first_child) {
			id = n->first_child;
			continue;
		}
		for (; id; id = t->nodes.v[id].parent) {
			open[f->of_node[id]]--;
			if (t->nodes.v[id].next_sibling)
				break;
		}
		id = id ? t->nodes.v[id].next_sibling : 0;
	}
}

void functions_make(struct functions *f, const struct tree *t)
{
	uint32_t strings = strings_count(t->profile->strings);
	auto_free uint32_t *first = xmalloc(strings * sizeof(*first));

	*f = (struct functions){.of_node = xcalloc(t->nodes.n, sizeof(*f->of_node))};
	memset(first, 0xFF, strings * sizeof(*first)); /* NONE */
	for (size_t i = 1; i < t->nodes.n; i++) {
		uint32_t id = find(f, first, &t->nodes.v[i]);

		f->of_node[i] = id;
		f->all.v[id].nodes++;
		f->all.v[id].self += t->nodes.v[i].self;
	}
	add_totals(f, t);
}

struct ranking {
	const struct function *functions;
	const struct strings *strings;
};

static int by_self(const void *a, const void *b, void *ranking)
{
	const struct ranking *r = ranking;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct function *x = &r->functions[i], *y = &r->functions[k];
	int c;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	c = strcmp(strings_get(r->strings, x->name), strings_get(r->strings, y->name));
	if (!c)
		c = strcmp(strings_get(r->strings, x->binary), strings_get(r->strings, y->binary));
	return c ? c : (int)x->kind - (int)y->kind;
}

size_t functions_top(const struct functions *f, const struct tree *t, uint32_t *ids, size_t n)
{
	struct ranking r = {f->all.v, t->profile->strings};
	auto_free uint32_t *order = xcalloc(f->all.n + 1, sizeof(*order));
	size_t found = 0;

	for (uint32_t i = 0; i < f->all.n; i++)
		if (f->all.v[i].self)
			order[found++] = i;
	qsort_r(order, found, sizeof(*order), by_self, &r);
	n = found < n ? found : n;
	memcpy(ids, order, n * sizeof(*ids));
	return n;
}

void functions_free(struct functions *f)
{
	vec_free(&f->all);
	free(f->of_node);
	f->of_node = NULL;
}
