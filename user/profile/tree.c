// SPDX-License-Identifier: Apache-2.0
#include "profile/tree.h"

#include <string.h>

#define NO_NODE UINT32_MAX

/* What the view's patterns say of a name; asked once a name. */
struct marks {
	bool known, hide, focus, root, ignore;
	uint16_t highlight;
};

/* A frame of the stack that the builder holds. The flags tell of the stack up to here. */
struct entry {
	uint32_t name, binary;
	enum frame_kind kind : 8;
	bool shown;
	bool ignored, focused, rooted;
	uint32_t node; /* in the tree, of the stack up to here; NO_NODE until samples need it */
	struct tree_place place;
};

/* Samples of a node in one line. */
struct heat {
	uint32_t node;
	struct tree_place place;
	uint64_t samples;
};

/*
 * While a tree is built, first_child is the child that came first, which most nodes have no other than; the later ones are
 * found by hash. The sibling lists are made at the end, in order.
 */
struct tree_builder {
	struct tree *tree;
	struct view view;
	struct table by_key;
	VEC(struct entry) stack;
	VEC(struct marks) marks;            /* by string id */
	VEC(struct tree_baseline) baseline; /* by node, as far as there are any */
	VEC(struct heat) heats;
	struct table heat_by_key;
	bool placed; /* some frame has a place */
	VEC(uint32_t) path; /* of a view in order: the nodes of the last stack, root first; a view that is not makes none */
};

struct node_ids {
	uint32_t *v;
	size_t n, cap;
};

struct key {
	uint32_t parent, name, binary;
	enum frame_kind kind;
};

static bool is_child(const struct tree_node *n, const struct key *k)
{
	return n->parent == k->parent && n->name == k->name && n->binary == k->binary && n->kind == k->kind;
}

static bool same_child(const void *ctx, uint32_t id, const void *key)
{
	return is_child(&((const struct tree *)ctx)->nodes.v[id], key);
}

static struct marks *marks_of(struct tree_builder *b, uint32_t name)
{
	const struct patterns *p = b->view.patterns;
	struct marks *m;

	if (name >= b->marks.n) {
		size_t more = name + 1 - b->marks.n;

		vec_reserve(&b->marks, more);
		memset(b->marks.v + b->marks.n, 0, more * sizeof(*b->marks.v));
		b->marks.n += more;
	}
	m = &b->marks.v[name];
	if (!m->known) {
		const char *text = strings_get(b->tree->profile->strings, name);

		*m = (struct marks){
			.known = true,
			.hide = patterns_match(p, PATTERN_HIDE, text),
			.focus = patterns_match(p, PATTERN_FOCUS, text),
			.root = patterns_match(p, PATTERN_ROOT, text),
			.ignore = patterns_match(p, PATTERN_IGNORE, text),
			.highlight = patterns_highlight(p, text),
		};
	}
	return m;
}

static uint32_t add_node(struct tree_builder *b, const struct key *k)
{
	struct tree *t = b->tree;
	uint32_t id = t->nodes.n, depth = t->nodes.v[k->parent].depth + 1;

	*vec_push(&t->nodes) = (struct tree_node){
		.name = k->name,
		.binary = k->binary,
		.kind = k->kind,
		.parent = k->parent,
		.depth = depth,
		.highlight = b->view.patterns ? marks_of(b, k->name)->highlight : 0,
	};
	if (depth > t->max_depth)
		t->max_depth = depth;
	return id;
}

static uint32_t child(struct tree_builder *b, uint32_t parent, const struct entry *e)
{
	struct key k = {parent, e->name, e->binary, e->kind};
	uint32_t first = b->tree->nodes.v[parent].first_child, id;
	uint64_t hash;

	if (!first) {
		id = add_node(b, &k);
		return b->tree->nodes.v[parent].first_child = id;
	}
	if (is_child(&b->tree->nodes.v[first], &k))
		return first;
	hash = hash_mix(hash_mix(hash_mix(parent, e->name), e->binary), e->kind);
	id = table_find(&b->by_key, hash, same_child, b->tree, &k);
	if (id == TABLE_NONE) {
		id = add_node(b, &k);
		table_add(&b->by_key, hash, id);
	}
	return id;
}

