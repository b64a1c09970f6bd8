// SPDX-License-Identifier: Apache-2.0
#include "elf/elf.h"

#include <errno.h>
#include <string.h>

/* [offset, offset + n) of the file, or NULL when it does not lie inside. */
static const uint8_t *range(const struct elf *elf, uint64_t offset, uint64_t n)
{
	return offset <= elf->size && n <= elf->size - offset ? elf->bytes + offset : NULL;
}

/* How many entries of `entry_size` bytes fit from `offset` on; a count beyond the file is cut to it. */
static uint32_t fitting(const struct elf *elf, uint64_t offset, uint64_t count, size_t entry_size)
{
	uint64_t room = offset < elf->size ? (elf->size - offset) / entry_size : 0;

	if (count > room)
		count = room;
	return count < ELF_HEADERS_MAX ? count : ELF_HEADERS_MAX;
}

int elf_open(struct elf *elf, const void *bytes, size_t size)
{
	Elf64_Ehdr *h = &elf->header;
	Elf64_Shdr first = {0};
	uint64_t sections, segments;

	*elf = (struct elf){.bytes = bytes, .size = size};
	if (size < sizeof(*h))
		return -ENOEXEC;
	memcpy(h, bytes, sizeof(*h));
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	sections = h->e_shentsize == sizeof(Elf64_Shdr) && h->e_shoff ? h->e_shnum : 0;
	segments = h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phoff ? h->e_phnum : 0;
	/* gABI "Sections": counts that do not fit 16 bits stand in section 0. */
	if (h->e_shentsize == sizeof(first) && h->e_shoff && range(elf, h->e_shoff, sizeof(first))) {
		memcpy(&first, elf->bytes + h->e_shoff, sizeof(first));
		if (!sections)
			sections = first.sh_size;
		if (segments == PN_XNUM)
			segments = first.sh_info;
	}
	elf->sections = fitting(elf, h->e_shoff, sections, sizeof(Elf64_Shdr));
	elf->segments = fitting(elf, h->e_phoff, segments, sizeof(Elf64_Phdr));
	return 0;
}

bool elf_section(const struct elf *elf, uint32_t i, Elf64_Shdr *ret)
{
	if (i >= elf->sections)
		return false;
	memcpy(ret, elf->bytes + elf->header.e_shoff + (uint64_t)i * sizeof(*ret), sizeof(*ret));
	return true;
}

bool elf_segment(const struct elf *elf, uint32_t i, Elf64_Phdr *ret)
{
	if (i >= elf->segments)
		return false;
	memcpy(ret, elf->bytes + elf->header.e_phoff + (uint64_t)i * sizeof(*ret), sizeof(*ret));
	return true;
}

struct elf_bytes elf_contents(const struct elf *elf, const Elf64_Shdr *sh)
{
	const uint8_t *p;

	if (sh->sh_type == SHT_NOBITS || sh->sh_flags & SHF_COMPRESSED)
		return (struct elf_bytes){0};
	p = range(elf, sh->sh_offset, sh->sh_size);
	return (struct elf_bytes){p, p ? sh->sh_size : 0};
}

bool elf_section_names(const struct elf *elf, Elf64_Shdr *ret)
{
	uint32_t index = elf->header.e_shstrndx;

	*ret = (Elf64_Shdr){0};
	if (index == SHN_XINDEX && elf_section(elf, 0, ret))
		index = ret->sh_link;
	return elf_section(elf, index, ret);
}

static bool section_by_name(const struct elf *elf, const char *name, bool with_contents, Elf64_Shdr *ret)
{
	size_t n = strlen(name) + 1;
	struct elf_bytes names;
	Elf64_Shdr sh;

	if (!elf_section_names(elf, &sh))
		return false;
	names = elf_contents(elf, &sh);
	for (uint32_t i = 1; elf_section(elf, i, &sh); i++) {
		if ((with_contents && sh.sh_type == SHT_NOBITS) || sh.sh_name > names.n || n > names.n - sh.sh_name)
			continue;
		if (!memcmp(names.v + sh.sh_name, name, n)) {
			*ret = sh;
			return true;
		}
	}
	return false;
}

