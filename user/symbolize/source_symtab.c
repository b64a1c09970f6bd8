// SPDX-License-Identifier: Apache-2.0
/* Symbol tables: the file's own, those of its debug file, and what stands for them in a stripped one. */
#include "elf/minidebug.h"
#include "elf/pclntab.h"
#include "elf/plt.h"
#include "symbolize/parse.h"

static bool load_symtab(struct symtab *t, const struct parse_input *in)
{
	return !symtab_build(t, in->file, SYMTAB_FULL);
}

const struct symbol_source symtab_source = {".symtab", true, load_symtab};

static bool load_debug(struct symtab *t, const struct parse_input *in)
{
	/* Its own .symtab is as good. */
	return in->debug && !in->n_answered && !symtab_build(t, in->debug, SYMTAB_FULL);
}

const struct symbol_source debug_source = {"separate debug file", true, load_debug};

static bool load_minidebug(struct symtab *t, const struct parse_input *in)
{
	return !in->n_answered && !minidebug_symbols(t, in->file);
}

const struct symbol_source minidebug_source = {".gnu_debugdata", true, load_minidebug};

static bool load_go(struct symtab *t, const struct parse_input *in)
{
	return !in->n_answered && !pclntab_symbols(t, in->file);
}

const struct symbol_source go_source = {".gopclntab", true, load_go};

static bool load_plt(struct symtab *t, const struct parse_input *in)
{
	return !plt_symbols(t, in->file);
}

const struct symbol_source plt_source = {".plt", false, load_plt};

static bool load_dynsym(struct symtab *t, const struct parse_input *in)
{
	/* Everything in .dynsym is in the file's own .symtab too, with more around it; a debug file may lack some of it. */
	return !(in->n_answered && in->answered[0] == &symtab_source) && !symtab_build(t, in->file, SYMTAB_DYNAMIC);
}

const struct symbol_source dynsym_source = {".dynsym", false, load_dynsym};