/* In a view in order: the node at this depth of the last stack when that is the same up to here, else a new one. */
static uint32_t neighbour(struct tree_builder *b, uint32_t parent, const struct entry *e, size_t depth)
{
	struct key k = {parent, e->name, e->binary, e->kind};

	if (depth < b->path.n && is_child(&b->tree->nodes.v[b->path.v[depth]], &k))
		return b->path.v[depth];
	b->path.n = depth;
	return *vec_push(&b->path) = add_node(b, &k);
}

/* The node of the stack when that of its start is not the start of its node. */
static uint32_t node_of_all(struct tree_builder *b)
{
	uint32_t node = 0;
	size_t depth = 0;

	for (size_t i = 0; i < b->stack.n; i++) {
		struct entry *e = &b->stack.v[b->view.reversed ? b->stack.n - 1 - i : i];

		if (e->shown)
			node = b->view.in_order ? neighbour(b, node, e, depth++) : child(b, node, e);
		e->node = node;
	}
	b->path.n = depth;
	return node;
}

static uint32_t node_of(struct tree_builder *b)
{
	size_t known = b->stack.n;
	uint32_t node = 0;

	if (b->view.reversed || b->view.in_order)
		return node_of_all(b);
	while (known && b->stack.v[known - 1].node == NO_NODE)
		known--;
	if (known)
		node = b->stack.v[known - 1].node;
	for (; known < b->stack.n; known++) {
		struct entry *e = &b->stack.v[known];

		if (e->shown)
			node = child(b, node, e);
		e->node = node;
	}
	return node;
}

static struct entry top(const struct tree_builder *b)
{
	const struct patterns *p = b->view.patterns;

	if (b->stack.n)
		return b->stack.v[b->stack.n - 1];
	return (struct entry){.focused = !patterns_have(p, PATTERN_FOCUS), .rooted = !patterns_have(p, PATTERN_ROOT)};
}

struct tree_builder *tree_builder_new(const struct profile *p, const struct view *view)
{
	struct tree_builder *b = xcalloc(1, sizeof(*b));

	b->view = *view;
	b->tree = xcalloc(1, sizeof(*b->tree));
	b->tree->profile = p;
	*vec_push(&b->tree->nodes) = (struct tree_node){.name = strings_add(p->strings, "all"), .kind = FRAME_USER};
	for (size_t i = 0; i < patterns_labels(view->patterns); i++)
		*vec_push(&b->tree->highlights) =
			(struct tree_highlight){.label = patterns_label(view->patterns, i)};
	return b;
}

void tree_builder_keep(struct tree_builder *b, size_t depth)
{
	if (depth < b->stack.n)
		b->stack.n = depth;
}

static void push(struct tree_builder *b, uint32_t name, uint32_t binary, enum frame_kind kind, bool shown)
{
	struct entry e = top(b);

	e.name = name;
	e.binary = binary;
	e.kind = kind;
	e.node = NO_NODE;
	e.place = (struct tree_place){0};
	e.shown = shown;
	if (shown && b->view.patterns) {
		const struct marks *m = marks_of(b, name);

		e.ignored |= m->ignore;
		e.focused |= m->focus;
		e.rooted |= m->root;
		e.shown = e.rooted && !m->hide;
	}
	*vec_push(&b->stack) = e;
}

void tree_builder_push(struct tree_builder *b, uint32_t name, uint32_t binary, enum frame_kind kind)
{
	push(b, name, binary, kind, view_shows(&b->view, kind));
}

void tree_builder_place(struct tree_builder *b, uint32_t file, uint32_t line)
{
	b->stack.v[b->stack.n - 1].place = (struct tree_place){file, line};
	b->placed = true;
}

static bool same_heat(const void *ctx, uint32_t id, const void *key)
{
	const struct heat *a = &((const struct tree_builder *)ctx)->heats.v[id], *b = key;

	return a->node == b->node && a->place.file == b->place.file && a->place.line == b->place.line;
}

