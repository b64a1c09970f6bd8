// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "profile/tree.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The tree as "NAME:TOTAL/SELF(children)", kinds other than user as a letter before the name. */
static void print_node(struct buf *out, const struct tree *t, uint32_t id)
{
	static const char *const letters[] = {"", "k ", "i ", "j ", "n "};
	const struct tree_node *n = &t->nodes.v[id];

	buf_printf(out, "%s%s:%" PRIu64 "/%" PRIu64, letters[n->kind], strings_get(t->profile->strings, n->name),
		   n->total, n->self);
	if (!n->first_child)
		return;
	buf_putc(out, '(');
	for (uint32_t c = n->first_child; c; c = t->nodes.v[c].next_sibling) {
		assert_int_equal(t->nodes.v[c].parent, id);
		assert_int_equal(t->nodes.v[c].depth, n->depth + 1);
		print_node(out, t, c);
		if (t->nodes.v[c].next_sibling)
			buf_putc(out, ' ');
	}
	buf_putc(out, ')');
}

static void expect(const struct profile *p, struct view view, const char *text)
{
	struct tree *t = tree_new(p, &view);
	struct buf out = {0};

	print_node(&out, t, 0);
	assert_string_equal(out.v, text);
	buf_free(&out);
	tree_free(t);
}

static uint32_t stack(struct profile *p, const char *names)
{
	uint32_t node = 0;
	char copy[256], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		enum frame_kind kind = s[0] == '+' ? FRAME_KERNEL : s[0] == '~' ? FRAME_INLINE : FRAME_USER;

		node = profile_node(p, node, profile_frame(p, s + (kind != FRAME_USER), "", kind));
	}
	return node;
}

/* sh(10): main->work 3, main->work->[k]sys 2, main->[i]fast->work 1; two threads of db(20): start 4, nothing 5 */
static struct profile *sample_profile(void)
{
	struct profile *p = profile_new();
	uint32_t sh = profile_process(p, 10, 1, "sh"), db = profile_process(p, 20, 1, "db");
	uint32_t a = profile_thread(p, sh, 10, "sh"), b = profile_thread(p, db, 20, "db"),
		 c = profile_thread(p, db, 21, "io w");

	profile_add(p, a, stack(p, "main work"), 3);
	profile_add(p, a, stack(p, "main work +sys"), 2);
	profile_add(p, a, stack(p, "main ~fast work"), 1);
	profile_add(p, b, stack(p, "start"), 4);
	profile_add(p, c, stack(p, ""), 5);
	return p;
}

static void all_processes_under_their_comms(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = ALL_PROCESSES},
	       "all:15/0(db:9/5(start:4/4) sh:6/0(main:6/0(i fast:1/0(work:1/1) work:5/3(k sys:2/2))))");
	profile_free(p);
}

static void one_process(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = 1, .pids = true}, "all:9/0(db-20:9/5(start:4/4))");
	profile_free(p);
}

static void threads_and_pids_are_frames(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = 1, .pids = true, .threads = true},
	       "all:9/0(db-20:9/0(db/20:4/0(start:4/4) io w/21:5/5))");
	profile_free(p);
}

static void user_only_gives_kernel_samples_to_the_caller(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = 0, .user_only = true},
	       "all:6/0(sh:6/0(main:6/0(i fast:1/0(work:1/1) work:5/5)))");
	profile_free(p);
}

static void kernel_only_keeps_the_others_at_the_root(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = 0, .kernel_only = true}, "all:6/0(sh:6/4(k sys:2/2))");
	profile_free(p);
}

static void without_inlined_frames_callees_move_up(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = 0, .no_inline = true}, "all:6/0(sh:6/0(main:6/0(work:6/4(k sys:2/2))))");
	profile_free(p);
}

static void folded_input_brings_its_own_roots(void **state)
{
	struct profile *p = profile_new();
	uint32_t t = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");

	profile_add(p, t, stack(p, "x y"), 2);
	profile_add(p, t, 0, 1);
	expect(p, (struct view){.process = ALL_PROCESSES, .pids = true, .threads = true}, "all:3/1(x:2/0(y:2/2))");
	profile_free(p);
}

static void process_without_a_comm_still_has_a_frame(void **state)
{
	struct profile *p = profile_new();

	profile_add(p, profile_thread(p, profile_process(p, 5, 0, ""), 6, ""), stack(p, "x"), 2);
	expect(p, (struct view){.process = ALL_PROCESSES, .threads = true},
	       "all:2/0([unnamed]:2/0([unnamed]/6:2/0(x:2/2)))");
	profile_free(p);
}

static void siblings_are_sorted_by_bytes_then_kind(void **state)
{
	struct profile *p = profile_new();
	uint32_t t = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");

	profile_add(p, t, stack(p, "b"), 1);
	profile_add(p, t, stack(p, "+a"), 2);
	profile_add(p, t, stack(p, "\xC3\xA9"), 3);
	profile_add(p, t, stack(p, "a"), 4);
	profile_add(p, t, stack(p, "B"), 5);
	profile_add(p, t, stack(p, "+b"), 6);
	expect(p, (struct view){.process = ALL_PROCESSES}, "all:21/0(B:5/5 a:4/4 k a:2/2 b:1/1 k b:6/6 \xC3\xA9:3/3)");
	profile_free(p);
}

static void empty_profile_is_a_root_of_nothing(void **state)
{
	struct profile *p = profile_new();

	expect(p, (struct view){.process = ALL_PROCESSES}, "all:0/0");
	tree_free(NULL);
	profile_free(p);
}

static void deep_stacks_need_no_recursion(void **state)
{
	struct profile *p = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	uint32_t t = profile_thread(p, profile_process(p, 1, 0, "deep"), 1, "deep"), node = 0;
	struct tree *tree;

	for (int i = 0; i < 100000; i++)
		node = profile_node(p, node, profile_frame(p, i % 2 ? "odd" : "even", "", FRAME_USER));
	profile_add(p, t, node, 3);
	tree = tree_new(p, &view);
	assert_int_equal(tree->max_depth, 100001);
	for (size_t i = 0; i < tree->nodes.n; i++)
		assert_int_equal(tree->nodes.v[i].total, 3);
	tree_free(tree);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_processes_under_their_comms),
		cmocka_unit_test(one_process),
		cmocka_unit_test(threads_and_pids_are_frames),
		cmocka_unit_test(user_only_gives_kernel_samples_to_the_caller),
		cmocka_unit_test(kernel_only_keeps_the_others_at_the_root),
		cmocka_unit_test(without_inlined_frames_callees_move_up),
		cmocka_unit_test(folded_input_brings_its_own_roots),
		cmocka_unit_test(process_without_a_comm_still_has_a_frame),
		cmocka_unit_test(siblings_are_sorted_by_bytes_then_kind),
		cmocka_unit_test(empty_profile_is_a_root_of_nothing),
		cmocka_unit_test(deep_stacks_need_no_recursion),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
