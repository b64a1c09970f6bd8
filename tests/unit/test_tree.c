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

/* The same stacks under one pattern. */
static void expect_with(enum pattern_use use, const char *pattern, const char *text, uint64_t left_out)
{
	struct profile *p = sample_profile();
	struct view view = {.process = ALL_PROCESSES, .patterns = patterns_new()};
	struct tree *t;

	assert_int_equal(patterns_add((struct patterns *)view.patterns, use, pattern, NULL), 0);
	expect(p, view, text);
	t = tree_new(p, &view);
	assert_int_equal(tree_left_out(t), left_out);
	assert_int_equal(t->nodes.v[0].total + tree_left_out(t), profile_total(p));
	assert_int_equal(use == PATTERN_IGNORE ? t->ignored : use == PATTERN_FOCUS ? t->unfocused : t->rootless, left_out);
	tree_free(t);
	patterns_free((struct patterns *)view.patterns);
	profile_free(p);
}

static void hidden_frames_give_way_to_their_callees(void **state)
{
	expect_with(PATTERN_HIDE, "^work$", "all:15/0(db:9/5(start:4/4) sh:6/0(main:6/3(i fast:1/1 k sys:2/2)))", 0);
	expect_with(PATTERN_HIDE, "^(sh|main|start)$", "all:15/0(db:9/9 i fast:1/0(work:1/1) work:5/3(k sys:2/2))", 0);
	expect_with(PATTERN_HIDE, ".", "all:15/15", 0);
}

static void focus_keeps_stacks_with_such_a_frame(void **state)
{
	expect_with(PATTERN_FOCUS, "sys|fast",
		    "all:3/0(sh:3/0(main:3/0(i fast:1/0(work:1/1) work:2/0(k sys:2/2))))", 12);
	expect_with(PATTERN_FOCUS, "^db$", "all:9/0(db:9/5(start:4/4))", 6);
	expect_with(PATTERN_FOCUS, "nosuch", "all:0/0", 15);
}

static void stacks_start_at_the_outermost_root(void **state)
{
	expect_with(PATTERN_ROOT, "main|work", "all:6/0(main:6/0(i fast:1/0(work:1/1) work:5/3(k sys:2/2)))", 9);
	expect_with(PATTERN_ROOT, "work", "all:6/0(work:6/4(k sys:2/2))", 9);
}

static void ignored_stacks_are_counted(void **state)
{
	expect_with(PATTERN_IGNORE, "start|sys", "all:9/0(db:5/5 sh:4/0(main:4/0(i fast:1/0(work:1/1) work:3/3)))", 6);
}

static void patterns_see_no_frames_that_the_view_leaves_out(void **state)
{
	struct profile *p = sample_profile();
	struct view view = {.process = 0, .user_only = true, .patterns = patterns_new()};

	patterns_add((struct patterns *)view.patterns, PATTERN_IGNORE, "^sys$", NULL);
	expect(p, view, "all:6/0(sh:6/0(main:6/0(i fast:1/0(work:1/1) work:5/5)))");
	patterns_free((struct patterns *)view.patterns);
	profile_free(p);
}

/* Recursion, a label of two patterns, and a frame below its like: each sample counts once a label. */
static void highlights_count_a_sample_once(void **state)
{
	struct profile *p = profile_new();
	struct patterns *patterns = patterns_new();
	struct view view = {.process = ALL_PROCESSES, .patterns = patterns};
	uint32_t t = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");
	struct tree *tree;

	profile_add(p, t, stack(p, "main alloc alloc x alloc"), 1);
	profile_add(p, t, stack(p, "main alloc"), 2);
	profile_add(p, t, stack(p, "main free poll alloc"), 4);
	profile_add(p, t, stack(p, "main poll"), 8);
	profile_add(p, t, stack(p, "main"), 16);
	patterns_add(patterns, PATTERN_HIGHLIGHT, "^alloc$=memory", NULL);
	patterns_add(patterns, PATTERN_HIGHLIGHT, "poll=waiting", NULL);
	patterns_add(patterns, PATTERN_HIGHLIGHT, "^free$=memory", NULL);
	patterns_add(patterns, PATTERN_HIGHLIGHT, "nosuch=nothing", NULL);
	tree = tree_new(p, &view);
	assert_int_equal(tree->highlights.n, 3);
	assert_string_equal(tree->highlights.v[0].label, "memory");
	assert_int_equal(tree->highlights.v[0].samples, 1 + 2 + 4);
	assert_int_equal(tree->highlights.v[1].samples, 4 + 8);
	assert_int_equal(tree->highlights.v[2].samples, 0);
	for (size_t i = 0; i < tree->nodes.n; i++) {
		const char *name = strings_get(p->strings, tree->nodes.v[i].name);
		unsigned want = !strcmp(name, "alloc") || !strcmp(name, "free") ? 1 : !strcmp(name, "poll") ? 2 : 0;

		assert_int_equal(tree->nodes.v[i].highlight, want);
	}
	tree_free(tree);
	patterns_free(patterns);
	profile_free(p);
}

