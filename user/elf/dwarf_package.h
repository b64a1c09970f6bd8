// SPDX-License-Identifier: Apache-2.0
/*
 * Packages of split units (.dwp): one file with what many .dwo files have, and an index that tells which part of each section is whose.
 * DWARF 5, 7.3.5, and the form of GNU before it (index version 2, gcc wiki "DebugFissionDWP"). Type units have an index of their own,
 * which is not read: no function is in one.
 */
#ifndef ELF_DWARF_PACKAGE_H
#define ELF_DWARF_PACKAGE_H

#include "elf/dwarf.h"

#define DWARF_PACKAGE_INDEX ".debug_cu_index"

struct dwarf_package {
	struct section index, sections[DWARF_SECTION_N];
	uint32_t columns, units, slots; /* slots: 0 or a power of two */
	/* In the index: ids and rows of the slots; by row and column where contributions are, and how large. */
	const uint8_t *ids, *rows, *offsets, *sizes;
	uint32_t column[DWARF_SECTION_N]; /* UINT32_MAX: not in the index */
};

/*
 * 0; -ENOENT for a file that is no package, -EBADMSG for a damaged index; `p` is empty then, in which no unit is found. The bytes of
 * `elf` must outlive `p`. `budget` as for dwarf_open().
 */
int dwarf_package_open(struct dwarf_package *p, const struct elf *elf, uint64_t *budget);
void dwarf_package_free(struct dwarf_package *p);

/* Opens what the .dwo file with the unit of this id would have, as dwarf_open() does; `p` must outlive `d`. -ENOENT: it is not there. */
int dwarf_package_unit(struct dwarf *d, const struct dwarf_package *p, uint64_t id);

#endif
