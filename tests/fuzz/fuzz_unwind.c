// SPDX-License-Identifier: Apache-2.0
/*
 * The host build of the stack walk on tables, mappings, registers and a stack that are all the input's: it must end within its bounds,
 * with a reason, and read nothing outside the slab.
 * Input: 4 bytes each of mappings and extent words; the mappings; 17 registers; the words of a slab from its first on; the rest is
 * the stack, at the stack pointer's page.
 */
#include "tests/unit/unwind_host.h"

#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAPPINGS 8

static const uint8_t *stack;
static size_t stack_bytes;
static uint64_t stack_start;
static size_t reads;

static long read_stack(void *dst, uint32_t size, uint64_t address)
{
	if (size > UNWIND_SCRATCH_WORDS * 8)
		abort();
	reads++;
	if (address < stack_start || address - stack_start > stack_bytes || size > stack_bytes - (address - stack_start))
		return -1;
	memcpy(dst, stack + (address - stack_start), size);
	return 0;
}

/* Takes n bytes, as far as there are some. */
static void take(const uint8_t **data, size_t *size, void *dst, size_t n)
{
	size_t have = *size < n ? *size : n;

	memcpy(dst, *data, have);
	*data += have;
	*size -= have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint32_t *slab;
	static uint64_t frames[SAMPLE_MAX_USER_FRAMES];
	struct unwind_mapping mappings[MAPPINGS] = {0};
	uint16_t n_mappings = 0, n_words = 0;
	struct unwind_walk w;
	int end;

	if (!slab)
		slab = malloc(UNWIND_SLAB_BYTES); /* exactly: a sanitizer sees the first byte beyond */
	memset(slab, 0, 65536 * 4);
	memset(&w, 0xA5, sizeof(w));
	take(&data, &size, &n_mappings, 2);
	take(&data, &size, &n_words, 2);
	take(&data, &size, mappings, (n_mappings % MAPPINGS + 1) * sizeof(mappings[0]));
	take(&data, &size, w.registers, UNWIND_REGISTERS * 8);
	take(&data, &size, slab, n_words * 4ul);
	stack = data;
	stack_bytes = size;
	stack_start = w.registers[UNWIND_REG_SP] & ~4095ull;
	reads = 0;
	host.mappings = mappings;
	host.mappings_n = n_mappings % MAPPINGS + 1;
	host.slabs = &slab;
	host.slabs_n = 1;
	host.read = read_stack;
	host_walk(&w, n_words & 1, frames, SAMPLE_MAX_USER_FRAMES, &end);
	if (end <= UNWIND_NO_USER_STACK || end >= UNWIND_ENDS || 
	    reads > (12 + UNWIND_COMPILED_LINES + 4) * SAMPLE_MAX_USER_FRAMES + 4 * UNWIND_COMPILED_TRIES)
		abort();
	return 0;
}