/* What formats that are no trees get: the frames that the view shows, leaf first, or nothing. */
static void stacks_of_a_view(void **state)
{
	static const char *const want[] = {"work main", "sys work main", "work main", NULL, ""};
	struct profile *p = sample_profile();
	struct patterns *patterns = patterns_new();
	struct view view = {.process = ALL_PROCESSES, .no_inline = true, .patterns = patterns};
	struct view_stacks *v;

	patterns_add(patterns, PATTERN_IGNORE, "^start$", NULL);
	patterns_add(patterns, PATTERN_HIDE, "^db$", NULL);
	v = view_stacks_new(p, &view);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const uint32_t *nodes;
		struct buf text = {0};
		size_t n;

		assert_int_equal(view_stacks_get(v, &p->samples.v[i], &nodes, &n), want[i] != NULL);
		if (!want[i])
			continue;
		buf_puts(&text, "");
		for (size_t j = 0; j < n; j++)
			buf_printf(&text, "%s%s", j ? " " : "", strings_get(p->strings, p->frames.v[p->nodes.v[nodes[j]].frame].name));
		assert_string_equal(text.v, want[i]);
		buf_free(&text);
	}
	view_stacks_free(v);
	view_stacks_free(NULL);
	patterns_free(patterns);
	profile_free(p);
}

static void turned_around(void **state)
{
	struct profile *p = sample_profile();

	expect(p, (struct view){.process = 0, .reversed = true},
	       "all:6/0(k sys:2/0(work:2/0(main:2/0(sh:2/2))) "
	       "work:4/0(i fast:1/0(main:1/0(sh:1/1)) main:3/0(sh:3/3)))");
	profile_free(p);
}

/* Builds a tree of "a b c" stacks as they come. */
static void expect_built(struct view view, const char *const *stacks, const char *text)
{
	struct profile *p = profile_new();
	struct tree_builder *b = tree_builder_new(p, &view);
	struct buf out = {0};
	struct tree *t;

	for (; *stacks; stacks++) {
		char copy[64], *save = NULL;

		snprintf(copy, sizeof(copy), "%s", *stacks);
		tree_builder_keep(b, 0);
		for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
			tree_builder_push(b, strings_add(p->strings, s), 0, FRAME_USER);
		tree_builder_count(b, 1);
	}
	t = tree_builder_end(b);
	print_node(&out, t, 0);
	assert_string_equal(out.v, text);
	buf_free(&out);
	tree_free(t);
	profile_free(p);
}

static void in_order_only_neighbours_are_merged(void **state)
{
	static const char *const stacks[] = {"m b x", "m b x", "m a", "m b", "m b x", "m", "m b", "n", "m", NULL};

	expect_built((struct view){.process = ALL_PROCESSES, .in_order = true}, stacks,
		     "all:9/0(m:7/1(b:2/0(x:2/2) a:1/1 b:2/1(x:1/1) b:1/1) n:1/1 m:1/1)");
	expect_built((struct view){.process = ALL_PROCESSES}, stacks,
		     "all:9/0(m:8/2(a:1/1 b:5/2(x:3/3)) n:1/1)");
}

