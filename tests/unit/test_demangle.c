// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/demangle.h"
#include "symbolize/kallsyms.h"

static void check(const char *symbol, const char *expected)
{
	struct buf out = {0};

	buf_puts(&out, "kept:");
	demangle(&out, symbol, false);
	assert_int_equal(strncmp(out.v, "kept:", 5), 0);
	assert_string_equal(out.v + 5, expected);
	buf_free(&out);
}

/* Expected names by the Itanium C++ ABI 5.1 and RFC 2603 (Rust v0), worked out by hand. */
static void known_names(void **state)
{
	check("main", "main");
	check("_Z3foov", "foo()");
	check("_ZN3foo3barEi", "foo::bar(int)");
	check("_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back(int&&)");
	check("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	check("_RNvC7mycrate3foo", "mycrate::foo");
	check("_RNvCs1234_7mycrate3foo", "mycrate::foo");
	check("_Z", "_Z");
	check("_R", "_R");
	check("_ZN", "_ZN");
	check("_Zgarbage", "_Zgarbage");
	check("", "");
}

static void suffixes_are_cut(void **state)
{
	check("_Z3foov.cold", "foo()");
	check("_Z3foov.part.0.isra.0.cold", "foo()");
	check("do_thing.constprop.0", "do_thing");
	check("_ZN3foo3barEi.llvm.1234567890", "foo::bar(int)");
	check("memcpy@@GLIBC_2.14", "memcpy");
	check("memcpy@plt", "memcpy@plt");
	check("_ZN3foo3barEv@plt", "foo::bar()@plt");
	check("start.part", "start.part");
	check("foo.coldish", "foo.coldish");
	check("foo.cold.1", "foo");
	/* A module called cold is no suffix. */
	check("_ZN4core3ptr37drop_in_place$LT$app..cold..Store$GT$17h0123456789abcdefE", "core::ptr::drop_in_place<app::cold::Store>");
}

/* Names that double at every level: a pair of the pair before. The text is cut, in time and memory both. */
static void bombs_are_cut(void **state)
{
	struct buf symbol = {0}, out = {0};

	/* f(pair<...>): each level is a pair of the previous substitution twice. */
	buf_puts(&symbol, "_Z1f1pIiiE");
	for (int i = 0; i < 30; i++)
		buf_printf(&symbol, "S_IS%c_S%c_E", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i]);
	demangle(&out, symbol.v, false);
	assert_true(out.n <= DEMANGLE_MAX_OUT);
	buf_free(&out);
	buf_free(&symbol);

	/* Long and deep inputs of every start. */
	for (int kind = 0; kind < 4; kind++) {
		static const char *const heads[] = {"_Z1f", "_ZN", "_RNv", "_RINvC1a1f"};
		static const char *const parts[] = {"P", "1a", "NtB2_1a", "TTT"};

		buf_puts(&symbol, heads[kind]);
		while (symbol.n < DEMANGLE_MAX_IN - 8)
			buf_puts(&symbol, parts[kind]);
		demangle(&out, symbol.v, false);
		assert_true(out.n <= DEMANGLE_MAX_IN);
		while (symbol.n < 3 * DEMANGLE_MAX_IN)
			buf_puts(&symbol, parts[kind]);
		buf_truncate(&out, 0);
		demangle(&out, symbol.v, false);
		assert_true(out.n <= DEMANGLE_MAX_IN + 1);
		buf_free(&out);
		buf_free(&symbol);
	}
}

/* More lifetimes than there is time to count, in a part of the name that is not printed. */
static void endless_binders_are_refused(void **state)
{
	check("_RINvC1a1fYXYYYYYYYYFFFFGFFFFppJ_", "_RINvC1a1fYXYYYYYYYYFFFFGFFFFppJ_");
	check("_RINvC1a1fFGzzzzzzzzzz_EuE", "_RINvC1a1fFGzzzzzzzzzz_EuE");
	check("_RINvC1a1fFG_EuE", "a::f::<for<'a> fn()>");
}

