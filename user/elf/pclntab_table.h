// SPDX-License-Identifier: Apache-2.0
/* The table of pclntab.h as its readers see it; private to them. */
#ifndef ELF_PCLNTAB_TABLE_H
#define ELF_PCLNTAB_TABLE_H

#include "elf/elf.h"

#include <string.h>

#define MODULE_WORDS 64 /* of module data; the bounds of text are words 20 and 21 of all known versions */

enum pclntab_version { GO_1_2, GO_1_16, GO_1_18, GO_1_20 };

struct pclntab {
	struct elf_bytes all;
	uint64_t vaddr;
	enum pclntab_version version;
	uint64_t n;		       /* functions */
	struct elf_bytes names;	       /* offsets of names count from here */
	struct elf_bytes functions;    /* offsets of functions count from here */
	uint64_t entries;	       /* of functions, in which the list of entries begins */
	uint64_t text;		       /* what entries count from; 0 before 1.18 */
	struct elf_bytes units, files; /* since 1.18: u32 by compilation unit and number of a file; names of files, to which they point */
	struct elf_bytes values;       /* since 1.18: tables of values by address */
	uint64_t module[MODULE_WORDS]; /* since 1.18: of the module data from the bounds of text on, 0 when it was not found */
};

/* False when there is none that can be read for sure. */
bool pclntab_open(struct pclntab *t, const struct elf *elf);

/* Outside of the bytes there are zeros. */
static inline uint64_t pclntab_word(struct elf_bytes b, uint64_t at)
{
	uint64_t v = 0;

	if (at <= b.n && b.n - at >= sizeof(v))
		memcpy(&v, b.v + at, sizeof(v));
	return v;
}

static inline uint32_t pclntab_half(struct elf_bytes b, uint64_t at)
{
	uint32_t v = 0;

	if (at <= b.n && b.n - at >= sizeof(v))
		memcpy(&v, b.v + at, sizeof(v));
	return v;
}

static inline struct elf_bytes pclntab_from(struct elf_bytes b, uint64_t at)
{
	return at < b.n ? (struct elf_bytes){b.v + at, b.n - at} : (struct elf_bytes){0};
}

/* Entry i of n + 1: where a function begins, where the last one ends. */
static inline uint64_t pclntab_entry(const struct pclntab *t, uint64_t i)
{
	return t->version >= GO_1_18 ? pclntab_half(t->functions, t->entries + i * 8) : pclntab_word(t->functions, t->entries + i * 16);
}

static inline uint64_t pclntab_function(const struct pclntab *t, uint64_t i)
{
	return t->version >= GO_1_18 ? pclntab_half(t->functions, t->entries + i * 8 + 4) :
				       pclntab_word(t->functions, t->entries + i * 16 + 8);
}

#endif
