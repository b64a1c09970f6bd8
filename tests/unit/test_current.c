// SPDX-License-Identifier: Apache-2.0
/* The directory of the last window: replaced as a whole, names made safe, nothing of others touched; and the metrics of a window. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/current.h"
#include "app/metrics.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

static void sample(struct profile *p, int32_t pid, const char *comm, const char *leaf, enum frame_kind kind, uint64_t count)
{
	uint32_t node = profile_node(p, 0, profile_frame(p, "main", "x", kind == FRAME_NOTE ? FRAME_NOTE : FRAME_USER));

	node = profile_node(p, node, profile_frame(p, leaf, "x", FRAME_USER));
	profile_add(p, profile_thread(p, profile_process(p, pid, 1, comm), pid, comm), node, count);
}

/* Names in the directory, sorted, one space behind each. */
static void list(const char *dir, struct buf *out)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	buf_truncate(out, 0);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			buf_printf(out, "%s ", names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void replaces_the_whole(void **state)
{
	char top[] = "/tmp/test-current-XXXXXX";
	auto_free char *dir = NULL, *parent = NULL;
	struct profile *p = profile_new();
	struct error err = {0};
	struct buf names = {0};
	struct stat st;

	assert_non_null(mkdtemp(top));
	dir = xasprintf("%s/current", top);
	parent = xstrdup(top);
	umask(027);
	p->start_ns = 1700000000000000000ull;
	p->end_ns = p->start_ns + 60000000000ull;
	p->accounting = (struct accounting){.expected = 1000, .recorded = 1000};
	sample(p, 7, "../../etc/passwd", "f", FRAME_USER, 900);
	sample(p, 8, "\x1b[31m\n", "g", FRAME_USER, 95);
	sample(p, 9, "small", "h", FRAME_USER, 5);
	assert_int_equal(current_check(dir, &err), 0); /* there is none */
	assert_int_equal(current_write(dir, p, 6000, &err), 0);
	list(dir, &names);
	assert_string_equal(names.v, "_._.._etc_passwd-7.folded _._.._etc_passwd-7.svg __31m_-8.folded __31m_-8.svg system.folded system.svg "
				     "window.txt ");
	assert_int_equal(current_check(dir, &err), 0); /* ours */

	profile_clear(p);
	sample(p, 10, "next", "f", FRAME_USER, 1);
	assert_int_equal(current_write(dir, p, 6000, &err), 0);
	list(dir, &names);
	assert_string_equal(names.v, "next-10.folded next-10.svg system.folded system.svg window.txt ");
	list(parent, &names);
	assert_string_equal(names.v, "current "); /* nothing is left beside it */
	auto_free char *svg = xasprintf("%s/system.svg", dir);
	assert_int_equal(stat(svg, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);

	profile_free(p);
	buf_free(&names);
	auto_free char *remove = xasprintf("rm -rf %s", top);
	assert_int_equal(system(remove), 0);
}

static void keeps_off_what_is_not_ours(void **state)
{
	char top[] = "/tmp/test-current-XXXXXX";
	auto_free char *file = NULL;
	struct error err = {0};

	assert_non_null(mkdtemp(top));
	assert_int_equal(current_check(top, &err), 0); /* empty */
	file = xasprintf("%s/.profile", top);
	assert_int_equal(file_write(file, "x", 1, &err), 0);
	assert_int_equal(current_check(top, &err), -ENOTEMPTY);
	assert_non_null(strstr(err.text, "holds files of somebody else"));
	unlink(file);
	rmdir(top);
	err = (struct error){0};
	assert_int_equal(current_check("/dev/null", &err), -ENOTDIR);
}

static void metrics_of_a_window(void **state)
{
	struct profile *p = profile_new();
	struct unwind_stats unwind = {0};
	struct metrics m = {0};
	struct buf out = {0};
	char name[32];

	p->accounting = (struct accounting){.expected = 20, .idle = 4, .recorded = 13, .lost = {[LOST_SKIPPED] = 3}};
	sample(p, 1, "a", "f", FRAME_USER, 5);
	sample(p, 1, "a", "[x+0x10]", FRAME_USER, 6);
	sample(p, 1, "a", "[x+0x10]", FRAME_NOTE, 2); /* its root is a note: cut */
	metrics_add_window(&m, p);
	metrics_add_window(&m, p);
	assert_int_equal(m.windows, 2);
	assert_int_equal(m.samples_nameless, 16);
	assert_int_equal(m.samples_cut, 4);
	m.cpu_ns = 1500000000;
	unwind_stats_add(&unwind, "libc.so.6", UNWIND_WHOLE, 7);
	unwind_stats_add(&unwind, "a\"\\\n", UNWIND_NO_RULE, 2);
	unwind_stats_add(&unwind, "a\"\\\n", UNWIND_FAULT, 1);
	for (int i = 0; i < 2 * UNWIND_STATS_IMAGES_MAX; i++) {
		snprintf(name, sizeof(name), "image%d", i);
		unwind_stats_add(&unwind, name, UNWIND_TRUNCATED, 1);
	}
	m.unwind = &unwind;
	metrics_print(&out, &m);
	assert_non_null(strstr(out.v, "\nprofiled_periods_expected_total 40\n"));
	assert_non_null(strstr(out.v, "\nprofiled_samples_recorded_total 26\n"));
	assert_non_null(strstr(out.v, "\nprofiled_periods_lost_total{reason=\"skipped\"} 6\n"));
	assert_non_null(strstr(out.v, "\nprofiled_cpu_seconds_total 1.500000000\n"));
	assert_non_null(strstr(out.v, "\nprofiled_unwind_stacks_total{end=\"whole\"} 7\n"));
	assert_non_null(strstr(out.v, "\nprofiled_unwind_stacks_total{end=\"truncated\"} 128\n"));
	assert_null(strstr(out.v, "libc.so.6"));
	assert_non_null(strstr(out.v, "\nprofiled_unwind_cut_stacks_total{image=\"a\\\"\\\\\\\\x0A\",end=\"no rule\"} 2\n"));
	assert_non_null(strstr(out.v, "\nprofiled_unwind_cut_stacks_total{image=\"image62\",end=\"truncated\"} 1\n"));
	assert_null(strstr(out.v, "image63"));
	assert_non_null(strstr(out.v, "\nprofiled_unwind_cut_stacks_total{image=\"[others]\",end=\"truncated\"} 65\n"));
	unwind_stats_free(&unwind);
	buf_free(&out);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_the_whole),
		cmocka_unit_test(keeps_off_what_is_not_ours),
		cmocka_unit_test(metrics_of_a_window),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
