// SPDX-License-Identifier: Apache-2.0
/*
 * Elements of one profile as elements of another, carried over when first asked for: what is never asked for stays behind.
 * The core of everything that makes a profile from a profile.
 */
#ifndef PROFILE_REMAP_H
#define PROFILE_REMAP_H

#include "profile/profile.h"

#define UNMAPPED UINT32_MAX

struct remap_function {
	uint32_t frame, image, location; /* ids of `into` */
};

struct remap {
	const struct profile *from; /* only its arrays are read, and its strings unless there are `texts` */
	const char *const *texts;   /* by string id of `from`, or NULL */
	struct profile *into;
	/* By id of `from`: the id in `into`, or UNMAPPED. A caller may set those of processes and threads first. */
	uint32_t *strings, *frames, *images, *locations, *nodes, *processes, *threads;
	/* Of a function in a file only one place is kept, the first that is met: set after remap_init(). */
	bool one_location;
	struct table function_table;
	VEC(struct remap_function) functions;
	VEC(uint32_t) path; /* scratch */
};

/* `texts` has n_texts entries; NULL, 0: those of from->strings. */
void remap_init(struct remap *m, struct profile *into, const struct profile *from, const char *const *texts, size_t n_texts);
void remap_free(struct remap *m);

const char *remap_text(const struct remap *m, uint32_t id); /* of `from` */
uint32_t remap_string(struct remap *m, uint32_t id);
/* `root` 0: the same place in the other trie. Otherwise the stack is put under that node of `into`. */
uint32_t remap_node(struct remap *m, uint32_t root, uint32_t id);
uint32_t remap_process(struct remap *m, uint32_t id);
uint32_t remap_thread(struct remap *m, uint32_t id);

#endif
