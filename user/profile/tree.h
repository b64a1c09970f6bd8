// SPDX-License-Identifier: Apache-2.0
/*
 * A profile as one looks at it: a call tree under chosen roots. Every renderer starts from here, so that a folded file, a
 * flame graph and a table of the same view always agree.
 */
#ifndef PROFILE_TREE_H
#define PROFILE_TREE_H

#include "profile/profile.h"

#include <stdbool.h>

#define ALL_PROCESSES UINT32_MAX

struct view {
	uint32_t process; /* a process id of the profile, or ALL_PROCESSES */
	bool pids;        /* root frames are COMM-PID instead of COMM */
	bool threads;     /* a frame "COMM/TID" for the thread under the root */
	bool user_only, kernel_only;
	bool no_inline; /* FRAME_INLINE frames are left out, their callees move up */
};

/* Does the view show frames of this kind? */
bool view_shows(const struct view *v, enum frame_kind kind);

struct tree_node {
	uint32_t name;   /* string id in the profile's pool, without any suffix */
	uint32_t binary; /* likewise, or 0 */
	enum frame_kind kind;
	uint32_t parent, first_child, next_sibling; /* 0: none */
	uint32_t depth;                             /* 0 for the root */
	uint64_t total, self;
};

/* Node 0 is the root "all". Siblings are sorted by name (bytes), then kind: same profile and view, same tree. */
struct tree {
	const struct profile *profile;
	VEC(struct tree_node) nodes;
	uint32_t max_depth;
	uint64_t *baseline; /* per node: its self samples in the profile it is compared with; NULL: there is none */
};

/* No recursion: a depth of 10,000 frames is normal input. The profile must outlive the tree; its string pool may grow. */
struct tree *tree_new(const struct profile *p, const struct view *view);
void tree_free(struct tree *t); /* NULL is fine */

#endif
