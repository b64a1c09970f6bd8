// SPDX-License-Identifier: Apache-2.0
/* Symbol tables: the file's own, those of its debug file, and what it exports. */
#include "symbolize/parse.h"

static bool load_symtab(struct symtab *t, const struct parse_input *in)
{
	return !symtab_build(t, in->file, SYMTAB_FULL);
}

const struct symbol_source symtab_source = {".symtab", load_symtab};

static bool load_debug(struct symtab *t, const struct parse_input *in)
{
	/* Its own .symtab is as good. */
	return in->debug && !in->n_answered && !symtab_build(t, in->debug, SYMTAB_FULL);
}

const struct symbol_source debug_source = {"separate debug file", load_debug};

static bool load_dynsym(struct symtab *t, const struct parse_input *in)
{
	/* Everything in .dynsym is in the file's own .symtab too, with more around it; a debug file may lack some of it. */
	return !(in->n_answered && in->answered[0] == &symtab_source) && !symtab_build(t, in->file, SYMTAB_DYNAMIC);
}

const struct symbol_source dynsym_source = {".dynsym", load_dynsym};
