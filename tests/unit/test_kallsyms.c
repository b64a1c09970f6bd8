// SPDX-License-Identifier: Apache-2.0
/* The kernel's symbols: the live file, read a second time in another way, and lines of unusual form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "symbolize/kallsyms.h"

static const char *name_at(const struct kallsyms *k, uint64_t address)
{
	const struct kernel_symbol *s = kallsyms_find(k, address);

	return s ? k->text.v + s->name : "(none)";
}

/* Is `name` in /proc/kallsyms as code at the highest address that is not above `address`? By looking at every line. */
struct seen {
	uint64_t best;
	bool named;
};

static struct seen look(uint64_t address, const char *name)
{
	struct seen seen = {0};
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long at;
	char line[1024], type, symbol[600];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %c %599s", &at, &type, symbol) != 3 || !strchr("tTwW", type) || at > address || at < seen.best)
			continue;
		if (at > seen.best)
			seen = (struct seen){at, false};
		seen.named |= !strcmp(symbol, name);
	}
	fclose(f);
	return seen;
}

static void live_file(void **state)
{
	struct kallsyms k = {0};
	struct buf text = {0};

	assert_int_equal(file_read("/proc/kallsyms", 256u << 20, &text), 0);
	kallsyms_parse(&k, text.v);
	buf_free(&text);
	if (!k.symbols.n) {
		print_message("# skipped: kernel addresses are hidden\n");
		kallsyms_free(&k);
		skip();
	}
	assert_true(k.symbols.n > 1000);
	for (size_t i = 1; i < k.symbols.n; i++)
		assert_true(k.symbols.v[i - 1].start < k.symbols.v[i].start);
	for (size_t i = 0; i < 12; i++) {
		size_t n = i * (k.symbols.n - 2) / 12;
		uint64_t address = (k.symbols.v[n].start + k.symbols.v[n + 1].start - 1) / 2;
		const struct kernel_symbol *found = kallsyms_find(&k, address);
		struct seen seen = look(address, found ? k.text.v + found->name : "");

		if (found)
			assert_true(seen.named && seen.best == found->start);
		else /* behind the last one of a module */
			assert_true(address - seen.best >= KALLSYMS_LAST_BYTES);
	}
	kallsyms_free(&k);
}

static void aliases_and_order(void **state)
{
	/* Modules and programs are not in the order of their addresses. */
	char text[] = "ffffffffc0001000 t second\t[m]\n"
		      "ffffffffc0000000 t first\t[m]\n"
		      "ffffffff81000000 t local\n"
		      "ffffffff81000000 T longer_global\n"
		      "ffffffff81000000 W global_b\n"
		      "ffffffff81000000 T global_a\n"
		      "ffffffff81000100 t bb\n"
		      "ffffffff81000100 t aaa\n"
		      "ffffffffc0002000 t bpf_prog_6deef7357e7b4530_sd_fw\t[bpf]\n"
		      "ffffffff81000200 t last";
	struct kallsyms k = {0};
	const struct kernel_symbol *s;

	kallsyms_parse(&k, text);
	assert_int_equal(k.symbols.n, 6);
	assert_string_equal(name_at(&k, 0xffffffff81000000), "global_a");
	assert_string_equal(name_at(&k, 0xffffffff81000180), "bb");
	assert_string_equal(name_at(&k, 0xffffffff81000200), "last");
	assert_string_equal(name_at(&k, 0xffffffffc0000fff), "first");
	assert_string_equal(name_at(&k, 0xffffffffc0001fff), "second");
	s = kallsyms_find(&k, 0xffffffffc0002010);
	assert_string_equal(k.text.v + s->name, "bpf_prog_6deef7357e7b4530_sd_fw");
	assert_string_equal(k.text.v + s->module, "bpf");
	kallsyms_free(&k);
}

/* A gap ends the last symbol of a module, not the last but one; the kernel's own last one does not reach into the modules. */
static void ends(void **state)
{
	char text[] = "ffffffff81000000 T early\n"
		      "ffffffff81800000 T _etext\n"
		      "ffffffffc0000000 t in_a\t[a]\n"
		      "ffffffffc0000100 t in_b\t[b]\n"
		      "ffffffffc0900000 t in_b_too\t[b]\n";
	struct kallsyms k = {0};

	kallsyms_parse(&k, text);
	assert_string_equal(name_at(&k, 0xffffffff817fffff), "early");
	assert_string_equal(name_at(&k, 0xffffffff81800000 + KALLSYMS_LAST_BYTES - 1), "_etext");
	assert_string_equal(name_at(&k, 0xffffffff81800000 + KALLSYMS_LAST_BYTES), "(none)");
	assert_string_equal(name_at(&k, 0xffffffffbfffffff), "(none)");
	assert_string_equal(name_at(&k, 0xffffffffc00000ff), "in_a");
	assert_string_equal(name_at(&k, 0xffffffffc0900000 + KALLSYMS_LAST_BYTES - 1), "in_b_too");
	assert_string_equal(name_at(&k, UINT64_MAX), "(none)");
	kallsyms_free(&k);
}

static void damaged_lines(void **state)
{
	char text[] = "\n \nffffffff81000000\nffffffff81000000 \nffffffff81000000 t\nffffffff81000000 t \n"
		      "ffffffff81000000t x\nffffffff81000000 tt x\n-5 t negative\n  10 t indented\nzz t nothex\n"
		      "ffffffff81000000 d data\nffffffff81000000 U undefined\n"
		      "ffffffff81000010 t good [unclosed\n";
	struct kallsyms k = {0};
	const struct kernel_symbol *s;

	kallsyms_parse(&k, text);
	assert_int_equal(k.symbols.n, 1);
	s = kallsyms_find(&k, 0xffffffff81000010);
	assert_string_equal(k.text.v + s->name, "good");
	assert_string_equal(k.text.v + s->module, "unclosed");
	kallsyms_free(&k);
}

/* Module names of any length, one of them above what a fixed buffer would hold, are compared whole. */
static void long_module_names(void **state)
{
	struct buf text = {0};
	struct kallsyms k = {0};
	char name[101];

	memset(name, 'm', 100);
	name[100] = '\0';
	buf_printf(&text, "ffffffffc0000000 t a\t[%s]\nffffffffc0100000 t b\t[%s]\nffffffffc0200000 t c\t[%sx]\n", name, name, name);
	kallsyms_parse(&k, text.v);
	assert_string_equal(name_at(&k, 0xffffffffc00fffff), "a");
	assert_string_equal(name_at(&k, 0xffffffffc01fffff), "(none)");
	kallsyms_free(&k);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_file),	 cmocka_unit_test(aliases_and_order), cmocka_unit_test(ends),
		cmocka_unit_test(damaged_lines), cmocka_unit_test(long_module_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
