// SPDX-License-Identifier: Apache-2.0
/*
 * The unwind table of an image, compiled from its call frame information: parts in exactly the layout of bpf/unwind_table.h, ready
 * to be copied into slabs. Pure: a file's bytes in, words out.
 */
#ifndef UNWIND_TABLE_H
#define UNWIND_TABLE_H

#include "base/mem.h"
#include "bpf/unwind_table.h"
#include "elf/elf.h"

/*
 * One extent. Parts ascend and do not overlap; text between them has no rule. An image has several when its rules exceed a slab, and
 * where holes are so large that their directory would cost more than another part.
 */
struct unwind_part {
	uint64_t start, end;   /* virtual addresses it covers; both multiples of UNWIND_BUCKET_BYTES */
	const uint32_t *words; /* header, directory, rows, rules */
	uint32_t n_words;      /* at most UNWIND_SLAB_WORDS */
};

struct unwind_counts {
	size_t functions;   /* FDEs whose rows are in the table */
	size_t raw_rows;    /* as the FDEs have them; equal neighbours are one row of the table */
	size_t rows, rules; /* of all parts */
	size_t bad;	    /* FDEs that cannot be read: their text has no rule */
	size_t empty, outside, hidden, clipped, cut; /* struct eh_frame */
	size_t left_out;    /* functions beyond UNWIND_TABLE_WORDS_MAX */
};

struct unwind_table {
	VEC(struct unwind_part) parts;
	struct unwind_counts counts;
};

/*
 * All words and parts of a table. The largest programs known need a sixth of the words and ten parts; a file made to exhaust us gets
 * no more than this. What is beyond is counted and has no rule.
 */
#define UNWIND_TABLE_WORDS_MAX (16u << 20)
#define UNWIND_PARTS_MAX 1024

/* The alignment between two functions is no text: up to so many bytes without a rule keep the rule before them. */
#define UNWIND_PADDING_MAX 15

/*
 * 0; -ENOEXEC for a file without executable segments or of another machine, -ENOENT when it has no call frame information. `t` must be zeroed or freed,
 * and freed after success. A copy that holds a part of the file is enough: see eh_frame_range().
 */
int unwind_table_build(struct unwind_table *t, const struct elf *elf);
void unwind_table_free(struct unwind_table *t);

/* The part that covers an address, or NULL. */
const struct unwind_part *unwind_table_part(const struct unwind_table *t, uint64_t vaddr);
/* The rule in force at an address that the part covers; NULL outside. The search that the BPF unwinder does. */
const struct unwind_rule *unwind_table_find(const struct unwind_part *part, uint64_t vaddr);

/* Where one rule holds. */
struct unwind_span {
	uint64_t start, end;
	const struct unwind_rule *rule;
};

/* The rules of a part in turn: `span` begins as {.end = part->start}. False behind the last. */
bool unwind_part_next(const struct unwind_part *part, struct unwind_span *span);

/* Does it keep every promise of bpf/unwind_table.h? For words that come from elsewhere, and for tests. */
bool unwind_part_valid(const struct unwind_part *part);
/* Do all parts, and those above of a table as well? What passes may be searched, and shown to the sampler. */
bool unwind_table_valid(const struct unwind_table *t);

#endif
