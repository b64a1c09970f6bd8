// SPDX-License-Identifier: Apache-2.0
#include "symbolize/kallsyms.h"

#include <ctype.h>
#include <string.h>

static uint32_t add_text(struct kallsyms *k, const char *s)
{
	size_t n = strlen(s) + 1, at = k->text.n;

	vec_reserve(&k->text, n);
	memcpy(k->text.v + at, s, n);
	k->text.n += n;
	return at;
}

struct line {
	uint64_t address;
	char type;
	const char *name, *module;
};

/* "ffffffff81000000 T _text" or "... name\t[module]" */
static bool parse_line(char *text, struct line *ret)
{
	char *end, *bracket;

	ret->address = strtoull(text, &end, 16);
	if (!isxdigit((unsigned char)*text) || *end != ' ' || !end[1] || end[2] != ' ')
		return false;
	ret->type = end[1];
	ret->name = end + 3;
	ret->module = "";
	bracket = strpbrk(end + 3, "\t ");
	if (bracket) {
		*bracket++ = '\0';
		bracket += strspn(bracket, "\t [");
		bracket[strcspn(bracket, "]")] = '\0';
		ret->module = bracket;
	}
	return *ret->name;
}

struct sorted {
	struct kernel_symbol symbol;
	bool global;
};

static int by_address_best_first(const void *a, const void *b, void *ctx)
{
	const struct sorted *x = a, *y = b;
	const char *text = ctx;
	size_t m, n;

	if (x->symbol.start != y->symbol.start)
		return x->symbol.start < y->symbol.start ? -1 : 1;
	if (x->global != y->global)
		return x->global ? -1 : 1;
	m = strlen(text + x->symbol.name);
	n = strlen(text + y->symbol.name);
	return m != n ? (m < n ? -1 : 1) : strcmp(text + x->symbol.name, text + y->symbol.name);
}

void kallsyms_parse(struct kallsyms *k, char *text)
{
	VEC(struct sorted) all = {0};
	uint32_t module = 0;
	struct line l;
	char *word;

	add_text(k, ""); /* offset 0: no module */
	while ((word = strsep(&text, "\n"))) {
		if (!parse_line(word, &l) || !l.address || !strchr("tTwW", l.type))
			continue;
		/* Symbols of one module stand together, so comparing with the last one finds nearly every equal name. */
		if (strcmp(l.module, k->text.v + module))
			module = *l.module ? add_text(k, l.module) : 0;
		*vec_push(&all) = (struct sorted){{l.address, add_text(k, l.name), module}, isupper((unsigned char)l.type)};
	}
	if (all.n)
		qsort_r(all.v, all.n, sizeof(*all.v), by_address_best_first, k->text.v);
	for (size_t i = 0; i < all.n; i++)
		if (!i || all.v[i].symbol.start != all.v[i - 1].symbol.start)
			*vec_push(&k->symbols) = all.v[i].symbol;
	vec_free(&all);
}

const struct kernel_symbol *kallsyms_find(const struct kallsyms *k, uint64_t address)
{
	size_t low = 0, high = k->symbols.n;
	const struct kernel_symbol *s;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (k->symbols.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	s = &k->symbols.v[low - 1];
	/* Only where the next symbol is of the same module does it say where this one ends. */
	if (low < k->symbols.n && !strcmp(k->text.v + k->symbols.v[low].module, k->text.v + s->module))
		return s;
	return address - s->start < KALLSYMS_LAST_BYTES ? s : NULL;
}

void kallsyms_free(struct kallsyms *k)
{
	vec_free(&k->symbols);
	vec_free(&k->text);
}
