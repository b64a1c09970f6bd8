// SPDX-License-Identifier: Apache-2.0
/* Line number programs (DWARF 5, 6.2; older versions as they differ): which line of which file an instruction comes from. */
#ifndef ELF_DWARF_LINE_H
#define ELF_DWARF_LINE_H

#include "elf/dwarf.h"

struct line_row {
	uint64_t address;
	uint64_t file; /* an index of the file list, as DW_AT_call_file has it too */
	uint32_t line; /* 0: no line */
	bool end;      /* the first byte behind a sequence */
};

/* Strings are in the file's bytes and may be NULL. */
struct line_file {
	uint64_t index;
	const char *directory; /* NULL: the compilation directory */
	const char *name;
	bool whole; /* the directory is the compilation's in full, not below it */
};

struct line_reader {
	void (*file)(void *ctx, const struct line_file *f); /* all of them before the first row */
	void (*row)(void *ctx, const struct line_row *r);
	void *ctx;
};

/* Runs the program at `offset` of .debug_line. 0, or -EBADMSG where it is damaged; what came before was told. */
int dwarf_lines(const struct dwarf *d, const struct dwarf_unit *u, uint64_t offset, const struct line_reader *to);

#endif
