// SPDX-License-Identifier: Apache-2.0
#include "elf/pclntab.h"

#include "elf/pclntab_table.h"

#include <errno.h>
#include <string.h>

const char *const pclntab_sections[] = {".gopclntab", ".data.rel.ro.gopclntab", ".data.rel.ro", ".go.module", ".noptrdata",
					".data",      ".rela.dyn",		".rodata", NULL};

#define PAIRS_MAX 16	     /* that look like the bounds of text and are not: more are forged */
#define CANDIDATES_MAX 64    /* places that point to the table, one of which is the module data */

/* magic; 0, 0, instruction size quantum, pointer size; counts and offsets. False when this is no table. */
static bool read_header(struct pclntab *t)
{
	struct elf_bytes b = t->all;
	size_t entry_size;

	if (b.n < 72 || b.v[4] || b.v[5] || (b.v[6] != 1 && b.v[6] != 2 && b.v[6] != 4) || b.v[7] != 8)
		return false;
	t->n = pclntab_word(b, 8);
	switch (pclntab_half(b, 0)) {
	case 0xfffffffb:
		t->version = GO_1_2;
		t->names = t->functions = b;
		t->entries = 16;
		break;
	case 0xfffffffa:
		t->version = GO_1_16;
		t->names = pclntab_from(b, pclntab_word(b, 24));
		t->functions = pclntab_from(b, pclntab_word(b, 56));
		break;
	case 0xfffffff0:
	case 0xfffffff1:
		t->version = b.v[0] == 0xf0 ? GO_1_18 : GO_1_20;
		t->text = pclntab_word(b, 24);
		t->names = pclntab_from(b, pclntab_word(b, 32));
		t->units = pclntab_from(b, pclntab_word(b, 40));
		t->files = pclntab_from(b, pclntab_word(b, 48));
		t->values = pclntab_from(b, pclntab_word(b, 56));
		t->functions = pclntab_from(b, pclntab_word(b, 64));
		break;
	default:
		return false;
	}
	entry_size = t->version >= GO_1_18 ? 8 : 16;
	return t->n && t->names.n && t->functions.n > t->entries && t->n < (t->functions.n - t->entries) / entry_size &&
	       pclntab_entry(t, t->n) > pclntab_entry(t, 0);
}

static bool find_table(const struct elf *elf, struct pclntab *t)
{
	Elf64_Shdr sh;

	for (const char *const *name = pclntab_sections; *name; name++) {
		if (!elf_section_by_name(elf, *name, &sh))
			continue;
		*t = (struct pclntab){.all = elf_contents(elf, &sh), .vaddr = sh.sh_addr};
		if (read_header(t))
			return true;
		if (strcmp(*name, ".data.rel.ro"))
			continue;
		/* Somewhere among other data, where the C linker put it. */
		for (struct elf_bytes all = t->all; all.n >= 72; all = pclntab_from(all, 32)) {
			*t = (struct pclntab){.all = all, .vaddr = sh.sh_addr + (sh.sh_size - all.n)};
			if (all.v[3] == 0xff && read_header(t))
				return true;
		}
	}
	return false;
}

static bool is_code(const struct elf *elf, uint64_t start, uint64_t end)
{
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++)
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X && start >= ph.p_vaddr && start - ph.p_vaddr < ph.p_filesz &&
		    end >= start && end - ph.p_vaddr <= ph.p_filesz)
			return true;
	return false;
}

/* Do the functions lie in code when text begins here? */
static bool is_text(const struct elf *elf, const struct pclntab *t, uint64_t text)
{
	return text + pclntab_entry(t, 0) >= text && is_code(elf, text + pclntab_entry(t, 0), text + pclntab_entry(t, t->n));
}

struct candidates {
	uint64_t at[CANDIDATES_MAX];
	size_t n;
};

/* Where the file, or a relocation of a file that can be loaded anywhere, holds a pointer to the table. */
static void find_pointers(const struct elf *elf, const struct pclntab *t, struct elf_bytes relocations, struct candidates *found)
{
	Elf64_Rela r;
	Elf64_Shdr sh;

	for (const char *const *name = pclntab_sections; *name; name++) {
		struct elf_bytes b = {0};

		if (elf_section_by_name(elf, *name, &sh) && sh.sh_flags & SHF_WRITE)
			b = elf_contents(elf, &sh);
		for (uint64_t at = 0; at + 8 <= b.n && found->n < CANDIDATES_MAX; at += 8)
			if (pclntab_word(b, at) == t->vaddr)
				found->at[found->n++] = sh.sh_addr + at;
	}
	for (uint64_t at = 0; at + sizeof(r) <= relocations.n && found->n < CANDIDATES_MAX; at += sizeof(r)) {
		memcpy(&r, relocations.v + at, sizeof(r));
		if (ELF64_R_TYPE(r.r_info) == R_X86_64_RELATIVE && (uint64_t)r.r_addend == t->vaddr)
			found->at[found->n++] = r.r_offset;
	}
}

