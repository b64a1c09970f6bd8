// SPDX-License-Identifier: Apache-2.0
#include "kernel/late_walk.h"

#include "bpf/unwind.h"

#include <string.h>

struct late {
	struct unwind_walk walk;
	const struct unwind_tables *tables;
	const struct unwind_mapping *mappings;
	uint32_t n;
	const char *stack;
	uint64_t sp, bytes;
};

static inline long unwind_read(struct unwind_walk *w, void *dst, __u32 size, __u64 address)
{
	const struct late *l = (const struct late *)w;

	if (address < l->sp || address - l->sp > l->bytes || size > l->bytes - (address - l->sp))
		return -1;
	memcpy(dst, l->stack + (address - l->sp), size);
	return 0;
}

static inline const struct unwind_mapping *unwind_mapping_at(struct unwind_walk *w, __u32 index)
{
	const struct late *l = (const struct late *)w;

	return index < l->n ? &l->mappings[index] : NULL;
}

static inline const __u32 *unwind_slab_at(struct unwind_walk *w, __u32 slab)
{
	return unwind_tables_slab(((const struct late *)w)->tables, slab);
}

uint32_t late_walk(const struct unwind_tables *t, const struct unwind_mapping *v, uint32_t n, const struct sample_record *r,
		   uint64_t *frames, enum unwind_end *end)
{
	struct late l = {.tables = t, .mappings = v, .n = n};
	const uint64_t *raw = (const uint64_t *)r->frames + r->kernel_frames;
	struct unwind_walk *w = &l.walk;
	uint32_t got = 0;
	int ret = UNWIND_CONTINUE;

	*end = UNWIND_NO_PROCESS;
	if (r->user_frames < UNWIND_REGISTERS)
		return 0;
	memcpy(w->registers, raw, UNWIND_REGISTERS * 8);
	l.stack = (const char *)(raw + UNWIND_REGISTERS);
	l.bytes = (r->user_frames - UNWIND_REGISTERS) * 8ull;
	l.sp = w->registers[UNWIND_REG_SP];
	unwind_begin(w, 0, n, r->flags & RECORD_AT_SYSCALL);
	while (ret == UNWIND_CONTINUE && got < SAMPLE_MAX_USER_FRAMES) {
		frames[got++] = w->pc | (w->exact ? SAMPLE_FRAME_EXACT : 0);
		ret = n ? unwind_step(w) : UNWIND_NO_PROCESS;
	}
	*end = ret == UNWIND_CONTINUE ? UNWIND_TRUNCATED : (enum unwind_end)ret;
	/* What lies beyond the copy is there, but was not taken. */
	if (*end == UNWIND_FAULT && l.bytes)
		*end = UNWIND_TRUNCATED;
	return got;
}
