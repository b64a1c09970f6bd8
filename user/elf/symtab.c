// SPDX-License-Identifier: Apache-2.0
#include "elf/symtab.h"

#include "base/sort.h"

#include <errno.h>
#include <string.h>

/* A symbol that may name code, before overlaps are resolved. */
struct candidate {
	uint64_t start, end; /* an unsized one ends with its section, or at UINT64_MAX when that is not known */
	uint32_t name;       /* offset into the string table */
	uint16_t length;     /* of the name, at most SYMTAB_NAME_MAX */
	uint8_t rank;        /* of its binding: higher is better */
	bool sized;
};

struct source {
	struct elf_bytes symbols, names;
};

typedef VEC(struct candidate) candidates;

/* The table of SHT_SYMTAB or SHT_DYNSYM. */
static bool source_by_section(const struct elf *elf, uint32_t type, struct source *ret)
{
	Elf64_Shdr sh, link;

	for (uint32_t i = 1; elf_section(elf, i, &sh); i++) {
		if (sh.sh_type != type || !elf_section(elf, sh.sh_link, &link))
			continue;
		ret->symbols = elf_contents(elf, &sh);
		ret->names = elf_contents(elf, &link);
		return ret->symbols.v && ret->names.v;
	}
	return false;
}

#define DYNAMIC_BYTES_MAX (256u << 20) /* of each table that PT_DYNAMIC leads to */

/* What PT_DYNAMIC leads to, from a virtual address on. */
static struct elf_bytes at_vaddr(const struct elf *elf, uint64_t vaddr)
{
	struct elf_bytes b = elf_at_vaddr(elf, vaddr);

	if (b.n > DYNAMIC_BYTES_MAX)
		b.n = DYNAMIC_BYTES_MAX;
	return b;
}

static uint32_t word_at(struct elf_bytes b, uint64_t i)
{
	uint32_t v = 0;

	if (b.n / 4 > i)
		memcpy(&v, b.v + i * 4, 4);
	return v;
}

/* DT_GNU_HASH has no symbol count: it is one above the last symbol of the fullest chain. */
static uint64_t count_by_gnu_hash(struct elf_bytes hash)
{
	uint64_t buckets = word_at(hash, 0), first = word_at(hash, 1), bloom = word_at(hash, 2), last = 0;
	uint64_t bucket_words = 4 + bloom * 2, chain = bucket_words + buckets;

	for (uint64_t i = 0; i < buckets && bucket_words + i < hash.n / 4; i++)
		if (word_at(hash, bucket_words + i) > last)
			last = word_at(hash, bucket_words + i);
	if (last < first)
		return first;
	while (chain + last - first < hash.n / 4 && !(word_at(hash, chain + last - first) & 1))
		last++;
	return last + 1;
}

/* Without section headers: PT_DYNAMIC tells where the dynamic symbols are (gABI "Dynamic Section"). */
static bool source_by_dynamic(const struct elf *elf, struct source *ret)
{
	uint64_t symbols = 0, names = 0, names_size = 0, hash = 0, gnu_hash = 0, count;
	Elf64_Phdr ph;
	Elf64_Dyn d;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++) {
		if (ph.p_type != PT_DYNAMIC || ph.p_offset > elf->size || ph.p_filesz > elf->size - ph.p_offset)
			continue;
		for (uint64_t at = 0; at + sizeof(d) <= ph.p_filesz; at += sizeof(d)) {
			memcpy(&d, elf->bytes + ph.p_offset + at, sizeof(d));
			if (d.d_tag == DT_NULL)
				break;
			*(d.d_tag == DT_SYMTAB	 ? &symbols :
			  d.d_tag == DT_STRTAB	 ? &names :
			  d.d_tag == DT_STRSZ	 ? &names_size :
			  d.d_tag == DT_HASH	 ? &hash :
			  d.d_tag == DT_GNU_HASH ? &gnu_hash :
						   &count) = d.d_un.d_val;
		}
	}
	if (!symbols || !names)
		return false;
	count = hash ? word_at(at_vaddr(elf, hash), 1) : gnu_hash ? count_by_gnu_hash(at_vaddr(elf, gnu_hash)) : 0;
	ret->symbols = at_vaddr(elf, symbols);
	ret->names = at_vaddr(elf, names);
	if (count < ret->symbols.n / sizeof(Elf64_Sym))
		ret->symbols.n = count * sizeof(Elf64_Sym);
	if (names_size < ret->names.n)
		ret->names.n = names_size;
	return ret->symbols.n && ret->names.n;
}

