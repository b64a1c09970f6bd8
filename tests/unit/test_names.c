// SPDX-License-Identifier: Apache-2.0
/*
 * Symbols read by namer processes: here this test itself, whose namer does what a demangler does that a symbol has taken over. The
 * system test namer.t has the real one.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "symbolize/helper.h"
#include "symbolize/namer.h"
#include "symbolize/names.h"

static const struct names_owner root = {0, 1}, user = {1000, 1}, container = {0, 2};

/* The namer: symbols are read as they should be, but for some. */

static void say(const char *text, size_t n)
{
	file_write_fd(HELPER_RESULT_FD, text, n);
}

static void die(void)
{
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
}

static void spin(bool write_on)
{
	for (uint64_t since = clock_ns(CLOCK_THREAD_CPUTIME_ID);;) {
		if (write_on && clock_ns(CLOCK_THREAD_CPUTIME_ID) > since + NS_PER_MS) {
			say("x", 1);
			since = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		}
	}
}

static void answer(const char *symbol)
{
	static char long_text[NAMER_ANSWER_MAX + 1];
	struct buf out = {0};

	if (!strncmp(symbol, "_Zdie", 5))
		die();
	if (!strcmp(symbol, "_Zspin"))
		spin(false);
	if (!strcmp(symbol, "_Ztrickle"))
		spin(true);
	if (!strcmp(symbol, "_Zquit"))
		_exit(0);
	if (!strcmp(symbol, "_Zhalf")) {
		say("ha", 2);
		die();
	}
	memset(long_text, 'l', sizeof(long_text));
	if (!strcmp(symbol, "_Zlong"))
		buf_add(&out, long_text, sizeof(long_text));
	else if (!strcmp(symbol, "_Zlongest"))
		buf_add(&out, long_text, sizeof(long_text) - 1);
	else if (!strcmp(symbol, "_Zpid"))
		buf_printf(&out, "%d", getpid());
	else if (strcmp(symbol, "_Zempty"))
		demangle(&out, symbol, false);
	for (size_t i = 0; i < out.n; i++) /* in the smallest pieces */
		say(out.v + i, 1);
	say("", 1);
	if (!strcmp(symbol, "_Zmore"))
		say("more\0than\0was\0asked\0for", 23);
	buf_free(&out);
}

static int possessed_namer(void)
{
	struct buf request = {0};
	size_t at = sizeof(struct namer_request);

	if (file_read_fd(HELPER_REQUEST_FD, NAMER_REQUEST_BYTES_MAX, &request) || request.n < at)
		return 1;
	if (!strcmp(request.v + at, "_Znever"))
		return 1; /* no sandbox to be had, say */
	if (!strcmp(request.v + at, "_Zunready"))
		say("text", 5);
	say("", 1);
	for (; at < request.n; at += strlen(request.v + at) + 1)
		answer(request.v + at);
	_exit(0);
}

/* The tests. */

static uint64_t later(void)
{
	return clock_ns(CLOCK_MONOTONIC) + 60 * NS_PER_SEC;
}

static void want(struct names *n, const struct names_owner *owner, const char *const *symbols)
{
	while (*symbols)
		names_want(n, owner, *symbols++);
}
#define WANT(n, owner, ...) want(n, owner, (const char *const[]){__VA_ARGS__, NULL})

static void what_was_asked_for(void **state)
{
	struct names *n = names_new(false);
	struct names_counts c;

	WANT(n, &root, "_Z1fv", "main", "_ZN3foo3barEi.part.0.cold", "_RNvC7mycrate3foo", "_Zgarbage", "_Z1fv", "");
	assert_true(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Z1fv"), "f()");
	assert_string_equal(names_get(n, &root, "_ZN3foo3barEi.part.0.cold"), "foo::bar(int)");
	assert_string_equal(names_get(n, &root, "_RNvC7mycrate3foo"), "mycrate::foo");
	assert_string_equal(names_get(n, &root, "_Zgarbage"), "_Zgarbage");
	/* Those need no demangler. */
	assert_string_equal(names_get(n, &root, "main"), "main");
	assert_string_equal(names_get(n, &root, "do_thing.constprop.0"), "do_thing");
	assert_string_equal(names_get(n, &root, "memcpy@@GLIBC_2.14"), "memcpy");
	assert_string_equal(names_get(n, &root, ""), "");
	/* Nobody asked for those. */
	assert_string_equal(names_get(n, &root, "_Z1gv"), "_Z1gv");
	assert_string_equal(names_get(n, &user, "_Z1fv.isra.0"), "_Z1fv");
	c = names_counts(n);
	assert_int_equal(c.symbols, 4);
	assert_int_equal(c.namers, 1);
	assert_int_equal(c.died + c.overran + c.unanswered + c.not_started, 0);
	names_forget(n);
	assert_string_equal(names_get(n, &root, "_Z1fv"), "_Z1fv");
	assert_true(names_answer(n, later()));
	names_free(n);
}

/* More than go to one namer, of every length up to the longest that is read. */
static void many(void **state)
{
	const int count = 2 * NAMER_SYMBOLS_MAX + 1000;
	struct names *n = names_new(false);
	struct names_counts c;
	struct buf symbol = {0}, name = {0};

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < count; i++) {
			int length = 10 + i % 300; /* of the identifier: the number, after letters */

			buf_truncate(&symbol, 0);
			buf_truncate(&name, 0);
			buf_printf(&name, "%0*d", length - 1, i);
			buf_printf(&symbol, "_Z%da%sv", length, name.v);
			if (!round) {
				names_want(n, i % 2 ? &root : &user, symbol.v);
				continue;
			}
			buf_truncate(&name, 0);
			buf_printf(&name, "a%0*d()", length - 1, i);
			assert_string_equal(names_get(n, i % 2 ? &root : &user, symbol.v), name.v);
		}
		assert_true(names_answer(n, later()));
	}
	c = names_counts(n);
	assert_int_equal(c.symbols, count);
	assert_int_equal(c.namers, 2 * ((count / 2 + NAMER_SYMBOLS_MAX - 1) / NAMER_SYMBOLS_MAX));
	buf_free(&symbol);
	buf_free(&name);
	names_free(n);
}