/* The samples of the stack to the lines of its frames. */
static void heat_up(struct tree_builder *b, uint64_t count)
{
	for (size_t i = 0; i < b->stack.n; i++) {
		const struct entry *e = &b->stack.v[i];
		struct heat key = {e->node, e->place, 0};
		uint64_t hash = hash_mix(hash_mix(e->node, e->place.file), e->place.line);
		uint32_t id;

		if (!e->shown || !e->place.line)
			continue;
		id = table_find(&b->heat_by_key, hash, same_heat, b, &key);
		if (id == TABLE_NONE) {
			id = b->heats.n;
			*vec_push(&b->heats) = key;
			table_add(&b->heat_by_key, hash, id);
		}
		b->heats.v[id].samples += count;
	}
}

void tree_builder_count(struct tree_builder *b, uint64_t count)
{
	struct entry e = top(b);
	struct tree *t = b->tree;
	uint64_t *sum = e.ignored ? &t->ignored : !e.focused ? &t->unfocused : &t->rootless;

	if (!e.ignored && e.focused && e.rooted) {
		uint32_t node = node_of(b);

		sum = &t->nodes.v[node].self;
		if (b->placed)
			heat_up(b, count);
	}
	*sum += count;
}

void tree_builder_count_baseline(struct tree_builder *b, uint64_t count)
{
	struct entry e = top(b);
	uint32_t node;

	if (e.ignored || !e.focused || !e.rooted)
		return;
	node = node_of(b);
	while (b->baseline.n <= node)
		*vec_push(&b->baseline) = (struct tree_baseline){0};
	b->baseline.v[node].self += count;
}

void tree_builder_folded(struct tree_builder *b)
{
	b->tree->folded = true;
}

void tree_builder_thousandths(struct tree_builder *b)
{
	struct tree *t = b->tree;

	if (t->thousandths)
		return;
	t->thousandths = true;
	for (size_t i = 0; i < t->nodes.n; i++)
		t->nodes.v[i].self *= 1000;
	for (size_t i = 0; i < b->baseline.n; i++)
		b->baseline.v[i].self *= 1000;
	t->ignored *= 1000;
	t->unfocused *= 1000;
	t->rootless *= 1000;
}

/* For qsort_r(): siblings as they are to be linked. */
static int by_sibling_order(const void *a, const void *b, void *tree)
{
	const struct tree *t = tree;
	const struct tree_node *x = &t->nodes.v[*(const uint32_t *)a], *y = &t->nodes.v[*(const uint32_t *)b];
	const struct strings *s = t->profile->strings;
	int c = x->name == y->name ? 0 : strcmp(strings_get(s, x->name), strings_get(s, y->name));

	if (!c)
		c = (int)x->kind - (int)y->kind;
	return c ? c : strcmp(strings_get(s, x->binary), strings_get(s, y->binary));
}

static void sort_children(struct tree *t, uint32_t parent, void *scratch)
{
	VEC(uint32_t) *order = scratch;

	order->n = 0;
	for (uint32_t c = t->nodes.v[parent].first_child; c; c = t->nodes.v[c].next_sibling)
		*vec_push(order) = c;
	qsort_r(order->v, order->n, sizeof(*order->v), by_sibling_order, t);
	t->nodes.v[parent].first_child = order->v[0];
	for (size_t i = 0; i < order->n; i++)
		t->nodes.v[order->v[i]].next_sibling = i + 1 < order->n ? order->v[i + 1] : 0;
}

static void link_siblings(struct tree *t, bool in_order)
{
	VEC(uint32_t) scratch = {0};

	for (uint32_t i = 0; i < t->nodes.n; i++)
		t->nodes.v[i].first_child = 0;
	for (uint32_t i = t->nodes.n; --i;) {
		struct tree_node *parent = &t->nodes.v[t->nodes.v[i].parent];

		t->nodes.v[i].next_sibling = parent->first_child;
		parent->first_child = i;
	}
	for (uint32_t i = 0; !in_order && i < t->nodes.n; i++) {
		uint32_t first = t->nodes.v[i].first_child;

		if (first && t->nodes.v[first].next_sibling)
			sort_children(t, i, &scratch);
	}
	vec_free(&scratch);
}

