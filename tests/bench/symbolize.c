// SPDX-License-Identifier: Apache-2.0
/* build/bench/symbolize FILE...: from bytes to an image file and back, each step's best of several times. */
#include "base/clock.h"
#include "elf/debug_info.h"
#include "elf/symtab.h"
#include "symbolize/image_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 7
#define LOOKUPS 1000000

static uint64_t best(uint64_t before, uint64_t start)
{
	uint64_t t = clock_ns(CLOCK_MONOTONIC) - start;

	return t < before ? t : before;
}

static bool open_file(const char *path, struct elf *elf)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st))
		return false;
	bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	return bytes != MAP_FAILED && !elf_open(elf, bytes, st.st_size);
}

/* Random addresses inside of symbols. */
static uint64_t look_up(const struct image_file *f, const struct symtab *t, uint64_t *frames)
{
	struct image_frame found[64];
	uint32_t seed = 1;
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < LOOKUPS; i++) {
		const struct symbol *s;

		seed = seed * 1664525 + 1013904223;
		s = &t->symbols.v[(uint64_t)seed * t->symbols.n >> 32];
		*frames += image_file_find(f, s->start + seed % (s->end - s->start), found, 64);
	}
	return clock_ns(CLOCK_MONOTONIC) - start;
}

static void measure(const char *path, const struct elf *elf)
{
	uint64_t symbols = UINT64_MAX, dwarf = UINT64_MAX, image = UINT64_MAX, start, find, frames = 0;
	struct debug_info d = {0};
	struct symtab t = {{0}, {0}};
	struct buf out = {0};
	struct image_file f;

	for (int i = 0; i < ROUNDS; i++) {
		symtab_free(&t);
		debug_info_free(&d);
		buf_free(&out);
		start = clock_ns(CLOCK_MONOTONIC);
		if (symtab_build(&t, elf, SYMTAB_FULL) && symtab_build(&t, elf, SYMTAB_DYNAMIC))
			return;
		symbols = best(symbols, start);
		start = clock_ns(CLOCK_MONOTONIC);
		debug_info_build(&d, &(struct debug_input){.elf = elf, .inflated_max = 1ull << 30});
		dwarf = best(dwarf, start);
		start = clock_ns(CLOCK_MONOTONIC);
		if (image_file_build(&out, &(struct image_file_input){.tables = &t, .n_tables = 1, .debug = d.strings ? &d : NULL}))
			return;
		image = best(image, start);
	}
	if (image_file_open(&f, out.v, out.n))
		return;
	find = look_up(&f, &t, &frames);
	printf("%s\n  %zu symbols in %.1f ms, index of %zu KB; DWARF in %.1f ms; image file of %zu KB in %.1f ms\n", path, t.symbols.n, symbols / 1e6,
	       f.h.symbols.count * IMAGE_SYMBOL_BYTES / 1000, dwarf / 1e6, out.n / 1000, image / 1e6);
	printf("  look-up: %.0f ns, %.2f frames\n", find / (double)LOOKUPS, frames / (double)LOOKUPS);
	symtab_free(&t);
	debug_info_free(&d);
	buf_free(&out);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct elf elf;

		if (open_file(argv[i], &elf))
			measure(argv[i], &elf);
	}
	return 0;
}
