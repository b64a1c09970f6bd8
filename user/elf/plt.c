// SPDX-License-Identifier: Apache-2.0
#include "elf/plt.h"

#include <errno.h>
#include <string.h>

const char *const plt_sections[] = {".plt", ".plt.sec", ".plt.got", ".rela.plt", ".rela.dyn", NULL};

#define SLOTS_MAX (1u << 20)
#define NAMES_BYTES_MAX (64u << 20)

struct slot {
	uint64_t vaddr; /* of the word in .got or .got.plt */
	uint32_t symbol;
};

struct plt {
	struct elf_bytes symbols, names; /* .dynsym and its strings */
	VEC(struct slot) slots;		 /* ascending */
	VEC(struct slot) lazy;		 /* those of .rela.plt in its order: a stub may push an index into it */
};

static int by_vaddr(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static void read_relocations(struct plt *p, const struct elf *elf, const char *name, uint32_t type, bool lazy)
{
	struct elf_bytes b = {0};
	Elf64_Shdr sh;
	Elf64_Rela r;

	if (elf_section_by_name(elf, name, &sh))
		b = elf_contents(elf, &sh);
	for (uint64_t at = 0; at + sizeof(r) <= b.n && p->slots.n < SLOTS_MAX && p->lazy.n < SLOTS_MAX; at += sizeof(r)) {
		struct slot s;

		memcpy(&r, b.v + at, sizeof(r));
		s = (struct slot){r.r_offset, ELF64_R_TYPE(r.r_info) == type ? ELF64_R_SYM(r.r_info) : 0};
		if (lazy)
			*vec_push(&p->lazy) = s;
		if (s.symbol)
			*vec_push(&p->slots) = s;
	}
}

static const struct slot *find_slot(const struct plt *p, uint64_t vaddr)
{
	struct slot key = {.vaddr = vaddr};

	return p->slots.n ? bsearch(&key, p->slots.v, p->slots.n, sizeof(key), by_vaddr) : NULL;
}

static int32_t displacement(const uint8_t *code)
{
	int32_t v;

	memcpy(&v, code, sizeof(v));
	return v;
}

/* The symbol that the stub code[0 .. n) at `vaddr` leads to; 0: none that is known. */
static uint32_t target(const struct plt *p, const uint8_t *code, size_t n, uint64_t vaddr)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	const struct slot *s;
	size_t at = 0;

	if (n >= 4 && !memcmp(code, endbr64, 4))
		at += 4;
	if (at < n && code[at] == 0xf2) /* bnd */
		at++;
	if (n - at >= 6 && code[at] == 0xff && code[at + 1] == 0x25) { /* jmp *displacement(%rip) */
		s = find_slot(p, vaddr + at + 6 + displacement(code + at + 2));
		return s ? s->symbol : 0;
	}
	if (n - at >= 5 && code[at] == 0x68) { /* push $index: a stub whose jump through the slot is in .plt.sec */
		uint32_t index = displacement(code + at + 1);

		return index < p->lazy.n ? p->lazy.v[index].symbol : 0;
	}
	return 0;
}

static void add_stub(struct symtab *t, const struct plt *p, uint32_t symbol, uint64_t start, uint64_t end)
{
	char text[SYMTAB_NAME_MAX + sizeof("@plt")];
	const char *name;
	size_t room, n;
	Elf64_Sym s;

	if (symbol >= p->symbols.n / sizeof(s))
		return;
	memcpy(&s, p->symbols.v + symbol * sizeof(s), sizeof(s));
	if (s.st_name >= p->names.n || t->names.n > NAMES_BYTES_MAX)
		return;
	name = (const char *)p->names.v + s.st_name;
	room = p->names.n - s.st_name;
	n = strnlen(name, room < SYMTAB_NAME_MAX - 4 ? room : SYMTAB_NAME_MAX - 4);
	if (!n || n == room)
		return;
	memcpy(text, name, n);
	memcpy(text + n, "@plt", sizeof("@plt"));
	symtab_add(t, start, end, text, n + 4);
}

static void read_stubs(struct symtab *t, const struct plt *p, const struct elf *elf, const Elf64_Shdr *sh)
{
	struct elf_bytes b = elf_contents(elf, sh);
	size_t step = sh->sh_entsize == 8 ? 8 : 16;

	for (uint64_t at = 0; at + step <= b.n; at += step) {
		uint32_t symbol = target(p, b.v + at, step, sh->sh_addr + at);

		if (symbol)
			add_stub(t, p, symbol, sh->sh_addr + at, sh->sh_addr + at + step);
	}
}

static int by_address(const void *a, const void *b)
{
	const Elf64_Shdr *x = a, *y = b;

	return (x->sh_addr > y->sh_addr) - (x->sh_addr < y->sh_addr);
}

int plt_symbols(struct symtab *t, const struct elf *elf)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got"};
	Elf64_Shdr sections[ARRAY_SIZE(names)], dynsym, strings;
	struct plt p = {0};
	uint64_t end = 0;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		n += elf_section_by_name(elf, names[i], &sections[n]);
	if (!n || elf->header.e_machine != EM_X86_64 || !elf_section_by_name(elf, ".dynsym", &dynsym) ||
	    !elf_section(elf, dynsym.sh_link, &strings))
		return -ENOENT;
	p.symbols = elf_contents(elf, &dynsym);
	p.names = elf_contents(elf, &strings);
	read_relocations(&p, elf, ".rela.plt", R_X86_64_JUMP_SLOT, true);
	read_relocations(&p, elf, ".rela.dyn", R_X86_64_GLOB_DAT, false);
	if (p.slots.n)
		qsort(p.slots.v, p.slots.n, sizeof(*p.slots.v), by_vaddr);
	qsort(sections, n, sizeof(*sections), by_address);
	for (size_t i = 0; i < n; i++) {
		if (sections[i].sh_addr < end || sections[i].sh_addr + sections[i].sh_size < sections[i].sh_addr)
			continue; /* over another one: forged */
		end = sections[i].sh_addr + sections[i].sh_size;
		read_stubs(t, &p, elf, &sections[i]);
	}
	vec_free(&p.slots);
	vec_free(&p.lazy);
	return t->symbols.n ? 0 : -ENOENT;
}
