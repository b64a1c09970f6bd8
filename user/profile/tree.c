// SPDX-License-Identifier: Apache-2.0
#include "profile/tree.h"

#include <string.h>

/* While a tree is built its children are found by hash; the sibling lists are made at the end, in order. */
struct builder {
	struct tree *tree;
	struct table by_key;
	VEC(uint32_t) path; /* scratch: profile nodes of one stack, leaf first */
};

struct key {
	uint32_t parent, name, binary;
	enum frame_kind kind;
};

static bool same_child(const void *ctx, uint32_t id, const void *key)
{
	const struct tree_node *n = &((const struct tree *)ctx)->nodes.v[id];
	const struct key *k = key;

	return n->parent == k->parent && n->name == k->name && n->binary == k->binary && n->kind == k->kind;
}

static uint32_t child(struct builder *b, uint32_t parent, uint32_t name, uint32_t binary, enum frame_kind kind)
{
	struct key k = {parent, name, binary, kind};
	uint64_t hash = hash_mix(hash_mix(hash_mix(parent, name), binary), kind);
	struct tree *t = b->tree;
	uint32_t id = table_find(&b->by_key, hash, same_child, t, &k);
	uint32_t depth = t->nodes.v[parent].depth + 1;

	if (id != TABLE_NONE)
		return id;
	id = t->nodes.n;
	*vec_push(&t->nodes) =
		(struct tree_node){.name = name, .binary = binary, .kind = kind, .parent = parent, .depth = depth};
	table_add(&b->by_key, hash, id);
	if (depth > t->max_depth)
		t->max_depth = depth;
	return id;
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

/* The frame(s) that stand for the process and thread. Folded input has neither: its stacks bring their own roots. */
static uint32_t root_of(struct builder *b, const struct view *v, const struct profile_thread *t)
{
	const struct profile *p = b->tree->profile;
	const struct profile_process *process = &p->processes.v[t->process];
	uint32_t node = 0, name;

	if (process->comm || process->pid) {
		name = v->pids ? numbered(p, process->comm, '-', process->pid) :
				 strings_add(p->strings, comm_text(p, process->comm));
		node = child(b, 0, name, 0, FRAME_USER);
	}
	if (v->threads && (t->comm || t->tid))
		node = child(b, node, numbered(p, t->comm, '/', t->tid), 0, FRAME_USER);
	return node;
}

bool view_shows(const struct view *v, enum frame_kind kind)
{
	if (v->user_only && kind == FRAME_KERNEL)
		return false;
	if (v->kernel_only && kind != FRAME_KERNEL)
		return false;
	return !(v->no_inline && kind == FRAME_INLINE);
}

static void add_sample(struct builder *b, const struct view *v, const struct profile_sample *s)
{
	const struct profile *p = b->tree->profile;
	uint32_t node = root_of(b, v, &p->threads.v[s->thread]);

	b->path.n = 0;
	for (uint32_t n = s->node; n; n = p->nodes.v[n].parent)
		*vec_push(&b->path) = n;
	for (size_t i = b->path.n; i--;) {
		const struct profile_frame *f = &p->frames.v[p->nodes.v[b->path.v[i]].frame];

		if (view_shows(v, f->kind))
			node = child(b, node, f->name, f->binary, f->kind);
	}
	b->tree->nodes.v[node].self += s->count;
}

/* For qsort_r(): nodes in the order in which sibling lists are to be linked, last sibling first. */
static int by_sibling_order(const void *a, const void *b, void *tree)
{
	const struct tree *t = tree;
	const struct tree_node *x = &t->nodes.v[*(const uint32_t *)a], *y = &t->nodes.v[*(const uint32_t *)b];
	const struct strings *s = t->profile->strings;
	int c;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	c = x->name == y->name ? 0 : strcmp(strings_get(s, y->name), strings_get(s, x->name));
	if (!c)
		c = (int)y->kind - (int)x->kind;
	return c ? c : strcmp(strings_get(s, y->binary), strings_get(s, x->binary));
}

static void link_siblings(struct tree *t)
{
	auto_free uint32_t *order = xcalloc(t->nodes.n, sizeof(*order));

	for (uint32_t i = 1; i < t->nodes.n; i++)
		order[i] = i;
	qsort_r(order + 1, t->nodes.n - 1, sizeof(*order), by_sibling_order, t);
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		struct tree_node *n = &t->nodes.v[order[i]], *parent = &t->nodes.v[n->parent];

		n->next_sibling = parent->first_child;
		parent->first_child = order[i];
	}
}

struct tree *tree_new(const struct profile *p, const struct view *view)
{
	struct tree *t = xcalloc(1, sizeof(*t));
	struct builder b = {.tree = t};

	t->profile = p;
	*vec_push(&t->nodes) = (struct tree_node){.name = strings_add(p->strings, "all"), .kind = FRAME_USER};
	for (size_t i = 0; i < p->samples.n; i++)
		if (view->process == ALL_PROCESSES || p->threads.v[p->samples.v[i].thread].process == view->process)
			add_sample(&b, view, &p->samples.v[i]);
	/* A child is always made after its parent, so one pass from the end sums up the totals. */
	for (uint32_t i = t->nodes.n; i--;) {
		t->nodes.v[i].total += t->nodes.v[i].self;
		if (i)
			t->nodes.v[t->nodes.v[i].parent].total += t->nodes.v[i].total;
	}
	link_siblings(t);
	table_free(&b.by_key);
	vec_free(&b.path);
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	vec_free(&t->nodes);
	free(t->baseline);
	free(t);
}
