// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of an ELF file that symbolization reads, at their offsets in an otherwise empty copy. A copy because the file's
 * owner may truncate it at any time, and a mapped file would then kill us; parts because text and DWARF are most of a file.
 */
#ifndef SYMBOLIZE_ELF_BYTES_H
#define SYMBOLIZE_ELF_BYTES_H

#include "elf/elf.h"

struct elf_copy {
	uint8_t *bytes;
	size_t size;
	struct elf elf;
	bool cut; /* something was not read because it is too large */
};

/*
 * What is read. Headers alone, without those of sections, are a page or two: enough for addresses and the build id of what is mapped. Files
 * that are not (debug files, and what dwz makes of them) have it in a section only: ELF_NOTES.
 */
enum elf_parts { ELF_HEADERS, ELF_NOTES, ELF_UNWIND, ELF_SYMBOLS, ELF_DEBUG_INFO };

#define HEADERS_BYTES_MAX (1u << 20) /* of ELF_HEADERS */

/*
 * Reads headers and notes, with ELF_HEADERS but those of sections; with ELF_UNWIND also call frame information; with ELF_SYMBOLS symbol
 * and string tables, links to debug files and, where there is no full symbol table, call frame information, which says where functions
 * are; with ELF_DEBUG_INFO those and DWARF. 0, -ENOEXEC or another negative errno. What could not be read is zeros.
 */
int elf_copy_load(struct elf_copy *c, int fd, uint64_t file_size, enum elf_parts parts);
void elf_copy_free(struct elf_copy *c);

#endif
