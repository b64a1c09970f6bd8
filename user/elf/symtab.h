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

/*
 * Bounds for files made to exhaust us, above what the largest programs have: names are cut, symbols beyond are left out.
 * Strings overlap in a file as its maker likes, so its size bounds neither.
 */
#define SYMTAB_NAME_MAX 8192
#define SYMTAB_SYMBOLS_MAX (8u << 20)
#define SYMTAB_NAMES_BYTES_MAX (512u << 20)

enum symtab_kind {
	SYMTAB_FULL,    /* .symtab: all functions, unsized ones end at the next symbol or their section's end */
	SYMTAB_DYNAMIC, /* .dynsym (by section or PT_DYNAMIC): sized functions only */
};

/*
 * Where symbols overlap, an address is named by a sized symbol before an unsized one, then by the one that starts last, a
 * global before a weak before a local one, the one that ends first, the shortest name, the first in the alphabet.
 * 0; or -ENOENT, with `t` empty, when the file has no function in such a table. `t` must be zeroed or freed.
 */
int symtab_build(struct symtab *t, const struct elf *elf, enum symtab_kind kind);
/*
 * Appends a symbol to a table that another source fills: behind all that are there. One that continues the last under the same name
 * becomes part of it; one that is empty, or beyond the bounds above, is left out.
 */
void symtab_add(struct symtab *t, uint64_t start, uint64_t end, const char *name, size_t n);
/* The symbol that covers `vaddr`, or NULL. */
const struct symbol *symtab_find(const struct symtab *t, uint64_t vaddr);
void symtab_free(struct symtab *t);

#endif
