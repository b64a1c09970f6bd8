// SPDX-License-Identifier: Apache-2.0
/*
 * Names for the linker's stubs, which no symbol table has: "puts@plt" for the code that jumps on to puts. Each stub of .plt,
 * .plt.sec and .plt.got is decoded; the slot it jumps through is named by the relocation that fills it (x86-64 psABI 1.0,
 * "Procedure Linkage Table"; .plt.sec: Intel CET, "bnd"/"endbr64" forms).
 */
#ifndef ELF_PLT_H
#define ELF_PLT_H

#include "elf/symtab.h"

/* 0; or -ENOENT, with `t` empty, when the file has no such stubs. x86-64 only. `t` must be zeroed or freed. */
int plt_symbols(struct symtab *t, const struct elf *elf);

/* Sections that hold what is read besides .dynsym and its strings. NULL ends the list. */
extern const char *const plt_sections[];

#endif
