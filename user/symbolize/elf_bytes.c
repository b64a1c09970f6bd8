// SPDX-License-Identifier: Apache-2.0
#include "symbolize/elf_bytes.h"

#include "elf/dwarf_package.h"
#include "elf/eh_frame.h"
#include "elf/minidebug.h"
#include "elf/pclntab.h"
#include "elf/plt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES_MAX (16ull << 30)    /* address space only: what is not read is no memory */
#define UNWIND_BYTES_MAX (256ull << 20)	/* the largest programs have a tenth */
#define SYMBOLS_BYTES_MAX (512ull << 20) /* the largest symbol tables known are below */
#define DEBUG_BYTES_MAX (1024ull << 20)	/* symbol tables included; what is behind is missing, as in a file that was cut */
#define HEAD_BYTES 4096			/* ELF header, program headers and, as linkers lay it out, the notes */
#define NOTE_BYTES_MAX 65536
#define LINK_BYTES_MAX 512
#define STUB_BYTES_MAX (32ull << 20) /* of relocations and stubs of a program: 24 and 16 bytes each */

struct loader {
	struct elf_copy *copy;
	int fd;
	uint64_t budget;
};

/* Reads [offset, offset + n) as far as the file and the budget reach. */
static void load(struct loader *l, uint64_t offset, uint64_t n)
{
	if (offset >= l->copy->size)
		return;
	if (n > l->copy->size - offset)
		n = l->copy->size - offset;
	if (n > l->budget) {
		l->copy->cut = true;
		return;
	}
	l->budget -= n;
	while (n) {
		ssize_t got = pread(l->fd, l->copy->bytes + offset, n, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return; /* shorter than it was */
		offset += got;
		n -= got;
	}
}

static void load_notes(struct loader *l)
{
	const struct elf *elf = &l->copy->elf;
	Elf64_Phdr ph;
	Elf64_Shdr sh;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++)
		if (ph.p_type == PT_NOTE && ph.p_filesz < NOTE_BYTES_MAX)
			load(l, ph.p_offset, ph.p_filesz);
	for (uint32_t i = 0; elf_section(elf, i, &sh); i++)
		if (sh.sh_type == SHT_NOTE && sh.sh_size < NOTE_BYTES_MAX)
			load(l, sh.sh_offset, sh.sh_size);
}

static void load_sections(struct loader *l, const char *const *names, uint64_t max)
{
	Elf64_Shdr sh;

	for (; *names; names++)
		if (elf_section_by_name(&l->copy->elf, *names, &sh) && sh.sh_size <= max)
			load(l, sh.sh_offset, sh.sh_size);
}

/* Their data sections are read as well; those of other programs are large and of no use. */
static bool is_go(const struct elf *elf)
{
	Elf64_Shdr sh;

	return elf_section_by_name(elf, ".gopclntab", &sh) || elf_section_by_name(elf, ".go.buildinfo", &sh) ||
	       elf_section_by_name(elf, ".note.go.buildid", &sh);
}

static void load_unwind(struct loader *l)
{
	uint64_t offset, n;

	for (unsigned i = 0; eh_frame_range(&l->copy->elf, i, &offset, &n); i++)
		load(l, offset, n);
}