/* Functions, and unsized labels of hand-written assembly in executable sections; no mapping symbols or local labels. */
static bool names_code(const struct elf *elf, const Elf64_Sym *s, enum symtab_kind kind, const char *name, uint64_t *limit)
{
	uint8_t type = ELF64_ST_TYPE(s->st_info);
	bool label = type == STT_NOTYPE && kind == SYMTAB_FULL && !s->st_size;
	Elf64_Shdr sh;

	*limit = UINT64_MAX;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && !label)
		return false;
	if (s->st_shndx == SHN_UNDEF || !*name || *name == '$' || (*name == '.' && (label || name[1] == 'L')))
		return false;
	if (kind == SYMTAB_DYNAMIC && !s->st_size)
		return false;
	if (s->st_shndx >= SHN_LORESERVE || !elf_section(elf, s->st_shndx, &sh))
		return kind == SYMTAB_DYNAMIC; /* no section headers, or cut off */
	return sh.sh_flags & SHF_EXECINSTR && (__builtin_add_overflow(sh.sh_addr, sh.sh_size, limit) || s->st_value < *limit);
}

/* Returns how many bytes their names have, with a NUL each. */
static uint64_t collect(candidates *out, const struct elf *elf, const struct source *src, enum symtab_kind kind)
{
	uint64_t names = 0; /* bytes; what they cost below is in proportion, however often they are the same */

	for (size_t at = 0; at + sizeof(Elf64_Sym) <= src->symbols.n && out->n < SYMTAB_SYMBOLS_MAX; at += sizeof(Elf64_Sym)) {
		size_t room, length;
		const char *name;
		uint64_t end;
		Elf64_Sym s;

		memcpy(&s, src->symbols.v + at, sizeof(s));
		if (s.st_name >= src->names.n)
			continue;
		name = (const char *)src->names.v + s.st_name;
		if (!names_code(elf, &s, kind, name, &end))
			continue;
		room = src->names.n - s.st_name;
		length = strnlen(name, room < SYMTAB_NAME_MAX ? room : SYMTAB_NAME_MAX);
		if (length == room || (s.st_size && __builtin_add_overflow(s.st_value, s.st_size, &end)))
			continue; /* runs out of the file, or of the address space */
		if (names + length + 1 > SYMTAB_NAMES_BYTES_MAX)
			break;
		names += length + 1;
		*vec_push(out) = (struct candidate){
			.start = s.st_value,
			.end = end,
			.name = s.st_name,
			.length = length,
			.rank = ELF64_ST_BIND(s.st_info) == STB_GLOBAL ? 2 : ELF64_ST_BIND(s.st_info) == STB_WEAK ? 1 : 0,
			.sized = s.st_size,
		};
	}
	return names;
}

/*
 * Of symbols that start together the best last. Names are compared up to 64 bytes, which tells real ones of equal
 * length apart and bounds what others cost; then it is the first in the file.
 */
static int best_last(const void *a, const void *b, void *ctx)
{
	const struct candidate *x = a, *y = b;
	const struct source *src = ctx;
	int c;

	if (x->sized != y->sized)
		return x->sized ? 1 : -1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	if (x->length != y->length)
		return x->length > y->length ? -1 : 1;
	c = memcmp(src->names.v + y->name, src->names.v + x->name, x->length < 64 ? x->length : 64);
	return c ? c : (x->name < y->name) - (x->name > y->name);
}

static void sort(candidates *all, struct source *src)
{
	size_t same;

	sort_by_number(all->v, all->n, sizeof(*all->v));
	for (size_t i = 0; i < all->n; i += same) {
		for (same = 1; i + same < all->n && all->v[i + same].start == all->v[i].start; same++)
			;
		if (same > 1)
			qsort_r(&all->v[i], same, sizeof(*all->v), best_last, src);
	}
}

