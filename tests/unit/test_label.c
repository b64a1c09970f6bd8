// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "render/label.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *name, size_t columns, const char *label)
{
	struct buf out = {0};

	buf_puts(&out, "");
	label_fit(&out, name, strlen(name), columns);
	assert_string_equal(out.v, label);
	assert_true(label_columns(out.v, out.n) <= columns);
	buf_free(&out);
}

static void whole_when_it_fits(void **state)
{
	expect("main", 4, "main");
	expect("f(int, char const*) const", 25, "f(int, char const*) const");
	expect("", 10, "");
}

static void nothing_below_three_columns(void **state)
{
	expect("x", 0, "");
	expect("main", 2, "");
	expect("main", 3, "ma…");
}

static void arguments_go_first(void **state)
{
	expect("f(int, char const*)", 10, "f");
	expect("f(void (*)(int)) const", 10, "f");
	expect("a::operator()(int) const", 20, "a::operator()");
	expect("a::operator()", 12, "operator()");
	expect("(anonymous namespace)::f(int)", 26, "(anonymous namespace)::f");
	expect("f(int)) x", 8, "f(int))…");
}

static void then_template_arguments_and_scopes(void **state)
{
	expect("std::map<int, std::less<int> >::find(int const&)", 20, "std::map<…>::find");
	expect("std::map<int, std::less<int> >::find(int const&)", 10, "…::find");
	expect("std::map<int, std::less<int> >::find(int const&)", 6, "find");
	expect("core::ops::function::FnOnce::call_once", 20, "…::call_once");
	expect("a::b<c::d>", 7, "a::b<…>");
	expect("org/mozilla/javascript/ScriptableObject:.getSlot", 30, "…/ScriptableObject:.getSlot");
	expect("org/mozilla/javascript/ScriptableObject:.getSlot", 10, "Scriptabl…");
	expect("net/http.(*conn).serve", 20, "…/http.(*conn).serve");
	expect("<T as core::fmt::Debug>::fmt", 12, "…::fmt");
	expect("bool operator<<int>(a, b)", 12, "bool operat…");
}

static void cut_at_characters(void **state)
{
	expect("ééééééé", 5, "éééé…");
	expect("日本語の関数", 7, "日本語…");
	assert_int_equal(label_columns("日本x", 7), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_when_it_fits), cmocka_unit_test(nothing_below_three_columns),
		cmocka_unit_test(arguments_go_first), cmocka_unit_test(then_template_arguments_and_scopes),
		cmocka_unit_test(cut_at_characters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
