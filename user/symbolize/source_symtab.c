// SPDX-License-Identifier: Apache-2.0
/* The symbol tables of the file itself. */
#include "symbolize/elf_bytes.h"
#include "symbolize/image.h"

static bool load_symtab(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	return !symtab_build(t, &file->elf, SYMTAB_FULL);
}

const struct symbol_source symtab_source = {".symtab", load_symtab};

static bool load_dynsym(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	/* Everything in .dynsym is in the file's own .symtab too, with more around it; a debug file may lack some of it. */
	return !(i->n_tables && i->tables[0].source == &symtab_source) && !symtab_build(t, &file->elf, SYMTAB_DYNAMIC);
}

const struct symbol_source dynsym_source = {".dynsym", load_dynsym};