static void longest_symbols(void **state)
{
	struct names *n = names_new(false);
	struct buf longest = {0}, longer = {0};

	buf_puts(&longest, "_RNvC1c4085");
	while (longest.n < DEMANGLE_MAX_IN)
		buf_putc(&longest, 'a');
	buf_puts(&longer, longest.v);
	buf_puts(&longer, "a");
	assert_true(demangle_is_mangled(longest.v));
	assert_false(demangle_is_mangled(longer.v));
	WANT(n, &root, longest.v, longer.v, "_Z1fv");
	assert_true(names_answer(n, later()));
	assert_int_equal(names_counts(n).symbols, 2);
	assert_int_equal(strncmp(names_get(n, &root, longest.v), "c::aaa", 6), 0);
	assert_int_equal(strlen(names_get(n, &root, longest.v)), strlen("c::") + 4085);
	assert_int_equal(strlen(names_get(n, &root, longer.v)), DEMANGLE_MAX_OUT);
	assert_string_equal(names_get(n, &root, "_Z1fv"), "f()");
	buf_free(&longest);
	buf_free(&longer);
	names_free(n);
}

/* Whatever a namer does over one symbol, that one is shown as it is, and the others by their names. */
static void one_of_many(const char *symbol, uint64_t namers, uint64_t died, uint64_t overran)
{
	struct names *n = names_new(false);
	struct names_counts c;

	WANT(n, &root, "_Z1av", "_Z1bv", symbol, "_Z1cv", "_Z1dv");
	assert_true(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Z1av"), "a()");
	assert_string_equal(names_get(n, &root, "_Z1bv"), "b()");
	assert_string_equal(names_get(n, &root, symbol), symbol);
	assert_string_equal(names_get(n, &root, "_Z1cv"), "c()");
	assert_string_equal(names_get(n, &root, "_Z1dv"), "d()");
	c = names_counts(n);
	assert_int_equal(c.namers, namers);
	assert_int_equal(c.died, died);
	assert_int_equal(c.overran, overran);
	assert_int_equal(c.unanswered, 0);
	names_free(n);
}

static void namers_that_fail(void **state)
{
	one_of_many("_Zdie", 2, 1, 0);
	one_of_many("_Zhalf", 2, 1, 0);
	one_of_many("_Zquit", 2, 1, 0);
	one_of_many("_Zspin", 2, 0, 1);
	one_of_many("_Zempty", 1, 0, 0);
	one_of_many("_Zlong", 1, 0, 0);
}

/* The symbol is the first or the last one, or there are several. */
static void failures_at_the_edges(void **state)
{
	struct names *n = names_new(false);

	WANT(n, &root, "_Zdie", "_Zquit", "_Z1av", "_Zhalf");
	WANT(n, &user, "_Zhalf");
	assert_true(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Zdie"), "_Zdie");
	assert_string_equal(names_get(n, &root, "_Zquit"), "_Zquit");
	assert_string_equal(names_get(n, &root, "_Z1av"), "a()");
	assert_string_equal(names_get(n, &root, "_Zhalf"), "_Zhalf");
	assert_int_equal(names_counts(n).died, 4);
	assert_int_equal(names_counts(n).namers, 4);
	names_free(n);
}

static void answers_out_of_form(void **state)
{
	struct names *n = names_new(false);

	WANT(n, &root, "_Z1av", "_Zlongest", "_Zmore"); /* the last: what is too much is nobody's */
	WANT(n, &user, "_Z1av");
	assert_true(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Z1av"), "a()");
	assert_int_equal(strlen(names_get(n, &root, "_Zlongest")), NAMER_ANSWER_MAX);
	assert_string_equal(names_get(n, &root, "_Zmore"), "_Zmore");
	assert_string_equal(names_get(n, &user, "_Z1av"), "a()");
	names_free(n);
}

/* One that writes on and on, but no answer, ends all the same. */
static void trickle(void **state)
{
	struct names *n = names_new(false);
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	WANT(n, &root, "_Z1av", "_Ztrickle");
	WANT(n, &user, "_Z1av");
	assert_false(names_answer(n, now + NS_PER_SEC / 2));
	assert_string_equal(names_get(n, &root, "_Z1av"), "a()");
	assert_string_equal(names_get(n, &root, "_Ztrickle"), "_Ztrickle");
	assert_true(names_counts(n).unanswered >= 1);
	names_free(n);
}

/* Who has many such symbols goes without names, until the next time; the others do not. */
static void too_many_failures(void **state)
{
	struct names *n = names_new(false);
	char symbol[32];

	WANT(n, &container, "_Z1av");
	for (int i = 0; i < 20; i++) {
		snprintf(symbol, sizeof(symbol), "_Zdie%d", i);
		WANT(n, &container, symbol);
	}
	WANT(n, &container, "_Z1bv");
	WANT(n, &root, "_Z1bv");
	WANT(n, &user, "_Z1bv");
	assert_false(names_answer(n, later()));
	assert_string_equal(names_get(n, &container, "_Z1av"), "a()");
	assert_string_equal(names_get(n, &container, "_Zdie19"), "_Zdie19");
	assert_string_equal(names_get(n, &container, "_Z1bv"), "_Z1bv");
	assert_string_equal(names_get(n, &root, "_Z1bv"), "b()");
	assert_string_equal(names_get(n, &user, "_Z1bv"), "b()");
	assert_in_range(names_counts(n).died, 2, 19);
	assert_int_equal(names_counts(n).unanswered, 21 - names_counts(n).died);
	names_free(n);
}

/* Each owner has namers of his own: what one says of a symbol is nothing to the others. */
static void owners_are_apart(void **state)
{
	struct names *n = names_new(false);
	char pids[3][32];

	WANT(n, &root, "_Zpid");
	WANT(n, &user, "_Zpid");
	WANT(n, &container, "_Zpid");
	assert_true(names_answer(n, later()));
	snprintf(pids[0], sizeof(pids[0]), "%s", names_get(n, &root, "_Zpid"));
	snprintf(pids[1], sizeof(pids[1]), "%s", names_get(n, &user, "_Zpid"));
	snprintf(pids[2], sizeof(pids[2]), "%s", names_get(n, &container, "_Zpid"));
	assert_true(atoi(pids[0]) > 1 && atoi(pids[1]) > 1 && atoi(pids[2]) > 1);
	assert_string_not_equal(pids[0], pids[1]);
	assert_string_not_equal(pids[0], pids[2]);
	assert_string_not_equal(pids[1], pids[2]);
	names_free(n);
}

/* A namer that does not come to read anything says nothing against its symbols: they are asked for again. */
static void namers_that_do_not_begin(void **state)
{
	struct names *n = names_new(false);

	WANT(n, &root, "_Znever", "_Z1av");
	WANT(n, &user, "_Zunready", "_Z1av");
	WANT(n, &container, "_Z1av");
	assert_false(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Z1av"), "_Z1av");
	assert_string_equal(names_get(n, &user, "_Z1av"), "_Z1av");
	assert_string_equal(names_get(n, &container, "_Z1av"), "a()");
	assert_int_equal(names_counts(n).unanswered, 4);
	assert_int_equal(names_counts(n).died, 0);
	names_forget(n);
	WANT(n, &root, "_Z1av");
	assert_true(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Z1av"), "a()");
	names_free(n);
}

static void no_time(void **state)
{
	struct names *n = names_new(false);

	WANT(n, &root, "_Z1av");
	assert_false(names_answer(n, 0));
	assert_string_equal(names_get(n, &root, "_Z1av"), "_Z1av");
	assert_int_equal(names_counts(n).namers, 0);
	assert_int_equal(names_counts(n).unanswered, 1);
	assert_true(names_answer(n, later()));
	assert_string_equal(names_get(n, &root, "_Z1av"), "a()");
	names_free(n);
}

static void no_descriptors(void **state)
{
	struct names *n = names_new(false);
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){1, before.rlim_max};
	WANT(n, &root, "_Z1av");
	setrlimit(RLIMIT_NOFILE, &none);
	assert_false(names_answer(n, later()));
	setrlimit(RLIMIT_NOFILE, &before);
	assert_string_equal(names_get(n, &root, "_Z1av"), "_Z1av");
	assert_int_equal(names_counts(n).not_started, 1);
	names_free(n);
}

static void no_process_is_left(void **state)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(int argc, char **argv)
{
	if (helper_is_wanted(argc, argv))
		return possessed_namer();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for), cmocka_unit_test(many), cmocka_unit_test(longest_symbols),
		cmocka_unit_test(namers_that_fail), cmocka_unit_test(failures_at_the_edges), cmocka_unit_test(answers_out_of_form),
		cmocka_unit_test(trickle), cmocka_unit_test(too_many_failures), cmocka_unit_test(owners_are_apart),
		cmocka_unit_test(namers_that_do_not_begin), cmocka_unit_test(no_time), cmocka_unit_test(no_descriptors),
		cmocka_unit_test(no_process_is_left),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
