// SPDX-License-Identifier: Apache-2.0
/* What the file itself has: its symbol tables, and what stands for them in a stripped one. */
#include "elf/minidebug.h"
#include "elf/pclntab.h"
#include "elf/plt.h"
#include "symbolize/elf_bytes.h"
#include "symbolize/image.h"

static bool load_symtab(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	return !symtab_build(t, &file->elf, SYMTAB_FULL);
}

const struct symbol_source symtab_source = {".symtab", load_symtab};

static bool load_minidebug(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	return !i->n_tables && !minidebug_symbols(t, &file->elf);
}

const struct symbol_source minidebug_source = {".gnu_debugdata", load_minidebug};

static bool load_go(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	return !i->n_tables && !pclntab_symbols(t, &file->elf);
}

const struct symbol_source go_source = {".gopclntab", load_go};

static bool load_plt(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	return !plt_symbols(t, &file->elf);
}

const struct symbol_source plt_source = {".plt", load_plt};

static bool load_dynsym(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	/* Everything in .dynsym is in the file's own .symtab too, with more around it; a debug file may lack some of it. */
	return !(i->n_tables && i->tables[0].source == &symtab_source) && !symtab_build(t, &file->elf, SYMTAB_DYNAMIC);
}

const struct symbol_source dynsym_source = {".dynsym", load_dynsym};