void symtab_add(struct symtab *t, uint64_t start, uint64_t end, const char *name, size_t n)
{
	struct symbol *last = t->symbols.n ? &t->symbols.v[t->symbols.n - 1] : NULL;

	if (start >= end || t->names.n + n + 1 > SYMTAB_NAMES_BYTES_MAX)
		return;
	if (last && last->end == start && !strncmp(t->names.v + last->name, name, n) && !t->names.v[last->name + n]) {
		last->end = end;
		return;
	}
	*vec_push(&t->symbols) = (struct symbol){start, end, t->names.n};
	vec_reserve(&t->names, n + 1);
	memcpy(t->names.v + t->names.n, name, n);
	t->names.v[t->names.n + n] = '\0';
	t->names.n += n + 1;
}

static void emit(struct symtab *t, const struct source *src, const struct candidate *c, uint64_t start, uint64_t end)
{
	symtab_add(t, start, end, (const char *)src->names.v + c->name, c->length);
}

/* Unsized symbols in [start, end), where no sized one is: each up to the next symbol or the end of its section. */
static void emit_unsized(struct symtab *t, const struct source *src, const candidates *all, size_t *i, uint64_t start, uint64_t end)
{
	for (; *i < all->n && all->v[*i].start < end; (*i)++) {
		const struct candidate *c = &all->v[*i];
		uint64_t next = *i + 1 < all->n && all->v[*i + 1].start < end ? all->v[*i + 1].start : end;

		if (!c->sized && c->start >= start && (c->end < next ? c->end : next) != UINT64_MAX)
			emit(t, src, c, c->start, c->end < next ? c->end : next);
	}
}

/*
 * Symbols to disjoint ranges: at each address the sized one that starts last names it, until it ends and the one around it
 * takes over again; unsized ones fill what is left. One pass with a stack of the sized ones still open.
 */
static void flatten(struct symtab *t, const struct source *src, const candidates *all)
{
	VEC(const struct candidate *) open = {0};
	uint64_t at = 0, unsized_from = 0;
	size_t unsized = 0;

	for (size_t i = 0; i <= all->n; i++) {
		uint64_t next = i < all->n ? all->v[i].start : UINT64_MAX;

		if (i < all->n && !all->v[i].sized)
			continue;
		while (open.n && at < next) {
			const struct candidate *top = open.v[open.n - 1];
			uint64_t end = top->end < next ? top->end : next;

			if (end > at) {
				emit_unsized(t, src, all, &unsized, unsized_from, at);
				emit(t, src, top, at, end);
				at = unsized_from = end;
			}
			if (top->end > at)
				break;
			open.n--;
		}
		if (i < all->n) {
			at = next;
			*vec_push(&open) = &all->v[i];
		}
	}
	emit_unsized(t, src, all, &unsized, unsized_from, UINT64_MAX);
	vec_free(&open);
}

/* What growing by doubling left over. */
static void shrink(struct symtab *t)
{
	t->symbols.v = xreallocarray(t->symbols.v, t->symbols.cap = t->symbols.n, sizeof(*t->symbols.v));
	t->names.v = xreallocarray(t->names.v, t->names.cap = t->names.n, 1);
}

int symtab_build(struct symtab *t, const struct elf *elf, enum symtab_kind kind)
{
	candidates all = {0};
	struct source src = {0};
	uint64_t names;
	bool found = source_by_section(elf, kind == SYMTAB_FULL ? SHT_SYMTAB : SHT_DYNSYM, &src);

	if (!found && kind == SYMTAB_DYNAMIC)
		found = source_by_dynamic(elf, &src);
	if (!found)
		return -ENOENT;
	names = collect(&all, elf, &src, kind);
	sort(&all, &src);
	vec_reserve(&t->names, names); /* about what they need: growing would copy them again and again */
	flatten(t, &src, &all);
	vec_free(&all);
	if (!t->symbols.n) {
		symtab_free(t);
		return -ENOENT;
	}
	shrink(t);
	return 0;
}

const struct symbol *symtab_find(const struct symtab *t, uint64_t vaddr)
{
	size_t low = 0, high = t->symbols.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->symbols.v[middle].end <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->symbols.n && t->symbols.v[low].start <= vaddr ? &t->symbols.v[low] : NULL;
}

void symtab_free(struct symtab *t)
{
	vec_free(&t->symbols);
	vec_free(&t->names);
}
