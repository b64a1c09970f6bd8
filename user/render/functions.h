// SPDX-License-Identifier: Apache-2.0
/* The distinct functions of a call tree: what a table lists, what a flame graph's data names once. */
#ifndef RENDER_FUNCTIONS_H
#define RENDER_FUNCTIONS_H

#include "profile/tree.h"

struct function {
	uint32_t name, binary; /* string ids of the profile */
	enum frame_kind kind;
	uint16_t highlight;   /* what the view marks it with; 0: nothing */
	uint32_t nodes;       /* of the tree */
	uint64_t before;      /* samples of its own in the baseline */
	uint64_t self, total; /* samples; one with the function several times in its stack counts once in `total` */
	uint32_t first_place, places; /* in functions.places */
	uint32_t next;        /* private */
};

/* Where in the source nodes of a function are. */
struct function_place {
	struct tree_place at;
	uint64_t samples;      /* of those nodes */
	uint32_t first, nodes; /* private */
};

/* The root of the tree is no function. Functions are in order of their first node. */
struct functions {
	VEC(struct function) all;
	uint32_t *of_node; /* per node of the tree; the root's is meaningless */
	VEC(struct function_place) places; /* function by function, those with the most samples first */
	uint32_t *place_of_node;           /* per node: which of its function's places, from 1; 0: unknown. NULL: no places */
};

void functions_make(struct functions *f, const struct tree *t);
/* The ids of at most `n` functions that ran most themselves, most first; returns how many have samples of their own. */
size_t functions_top(const struct functions *f, const struct tree *t, uint32_t *ids, size_t n);
/* Of a tree with a baseline: those whose own share changed most, gone ones too; returns how many there are. */
size_t functions_changed(const struct functions *f, const struct tree *t, uint32_t *ids, size_t n);
void functions_free(struct functions *f);

#endif