/* A child is always made after its parent, so one pass from the end sums up the totals. */
static void sum_up(struct tree *t)
{
	for (uint32_t i = t->nodes.n; i--;) {
		t->nodes.v[i].total += t->nodes.v[i].self;
		if (i)
			t->nodes.v[t->nodes.v[i].parent].total += t->nodes.v[i].total;
		if (!t->baseline)
			continue;
		t->baseline[i].total += t->baseline[i].self;
		if (i)
			t->baseline[t->nodes.v[i].parent].total += t->baseline[i].total;
	}
}

/* Samples of a label: those of its frames that have no other one of it below them. */
static void count_highlights(struct tree *t)
{
	auto_free uint32_t *open = xcalloc(t->highlights.n + 1, sizeof(*open)); /* by highlight: frames in the stack */
	uint32_t id = t->nodes.v[0].first_child;

	while (id) {
		const struct tree_node *n = &t->nodes.v[id];

		if (n->highlight && !open[n->highlight]++)
			t->highlights.v[n->highlight - 1].samples += n->total;
		if (n->first_child) {
			id = n->first_child;
			continue;
		}
		for (; id; id = t->nodes.v[id].parent) {
			open[t->nodes.v[id].highlight] -= t->nodes.v[id].highlight != 0;
			if (t->nodes.v[id].next_sibling)
				break;
		}
		id = id ? t->nodes.v[id].next_sibling : 0;
	}
}

static bool is_hotter(const struct strings *s, const struct heat *a, const struct heat *b)
{
	int c;

	if (a->samples != b->samples)
		return a->samples > b->samples;
	c = a->place.file == b->place.file ? 0 : strcmp(strings_get(s, a->place.file), strings_get(s, b->place.file));
	return c ? c < 0 : a->place.line < b->place.line;
}

/* Of each node the line with the most samples. */
static void choose_places(struct tree_builder *b)
{
	struct tree *t = b->tree;
	auto_free uint32_t *hottest = xcalloc(t->nodes.n, sizeof(*hottest)); /* index + 1 */

	t->places = xcalloc(t->nodes.n, sizeof(*t->places));
	for (size_t i = 0; i < b->heats.n; i++) {
		const struct heat *h = &b->heats.v[i];
		uint32_t *id = &hottest[h->node];

		if (*id && !is_hotter(t->profile->strings, h, &b->heats.v[*id - 1]))
			continue;
		*id = i + 1;
		t->places[h->node] = h->place;
	}
}

struct tree *tree_builder_end(struct tree_builder *b)
{
	struct tree *t = b->tree;

	table_free(&b->by_key);
	if (b->baseline.n) {
		t->baseline = xcalloc(t->nodes.n, sizeof(*t->baseline));
		memcpy(t->baseline, b->baseline.v, b->baseline.n * sizeof(*t->baseline));
	}
	if (b->heats.n)
		choose_places(b);
	sum_up(t);
	t->in_order = b->view.in_order;
	link_siblings(t, t->in_order);
	if (t->highlights.n)
		count_highlights(t);
	vec_free(&b->stack);
	vec_free(&b->marks);
	vec_free(&b->baseline);
	vec_free(&b->path);
	vec_free(&b->heats);
	table_free(&b->heat_by_key);
	free(b);
	return t;
}

/* A comm can be empty (prctl allows it); a frame's name cannot. */
static const char *comm_text(const struct profile *p, uint32_t comm)
{
	return comm ? strings_get(p->strings, comm) : "[unnamed]";
}

/* "COMM-PID" or "COMM/TID" as a string of the profile's pool, which may grow under a const profile (see tree.h). */
static uint32_t numbered(const struct profile *p, uint32_t comm, char separator, int32_t n)
{
	auto_free char *text = xasprintf("%s%c%d", comm_text(p, comm), separator, n);

	return strings_add(p->strings, text);
}

