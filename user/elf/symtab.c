// SPDX-License-Identifier: Apache-2.0
#include "elf/symtab.h"

#include <errno.h>
#include <string.h>

/* A symbol that may name code, before overlaps are resolved. */
struct candidate {
	uint64_t start, end; /* end == start: unsized */
	uint64_t limit;      /* end of its section: as far as an unsized symbol can reach */
	const char *name;    /* in the file's bytes, NUL-terminated there */
	uint8_t bind;
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

/* From a virtual address to the end of the segment that holds it. */
static struct elf_bytes at_vaddr(const struct elf *elf, uint64_t vaddr)
{
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++) {
		uint64_t skip = vaddr - ph.p_vaddr;

		if (ph.p_type != PT_LOAD || vaddr < ph.p_vaddr || skip >= ph.p_filesz)
			continue;
		if (ph.p_offset > elf->size || ph.p_filesz > elf->size - ph.p_offset)
			continue;
		return (struct elf_bytes){elf->bytes + ph.p_offset + skip, ph.p_filesz - skip};
	}
	return (struct elf_bytes){0};
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
	Elf64_Shdr sh;

	*limit = UINT64_MAX;
	if (s->st_shndx == SHN_UNDEF || !*name || *name == '$' || (name[0] == '.' && name[1] == 'L'))
		return false;
	if (s->st_shndx < SHN_LORESERVE && elf_section(elf, s->st_shndx, &sh)) {
		if (!(sh.sh_flags & SHF_EXECINSTR))
			return false;
		if (!__builtin_add_overflow(sh.sh_addr, sh.sh_size, limit) && s->st_value >= *limit)
			return false;
	} else if (kind == SYMTAB_FULL) {
		return false;
	}
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return kind == SYMTAB_FULL || s->st_size;
	return kind == SYMTAB_FULL && type == STT_NOTYPE && !s->st_size;
}

static void collect(candidates *out, const struct elf *elf, const struct source *src, enum symtab_kind kind)
{
	for (size_t at = 0; at + sizeof(Elf64_Sym) <= src->symbols.n; at += sizeof(Elf64_Sym)) {
		Elf64_Sym s;
		struct candidate c = {0};

		memcpy(&s, src->symbols.v + at, sizeof(s));
		if (s.st_name >= src->names.n)
			continue;
		c.name = (const char *)src->names.v + s.st_name;
		if (strnlen(c.name, src->names.n - s.st_name) == src->names.n - s.st_name)
			continue; /* runs out of the file */
		if (!names_code(elf, &s, kind, c.name, &c.limit))
			continue;
		c.start = s.st_value;
		c.bind = ELF64_ST_BIND(s.st_info);
		if (__builtin_add_overflow(c.start, s.st_size, &c.end))
			continue;
		*vec_push(out) = c;
	}
}

static int rank(const struct candidate *c)
{
	return c->bind == STB_GLOBAL ? 2 : c->bind == STB_WEAK ? 1 : 0;
}

/* By start; of those that start together the best name last: global before weak before local, shorter, smaller text. */
static int by_start_best_last(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int c;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if ((c = rank(x) - rank(y)))
		return c;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	if (strlen(x->name) != strlen(y->name))
		return strlen(x->name) > strlen(y->name) ? -1 : 1;
	return strcmp(y->name, x->name);
}

static void emit(struct symtab *t, uint64_t start, uint64_t end, const char *name)
{
	struct symbol *last = t->symbols.n ? &t->symbols.v[t->symbols.n - 1] : NULL;
	size_t n = strlen(name) + 1;

	if (start >= end || t->names.n + n > UINT32_MAX)
		return;
	if (last && last->end == start && !strcmp(t->names.v + last->name, name)) {
		last->end = end;
		return;
	}
	*vec_push(&t->symbols) = (struct symbol){start, end, t->names.n};
	vec_reserve(&t->names, n);
	memcpy(t->names.v + t->names.n, name, n);
	t->names.n += n;
}

/*
 * Sized symbols to disjoint ranges: at each address the one that starts last names it, until it ends and the one around
 * it takes over again. One pass with a stack of those still open.
 */
static void flatten_sized(struct symtab *t, const candidates *all)
{
	VEC(const struct candidate *) open = {0};
	uint64_t at = 0;

	for (size_t i = 0; i <= all->n; i++) {
		uint64_t next = i < all->n ? all->v[i].start : UINT64_MAX;

		if (i < all->n && all->v[i].end == all->v[i].start)
			continue;
		while (open.n && at < next) {
			const struct candidate *top = open.v[open.n - 1];
			uint64_t end = top->end < next ? top->end : next;

			if (end > at) {
				emit(t, at, end, top->name);
				at = end;
			}
			if (top->end <= at)
				open.n--;
			else
				break;
		}
		if (i < all->n) {
			at = next;
			*vec_push(&open) = &all->v[i];
		}
	}
	vec_free(&open);
}

/* Unsized symbols name only what no sized one does: up to the next symbol of any kind or the end of their section. */
static void fill_unsized(struct symtab *t, const candidates *all)
{
	struct symtab sized = *t;
	size_t s = 0;

	*t = (struct symtab){0};
	for (size_t i = 0; i < all->n; i++) {
		const struct candidate *c = &all->v[i];
		uint64_t end = c->limit;

		if (c->end != c->start || (i + 1 < all->n && all->v[i + 1].start == c->start))
			continue;
		while (s < sized.symbols.n && sized.symbols.v[s].end <= c->start) {
			emit(t, sized.symbols.v[s].start, sized.symbols.v[s].end, sized.names.v + sized.symbols.v[s].name);
			s++;
		}
		if (s < sized.symbols.n) {
			if (sized.symbols.v[s].start <= c->start)
				continue;
			if (sized.symbols.v[s].start < end)
				end = sized.symbols.v[s].start;
		}
		if (i + 1 < all->n && all->v[i + 1].start < end)
			end = all->v[i + 1].start;
		if (end != UINT64_MAX)
			emit(t, c->start, end, c->name);
	}
	for (; s < sized.symbols.n; s++)
		emit(t, sized.symbols.v[s].start, sized.symbols.v[s].end, sized.names.v + sized.symbols.v[s].name);
	symtab_free(&sized);
}

int symtab_build(struct symtab *t, const struct elf *elf, enum symtab_kind kind)
{
	candidates all = {0};
	struct source src = {0};
	bool found = source_by_section(elf, kind == SYMTAB_FULL ? SHT_SYMTAB : SHT_DYNSYM, &src);

	if (!found && kind == SYMTAB_DYNAMIC)
		found = source_by_dynamic(elf, &src);
	if (!found)
		return -ENOENT;
	collect(&all, elf, &src, kind);
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_start_best_last);
	flatten_sized(t, &all);
	if (kind == SYMTAB_FULL)
		fill_unsized(t, &all);
	vec_free(&all);
	return t->symbols.n ? 0 : -ENOENT;
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