bool elf_section_by_name(const struct elf *elf, const char *name, Elf64_Shdr *ret)
{
	return section_by_name(elf, name, true, ret);
}

bool elf_section_header_by_name(const struct elf *elf, const char *name, Elf64_Shdr *ret)
{
	return section_by_name(elf, name, false, ret);
}

struct elf_bytes elf_at_vaddr(const struct elf *elf, uint64_t vaddr)
{
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++) {
		uint64_t skip = vaddr - ph.p_vaddr;

		if (ph.p_type != PT_LOAD || vaddr < ph.p_vaddr || skip >= ph.p_filesz || !range(elf, ph.p_offset, ph.p_filesz))
			continue;
		return (struct elf_bytes){elf->bytes + ph.p_offset + skip, ph.p_filesz - skip};
	}
	return (struct elf_bytes){0};
}

/* Notes are { u32 namesz, descsz, type; name; desc }, name and desc padded to 4 bytes (gABI "Note Section"). */
static size_t build_id_in_notes(const uint8_t *p, uint64_t n, uint8_t ret[20])
{
	while (n >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		uint64_t name, desc;

		memcpy(&h, p, sizeof(h));
		name = ((uint64_t)h.n_namesz + 3) & ~3ull;
		desc = ((uint64_t)h.n_descsz + 3) & ~3ull;
		p += sizeof(h);
		n -= sizeof(h);
		if (name > n || h.n_descsz > n - name)
			return 0;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && !memcmp(p, "GNU", 4) && h.n_descsz >= 1 && h.n_descsz <= 20) {
			memcpy(ret, p + name, h.n_descsz);
			return h.n_descsz;
		}
		if (desc > n - name)
			return 0; /* the last one, not padded */
		p += name + desc;
		n -= name + desc;
	}
	return 0;
}

size_t elf_build_id(const struct elf *elf, uint8_t ret[20])
{
	Elf64_Phdr ph;
	Elf64_Shdr sh;
	size_t n = 0;

	for (uint32_t i = 0; !n && elf_segment(elf, i, &ph); i++)
		if (ph.p_type == PT_NOTE && range(elf, ph.p_offset, ph.p_filesz))
			n = build_id_in_notes(elf->bytes + ph.p_offset, ph.p_filesz, ret);
	for (uint32_t i = 0; !n && elf_section(elf, i, &sh); i++)
		if (sh.sh_type == SHT_NOTE && elf_contents(elf, &sh).v)
			n = build_id_in_notes(elf->bytes + sh.sh_offset, sh.sh_size, ret);
	return n;
}

const char *elf_debuglink(const struct elf *elf, uint32_t *crc)
{
	struct elf_bytes b;
	Elf64_Shdr sh;
	size_t name;

	if (!elf_section_by_name(elf, ".gnu_debuglink", &sh))
		return NULL;
	b = elf_contents(elf, &sh);
	name = b.v ? strnlen((const char *)b.v, b.n) : 0;
	/* The CRC follows the name's NUL, aligned to 4 (GDB manual, "Separate Debug Files"). */
	if (!name || ((name + 4) & ~3ull) + 4 > b.n)
		return NULL;
	memcpy(crc, b.v + ((name + 4) & ~3ull), sizeof(*crc));
	return (const char *)b.v;
}

bool elf_vaddr(const struct elf *elf, uint64_t offset, uint64_t *ret)
{
	bool found = false;
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++) {
		if (found && !(ph.p_flags & PF_X))
			continue;
		if (!elf_segment_vaddr(&ph, offset, ret))
			continue;
		found = true;
		if (ph.p_flags & PF_X)
			break;
	}
	return found;
}