/*
 * The frame(s) that stand for the process and thread, whatever kinds the view shows. Folded input has neither: its
 * stacks bring their own roots.
 */
static void push_roots(struct tree_builder *b, const struct view *v, const struct profile_thread *t)
{
	const struct profile *p = b->tree->profile;
	const struct profile_process *process = &p->processes.v[t->process];

	if (process->comm || process->pid)
		push(b, v->pids ? numbered(p, process->comm, '-', process->pid) :
				  strings_add(p->strings, comm_text(p, process->comm)), 0, FRAME_USER, true);
	if (v->threads && (t->comm || t->tid))
		push(b, numbered(p, t->comm, '/', t->tid), 0, FRAME_USER, true);
}

bool view_shows(const struct view *v, enum frame_kind kind)
{
	if (v->user_only && kind == FRAME_KERNEL)
		return false;
	if (v->kernel_only && kind != FRAME_KERNEL)
		return false;
	return !(v->no_inline && kind == FRAME_INLINE);
}

/* A sample of the profile, root frames included. `path`: the profile's nodes of its stack, leaf first. */
static void push_sample(struct tree_builder *b, const struct profile_sample *s, struct node_ids *path)
{
	const struct profile *p = b->tree->profile;

	path->n = 0;
	for (uint32_t n = s->node; n; n = p->nodes.v[n].parent)
		*vec_push(path) = n;
	tree_builder_keep(b, 0);
	push_roots(b, &b->view, &p->threads.v[s->thread]);
	for (size_t depth = path->n; depth--;) {
		const struct profile_node *n = &p->nodes.v[path->v[depth]];
		const struct profile_frame *f = &p->frames.v[n->frame];
		const struct profile_location *at = &p->locations.v[n->location];

		tree_builder_push(b, f->name, f->binary, f->kind);
		if (at->file && at->line)
			tree_builder_place(b, at->file, at->line);
	}
}

struct tree *tree_new(const struct profile *p, const struct view *view)
{
	struct tree_builder *b = tree_builder_new(p, view);
	struct node_ids path = {0};

	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.v[i];

		if (view->process != ALL_PROCESSES && p->threads.v[s->thread].process != view->process)
			continue;
		push_sample(b, s, &path);
		tree_builder_count(b, s->count);
	}
	vec_free(&path);
	return tree_builder_end(b);
}

struct view_stacks {
	struct tree_builder *builder;
	struct node_ids path, shown;
};

struct view_stacks *view_stacks_new(const struct profile *p, const struct view *view)
{
	struct view_stacks *v = xcalloc(1, sizeof(*v));

	v->builder = tree_builder_new(p, view);
	return v;
}

void view_stacks_free(struct view_stacks *v)
{
	if (!v)
		return;
	tree_free(tree_builder_end(v->builder));
	vec_free(&v->path);
	vec_free(&v->shown);
	free(v);
}

bool view_stacks_get(struct view_stacks *v, const struct profile_sample *s, const uint32_t **nodes, size_t *n)
{
	struct entry e;

	push_sample(v->builder, s, &v->path);
	e = top(v->builder);
	if (e.ignored || !e.focused || !e.rooted)
		return false;
	v->shown.n = 0;
	for (size_t i = 0; i < v->path.n; i++)
		if (v->builder->stack.v[v->builder->stack.n - 1 - i].shown)
			*vec_push(&v->shown) = v->path.v[i];
	*nodes = v->shown.v;
	*n = v->shown.n;
	return true;
}

uint32_t tree_next(const struct tree *t, uint32_t id)
{
	if (t->nodes.v[id].first_child)
		return t->nodes.v[id].first_child;
	while (id && !t->nodes.v[id].next_sibling)
		id = t->nodes.v[id].parent;
	return id ? t->nodes.v[id].next_sibling : 0;
}

uint64_t tree_left_out(const struct tree *t)
{
	return t->ignored + t->unfocused + t->rootless;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	vec_free(&t->nodes);
	vec_free(&t->highlights);
	free(t->baseline);
	free(t->places);
	free(t);
}
