// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an ELF file with DWARF: reading it is harmless and ends, and the tables keep what debug_info.h promises. */
#include "elf/debug_info.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
	if (!promise)
		abort();
}

/* The same file serves as those that units refer to. */
static bool itself_package(void *ctx, size_t i, struct elf *ret)
{
	*ret = *(const struct elf *)ctx;
	return !i;
}

static bool itself(void *ctx, const char *directory, const char *name, uint64_t id, struct elf *ret)
{
	*ret = *(const struct elf *)ctx;
	return id & 1;
}

static void check_tables(const struct debug_info *d)
{
	uint32_t strings = strings_count(d->strings);

	for (size_t i = 0; i < d->nodes.n; i++) {
		const struct debug_node *n = &d->nodes.v[i];

		check(i ? n->parent < i : !n->parent);
		check(n->name < strings && n->call_file < strings);
	}
	for (size_t i = 0; i < d->ranges.n; i++) {
		check(d->ranges.v[i].node < d->nodes.n);
		check(!i || d->ranges.v[i - 1].start < d->ranges.v[i].start);
	}
	for (size_t i = 0; i < d->lines.n; i++) {
		check(d->lines.v[i].file < strings);
		check(!i || d->lines.v[i - 1].start < d->lines.v[i].start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct debug_frame frames[8];
	struct debug_info d = {0};
	struct debug_input in;
	struct elf elf;

	if (elf_open(&elf, data, size))
		return 0;
	in = (struct debug_input){
		.elf = &elf,
		.alt = size & 1 ? &elf : NULL,
		.package = itself_package,
		.split = itself,
		.ctx = &elf,
		.inflated_max = 1 << 20,
	};
	if (debug_info_build(&d, &in)) {
		check(!d.strings && !d.nodes.n);
		return 0;
	}
	check_tables(&d);
	for (size_t i = 0; i < d.ranges.n && i < 64; i++) {
		size_t n = debug_info_find(&d, d.ranges.v[i].start, frames, 8);

		for (size_t f = 0; f < n && f < 8; f++)
			check(frames[f].name && frames[f].file);
	}
	debug_info_free(&d);
	return 0;
}
