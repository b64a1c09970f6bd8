// SPDX-License-Identifier: Apache-2.0
#include "profile/accounting.h"

#include <inttypes.h>

const char *lost_reason_name(enum lost_reason reason)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		LOST_REASONS(X)
#undef X
	};

	return names[reason];
}

uint64_t accounting_lost(const struct accounting *a)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOST_N; i++)
		sum += a->lost[i];
	return sum;
}

void accounting_add(struct accounting *sum, const struct accounting *a)
{
	sum->expected += a->expected;
	sum->idle += a->idle;
	sum->filtered += a->filtered;
	sum->recorded += a->recorded;
	for (int i = 0; i < LOST_N; i++)
		sum->lost[i] += a->lost[i];
}

void accounting_print(struct buf *out, const struct accounting *a)
{
	const char *sep = " (";

	buf_printf(out, "accounting: expected=%" PRIu64 " idle=%" PRIu64 " filtered=%" PRIu64 " recorded=%" PRIu64 " lost=%" PRIu64,
		   a->expected, a->idle, a->filtered, a->recorded, accounting_lost(a));
	for (int i = 0; i < LOST_N; i++) {
		if (!a->lost[i])
			continue;
		buf_printf(out, "%s%s=%" PRIu64, sep, lost_reason_name(i), a->lost[i]);
		sep = " ";
	}
	if (sep[1] == '\0')
		buf_puts(out, ")");
}
