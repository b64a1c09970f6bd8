// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a symbol: the name is text, has an end, and is no longer than it may be. */
#include "symbolize/demangle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Half of the inputs get the start of a mangled name, which random bytes seldom have. */
static const char *const starts[] = {"", "", "", "_Z", "_ZN", "_R", "_RINvC1a1f"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf symbol = {0}, out = {0};

	if (!size)
		return 0;
	buf_puts(&symbol, starts[data[0] % (sizeof(starts) / sizeof(starts[0]))]);
	buf_add(&symbol, data + 1, size - 1);
	buf_puts(&out, "x");
	demangle(&out, symbol.v, false);
	if (out.v[0] != 'x' || out.n > 1 + DEMANGLE_MAX_OUT || strlen(out.v) != out.n || (symbol.v[0] && out.n < 2))
		abort();
	buf_free(&symbol);
	buf_free(&out);
	return 0;
}
