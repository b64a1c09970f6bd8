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

/* For sorting nodes and places. */
struct context {
	const struct functions *functions;
	const struct tree *tree;
};

static int compare_places(const struct context *c, struct tree_place a, struct tree_place b)
{
	const struct strings *s = c->tree->profile->strings;

	if (a.file != b.file)
		return strcmp(strings_get(s, a.file), strings_get(s, b.file));
	return a.line < b.line ? -1 : a.line > b.line;
}

static int by_function_and_place(const void *a, const void *b, void *context)
{
	const struct context *c = context;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b, f = c->functions->of_node[i], g = c->functions->of_node[k];

	return f != g ? (f < g ? -1 : 1) : compare_places(c, c->tree->places[i], c->tree->places[k]);
}

static int by_samples(const void *a, const void *b, void *context)
{
	const struct function_place *x = a, *y = b;

	return x->samples != y->samples ? (x->samples > y->samples ? -1 : 1) : compare_places(context, x->at, y->at);
}

/* The places of nodes[0..n), all of one function and sorted by place. */
static void add_places(struct functions *f, const struct context *c, const uint32_t *nodes, size_t n)
{
	struct function *fn = &f->all.v[f->of_node[nodes[0]]];
	struct function_place *places;

	fn->first_place = f->places.n;
	for (uint32_t i = 0; i < n; i++) {
		struct function_place *last = i ? &f->places.v[f->places.n - 1] : NULL;

		if (!i || compare_places(c, last->at, c->tree->places[nodes[i]])) {
			last = vec_push(&f->places);
			*last = (struct function_place){.at = c->tree->places[nodes[i]], .first = i};
		}
		last->nodes++;
		last->samples += c->tree->nodes.v[nodes[i]].total;
	}
	fn->places = f->places.n - fn->first_place;
	places = &f->places.v[fn->first_place];
	qsort_r(places, fn->places, sizeof(*places), by_samples, (void *)c);
	for (uint32_t k = 0; k < fn->places; k++)
		for (uint32_t i = 0; i < places[k].nodes; i++)
			f->place_of_node[nodes[places[k].first + i]] = k + 1;
}

static void find_places(struct functions *f, const struct tree *t)
{
	struct context c = {f, t};
	auto_free uint32_t *nodes = xcalloc(t->nodes.n, sizeof(*nodes));
	size_t n = 0;

	f->place_of_node = xcalloc(t->nodes.n, sizeof(*f->place_of_node));
	for (uint32_t i = 1; i < t->nodes.n; i++)
		if (t->places[i].line)
			nodes[n++] = i;
	qsort_r(nodes, n, sizeof(*nodes), by_function_and_place, &c);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && f->of_node[nodes[end]] == f->of_node[nodes[i]];)
			end++;
		add_places(f, &c, nodes + i, end - i);
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
		f->all.v[id].before += t->baseline ? t->baseline[i].self : 0;
	}
	add_totals(f, t);
	if (t->places)
		find_places(f, t);
}

struct ranking {
	const struct function *functions;
	const struct tree *tree;
};

static int by_self(const void *a, const void *b, void *ranking)
{
	const struct ranking *r = ranking;
	const struct strings *s = r->tree->profile->strings;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct function *x = &r->functions[i], *y = &r->functions[k];
	int c;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	c = strcmp(strings_get(s, x->name), strings_get(s, y->name));
	if (!c)
		c = strcmp(strings_get(s, x->binary), strings_get(s, y->binary));
	return c ? c : (int)x->kind - (int)y->kind;
}

/* How much of all time, now or before, a function's own share changed. */
static double change(const struct tree *t, const struct function *f)
{
	uint64_t before = t->baseline[0].total, now = t->nodes.v[0].total;
	double change = (now ? (double)f->self / now : 0) - (before ? (double)f->before / before : 0);

	return change < 0 ? -change : change;
}

static int by_change(const void *a, const void *b, void *ranking)
{
	const struct ranking *r = ranking;
	double x = change(r->tree, &r->functions[*(const uint32_t *)a]), y = change(r->tree, &r->functions[*(const uint32_t *)b]);

	return x != y ? (x > y ? -1 : 1) : by_self(a, b, ranking);
}

size_t functions_changed(const struct functions *f, const struct tree *t, uint32_t *ids, size_t n)
{
	struct ranking r = {f->all.v, t};
	auto_free uint32_t *order = xcalloc(f->all.n + 1, sizeof(*order));
	size_t found = 0;

	for (uint32_t i = 0; i < f->all.n; i++)
		if (change(t, &f->all.v[i]) > 0)
			order[found++] = i;
	qsort_r(order, found, sizeof(*order), by_change, &r);
	n = found < n ? found : n;
	memcpy(ids, order, n * sizeof(*ids));
	return n;
}

size_t functions_top(const struct functions *f, const struct tree *t, uint32_t *ids, size_t n)
{
	struct ranking r = {f->all.v, t};
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
	vec_free(&f->places);
	free(f->of_node);
	free(f->place_of_node);
	*f = (struct functions){0};
}
