// SPDX-License-Identifier: Apache-2.0
/* Which elements a block has, and the bytes of it. The inside of window_codec.h, which has the format. */
#ifndef STORE_WINDOW_WRITE_H
#define STORE_WINDOW_WRITE_H

#include "store/window_format.h"

/* Elements of `known`: all that a block reaches, once they were asked for. */
struct selection {
	struct profile *known; /* the encoder's; strings are added to it only before the selection is made */
	uint32_t *id[KINDS];   /* by id in `known`; 0 or 1 (wanted) until numbered, then the number in the block or UNMAPPED */
	uint32_t first[KINDS];
	uint32_t addresses; /* of the new strings: the last ones */
};

void selection_init(struct selection *s, struct profile *known);
void selection_free(struct selection *s);

/* Each wants also what the element reaches. */
void want_string(struct selection *s, uint32_t id);
void want_node(struct selection *s, uint32_t id);
void want_thread(struct selection *s, uint32_t id);
void want_measurement(struct selection *s, const struct profile *p);

/* Makes sure that `known` has the strings which want_measurement() and want_string() will need. */
void know_measurement(struct profile *known, const struct profile *p);
void know_prefix(struct profile *known, uint32_t string);

struct mapped_sample { /* ids of `known` */
	uint32_t thread, node;
	uint64_t count;
};

typedef VEC(struct mapped_sample) mapped_samples;

/* The parts of a block in their order. Elements are numbered by the first; samples get these numbers and their order. */
void put_elements(struct buf *out, struct selection *s, const uint32_t in_dictionary[KINDS], bool is_dictionary);
void put_measurement(struct buf *out, const struct selection *s, const struct profile *p);
void put_samples(struct buf *out, const struct selection *s, mapped_samples *samples);
/* Appends the compressed block to `out`. 0, -EFBIG or -ENOMEM. */
int window_pack(const struct buf *raw, struct buf *out);

#endif
