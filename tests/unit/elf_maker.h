// SPDX-License-Identifier: Apache-2.0
/*
 * Small ELF files made in memory: just what a test says, so that its expectations follow from the text of the test. Layout: the
 * ELF header, program headers, contents in order of adding, section headers at the end.
 */
#ifndef TESTS_ELF_MAKER_H
#define TESTS_ELF_MAKER_H

#include "base/buf.h"

#include <elf.h>
#include <string.h>

#define MAKER_SEGMENTS_MAX 8
#define MAKER_SECTIONS_MAX 16

struct elf_maker {
	struct buf file, symbols, strings, section_names;
	Elf64_Phdr segments[MAKER_SEGMENTS_MAX];
	Elf64_Shdr sections[MAKER_SECTIONS_MAX];
	size_t n_segments, n_sections;
};

static inline void maker_start(struct elf_maker *m)
{
	Elf64_Sym none = {0};
	char zero[sizeof(Elf64_Ehdr) + MAKER_SEGMENTS_MAX * sizeof(Elf64_Phdr)] = {0};

	memset(m, 0, sizeof(*m));
	buf_add(&m->file, zero, sizeof(zero));
	buf_add(&m->symbols, &none, sizeof(none));
	buf_add(&m->strings, "", 1);
	buf_add(&m->section_names, "", 1);
	m->n_sections = 1;
}

static inline void maker_segment(struct elf_maker *m, Elf64_Phdr ph)
{
	m->segments[m->n_segments++] = ph;
}

/* Appends contents to the file and returns their offset. */
static inline uint64_t maker_bytes(struct elf_maker *m, const void *bytes, size_t n)
{
	uint64_t at = m->file.n;

	buf_add(&m->file, bytes, n);
	while (m->file.n % 8)
		buf_putc(&m->file, '\0');
	return at;
}

/* Returns its index. sh.sh_name is filled in. */
static inline uint16_t maker_section(struct elf_maker *m, const char *name, Elf64_Shdr sh)
{
	sh.sh_name = m->section_names.n;
	buf_add(&m->section_names, name, strlen(name) + 1);
	m->sections[m->n_sections] = sh;
	return m->n_sections++;
}

/* An executable section that exists in memory only. */
static inline uint16_t maker_text(struct elf_maker *m, const char *name, uint64_t start, uint64_t end)
{
	return maker_section(m, name, (Elf64_Shdr){.sh_type = SHT_NOBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = start,
						   .sh_size = end - start});
}

static inline void maker_symbol(struct elf_maker *m, const char *name, uint8_t bind, uint8_t type, uint16_t section, uint64_t value,
				uint64_t size)
{
	Elf64_Sym s = {.st_name = m->strings.n, .st_info = ELF64_ST_INFO(bind, type), .st_shndx = section, .st_value = value,
		       .st_size = size};

	buf_add(&m->symbols, &s, sizeof(s));
	buf_add(&m->strings, name, strlen(name) + 1);
}

static inline void maker_symbol_table(struct elf_maker *m, uint32_t type)
{
	uint64_t strings = maker_bytes(m, m->strings.v, m->strings.n), symbols = maker_bytes(m, m->symbols.v, m->symbols.n);
	uint16_t link = maker_section(m, ".strings", (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = strings, .sh_size = m->strings.n});

	maker_section(m, ".symbols", (Elf64_Shdr){.sh_type = type, .sh_offset = symbols, .sh_size = m->symbols.n, .sh_link = link,
						  .sh_entsize = sizeof(Elf64_Sym)});
}

/* The whole file, in m->file. `with_sections`: section headers too. */
static inline void maker_end(struct elf_maker *m, bool with_sections)
{
	Elf64_Ehdr h = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(h),
		.e_phnum = m->n_segments,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_ehsize = sizeof(h),
	};

	if (with_sections) {
		Elf64_Shdr names = {.sh_type = SHT_STRTAB};

		h.e_shstrndx = maker_section(m, ".shstrtab", names);
		names.sh_name = m->sections[h.e_shstrndx].sh_name;
		names.sh_size = m->section_names.n;
		names.sh_offset = maker_bytes(m, m->section_names.v, m->section_names.n);
		m->sections[h.e_shstrndx] = names;
		h.e_shnum = m->n_sections;
		h.e_shentsize = sizeof(Elf64_Shdr);
		h.e_shoff = maker_bytes(m, m->sections, m->n_sections * sizeof(Elf64_Shdr));
	}
	memcpy(m->file.v, &h, sizeof(h));
	memcpy(m->file.v + sizeof(h), m->segments, m->n_segments * sizeof(Elf64_Phdr));
}

static inline void maker_free(struct elf_maker *m)
{
	buf_free(&m->file);
	buf_free(&m->symbols);
	buf_free(&m->strings);
	buf_free(&m->section_names);
}

#endif
