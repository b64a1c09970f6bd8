// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "render/label.h"
#include "render/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct view all = {.process = ALL_PROCESSES};

static uint32_t push(struct profile *p, uint32_t parent, const char *name, const char *binary)
{
	return profile_node(p, parent, profile_frame(p, name, binary, FRAME_USER));
}

/* sh: main 1; main;walk 4; main;walk;walk 5 (recursion) */
static struct profile *sample_profile(void)
{
	struct profile *p = profile_new();
	uint32_t t = profile_thread(p, profile_process(p, 1, 1, "sh"), 1, "sh");
	uint32_t main_ = push(p, 0, "main", "a.out"), walk = push(p, main_, "walk", "libwalk.so.1");

	profile_add(p, t, main_, 1);
	profile_add(p, t, walk, 4);
	profile_add(p, t, push(p, walk, "walk", "libwalk.so.1"), 5);
	return p;
}

static void expect(const struct profile *p, size_t rows, size_t width, const char *text)
{
	struct buf out = {0};

	top_write(&out, p, &all, rows, width);
	assert_string_equal(out.v, text);
	buf_free(&out);
}

static void recursion_counts_once(void **state)
{
	struct profile *p = sample_profile();

	expect(p, 10, 80,
	       "   self   samples   total  function\n"
	       " 90.00%         9  90.00%  walk  libwalk.so.1\n"
	       " 10.00%         1 100.00%  main  a.out\n");
	expect(p, 1, 80,
	       "   self   samples   total  function\n"
	       " 90.00%         9  90.00%  walk  libwalk.so.1\n");
	/* No room for binaries. */
	expect(p, 1, 40,
	       "   self   samples   total  function\n"
	       " 90.00%         9  90.00%  walk\n");
	profile_free(p);
}

static void nothing_sampled(void **state)
{
	struct profile *p = profile_new();

	expect(p, 10, 80, "no samples: nothing ran on a CPU\n");
	profile_free(p);
}

static void foreign_names_stay_in_their_line_and_width(void **state)
{
	struct profile *p = profile_new();
	uint32_t t = profile_thread(p, profile_process(p, 1, 1, "sh"), 1, "sh");
	char name[4096];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "\x1B[31m\nevil\xFF", 11);
	profile_add(p, t, push(p, 0, name, name), 1);
	for (size_t width = 50; width < 300; width += 7) {
		struct buf out = {0};
		char *row;

		top_write(&out, p, &all, 5, width);
		row = strchr(out.v, '\n') + 1;
		assert_ptr_equal(strchr(row, '\n'), out.v + out.n - 1);
		assert_null(strchr(row, '\x1B'));
		assert_true(label_columns(row, strlen(row) - 1) <= width);
		assert_non_null(strstr(row, "\\x1B[31m\\x0Aevil"));
		buf_free(&out);
	}
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recursion_counts_once),
		cmocka_unit_test(nothing_sampled),
		cmocka_unit_test(foreign_names_stay_in_their_line_and_width),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
