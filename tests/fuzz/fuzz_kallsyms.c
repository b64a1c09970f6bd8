// SPDX-License-Identifier: Apache-2.0
/* Any bytes as kernel symbols: the table is sorted, every symbol is found at its address, every name has an end. */
#include "symbolize/kallsyms.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kallsyms k = {0};
	struct buf text = {0};

	buf_add(&text, data, size);
	kallsyms_parse(&k, text.v);
	for (size_t i = 0; i < k.symbols.n; i++) {
		const struct kernel_symbol *s = &k.symbols.v[i];

		require(s->start && (!i || k.symbols.v[i - 1].start < s->start));
		require(kallsyms_find(&k, s->start) == s);
		require(s->name < k.text.n && k.text.v[s->name] && memchr(k.text.v + s->name, '\0', k.text.n - s->name));
		require(s->module < k.text.n && memchr(k.text.v + s->module, '\0', k.text.n - s->module));
	}
	kallsyms_find(&k, 0);
	kallsyms_find(&k, UINT64_MAX);
	kallsyms_free(&k);
	buf_free(&text);
	return 0;
}
