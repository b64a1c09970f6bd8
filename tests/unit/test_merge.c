// SPDX-License-Identifier: Apache-2.0
#include "profile/merge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Adds `count` samples of process (pid, identity, comm, exe, unit) in main;NAME. */
static void add(struct profile *p, int32_t pid, uint64_t identity, const char *comm, const char *exe, const char *unit,
		const char *name, uint64_t count)
{
	uint32_t process = profile_process(p, pid, identity, comm), image = profile_image(p, exe, "ab12");
	uint32_t node = profile_node(p, 0, profile_frame(p, "main", comm, FRAME_USER));

	p->processes.v[process].labels[LABEL_EXE] = strings_add(p->strings, exe);
	p->processes.v[process].labels[LABEL_UNIT] = strings_add(p->strings, unit);
	node = profile_node_at(p, node, profile_frame(p, name, comm, FRAME_JIT), profile_location(p, image, 0x1234));
	profile_add(p, profile_thread(p, process, pid + 1, comm), node, count);
	p->accounting.recorded += count;
	p->accounting.expected += count;
}

static struct profile *new_window(uint64_t start, uint64_t period)
{
	struct profile *p = profile_new();

	p->start_ns = start;
	p->end_ns = start + 100;
	p->period_ns = period;
	p->event = xstrdup("cpu-clock");
	p->accounting.idle = 3;
	p->accounting.lost[LOST_MISSED] = 2;
	p->accounting.expected = 5;
	return p;
}

static bool is_exact(const struct profile *p)
{
	const struct accounting *a = &p->accounting;

	return a->expected == a->idle + a->filtered + a->recorded + accounting_lost(a) && a->recorded == profile_total(p);
}

static void equal_things_are_added_up(void **state)
{
	struct profile *sum = profile_new(), *a = new_window(1000, 10), *b = new_window(900, 10);

	add(a, 7, 1, "sh", "/bin/sh", "x.service", "f", 5);
	add(a, 7, 1, "sh", "/bin/sh", "x.service", "g", 1);
	profile_frame(a, "of no sample", "", FRAME_USER);
	add(b, 9, 1, "perl", "/bin/perl", "", "f", 4);
	add(b, 7, 1, "sh", "/bin/sh", "x.service", "f", 1ull << 40);
	profile_merge(sum, a, NULL);
	profile_merge(sum, b, NULL);
	assert_int_equal(sum->processes.n, 2);
	assert_int_equal(sum->samples.n, 3);
	assert_true(sum->samples.v[0].count == (1ull << 40) + 5);
	assert_true(profile_total(sum) == (1ull << 40) + 10);
	assert_true(is_exact(sum));
	assert_int_equal(sum->accounting.idle, 6);
	assert_int_equal(sum->accounting.lost[LOST_MISSED], 4);
	assert_int_equal(sum->start_ns, 900);
	assert_int_equal(sum->end_ns, 1100);
	assert_int_equal(sum->period_ns, 10);
	assert_string_equal(sum->event, "cpu-clock");
	assert_string_equal(strings_get(sum->strings, sum->images.v[1].build_id), "ab12");
	assert_int_equal(sum->locations.v[1].offset, 0x1234);
	assert_false(strings_find(sum->strings, "of no sample"));
	profile_free(sum);
	profile_free(a);
	profile_free(b);
}

static void what_the_filter_holds_back_is_filtered(void **state)
{
	struct profile *sum = profile_new(), *a = new_window(0, 10);
	struct process_filter f = {0};

	add(a, 7, 1, "sh", "/bin/sh", "x.service", "f", 5);
	add(a, 8, 1, "perl", "/bin/perl", "y.service", "f", 4);
	a->accounting.filtered = 10;
	a->accounting.expected += 10;
	*vec_push(&f.labels[LABEL_UNIT]) = "y";
	profile_merge(sum, a, &f);
	assert_int_equal(profile_total(sum), 4);
	assert_int_equal(sum->accounting.filtered, 15);
	assert_true(is_exact(sum));
	assert_int_equal(sum->processes.n, 1);
	process_filter_free(&f);
	profile_free(sum);
	profile_free(a);
}

/* Count times period is CPU time: 6 * 20 + 5 * 50, whatever the order. */
static void periods_that_differ(void **state)
{
	for (int order = 0; order < 2; order++) {
		struct profile *sum = profile_new(), *a = new_window(0, order ? 50 : 20), *b = new_window(0, order ? 20 : 50);

		add(a, 7, 1, "sh", "", "", "f", order ? 5 : 6);
		add(b, 7, 1, "sh", "", "", "f", order ? 6 : 5);
		profile_merge(sum, a, NULL);
		profile_merge(sum, b, NULL);
		assert_int_equal(sum->period_ns, 10);
		assert_int_equal(profile_total(sum) * sum->period_ns, 6 * 20 + 5 * 50);
		assert_int_equal(sum->accounting.idle * sum->period_ns, 3 * 20 + 3 * 50);
		assert_true(is_exact(sum));
		profile_free(sum);
		profile_free(a);
		profile_free(b);
	}
}

