// SPDX-License-Identifier: Apache-2.0
/* Names of kernel code: /proc/kallsyms as a sorted table. */
#ifndef SYMBOLIZE_KALLSYMS_H
#define SYMBOLIZE_KALLSYMS_H

#include "base/mem.h"

#include <stdbool.h>

#include <stddef.h>
#include <stdint.h>

struct kernel_symbol {
	uint64_t start;
	uint32_t name, module; /* offsets into text; module 0: the kernel itself */
};

struct kallsyms {
	VEC(struct kernel_symbol) symbols; /* ascending, one per address */
	VEC(char) text;
};

/*
 * Parses lines "ADDRESS TYPE NAME [MODULE]"; only code (types t, T, w, W) is kept. Of several names at one address the
 * global one, then the shortest is taken. All addresses zero (kptr_restrict) give an empty table. Pure.
 */
void kallsyms_parse(struct kallsyms *k, char *text);
/*
 * The symbol that covers `address`, or NULL. kallsyms has no sizes: a symbol ends at the next one, and the last before a
 * gap (module to module) reaches KALLSYMS_LAST_BYTES at most.
 */
#define KALLSYMS_LAST_BYTES (64 * 1024)
const struct kernel_symbol *kallsyms_find(const struct kallsyms *k, uint64_t address);
void kallsyms_free(struct kallsyms *k);

#endif
