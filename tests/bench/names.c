// SPDX-License-Identifier: Apache-2.0
/*
 * build/bench/names < SYMBOLS (one a line, say of "nm -D --defined-only FILE | awk '{print $3}'"): what it takes to read mangled names
 * in namer processes, beside reading them right here.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "symbolize/demangle.h"
#include "symbolize/helper.h"
#include "symbolize/names.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 7
#define INPUT_BYTES_MAX (64u << 20)

static const struct names_owner owner;

static uint64_t here(char *const *symbols, size_t n)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	struct buf out = {0};

	for (size_t i = 0; i < n; i++) {
		buf_truncate(&out, 0);
		demangle(&out, symbols[i], false);
	}
	buf_free(&out);
	return clock_ns(CLOCK_MONOTONIC) - start;
}

static uint64_t outside(struct names *names, char *const *symbols, size_t n)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < n; i++)
		names_want(names, &owner, symbols[i]);
	if (!names_answer(names, UINT64_MAX))
		fprintf(stderr, "some were not read\n");
	for (size_t i = 0; i < n; i++)
		names_get(names, &owner, symbols[i]);
	names_forget(names);
	return clock_ns(CLOCK_MONOTONIC) - start;
}

static void measure(char *const *symbols, size_t n)
{
	struct names *names = names_new(false);
	uint64_t in = UINT64_MAX, out = UINT64_MAX, t;

	for (int i = 0; i < ROUNDS; i++) {
		t = here(symbols, n);
		in = t < in ? t : in;
		t = outside(names, symbols, n);
		out = t < out ? t : out;
	}
	printf("%zu symbols: %.2f ms here, %.2f ms by %.0f namers\n", n, in / 1e6, out / 1e6, names_counts(names).namers / (double)ROUNDS);
	names_free(names);
}

int main(int argc, char **argv)
{
	VEC(char *) symbols = {0};
	struct buf text = {0};

	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	if (file_read_fd(STDIN_FILENO, INPUT_BYTES_MAX, &text) || !text.n)
		return 1;
	for (char *line = strtok(text.v, "\n"); line; line = strtok(NULL, "\n"))
		if (demangle_is_mangled(line))
			*vec_push(&symbols) = line;
	for (size_t n = 1; n < symbols.n; n *= 10)
		measure(symbols.v, n);
	measure(symbols.v, symbols.n);
	return 0;
}
