// SPDX-License-Identifier: Apache-2.0
#include "render/layout.h"

/* Children lie side by side from their parent's left edge; what is the parent's own is the room right of them. */
void layout_build(struct layout *l, const struct tree *t, double min_samples)
{
	auto_free uint64_t *start = xcalloc(t->nodes.n, sizeof(*start));
	uint32_t id = 0;

	*l = (struct layout){.total = t->nodes.v[0].total};
	for (;;) {
		const struct tree_node *n = &t->nodes.v[id];
		uint64_t next = start[id];
		bool drawn = !id || n->total >= min_samples;

		if (drawn) {
			*vec_push(&l->frames) = (struct layout_frame){id, start[id]};
			l->shown += n->self;
			if (n->depth > l->max_depth)
				l->max_depth = n->depth;
			for (uint32_t c = n->first_child; c; c = t->nodes.v[c].next_sibling) {
				start[c] = next;
				next += t->nodes.v[c].total;
			}
		}
		if (drawn && n->first_child) {
			id = n->first_child;
			continue;
		}
		while (id && !t->nodes.v[id].next_sibling)
			id = t->nodes.v[id].parent;
		if (!id)
			break;
		id = t->nodes.v[id].next_sibling;
	}
	l->folded = l->total - l->shown;
}

void layout_free(struct layout *l)
{
	vec_free(&l->frames);
}
