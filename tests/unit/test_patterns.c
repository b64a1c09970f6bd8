// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"
#include "profile/patterns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void extended_expressions_match_anywhere(void **state)
{
	struct patterns *p = patterns_new();

	assert_int_equal(patterns_add(p, PATTERN_HIDE, "^(Future|Stream)::poll$", NULL), 0);
	assert_int_equal(patterns_add(p, PATTERN_HIDE, "glue[0-9]+", NULL), 0);
	assert_true(patterns_have(p, PATTERN_HIDE));
	assert_false(patterns_have(p, PATTERN_FOCUS));
	assert_true(patterns_match(p, PATTERN_HIDE, "Stream::poll"));
	assert_true(patterns_match(p, PATTERN_HIDE, "some_glue12x"));
	assert_false(patterns_match(p, PATTERN_HIDE, "Stream::poll_next"));
	assert_false(patterns_match(p, PATTERN_HIDE, "stream::poll"));
	assert_false(patterns_match(p, PATTERN_FOCUS, "Stream::poll"));
	patterns_free(p);
}

static void highlights_have_labels(void **state)
{
	struct patterns *p = patterns_new();

	assert_int_equal(patterns_add(p, PATTERN_HIGHLIGHT, "malloc|free=allocation", NULL), 0);
	assert_int_equal(patterns_add(p, PATTERN_HIGHLIGHT, "a==b=comparing", NULL), 0);
	assert_int_equal(patterns_add(p, PATTERN_HIGHLIGHT, "mmap=allocation", NULL), 0);
	assert_int_equal(patterns_labels(p), 2);
	assert_string_equal(patterns_label(p, 0), "allocation");
	assert_string_equal(patterns_label(p, 1), "comparing");
	assert_int_equal(patterns_highlight(p, "free"), 1);
	assert_int_equal(patterns_highlight(p, "mmap"), 1);
	assert_int_equal(patterns_highlight(p, "a==b"), 2);
	assert_int_equal(patterns_highlight(p, "malloc a==b"), 1); /* the first that was given */
	assert_int_equal(patterns_highlight(p, "main"), 0);
	patterns_free(p);
}

static void refuse(enum pattern_use use, const char *text, const char *part)
{
	struct patterns *p = patterns_new();
	struct error err = {0};

	assert_int_equal(patterns_add(p, use, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, part));
	assert_false(patterns_have(p, use));
	assert_int_equal(patterns_labels(p), 0);
	patterns_free(p);
}

static void what_is_no_pattern_is_refused(void **state)
{
	refuse(PATTERN_HIDE, "(", "--hide");
	refuse(PATTERN_FOCUS, "[a", "--focus");
	refuse(PATTERN_IGNORE, "a{9,1}", "--ignore");
	refuse(PATTERN_ROOT, "", "--root");
	refuse(PATTERN_HIGHLIGHT, "malloc", "REGEX=LABEL");
	refuse(PATTERN_HIGHLIGHT, "malloc=", "REGEX=LABEL");
	refuse(PATTERN_HIGHLIGHT, "=label", "--highlight");
	refuse(PATTERN_HIGHLIGHT, "(=label", "--highlight");
}

static void none_match_nothing(void **state)
{
	assert_false(patterns_have(NULL, PATTERN_HIDE));
	assert_false(patterns_match(NULL, PATTERN_HIDE, "x"));
	assert_int_equal(patterns_highlight(NULL, "x"), 0);
	assert_int_equal(patterns_labels(NULL), 0);
	patterns_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extended_expressions_match_anywhere),
		cmocka_unit_test(highlights_have_labels),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(none_match_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