/* What is at `vaddr` once the program is loaded at its own addresses. */
static void read_words(const struct elf *elf, struct elf_bytes relocations, uint64_t vaddr, uint64_t words[MODULE_WORDS])
{
	Elf64_Phdr ph;
	Elf64_Rela r;

	memset(words, 0, MODULE_WORDS * sizeof(*words));
	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++) {
		uint64_t skip = vaddr - ph.p_vaddr;
		struct elf_bytes b;

		if (ph.p_type != PT_LOAD || vaddr < ph.p_vaddr || skip >= ph.p_filesz || ph.p_offset > elf->size ||
		    ph.p_filesz > elf->size - ph.p_offset)
			continue;
		b = (struct elf_bytes){elf->bytes + ph.p_offset + skip, ph.p_filesz - skip};
		for (size_t w = 0; w < MODULE_WORDS; w++)
			words[w] = pclntab_word(b, w * 8);
	}
	for (uint64_t at = 0; at + sizeof(r) <= relocations.n; at += sizeof(r)) {
		memcpy(&r, relocations.v + at, sizeof(r));
		if (ELF64_R_TYPE(r.r_info) == R_X86_64_RELATIVE && r.r_offset - vaddr < MODULE_WORDS * 8 && (r.r_offset - vaddr) % 8 == 0)
			words[(r.r_offset - vaddr) / 8] = r.r_addend;
	}
}

/*
 * The module data begins with a pointer to the table and holds, one after the other, where the first function begins and where
 * the last one ends. That pair is looked for rather than read at its offset, which other versions may change.
 */
static bool text_by_module(const struct elf *elf, struct pclntab *t, uint64_t *ret)
{
	uint64_t length = pclntab_entry(t, t->n) - pclntab_entry(t, 0), words[MODULE_WORDS];
	struct candidates found = {0};
	struct elf_bytes relocations = {0};
	size_t tried = 0;
	Elf64_Shdr sh;

	if (elf_section_by_name(elf, ".rela.dyn", &sh))
		relocations = elf_contents(elf, &sh);
	find_pointers(elf, t, relocations, &found);
	for (size_t i = 0; i < found.n; i++) {
		read_words(elf, relocations, found.at[i], words);
		for (size_t w = 0; w + 1 < MODULE_WORDS; w++) {
			if (!words[w] || words[w + 1] - words[w] != length)
				continue;
			*ret = words[w] - pclntab_entry(t, 0);
			if (is_text(elf, t, *ret)) {
				memcpy(t->module, words + w, (MODULE_WORDS - w) * sizeof(*words));
				return true;
			}
			if (++tried == PAIRS_MAX)
				return false;
		}
	}
	return false;
}

static bool find_text(const struct elf *elf, struct pclntab *t)
{
	uint64_t text;
	bool found;

	if (t->version < GO_1_18)
		return is_text(elf, t, 0);
	found = text_by_module(elf, t, &text);
	if (t->text && is_text(elf, t, t->text))
		return true;
	t->text = found ? text : 0;
	return found;
}

bool pclntab_open(struct pclntab *t, const struct elf *elf)
{
	return find_table(elf, t) && find_text(elf, t);
}

static void add_function(struct symtab *t, const struct pclntab *table, uint64_t i, uint64_t *names)
{
	uint64_t start = table->text + pclntab_entry(table, i), end = table->text + pclntab_entry(table, i + 1);
	/* Of the function: its entry, 4 bytes or, before 1.18, 8; then the offset of its name. */
	uint64_t at = pclntab_function(table, i) + (table->version >= GO_1_18 ? 4 : 8);
	struct elf_bytes name = pclntab_from(table->names, pclntab_half(table->functions, at));
	size_t room = name.n < SYMTAB_NAME_MAX ? name.n : SYMTAB_NAME_MAX, n = room ? strnlen((const char *)name.v, room) : 0;

	*names += n + 1;
	if (n && n < name.n && *names <= SYMTAB_NAMES_BYTES_MAX)
		symtab_add(t, start, end, (const char *)name.v, n);
}

int pclntab_symbols(struct symtab *t, const struct elf *elf)
{
	uint64_t names = 0, last = 0;
	struct pclntab table;

	if (!pclntab_open(&table, elf))
		return -ENOENT;
	for (uint64_t i = 0; i < table.n && i < SYMTAB_SYMBOLS_MAX; i++) {
		if (pclntab_entry(&table, i) < last || pclntab_entry(&table, i + 1) < pclntab_entry(&table, i))
			break; /* not ascending: damaged */
		add_function(t, &table, i, &names);
		last = pclntab_entry(&table, i + 1);
	}
	return t->symbols.n ? 0 : -ENOENT;
}