static void events_that_differ(void **state)
{
	struct profile *sum = profile_new(), *a = new_window(0, 10), *b = new_window(0, 10);

	free(b->event);
	b->event = xstrdup("cycles");
	profile_merge(sum, a, NULL);
	profile_merge(sum, b, NULL);
	assert_string_equal(sum->event, "mixed");
	profile_free(sum);
	profile_free(a);
	profile_free(b);
}

static uint64_t samples_of(const struct profile *p, const char *comm)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_process *process = &p->processes.v[p->threads.v[p->samples.v[i].thread].process];

		if (!strcmp(strings_get(p->strings, process->comm), comm))
			sum += p->samples.v[i].count;
	}
	return sum;
}

static void groups(void **state)
{
	struct profile *a = new_window(0, 10), *g;

	add(a, 7, 1, "sh", "/bin/sh", "x.service", "f", 5);
	add(a, 8, 1, "sh", "/bin/sh", "y.service", "f", 6);
	add(a, 9, 1, "perl", "/bin/perl", "y.service", "f", 7);
	add(a, 10, 1, "init", "/sbin/init", "", "f", 1);
	g = profile_group(a, GROUP_BY_COMM);
	assert_int_equal(g->processes.n, 3);
	assert_int_equal(samples_of(g, "sh"), 11);
	assert_true(is_exact(g));
	profile_free(g);
	g = profile_group(a, GROUP_BY_UNIT);
	assert_int_equal(g->processes.n, 3);
	assert_int_equal(samples_of(g, "y.service"), 13);
	assert_int_equal(samples_of(g, "[no unit]"), 1);
	assert_true(is_exact(g));
	/* comm;main;f: the comm stands under the unit. */
	uint32_t top = g->samples.v[0].node;
	while (g->nodes.v[top].parent)
		top = g->nodes.v[top].parent;
	assert_string_equal(strings_get(g->strings, g->frames.v[g->nodes.v[top].frame].name), "sh");
	profile_free(g);
	g = profile_group(a, GROUP_BY_PROCESS);
	assert_int_equal(g->processes.n, 4);
	assert_int_equal(g->processes.v[0].pid, 7);
	profile_free(g);
	profile_free(a);
}

static void small_processes_are_put_together(void **state)
{
	struct profile *a = new_window(0, 10), *g;
	struct profile_process *p;

	for (int i = 0; i < 100; i++)
		add(a, 100 + i, i, i % 2 ? "cc1" : "as", "/usr/bin/cc1", i == 50 ? "z.service" : "", "f", i == 99 ? 10 : 2);
	g = profile_coarsen(a, 10, 0);
	/* as, cc1, as of z.service, and the one that is large enough. */
	assert_int_equal(g->processes.n, 4);
	assert_int_equal(profile_total(g), profile_total(a));
	assert_true(is_exact(g));
	p = NULL;
	for (size_t i = 0; i < g->processes.n; i++)
		if (g->processes.v[i].pid == 199 && g->processes.v[i].identity == 99)
			p = &g->processes.v[i];
	assert_non_null(p);
	assert_string_equal(strings_get(g->strings, p->comm), "cc1");
	assert_int_equal(samples_of(g, "as"), 100);
	for (size_t i = 0; i < g->processes.n; i++)
		assert_string_equal(strings_get(g->strings, g->processes.v[i].labels[LABEL_EXE]), "/usr/bin/cc1");
	profile_free(g);
	profile_free(a);
}

/* Two places in one function become one, of no line; a function of another file, or another name, stays apart. */
static void one_location_a_function(void **state)
{
	struct profile *a = new_window(0, 10), *g;
	uint32_t t = profile_thread(a, profile_process(a, 1, 1, "x"), 1, "x");
	uint32_t f = profile_frame(a, "f", "x", FRAME_USER), h = profile_frame(a, "h", "x", FRAME_USER);
	uint32_t image = profile_image(a, "/x", "ab"), other = profile_image(a, "/y", "cd"), file = strings_add(a->strings, "f.c");
	const struct profile_location *l;

	profile_add(a, t, profile_node_at(a, 0, f, profile_location_in(a, image, 0x10, file, 7)), 1);
	profile_add(a, t, profile_node_at(a, 0, f, profile_location_in(a, image, 0x18, file, 8)), 2);
	profile_add(a, t, profile_node_at(a, 0, f, profile_location(a, other, 0x18)), 4);
	profile_add(a, t, profile_node_at(a, 0, h, profile_location(a, image, 0x18)), 8);
	profile_add(a, t, profile_node_at(a, 0, f, 0), 16);
	g = profile_coarsen(a, 0, 0);
	assert_int_equal(g->samples.n, 4);
	assert_int_equal(g->samples.v[0].count, 3);
	l = &g->locations.v[g->nodes.v[g->samples.v[0].node].location];
	assert_int_equal(l->offset, 0x10);
	assert_string_equal(strings_get(g->strings, l->file), "f.c");
	assert_int_equal(l->line, 0);
	assert_int_equal(profile_total(g), 31);
	profile_free(g);
	profile_free(a);
}

