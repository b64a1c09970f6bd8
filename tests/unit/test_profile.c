// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void new_profile_has_only_the_empty_stack(void **state)
{
	struct profile *p = profile_new();

	assert_int_equal(p->nodes.n, 1);
	assert_int_equal(p->samples.n, 0);
	assert_int_equal(profile_total(p), 0);
	profile_free(p);
	profile_free(NULL);
}

static void equal_things_have_one_id(void **state)
{
	struct profile *p = profile_new();
	uint32_t f = profile_frame(p, "read", "libc.so.6", FRAME_USER);
	uint32_t n = profile_node(p, 0, f);

	assert_int_equal(profile_frame(p, "read", "libc.so.6", FRAME_USER), f);
	assert_int_not_equal(profile_frame(p, "read", "libc.so.6", FRAME_INLINE), f);
	assert_int_not_equal(profile_frame(p, "read", "", FRAME_USER), f);
	assert_int_not_equal(profile_frame(p, "write", "libc.so.6", FRAME_USER), f);
	assert_int_equal(profile_node(p, 0, f), n);
	assert_int_not_equal(profile_node(p, n, f), n);
	assert_string_equal(strings_get(p->strings, p->frames.v[f].name), "read");
	assert_string_equal(strings_get(p->strings, p->frames.v[f].binary), "libc.so.6");
	profile_free(p);
}

static void process_is_pid_and_identity(void **state)
{
	struct profile *p = profile_new();
	uint32_t a = profile_process(p, 7, 1, "sh"), b = profile_process(p, 7, 2, "sh");

	assert_int_not_equal(a, b);
	assert_int_equal(profile_process(p, 7, 1, "worker"), a);
	assert_string_equal(strings_get(p->strings, p->processes.v[a].comm), "worker");
	assert_string_equal(strings_get(p->strings, p->processes.v[b].comm), "sh");
	profile_free(p);
}

static void thread_is_process_tid_and_comm(void **state)
{
	struct profile *p = profile_new();
	uint32_t process = profile_process(p, 7, 1, "sh");
	uint32_t t = profile_thread(p, process, 8, "io");

	assert_int_equal(profile_thread(p, process, 8, "io"), t);
	assert_int_not_equal(profile_thread(p, process, 9, "io"), t);
	assert_int_not_equal(profile_thread(p, process, 8, "net"), t);
	profile_free(p);
}

static void counts_above_32_bits_add_up(void **state)
{
	struct profile *p = profile_new();
	uint32_t t = profile_thread(p, profile_process(p, 1, 1, "a"), 1, "a");
	uint32_t n = profile_node(p, 0, profile_frame(p, "f", "", FRAME_USER));

	profile_add(p, t, n, 1ull << 40);
	profile_add(p, t, n, 5);
	profile_add(p, t, 0, 2);
	assert_int_equal(p->samples.n, 2);
	assert_true(p->samples.v[0].count == (1ull << 40) + 5);
	assert_true(profile_total(p) == (1ull << 40) + 7);
	profile_free(p);
}

/* Enough of everything to make tables and arrays grow many times; ids must not move. */
static void ids_stay_valid_while_growing(void **state)
{
	struct profile *p = profile_new();
	uint32_t ids[20000];
	char name[32];

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ids[i] = profile_node(p, i ? ids[i - 1] : 0, profile_frame(p, name, "", FRAME_USER));
	}
	for (int i = 0; i < 20000; i++) {
		const struct profile_node *n = &p->nodes.v[ids[i]];

		snprintf(name, sizeof(name), "f%d", i);
		assert_string_equal(strings_get(p->strings, p->frames.v[n->frame].name), name);
		assert_int_equal(n->parent, i ? ids[i - 1] : 0);
	}
	assert_int_equal(p->nodes.n, 20001);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_profile_has_only_the_empty_stack),
		cmocka_unit_test(equal_things_have_one_id),
		cmocka_unit_test(process_is_pid_and_identity),
		cmocka_unit_test(thread_is_process_tid_and_comm),
		cmocka_unit_test(counts_above_32_bits_add_up),
		cmocka_unit_test(ids_stay_valid_while_growing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