/* Hashes of crates and identifiers in which a binder could be read. */
static void what_only_looks_like_a_binder(void **state)
{
	check("_RNvCs1xDGV85I1S7_7mycrate3foo", "mycrate::foo");
	check("_RNvCsFGabc_7mycrate7DGEMM_x", "mycrate::DGEMM_x");
	check("_RINvNtC7mycrate3CFG8FGaDGaa_NtCs2DGaaaa_1c1TE", "mycrate::CFG::FGaDGaa_::<c::T>");
}

/* Cut inside of an identifier in punycode, which the demangler holds on the heap: nothing may leak (LeakSanitizer looks). */
static void cut_in_punycode(void **state)
{
	struct buf out = {0};

	demangle(&out, "_RINvC1a1fNtC1bu12GdEl_5qaaa8aaTB1_B7_zTBs_", false);
	assert_true(out.n <= DEMANGLE_MAX_OUT && out.n > DEMANGLE_MAX_OUT - 8);
	assert_string_equal(out.v + out.n - 3, "...");
	buf_free(&out);
}

static const char *kernel_name(const struct kallsyms *k, uint64_t address, const char **module)
{
	const struct kernel_symbol *s = kallsyms_find(k, address);

	*module = s ? k->text.v + s->module : NULL;
	return s ? k->text.v + s->name : "(none)";
}

static void kernel_symbols(void **state)
{
	char text[] = "0000000000000000 A fixed_percpu_data\n"
		      "ffffffff81000000 T _text\n"
		      "ffffffff81000100 t local_alias\n"
		      "ffffffff81000100 T global_name\n"
		      "ffffffff81000200 D some_data\n"
		      "ffffffff81000300 W weak_one\n"
		      "ffffffffc0000000 t mod_first\t[mod]\n"
		      "ffffffffc0000040 t mod_last\t[mod]\n"
		      "ffffffffc0100000 t other\t[other]\n"
		      "garbage\nffffffffc0200000 t\n";
	struct kallsyms k = {0};
	const char *module;

	kallsyms_parse(&k, text);
	assert_string_equal(kernel_name(&k, 0xffffffff80ffffff, &module), "(none)");
	assert_string_equal(kernel_name(&k, 0xffffffff810000ff, &module), "_text");
	assert_string_equal(module, "");
	assert_string_equal(kernel_name(&k, 0xffffffff81000100, &module), "global_name");
	assert_string_equal(kernel_name(&k, 0xffffffff81000250, &module), "global_name");
	assert_string_equal(kernel_name(&k, 0xffffffff81000300, &module), "weak_one");
	assert_string_equal(kernel_name(&k, 0xffffffffc0000010, &module), "mod_first");
	assert_string_equal(module, "mod");
	assert_string_equal(kernel_name(&k, 0xffffffffc0000050, &module), "mod_last");
	/* Behind the last symbol of a module another one begins somewhere: not for ever mod_last. */
	assert_string_equal(kernel_name(&k, 0xffffffffc0000040 + KALLSYMS_LAST_BYTES, &module), "(none)");
	kallsyms_free(&k);
}

static void hidden_kernel_addresses(void **state)
{
	char text[] = "0000000000000000 T _text\n0000000000000000 T other\n";
	struct kallsyms k = {0};

	kallsyms_parse(&k, text);
	assert_null(kallsyms_find(&k, 0xffffffff81000000));
	assert_null(kallsyms_find(&k, 0));
	kallsyms_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_names),	     cmocka_unit_test(suffixes_are_cut),	cmocka_unit_test(bombs_are_cut),
		cmocka_unit_test(endless_binders_are_refused),
		cmocka_unit_test(what_only_looks_like_a_binder), cmocka_unit_test(cut_in_punycode),
		cmocka_unit_test(kernel_symbols), cmocka_unit_test(hidden_kernel_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