/* Below five samples: r1 and what it calls, and r2, end in one note under their caller; their samples stay. */
static void rare_frames_are_cut(void **state)
{
	struct profile *a = new_window(0, 10), *g;
	uint32_t t = profile_thread(a, profile_process(a, 1, 1, "x"), 1, "x");
	uint32_t main_ = profile_node(a, 0, profile_frame(a, "main", "x", FRAME_USER));
	uint32_t often = profile_node(a, main_, profile_frame(a, "often", "x", FRAME_USER));
	uint32_t r1 = profile_node(a, main_, profile_frame(a, "r1", "x", FRAME_USER));
	uint32_t deep = profile_node(a, r1, profile_frame(a, "deep", "x", FRAME_USER));
	uint32_t r2 = profile_node(a, main_, profile_frame(a, "r2", "x", FRAME_USER));
	uint32_t alone = profile_node(a, 0, profile_frame(a, "alone", "x", FRAME_USER));

	profile_add(a, t, often, 5);
	profile_add(a, t, r1, 1);
	profile_add(a, t, deep, 2);
	profile_add(a, t, r2, 4);
	profile_add(a, t, alone, 3);
	g = profile_coarsen(a, 0, 5);
	assert_int_equal(profile_total(g), 15);
	assert_int_equal(g->samples.n, 3);
	for (size_t i = 0; i < g->samples.n; i++) {
		const struct profile_node *n = &g->nodes.v[g->samples.v[i].node];
		const char *name = strings_get(g->strings, g->frames.v[n->frame].name);

		if (!strcmp(name, "often")) {
			assert_int_equal(g->samples.v[i].count, 5);
			continue;
		}
		assert_string_equal(name, "[rare]");
		assert_int_equal(g->samples.v[i].count, n->parent ? 7 : 3);
	}
	assert_false(strings_find(g->strings, "deep"));
	profile_free(g);
	profile_free(a);
}

static bool lets(struct process_filter *f, int32_t pid, const char *comm, enum profile_label label, const char *value)
{
	const char *labels[LABEL_N] = {"", "", "", "", "", "", ""};

	labels[label] = value;
	return process_filter_matches(f, pid, comm, labels);
}

static void filters(void **state)
{
	static const struct {
		enum profile_label label;
		const char *pattern, *value;
		bool matches;
	} examples[] = {
		{LABEL_EXE, "sh", "/bin/sh", true},
		{LABEL_EXE, "/bin/sh", "/bin/sh", true},
		{LABEL_EXE, "/usr/*/sh", "/usr/local/bin/sh", true},
		{LABEL_EXE, "bin", "/bin/sh", false},
		{LABEL_EXE, "s", "/bin/sh", false},
		{LABEL_CGROUP, "/system.slice", "/system.slice/a.service", true},
		{LABEL_CGROUP, "/system.slice/", "/system.slice", true},
		{LABEL_CGROUP, "/system", "/system.slice", false},
		{LABEL_CGROUP, "/", "/anything", true},
		{LABEL_UNIT, "nginx", "nginx.service", true},
		{LABEL_UNIT, "nginx.service", "nginx.service", true},
		{LABEL_UNIT, "nginx*", "nginx-proxy.service", true},
		{LABEL_UNIT, "nginx", "nginx.socket", false},
		{LABEL_CONTAINER, "0123", "0123456789abcdef", true},
		{LABEL_CONTAINER, "012", "0123456789abcdef", false},
		{LABEL_POD, "web-?", "web-1", true},
		{LABEL_NAMESPACE, "prod", "production", false},
	};
	struct process_filter f = {0};

	assert_true(process_filter_matches(NULL, 1, "", NULL));
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct process_filter one = {0};

		*vec_push(&one.labels[examples[i].label]) = examples[i].pattern;
		if (lets(&one, 1, "x", examples[i].label, examples[i].value) != examples[i].matches)
			fail_msg("'%s' and '%s'", examples[i].pattern, examples[i].value);
		process_filter_free(&one);
	}
	*vec_push(&f.comms) = "a";
	*vec_push(&f.comms) = "b";
	*vec_push(&f.pids) = 5;
	assert_true(lets(&f, 5, "b", LABEL_EXE, ""));
	assert_false(lets(&f, 6, "b", LABEL_EXE, ""));
	assert_false(lets(&f, 5, "c", LABEL_EXE, ""));
	process_filter_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_things_are_added_up), cmocka_unit_test(what_the_filter_holds_back_is_filtered), cmocka_unit_test(periods_that_differ),
		cmocka_unit_test(events_that_differ), cmocka_unit_test(groups),
		cmocka_unit_test(small_processes_are_put_together), cmocka_unit_test(one_location_a_function),
		cmocka_unit_test(rare_frames_are_cut), cmocka_unit_test(filters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
