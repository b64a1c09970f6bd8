// SPDX-License-Identifier: Apache-2.0
/*
 * ELF files read from a byte buffer, every access bounds-checked. Own code instead of libelf because the bytes belong to
 * other users: nothing here maps, allocates by a foreign size, or trusts a header; and files without section headers work.
 * Sources: System V ABI "Object Files" (gABI 4.3), x86-64 psABI 1.0. 64-bit little-endian files only, others are -ENOEXEC.
 */
#ifndef ELF_ELF_H
#define ELF_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf {
	const uint8_t *bytes;
	size_t size;
	Elf64_Ehdr header;
	uint32_t sections, segments; /* counts that lie inside the file (e_shnum/e_phnum extensions resolved), at most ELF_HEADERS_MAX */
};

/* More than any linker writes; a forged count must not make us look through gigabytes of a sparse file. */
#define ELF_HEADERS_MAX (1u << 18)

struct elf_bytes {
	const uint8_t *v;
	size_t n;
};

/* Checks the header. 0, or -ENOEXEC when this is not a readable ELF-64 LE file. `bytes` must outlive `elf`. */
int elf_open(struct elf *elf, const void *bytes, size_t size);

/* Copies header i out; false when it does not lie inside the file. */
bool elf_section(const struct elf *elf, uint32_t i, Elf64_Shdr *ret);
bool elf_segment(const struct elf *elf, uint32_t i, Elf64_Phdr *ret);
/* The section of that name with contents in the file (not SHT_NOBITS), or false. */
bool elf_section_by_name(const struct elf *elf, const char *name, Elf64_Shdr *ret);
/* The first header of that name, of whatever type: debug files keep headers without contents. */
bool elf_section_header_by_name(const struct elf *elf, const char *name, Elf64_Shdr *ret);
/* The table of section names. */
bool elf_section_names(const struct elf *elf, Elf64_Shdr *ret);
/* A section's bytes, or {NULL, 0} when it is NOBITS, compressed or outside the file. */
struct elf_bytes elf_contents(const struct elf *elf, const Elf64_Shdr *sh);

/* From a virtual address to the end of the segment that holds it in the file, or {NULL, 0}. */
struct elf_bytes elf_at_vaddr(const struct elf *elf, uint64_t vaddr);

/*
 * NT_GNU_BUILD_ID through PT_NOTE, else through SHT_NOTE sections. Returns its length (1 .. 20 bytes, what the kernel takes for
 * one as well), 0 if there is none.
 */
size_t elf_build_id(const struct elf *elf, uint8_t ret[20]);
/* .gnu_debuglink: NUL-terminated name inside the file's bytes and its CRC, or NULL. */
const char *elf_debuglink(const struct elf *elf, uint32_t *crc);

/* The virtual address of a file offset, if it lies in this PT_LOAD: vaddr = offset - p_offset + p_vaddr, over p_filesz. */
static inline bool elf_segment_vaddr(const Elf64_Phdr *ph, uint64_t offset, uint64_t *ret)
{
	if (ph->p_type != PT_LOAD || offset < ph->p_offset || offset - ph->p_offset >= ph->p_filesz)
		return false;
	*ret = offset - ph->p_offset + ph->p_vaddr;
	return true;
}

/*
 * The virtual address that stands at the start of a mapping of the file from `offset` on: mappings are of whole pages, so what is at the
 * offset itself may belong to the segment before, which is mapped elsewhere.
 */
static inline bool elf_segment_mapped_vaddr(const Elf64_Phdr *ph, uint64_t offset, uint64_t *ret)
{
	if (ph->p_type != PT_LOAD || offset < (ph->p_offset & ~4095ull) || offset >= ph->p_offset + ph->p_filesz)
		return false;
	*ret = offset - ph->p_offset + ph->p_vaddr; /* modulo 2^64 */
	return true;
}

/*
 * The same by whatever segment holds the offset, an executable one first. Right for ET_EXEC, PIE and several executable
 * segments. False if no segment holds it.
 */
bool elf_vaddr(const struct elf *elf, uint64_t offset, uint64_t *ret);

#endif
