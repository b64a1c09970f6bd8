// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/privileges.h"

#define BIT(cap) (1ull << (cap))

static void keeps_what_sampling_needs(void **state)
{
	uint64_t all = ~0ull, kept = privileges_kept(all, 2);

	assert_true(kept & BIT(CAP_SYS_PTRACE));
	assert_true(kept & BIT(38)); /* CAP_PERFMON */
	assert_true(kept & BIT(39)); /* CAP_BPF */
	/* Parsers of foreign files become nobody. */
	assert_true(kept & BIT(CAP_SETUID) && kept & BIT(CAP_SETGID));
	assert_false(kept & BIT(CAP_SYS_ADMIN));
	assert_false(kept & (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) | BIT(CAP_SYS_MODULE) | BIT(CAP_NET_ADMIN)));
	assert_true(privileges_kept(all, 3) & BIT(CAP_SYS_ADMIN));
	assert_int_equal(privileges_kept(all, 3) & ~BIT(CAP_SYS_ADMIN), kept);
}

static void never_adds_any(void **state)
{
	assert_int_equal(privileges_kept(0, 4), 0);
	assert_int_equal(privileges_kept(BIT(38), -1), BIT(38));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_sampling_needs),
		cmocka_unit_test(never_adds_any),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