static void a_builder_keeps_what_stacks_share(void **state)
{
	struct profile *p = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	struct tree_builder *b = tree_builder_new(p, &view);
	struct buf out = {0};
	struct tree *t;

	for (const char *s = "abcd"; *s; s++)
		tree_builder_push(b, strings_add_n(p->strings, s, 1), 0, FRAME_USER);
	tree_builder_count(b, 1);
	tree_builder_keep(b, 2);
	tree_builder_count(b, 2);
	tree_builder_push(b, strings_add(p->strings, "x"), 0, FRAME_USER);
	tree_builder_count(b, 4);
	tree_builder_count_baseline(b, 100);
	tree_builder_keep(b, 9);
	tree_builder_keep(b, 0);
	tree_builder_count(b, 8);
	tree_builder_push(b, strings_add(p->strings, "gone"), 0, FRAME_USER);
	tree_builder_count_baseline(b, 1000);
	t = tree_builder_end(b);
	print_node(&out, t, 0);
	assert_string_equal(out.v, "all:15/8(a:7/0(b:7/2(c:1/0(d:1/1) x:4/4)) gone:0/0)");
	assert_int_equal(t->baseline[0].total, 1100);
	assert_int_equal(t->baseline[0].self, 0);
	for (size_t i = 1; i < t->nodes.n; i++) {
		const char *name = strings_get(p->strings, t->nodes.v[i].name);

		assert_int_equal(t->baseline[i].total, strchr("abx", *name) ? 100 : *name == 'g' ? 1000 : 0);
		assert_int_equal(t->baseline[i].self, *name == 'x' ? 100 : *name == 'g' ? 1000 : 0);
	}
	buf_free(&out);
	tree_free(t);
	profile_free(p);
}

/* main calls work from two lines, work runs in three; of the kernel's frame nothing is known. */
static void places_are_where_most_samples_are(void **state)
{
	struct profile *p = profile_new();
	uint32_t t = profile_thread(p, profile_process(p, 0, 0, ""), 0, ""), file = strings_add(p->strings, "a.c");
	uint32_t main = profile_frame(p, "main", "a", FRAME_USER), work = profile_frame(p, "work", "a", FRAME_USER);
	uint32_t callers[2], sys = profile_frame(p, "sys", "[kernel]", FRAME_KERNEL), node;
	struct view view = {.process = ALL_PROCESSES};
	struct tree *tree;

	for (uint32_t i = 0; i < 2; i++)
		callers[i] = profile_node_at(p, 0, main, profile_location_in(p, 0, i, file, 10 + i));
	profile_add(p, t, profile_node_at(p, callers[0], work, profile_location_in(p, 0, 20, file, 20)), 4);
	profile_add(p, t, profile_node_at(p, callers[1], work, profile_location_in(p, 0, 21, file, 21)), 3);
	node = profile_node_at(p, callers[1], work, profile_location_in(p, 0, 22, file, 21));
	profile_add(p, t, profile_node(p, node, sys), 2);
	for (int reversed = 0; reversed < 2; reversed++) {
		view.reversed = reversed;
		tree = tree_new(p, &view);
		for (uint32_t id = 1; id < tree->nodes.n; id++) {
			const struct tree_node *n = &tree->nodes.v[id];
			const char *name = strings_get(p->strings, n->name);
			/* Turned around, main over work over sys has the samples of sys alone. */
			uint32_t want = !strcmp(name, "sys") ? 0 : !strcmp(name, "work") ? 21 : 11;

			if (reversed && !strcmp(name, "work") && n->total == 7)
				want = 20;
			if (reversed && !strcmp(name, "main") && n->total == 7)
				want = 10;
			assert_int_equal(tree->places[id].line, want);
			assert_int_equal(tree->places[id].file, want ? file : 0);
		}
		tree_free(tree);
	}
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
		cmocka_unit_test(hidden_frames_give_way_to_their_callees),
		cmocka_unit_test(focus_keeps_stacks_with_such_a_frame),
		cmocka_unit_test(stacks_start_at_the_outermost_root),
		cmocka_unit_test(ignored_stacks_are_counted),
		cmocka_unit_test(patterns_see_no_frames_that_the_view_leaves_out),
		cmocka_unit_test(highlights_count_a_sample_once),
		cmocka_unit_test(stacks_of_a_view),
		cmocka_unit_test(places_are_where_most_samples_are),
		cmocka_unit_test(turned_around),
		cmocka_unit_test(in_order_only_neighbours_are_merged),
		cmocka_unit_test(a_builder_keeps_what_stacks_share),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
