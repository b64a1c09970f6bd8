// SPDX-License-Identifier: Apache-2.0
#include "symbolize/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * libiberty's demanglers hand out text piece by piece and cannot be told to stop: 240 bytes of symbol can mean 400 MB of
 * text. They keep nothing on the heap meanwhile, so a jump out of the callback ends them.
 */
struct sink {
	struct buf *out;
	size_t limit;
	jmp_buf full;
};

static void take(const char *text, size_t n, void *ctx)
{
	struct sink *s = ctx;

	if (s->out->n + n > s->limit) {
		buf_add(s->out, text, s->limit - s->out->n);
		longjmp(s->full, 1);
	}
	buf_add(s->out, text, n);
}

/* Appends the demangled name and returns true, or leaves `out` as it was. */
static bool run(struct buf *out, const char *symbol)
{
	const size_t start = out->n;
	struct sink s = {.out = out, .limit = start + DEMANGLE_MAX_OUT - 3};
	int ok;

	if (setjmp(s.full)) {
		buf_puts(out, "...");
		return true;
	}
	if (symbol[0] == '_' && symbol[1] == 'R')
		ok = rust_demangle_callback(symbol, DMGL_PARAMS, take, &s);
	else
		ok = (!strncmp(symbol, "_ZN", 3) && rust_demangle_callback(symbol, DMGL_PARAMS, take, &s)) ||
		     (buf_truncate(out, start), cplus_demangle_v3_callback(symbol, DMGL_PARAMS | DMGL_ANSI, take, &s));
	if (ok && out->n > start)
		return true;
	buf_truncate(out, start);
	return false;
}

/* Where the mangled name ends and the compiler's suffixes begin (.cold, .part.0, .isra.0, .llvm.123, @@GLIBC_2.2). */
static size_t base_length(const char *symbol)
{
	static const char *const suffixes[] = {".cold",	 ".warm",     ".hot",	".part.", ".isra.",
					       ".constprop.", ".llvm.", ".lto_priv.", ".localalias", ".clone."};
	size_t n = strcspn(symbol, "@");

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		const char *at = strstr(symbol + 1, suffixes[i]);

		if (at && (size_t)(at - symbol) < n)
			n = at - symbol;
	}
	return n ? n : strlen(symbol);
}

void demangle(struct buf *out, const char *symbol)
{
	size_t n = strnlen(symbol, DEMANGLE_MAX_IN + 1);
	char base[DEMANGLE_MAX_IN + 1];

	if (n > DEMANGLE_MAX_IN || !*symbol) {
		buf_add(out, symbol, n);
		return;
	}
	n = base_length(symbol);
	memcpy(base, symbol, n);
	base[n] = '\0';
	if (base[0] != '_' || (base[1] != 'Z' && base[1] != 'R') || !run(out, base))
		buf_add(out, base, n);
}
