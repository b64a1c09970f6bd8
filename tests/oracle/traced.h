// SPDX-License-Identifier: Apache-2.0
/* The host build of the stack walk, on a process that is being traced: its mappings, the tables of its images, its memory. */
#ifndef TESTS_TRACED_H
#define TESTS_TRACED_H

#include "base/file.h"
#include "base/mem.h"
#include "process/proc.h"
#include "tests/unit/unwind_host.h"
#include "unwind/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/user.h>

struct traced_image {
	char *path;
	struct buf bytes;
	struct elf elf;
	struct unwind_table table;
	uint32_t first_slab; /* of its parts, a slab each */
};

static struct {
	int32_t pid;
	VEC(struct traced_image) images;
	VEC(struct unwind_mapping) mappings;
	VEC(uint32_t *) slabs;
} traced;

static long traced_read(void *dst, uint32_t size, uint64_t address)
{
	struct iovec to = {dst, size}, from = {(void *)address, size};

	return process_vm_readv(traced.pid, &to, 1, &from, 1, 0) == size ? 0 : -1;
}

static struct traced_image *traced_image(const struct proc_mapping *m)
{
	struct traced_image *i;

	for (size_t k = 0; k < traced.images.n; k++)
		if (!strcmp(traced.images.v[k].path, m->path))
			return &traced.images.v[k];
	i = vec_push(&traced.images);
	*i = (struct traced_image){.path = xstrdup(m->path), .first_slab = traced.slabs.n};
	if (!strcmp(m->path, "[vdso]")) {
		vec_reserve(&i->bytes, m->end - m->start);
		i->bytes.n = m->end - m->start;
		if (traced_read(i->bytes.v, i->bytes.n, m->start))
			i->bytes.n = 0;
	} else if (m->path[0] == '/') {
		file_read(m->path, 1u << 30, &i->bytes);
	}
	if (i->bytes.n && !elf_open(&i->elf, i->bytes.v, i->bytes.n))
		unwind_table_build(&i->table, &i->elf);
	for (size_t p = 0; p < i->table.parts.n; p++) {
		uint32_t *slab = xcalloc(UNWIND_SLAB_WORDS, sizeof(*slab));

		memcpy(slab, i->table.parts.v[p].words, i->table.parts.v[p].n_words * sizeof(*slab));
		*vec_push(&traced.slabs) = slab;
	}
	return i;
}

static void traced_gap(uint64_t start, uint64_t end)
{
	if (start < end)
		*vec_push(&traced.mappings) = (struct unwind_mapping){start, end, 0, UNWIND_NO_TABLE, 0};
}

/* The virtual address at the start of a mapping: that of the executable segment which begins in its first page, else of any there. */
static bool traced_vaddr(const struct elf *elf, uint64_t offset, uint64_t *ret)
{
	bool found = false;
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(elf, i, &ph); i++)
		if (ph.p_flags & PF_X && (!found || (ph.p_offset & ~4095ull) == offset))
			found |= elf_segment_mapped_vaddr(&ph, offset, ret);
	return found;
}

static void traced_mapping(void *ctx, const struct proc_mapping *m)
{
	struct traced_image *i = traced_image(m);
	uint64_t vaddr = m->offset, at = m->start, bias;

	if (m->start >> 63)
		return; /* [vsyscall] */
	if (i->elf.bytes && traced_vaddr(&i->elf, m->offset, &vaddr)) {
		bias = m->start - vaddr;
		for (size_t p = 0; p < i->table.parts.n; p++) {
			const struct unwind_part *part = &i->table.parts.v[p];
			uint64_t start = part->start + bias > m->start || part->start + bias > m->end ? part->start + bias : m->start;
			uint64_t end = part->end + bias < m->end ? part->end + bias : m->end;

			if (part->start < vaddr)
				start = m->start;
			if (part->end <= vaddr || start >= m->end || start >= end)
				continue;
			traced_gap(at, start);
			*vec_push(&traced.mappings) = (struct unwind_mapping){start, end, part->start + bias, i->first_slab + p, 0};
			at = end;
		}
	}
	traced_gap(at, m->end);
}

/* Reads what is mapped now. */
static void traced_maps(int32_t pid)
{
	traced.pid = pid;
	traced.mappings.n = 0;
	proc_read_maps(pid, traced_mapping, NULL);
	host.mappings = traced.mappings.v;
	host.mappings_n = traced.mappings.n;
	host.slabs = traced.slabs.v;
	host.slabs_n = traced.slabs.n;
	host.read = traced_read;
}

static inline void traced_registers(struct unwind_walk *w, const struct user_regs_struct *r)
{
	const uint64_t registers[UNWIND_REGISTERS] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8,
						      r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip};

	memcpy(w->registers, registers, sizeof(registers));
}

#endif
