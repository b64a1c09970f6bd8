// SPDX-License-Identifier: Apache-2.0
/* Which elements a block has, and the bytes of it. The inside of window_codec.h, which has the format. */
#ifndef STORE_WINDOW_WRITE_H
#define STORE_WINDOW_WRITE_H

#include "store/window_format.h"

/*
 * What a block has of the elements of `known`: first everything is reached that it needs, then selection_number() gives new elements
 * their numbers. Those in the dictionary, and what is always there, keep the ids that they have in `known`.
 */
struct selection {
	struct profile *known;
	uint32_t first[KINDS];	       /* number of the first new element */
	uint32_t *number[KINDS];       /* by id in `known`; UNMAPPED: not in the block */
	VEC(uint32_t) order[KINDS];    /* ids of the new elements by number */
	VEC(uint32_t) addresses;       /* likewise, of strings that are addresses: they come after the others */
	bool *nodes, *threads;	       /* by id in `known`: reached, also of the dictionary */
};

/* in_dictionary: how many elements of each kind the dictionary has; all 0 without one. */
void selection_init(struct selection *s, struct profile *known, const uint32_t in_dictionary[KINDS]);
void selection_free(struct selection *s);
void selection_reach_node(struct selection *s, uint32_t id); /* and all above it */
void selection_reach_thread(struct selection *s, uint32_t id);
/* `measured`: whose measurement is in the block, or NULL. know_measurement() came before selection_init(). */
void selection_number(struct selection *s, const struct profile *measured);

/* Makes sure that `known` has the strings that a measurement, or an address, is written with. */
void know_measurement(struct profile *known, const struct profile *p);
void know_prefix(struct profile *known, uint32_t string);

struct mapped_sample { /* ids of `known` */
	uint32_t thread, node;
	uint64_t count;
};

typedef VEC(struct mapped_sample) mapped_samples;

/* The parts of a block in their order. */
void put_elements(struct buf *out, const struct selection *s, const uint32_t in_dictionary[KINDS], bool is_dictionary);
void put_measurement(struct buf *out, const struct selection *s, const struct profile *p);
void put_samples(struct buf *out, const struct selection *s, mapped_samples *samples); /* sorts them */
/* Appends the compressed block to `out`. 0, -EFBIG or -ENOMEM. */
int window_pack(const struct buf *raw, struct buf *out);

#endif
