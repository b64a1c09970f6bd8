// SPDX-License-Identifier: Apache-2.0
/* What reading and writing a window share: the inside of window_codec.h, which has the format. */
#ifndef STORE_WINDOW_FORMAT_H
#define STORE_WINDOW_FORMAT_H

#include "store/predictor.h"
#include "store/window_codec.h"

#define WINDOW_VERSION 2
#define IS_DICTIONARY 1
#define MAX_RAW (32u << 20) /* of one block: far above what a machine samples in an hour, far below what hurts */

/* The kinds of elements, in their order in a block. */
enum { STRINGS, IMAGES, LOCATIONS, FRAMES, NODES, PROCESSES, THREADS, KINDS };

/* The elements of a dictionary, or of a dictionary and a window, by id. Bare arrays: nothing is interned. */
struct elements {
	struct profile bare; /* only its arrays */
	VEC(const char *) texts;
	char *text, *address_text; /* the bytes of the strings of this block */
};

struct dictionary {
	struct elements e;
};

void elements_counts(const struct elements *e, uint32_t n[KINDS]);
bool dictionary_is_empty(const struct dictionary *d);

/* What the predictors of frames and of locations know before the first node of a block: nodes 1 to n - 1, those of the dictionary. */
void learn_nodes(const struct profile *bare, uint32_t n, struct predictor *callees, struct predictor *places);

/* Makes room for n more, all zero, and returns the first. */
#define VEC_GROW(vec, more)                                                                                            \
	({                                                                                                             \
		size_t more_ = (more);                                                                                 \
		vec_reserve((vec), more_ + 1);                                                                         \
		memset((vec)->v + (vec)->n, 0, more_ * sizeof(*(vec)->v));                                             \
		(vec)->n += more_;                                                                                     \
		(vec)->v + (vec)->n - more_;                                                                           \
	})

#endif
