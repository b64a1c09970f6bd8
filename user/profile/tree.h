// SPDX-License-Identifier: Apache-2.0
/*
 * A profile as one looks at it: a call tree under chosen roots. Every renderer starts from here, so that a folded file, a
 * flame graph and a table of the same view always agree.
 */
#ifndef PROFILE_TREE_H
#define PROFILE_TREE_H

#include "profile/patterns.h"
#include "profile/profile.h"

#include <stdbool.h>

#define ALL_PROCESSES UINT32_MAX

struct view {
	uint32_t process; /* a process id of the profile, or ALL_PROCESSES */
	bool pids;        /* root frames are COMM-PID instead of COMM */
	bool threads;     /* a frame "COMM/TID" for the thread under the root */
	bool user_only, kernel_only;
	bool no_inline; /* FRAME_INLINE frames are left out, their callees move up */
	bool reversed;  /* stacks are turned around: callers above the functions they call */
	bool in_order;  /* siblings are in the order of the samples, and only neighbours are merged */
	bool no_script; /* of pictures: still ones, for places where no script may run */
	const struct patterns *patterns; /* what to highlight, hide and leave out; NULL: nothing */
};

/* Does the view show frames of this kind? */
bool view_shows(const struct view *v, enum frame_kind kind);

/* The stacks of a profile's samples as the view shows them, for formats that are no trees. */
struct view_stacks; /* opaque */

struct view_stacks *view_stacks_new(const struct profile *p, const struct view *view);
void view_stacks_free(struct view_stacks *v); /* NULL is fine */
/*
 * The nodes of the profile whose frames are one stack, leaf first, without those that stand for process and thread; valid
 * until the next call. False: the view's patterns leave the sample out.
 */
bool view_stacks_get(struct view_stacks *v, const struct profile_sample *s, const uint32_t **nodes, size_t *n);

struct tree_node {
	uint32_t name;   /* string id in the profile's pool, without any suffix */
	uint32_t binary; /* likewise, or 0 */
	uint32_t parent, first_child, next_sibling; /* 0: none */
	uint32_t depth;                             /* 0 for the root */
	enum frame_kind kind : 8;
	uint16_t highlight; /* index + 1 into the tree's highlights; 0: none */
	uint64_t total, self;
};

/* Frames that the view's patterns give one label and one colour. */
struct tree_highlight {
	const char *label; /* foreign text, of the view's patterns */
	uint64_t samples;  /* with such a frame in their stack, each counted once */
};

/* What a node had in the profile that this one is compared with. */
struct tree_baseline {
	uint64_t total, self;
};

/* A line of source. */
struct tree_place {
	uint32_t file; /* string id in the profile's pool; 0: unknown */
	uint32_t line;
};

/*
 * Node 0 is the root "all". Siblings are sorted by name (bytes), then kind: same profile and view, same tree. A node
 * without samples is there only when it has some in the baseline.
 *
 * Samples of the process in view = nodes.v[0].total + ignored + unfocused + rootless.
 */
struct tree {
	const struct profile *profile;
	VEC(struct tree_node) nodes;
	uint32_t max_depth;
	bool in_order; /* as the view: siblings of one function are not one */
	VEC(struct tree_highlight) highlights; /* every label of the view, in the order of the options: the colour's index */
	uint64_t ignored;                      /* samples that PATTERN_IGNORE left out, */
	uint64_t unfocused;                    /* those of the others that PATTERN_FOCUS did, */
	uint64_t rootless;                     /* and those that PATTERN_ROOT did */
	struct tree_baseline *baseline;        /* per node; NULL: there is nothing to compare with */
	struct tree_place *places;             /* per node: where most of its samples are; NULL: not known of any */
	bool folded;                           /* the names are those of folded text: they need no protection there */
	bool thousandths;                      /* the counts are thousandths, since the input had fractions */
};

/* No recursion: a depth of 10,000 frames is normal input. The profile must outlive the tree; its string pool may grow. */
struct tree *tree_new(const struct profile *p, const struct view *view);
void tree_free(struct tree *t); /* NULL is fine */

/* The node after `id` in preorder, the root's first child after 0; 0: there is none. */
uint32_t tree_next(const struct tree *t, uint32_t id);

uint64_t tree_left_out(const struct tree *t); /* ignored + unfocused + rootless */

/*
 * Making a tree of stacks that come one after the other, without a profile of them. The builder holds one stack, root
 * first; what two stacks have in common is pushed once.
 */
struct tree_builder; /* opaque */

/* The profile is where the names are, and what is known of the whole; its samples are not looked at. */
struct tree_builder *tree_builder_new(const struct profile *p, const struct view *view);
void tree_builder_keep(struct tree_builder *b, size_t depth); /* pops what is above the first `depth` frames */
void tree_builder_push(struct tree_builder *b, uint32_t name, uint32_t binary, enum frame_kind kind);
/* Where the frame pushed last is, for the samples counted from now on: a line above 0. */
void tree_builder_place(struct tree_builder *b, uint32_t file, uint32_t line);
/* Samples of the stack as it stands: `count` in this profile, `baseline` in the one it is compared with. */
void tree_builder_count(struct tree_builder *b, uint64_t count);
void tree_builder_count_baseline(struct tree_builder *b, uint64_t count);
/* What is to become of the tree's fields of that name. Counts so far are multiplied; that they fit is up to the caller. */
void tree_builder_folded(struct tree_builder *b);
void tree_builder_thousandths(struct tree_builder *b);
/* Ends the builder, which is freed, and gives the tree. */
struct tree *tree_builder_end(struct tree_builder *b);

#endif
