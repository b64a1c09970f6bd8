// SPDX-License-Identifier: Apache-2.0
/*
 * Function names of Go programs. The Go runtime needs them itself, so they are in every Go program, also in a stripped one.
 * Sources: the table's layout for Go 1.2, 1.16, 1.18 and 1.20 as debug/gosym reads it ("Go 1.2 Runtime Symbol Information"
 * describes the first); since 1.26 the header does not say where text begins, which the runtime's module data does.
 */
#ifndef ELF_PCLNTAB_H
#define ELF_PCLNTAB_H

#include "elf/debug_info.h"
#include "elf/symtab.h"

/*
 * 0; or -ENOENT, with `t` empty, when the file is no Go program or its table cannot be read for sure: where functions are
 * must follow from two places in the file that agree. `t` must be zeroed or freed.
 */
int pclntab_symbols(struct symtab *t, const struct elf *elf);

/*
 * Inlined functions and lines, since Go 1.18, of a file that has no DWARF for them. 0, or -ENOENT as above. `ret` must be zeroed or
 * freed.
 */
int pclntab_info(struct debug_info *ret, const struct elf *elf);

/* Sections that hold what is read; names of others do not matter. NULL ends the list. */
extern const char *const pclntab_sections[];

#endif
