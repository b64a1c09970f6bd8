// SPDX-License-Identifier: Apache-2.0
/* Any bytes as Go's function table, with others as the module data; and any ELF file for it and for the linker's stubs. */
#include "elf/pclntab.h"
#include "elf/plt.h"

#include "../unit/elf_maker.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(struct symtab *t, int ret)
{
	uint64_t end = 0;

	require(ret ? !t->symbols.n : t->symbols.n);
	for (size_t i = 0; i < t->symbols.n; i++) {
		const struct symbol *s = &t->symbols.v[i];

		require(s->start >= end && s->start < s->end && s->name < t->names.n);
		require(strnlen(t->names.v + s->name, t->names.n - s->name) <= SYMTAB_NAME_MAX);
		require(symtab_find(t, s->start) == s && symtab_find(t, s->end - 1) == s);
		end = s->end;
	}
	symtab_free(t);
}

static void check_info(const struct elf *elf)
{
	struct debug_info d = {0};
	struct debug_frame frames[4];

	require(!pclntab_info(&d, elf) == (d.strings != NULL));
	for (size_t i = 1; i < d.nodes.n; i++)
		require(d.nodes.v[i].parent < i);
	for (size_t i = 0; i < d.ranges.n; i++) {
		require(d.ranges.v[i].node < d.nodes.n && (!i || d.ranges.v[i - 1].start < d.ranges.v[i].start));
		if (i < 64)
			debug_info_find(&d, d.ranges.v[i].start, frames, 4);
	}
	for (size_t i = 1; i < d.lines.n; i++)
		require(d.lines.v[i - 1].start < d.lines.v[i].start);
	debug_info_free(&d);
}

static void check_file(const void *bytes, size_t size)
{
	struct symtab t = {0};
	struct elf elf;

	if (elf_open(&elf, bytes, size))
		return;
	check(&t, pclntab_symbols(&t, &elf));
	check_info(&elf);
	check(&t, plt_symbols(&t, &elf));
}

/* Text at 0x401000; the table at 0x500000; the module data, 256 bytes, at 0x600000. */
static void check_table(const uint8_t *data, size_t size)
{
	size_t module = size < 256 ? size : 256;
	struct elf_maker m;
	char text[4096] = "";
	uint64_t at;

	maker_start(&m);
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_X, .p_offset = maker_bytes(&m, text, sizeof(text)),
				       .p_vaddr = 0x401000, .p_filesz = sizeof(text)});
	at = maker_bytes(&m, data, module);
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_W, .p_offset = at, .p_vaddr = 0x600000, .p_filesz = module});
	maker_section(&m, ".go.module", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_WRITE, .sh_addr = 0x600000,
						     .sh_offset = at, .sh_size = module});
	at = maker_bytes(&m, data + module, size - module);
	maker_section(&m, ".gopclntab", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = 0x500000,
						     .sh_offset = at, .sh_size = size - module});
	maker_end(&m, true);
	check_file(m.file.v, m.file.n);
	maker_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_file(data, size);
	check_table(data, size);
	return 0;
}