static void load_symbols(struct loader *l, bool lines)
{
	const struct elf *elf = &l->copy->elf;
	bool dynamic = false, full = false;
	Elf64_Phdr ph;
	Elf64_Shdr sh;

	for (uint32_t i = 0; elf_section(elf, i, &sh); i++) {
		/* String tables of DWARF are PROGBITS, as is .gnu_debuglink, which is tiny. */
		if (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM || sh.sh_type == SHT_STRTAB ||
		    (sh.sh_type == SHT_PROGBITS && !sh.sh_flags && sh.sh_size < LINK_BYTES_MAX))
			load(l, sh.sh_offset, sh.sh_size);
		dynamic |= sh.sh_type == SHT_DYNSYM;
		full |= sh.sh_type == SHT_SYMTAB;
	}
	load_sections(l, plt_sections, STUB_BYTES_MAX);
	if (!full) {
		load_sections(l, (const char *const[]){MINIDEBUG_SECTION, NULL}, SYMBOLS_BYTES_MAX);
		load_unwind(l);
	}
	/* A Go program's own table: for names, and for the lines of one without DWARF. */
	if (is_go(elf) && (!full || (lines && !elf_section_by_name(elf, ".debug_line", &sh) && !elf_section_by_name(elf, ".zdebug_line", &sh))))
		load_sections(l, pclntab_sections, SYMBOLS_BYTES_MAX);
	/* Without section headers the dynamic symbols are somewhere in the segments, with a linker that is told so even in text. */
	for (uint32_t i = 0; !dynamic && elf_segment(elf, i, &ph); i++)
		if (ph.p_type == PT_DYNAMIC || ph.p_type == PT_LOAD)
			load(l, ph.p_offset, ph.p_filesz);
}

/* The sections that the DWARF reader knows: as they are, in the form of old tools, and those of split units with their index. */
static void load_debug_info(struct loader *l)
{
	static const char *const names[] = {
#define X(id, name) name,
		DWARF_SECTIONS(X)
#undef X
	};
	static const char *const forms[] = {".%s", ".z%s", ".%s.dwo"};
	char name[64];
	Elf64_Shdr sh;

	load_sections(l, (const char *const[]){DWARF_PACKAGE_INDEX, NULL}, DEBUG_BYTES_MAX);
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		for (size_t f = 0; f < ARRAY_SIZE(forms); f++) {
			snprintf(name, sizeof(name), forms[f], names[n] + 1);
			if (elf_section_by_name(&l->copy->elf, name, &sh))
				load(l, sh.sh_offset, sh.sh_size);
		}
}

int elf_copy_load(struct elf_copy *c, int fd, uint64_t file_size, enum elf_parts parts)
{
	static const uint64_t budgets[] = {
		[ELF_HEADERS] = HEADERS_BYTES_MAX,
		[ELF_NOTES] = UNWIND_BYTES_MAX,
		[ELF_UNWIND] = UNWIND_BYTES_MAX,
		[ELF_SYMBOLS] = SYMBOLS_BYTES_MAX,
		[ELF_DEBUG_INFO] = DEBUG_BYTES_MAX,
	};
	struct loader l = {c, fd, budgets[parts]};
	Elf64_Ehdr h;
	int ret;

	*c = (struct elf_copy){0};
	if (file_size < sizeof(h) || file_size > FILE_BYTES_MAX)
		return -ENOEXEC;
	c->bytes = mmap(NULL, file_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->bytes == MAP_FAILED) {
		c->bytes = NULL;
		return -errno;
	}
	c->size = file_size;
	load(&l, 0, HEAD_BYTES);
	ret = elf_open(&c->elf, c->bytes, c->size);
	if (ret) {
		elf_copy_free(c);
		return ret;
	}
	h = c->elf.header;
	load(&l, h.e_shoff, sizeof(Elf64_Shdr)); /* may hold the counts */
	elf_open(&c->elf, c->bytes, c->size);
	load(&l, h.e_phoff, (uint64_t)c->elf.segments * sizeof(Elf64_Phdr));
	if (parts == ELF_HEADERS)
		c->elf.sections = 0;
	load(&l, h.e_shoff, (uint64_t)c->elf.sections * sizeof(Elf64_Shdr));
	/* These reads may have overwritten the header's bytes, if the file changed meanwhile: the copy in elf.header is used. */
	load_notes(&l);
	if (parts >= ELF_SYMBOLS)
		load_symbols(&l, parts == ELF_DEBUG_INFO);
	if (parts == ELF_DEBUG_INFO)
		load_debug_info(&l);
	if (parts == ELF_UNWIND)
		load_unwind(&l);
	return 0;
}

void elf_copy_free(struct elf_copy *c)
{
	if (c->bytes)
		munmap(c->bytes, c->size);
	*c = (struct elf_copy){0};
}
