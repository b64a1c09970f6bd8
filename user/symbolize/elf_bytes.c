// SPDX-License-Identifier: Apache-2.0
#include "symbolize/elf_bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES_MAX (16ull << 30)  /* address space only: what is not read is no memory */
#define PARTS_BYTES_MAX (512ull << 20) /* read in all; the largest symbol tables known are below */
#define HEAD_BYTES 4096		       /* ELF header, program headers and, as linkers lay it out, the notes */

struct loader {
	struct elf_copy *copy;
	int fd;
	uint64_t budget;
};

static bool load(struct loader *l, uint64_t offset, uint64_t n)
{
	if (offset >= l->copy->size)
		return false;
	if (n > l->copy->size - offset)
		n = l->copy->size - offset;
	if (n > l->budget)
		return false;
	l->budget -= n;
	while (n) {
		ssize_t got = pread(l->fd, l->copy->bytes + offset, n, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false; /* shorter than it was: the rest stays zero */
		offset += got;
		n -= got;
	}
	return true;
}

static void load_segments(struct loader *l)
{
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(&l->copy->elf, i, &ph); i++) {
		if (ph.p_type == PT_NOTE)
			load(l, ph.p_offset, ph.p_filesz < 65536 ? ph.p_filesz : 65536);
		/* Without section headers the dynamic symbols must be found through the segments. */
		if (!l->copy->elf.sections && (ph.p_type == PT_DYNAMIC || (ph.p_type == PT_LOAD && !(ph.p_flags & PF_X))))
			load(l, ph.p_offset, ph.p_filesz);
	}
}

static void load_sections(struct loader *l)
{
	const struct elf *elf = &l->copy->elf;
	Elf64_Shdr sh;

	for (uint32_t i = 0; elf_section(elf, i, &sh); i++) {
		/* Allocated string tables but .dynstr, and string tables of DWARF, are no use; they are PROGBITS. */
		bool wanted = sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM || sh.sh_type == SHT_STRTAB ||
			      (sh.sh_type == SHT_NOTE && sh.sh_size < 65536) || (sh.sh_type == SHT_PROGBITS && !sh.sh_flags && sh.sh_size < 512);

		if (wanted)
			load(l, sh.sh_offset, sh.sh_size);
	}
}

int elf_copy_load(struct elf_copy *c, int fd, uint64_t file_size)
{
	struct loader l = {c, fd, PARTS_BYTES_MAX};
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
	if (!ret) {
		h = c->elf.header;
		load(&l, h.e_phoff, (uint64_t)h.e_phnum * sizeof(Elf64_Phdr));
		load(&l, h.e_shoff, sizeof(Elf64_Shdr));
		ret = elf_open(&c->elf, c->bytes, c->size);
	}
	if (!ret) {
		load(&l, c->elf.header.e_shoff, (uint64_t)c->elf.sections * sizeof(Elf64_Shdr));
		load_segments(&l);
		load_sections(&l);
		return 0;
	}
	elf_copy_free(c);
	return ret;
}

void elf_copy_free(struct elf_copy *c)
{
	if (c->bytes)
		munmap(c->bytes, c->size);
	*c = (struct elf_copy){0};
}
