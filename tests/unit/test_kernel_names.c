// SPDX-License-Identifier: Apache-2.0
/* Kernel code that comes and goes: names before, while and after it was there, and none that belong to other code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/kernel_names.h"

#define CORE "ffffffff81000000 T _text\nffffffff81000100 T schedule\nffffffff81800000 T _etext\n"
#define NEVER UINT64_MAX

/* As kernel_names_find() does when there is nothing new in /proc. */
static const char *name_at(struct kernel_names *k, uint64_t address, uint64_t time)
{
	static char text[600];
	struct kernel_name found;

	k->checked = NEVER;
	if (!kernel_names_find(k, address, time, &found))
		return "(none)";
	snprintf(text, sizeof(text), "%s[%s]", found.name, found.module);
	return text;
}

static void learn(struct kernel_names *k, uint64_t last, uint64_t now, const char *text)
{
	char *copy = strdup(text);

	k->checked = last;
	kernel_names_learn(k, copy, now);
	free(copy);
}

static void tell(struct kernel_names *k, uint64_t time, uint64_t start, uint32_t len, const char *name, bool unregister)
{
	static struct process_event e;

	e = (struct process_event){.kind = EVENT_KSYMBOL, .time = time};
	e.ksymbol.start = start;
	e.ksymbol.len = len;
	e.ksymbol.type = 1;
	e.ksymbol.unregister = unregister;
	snprintf(e.ksymbol.name, sizeof(e.ksymbol.name), "%s", name);
	kernel_names_apply(k, &e);
}

