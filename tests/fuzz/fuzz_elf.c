// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an ELF file: reading it is harmless, and its symbol tables keep what symtab.h promises. */
#include "elf/elf.h"
#include "elf/symtab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
	if (!promise)
		abort();
}

static void check_symbols(const struct elf *elf, enum symtab_kind kind)
{
	struct symtab t = {0};
	uint64_t end = 0;

	if (symtab_build(&t, elf, kind))
		check(!t.symbols.n);
	check(!t.names.n || !t.names.v[t.names.n - 1]);
	for (size_t i = 0; i < t.symbols.n; i++) {
		const struct symbol *s = &t.symbols.v[i];

		check(s->start >= end && s->start < s->end && s->name < t.names.n);
		check(strlen(t.names.v + s->name) <= SYMTAB_NAME_MAX);
		check(symtab_find(&t, s->start) == s && symtab_find(&t, s->end - 1) == s);
		end = s->end;
	}
	symtab_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf elf;
	Elf64_Shdr section;
	Elf64_Phdr segment;
	uint8_t id[20];
	uint32_t crc;
	uint64_t vaddr;
	const char *link;

	if (elf_open(&elf, data, size))
		return 0;
	for (uint32_t i = 0; i < elf.sections; i++) {
		if (!elf_section(&elf, i, &section))
			continue;
		struct elf_bytes bytes = elf_contents(&elf, &section);

		check(!bytes.v || (bytes.v >= data && bytes.n <= size - (size_t)(bytes.v - data)));
	}
	for (uint32_t i = 0; i < elf.segments; i++)
		if (elf_segment(&elf, i, &segment))
			elf_vaddr(&elf, segment.p_offset, &vaddr);
	check(elf_build_id(&elf, id) <= sizeof(id));
	link = elf_debuglink(&elf, &crc);
	check(!link || memchr(link, '\0', size - (size_t)((const uint8_t *)link - data)));
	check_symbols(&elf, SYMTAB_FULL);
	check_symbols(&elf, SYMTAB_DYNAMIC);
	return 0;
}
