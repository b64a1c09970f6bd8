// SPDX-License-Identifier: Apache-2.0
/* Any bytes as MiniDebugInfo: harmless, bounded, and a table that is in order. */
#include "elf/minidebug.h"

#include "../unit/elf_maker.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symtab t = {0};
	struct elf_maker m;
	struct elf elf;
	uint64_t end = 0;

	maker_start(&m);
	maker_section(&m, MINIDEBUG_SECTION, (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = maker_bytes(&m, data, size),
							  .sh_size = size});
	maker_end(&m, true);
	if (!elf_open(&elf, m.file.v, m.file.n) && minidebug_symbols(&t, &elf) && t.symbols.n)
		abort();
	for (size_t i = 0; i < t.symbols.n; end = t.symbols.v[i++].end)
		if (t.symbols.v[i].start < end || t.symbols.v[i].end <= t.symbols.v[i].start)
			abort();
	symtab_free(&t);
	maker_free(&m);
	return 0;
}