static void program_comes_and_goes(void **state)
{
	struct kernel_names k = {0};

	learn(&k, 0, 100, CORE "ffffffffc0000000 t bpf_prog_1_old\t[bpf]\n");
	assert_string_equal(name_at(&k, 0xffffffff81000180, 150), "schedule[]");
	assert_string_equal(name_at(&k, 0xffffffffc0000040, 150), "bpf_prog_1_old[bpf]");
	/* Behind it, where its name would reach if nobody told better; for what ran before there is no better. */
	tell(&k, 200, 0xffffffffc0000100, 0x80, "bpf_prog_2_new", false);
	assert_string_equal(name_at(&k, 0xffffffffc0000040, 250), "bpf_prog_1_old[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000100, 200), "bpf_prog_2_new[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc000017f, 250), "bpf_prog_2_new[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000180, 250), "(none)");
	tell(&k, 300, 0xffffffffc0000100, 0x80, "bpf_prog_2_new", true);
	assert_string_equal(name_at(&k, 0xffffffffc0000100, 299), "bpf_prog_2_new[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000100, 300), "(none)");
	/* The place is given to another. */
	tell(&k, 400, 0xffffffffc0000100, 0x40, "bpf_prog_3_newer", false);
	assert_string_equal(name_at(&k, 0xffffffffc0000120, 299), "bpf_prog_2_new[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000120, 350), "(none)");
	assert_string_equal(name_at(&k, 0xffffffffc0000120, 400), "bpf_prog_3_newer[bpf]");
	/* One that was there before us goes: what it said last says where it ended. */
	tell(&k, 500, 0xffffffffc0000000, 0x60, "bpf_prog_1_old", true);
	assert_string_equal(name_at(&k, 0xffffffffc0000040, 499), "bpf_prog_1_old[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000040, 500), "(none)");
	assert_string_equal(name_at(&k, 0xffffffffc00000f0, 500), "(none)");
	kernel_names_free(&k);
}

/* Told before /proc/kallsyms was read for the first time. */
static void before_the_first_read(void **state)
{
	struct kernel_names k = {0};

	tell(&k, 50, 0xffffffffc0000200, 0x80, "bpf_prog_9_gone", true);
	tell(&k, 60, 0xffffffffc0000000, 0x40, "bpf_prog_1_here", false);
	learn(&k, 0, 100, CORE "ffffffffc0000000 t bpf_prog_1_here\t[bpf]\n");
	assert_string_equal(name_at(&k, 0xffffffffc0000210, 49), "bpf_prog_9_gone[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000210, 50), "(none)");
	assert_string_equal(name_at(&k, 0xffffffffc0000010, 70), "bpf_prog_1_here[bpf]");
	assert_string_equal(name_at(&k, 0xffffffffc0000040, 70), "(none)"); /* its size was told */
	kernel_names_free(&k);
}

#define FIRST "ffffffffc0100000 t a_one\t[a]\nffffffffc0100100 t a_two\t[a]\n"
#define SECOND "ffffffffc0108000 t b_one\t[b]\n"
#define SWAPPED "ffffffffc0100000 t c_one\t[c]\nffffffffc0100080 t c_two\t[c]\n"

static void modules(void **state)
{
	struct kernel_names k = {0};
	const struct kernel_symbol *core;

	learn(&k, 0, 100, CORE FIRST);
	core = k.core.symbols.v;
	assert_string_equal(name_at(&k, 0xffffffffc0108010, 150), "a_two[a]"); /* within its possible reach */
	/* Another module within 64 KB behind it. */
	learn(&k, 180, 200, CORE FIRST SECOND);
	assert_ptr_equal(k.core.symbols.v, core);
	assert_string_equal(name_at(&k, 0xffffffffc0100110, 190), "a_two[a]");
	assert_string_equal(name_at(&k, 0xffffffffc0108010, 210), "b_one[b]");
	assert_string_equal(name_at(&k, 0xffffffffc0108010, 190), "(none)"); /* it came between 180 and 200 */
	/* It goes: samples from before keep its name. */
	learn(&k, 280, 300, CORE FIRST);
	assert_string_equal(name_at(&k, 0xffffffffc0108010, 290), "b_one[b]");
	assert_string_equal(name_at(&k, 0xffffffffc0108010, 300), "(none)");
	/* Its neighbour is replaced by another one at the same place. */
	learn(&k, 380, 400, CORE SWAPPED);
	assert_string_equal(name_at(&k, 0xffffffffc0100110, 379), "a_two[a]");
	assert_string_equal(name_at(&k, 0xffffffffc0100110, 390), "(none)");
	assert_string_equal(name_at(&k, 0xffffffffc0100110, 400), "c_two[c]");
	assert_string_equal(name_at(&k, 0xffffffffc0100010, 400), "c_one[c]");
	/* The kernel itself is as it was. */
	assert_string_equal(name_at(&k, 0xffffffff81000180, 400), "schedule[]");
	kernel_names_free(&k);
}

/* After a loss nothing of the loaded code is certain, until it has been read again; the kernel proper is. */
static void after_a_loss(void **state)
{
	struct process_event e = {.kind = EVENT_LOST};
	struct kernel_names k = {0};

	learn(&k, 0, 100, CORE FIRST);
	k.next_read = NEVER;
	kernel_names_apply(&k, &e);
	assert_string_equal(name_at(&k, 0xffffffffc0100010, 150), "(none)");
	assert_string_equal(name_at(&k, 0xffffffff81000180, 150), "schedule[]");
	learn(&k, 100, 200, CORE FIRST);
	assert_string_equal(name_at(&k, 0xffffffffc0100010, 150), "a_one[a]");
	kernel_names_free(&k);
}

/* The same program again and again costs bounded memory, and its latest run has its name. */
static void churn(void **state)
{
	struct kernel_names k = {0};
	uint64_t time = 1;

	learn(&k, 0, time, CORE);
	for (int i = 0; i < 200000; i++) {
		uint64_t start = 0xffffffffc0000000 + (i % 512) * 64;

		tell(&k, time += 500000000, start, 64, "bpf_prog_1_x", false);
		tell(&k, time += 500000000, start, 64, "bpf_prog_1_x", true);
		assert_string_equal(name_at(&k, start + 5, time - 1), "bpf_prog_1_x[bpf]");
		assert_string_equal(name_at(&k, start + 5, time), "(none)");
	}
	assert_true(code_map_bytes(&k.code) < 4u << 20);
	kernel_names_free(&k);
}

static uint64_t hash(const char *text)
{
	char *copy = strdup(text);
	uint64_t ret = kernel_modules_hash(copy);

	free(copy);
	return ret;
}

static void what_counts_as_a_change(void **state)
{
	uint64_t before = hash("ext4 1000000 2 - Live 0xffffffffc0300000\nloop 32768 0 - Live 0xffffffffc0100000\n");

	assert_int_equal(hash("ext4 1000000 7 fuse, Live 0xffffffffc0300000\nloop 32768 0 - Live 0xffffffffc0100000 (E)\n"), before);
	assert_int_not_equal(hash("ext4 1000000 2 - Live 0xffffffffc0300000\n"), before);
	assert_int_not_equal(hash("ext4 1000000 2 - Live 0xffffffffc0300000\nloop 32768 0 - Live 0xffffffffc0110000\n"), before);
	hash("no newline");
	hash("\n\n  \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_comes_and_goes), cmocka_unit_test(before_the_first_read),
		cmocka_unit_test(modules),		  cmocka_unit_test(after_a_loss),
		cmocka_unit_test(churn),		  cmocka_unit_test(what_counts_as_a_change),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
