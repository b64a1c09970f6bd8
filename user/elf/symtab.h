// SPDX-License-Identifier: Apache-2.0
/*
 * Function symbols of one ELF file as a sorted array: bytes in, table out. Look-up is a binary search.
 * A name is given only to an address that the symbol really covers: never "nearest symbol below".
 */
#ifndef ELF_SYMTAB_H
#define ELF_SYMTAB_H

#include "base/mem.h"
#include "elf/elf.h"

struct symbol {
	uint64_t start, end; /* [start, end) of virtual addresses, disjoint and ascending within a table */
	uint32_t name;       /* offset into symtab.names */
};

struct symtab {
	VEC(struct symbol) symbols;
	VEC(char) names; /* NUL-terminated, as in the file (mangled) */
};

enum symtab_kind {
	SYMTAB_FULL,    /* .symtab: all functions, unsized ones end at the next symbol or their section's end */
	SYMTAB_DYNAMIC, /* .dynsym (by section or PT_DYNAMIC): sized functions only */
};

/* Appends nothing and returns -ENOENT when the file has no such table; 0 on success. `t` must be zeroed or freed. */
int symtab_build(struct symtab *t, const struct elf *elf, enum symtab_kind kind);
/* The symbol that covers `vaddr`, or NULL. */
const struct symbol *symtab_find(const struct symtab *t, uint64_t vaddr);
void symtab_free(struct symtab *t);

#endif
