// SPDX-License-Identifier: Apache-2.0
/* Image files: what was put in is found again, at every address; and bytes that are damaged or forged do no harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "elf/debug_info.h"
#include "elf/eh_frame.h"
#include "elf/symtab.h"
#include "symbolize/image_file.h"

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void add_symbol(struct symtab *t, uint64_t start, uint64_t end, const char *name)
{
	size_t n = strlen(name) + 1;

	*vec_push(&t->symbols) = (struct symbol){start, end, t->names.n};
	vec_reserve(&t->names, n);
	memcpy(t->names.v + t->names.n, name, n);
	t->names.n += n;
}

static struct image_file open_built(struct buf *bytes, const struct image_file_input *in)
{
	struct image_file f;

	assert_int_equal(image_file_build(bytes, in), 0);
	assert_int_equal(image_file_open(&f, bytes->v, bytes->n), 0);
	return f;
}

static const char *name_at(const struct image_file *f, uint64_t vaddr)
{
	struct image_frame frame;

	return image_file_find(f, vaddr, &frame, 1) ? frame.name : "-";
}

static void symbols_of_several_tables(void **state)
{
	struct symtab tables[2];
	struct image_file f;
	struct buf bytes = {0};

	memset(tables, 0, sizeof(tables));
	add_symbol(&tables[0], 0x1000, 0x1010, "first");
	add_symbol(&tables[0], 0x1020, 0x1030, "second");
	add_symbol(&tables[1], 0xf00, 0x1008, "before");   /* its begin only: the rest is "first" */
	add_symbol(&tables[1], 0x1008, 0x1028, "between"); /* the gap */
	add_symbol(&tables[1], 0x1028, 0x1040, "behind");
	f = open_built(&bytes, &(struct image_file_input){.tables = tables, .n_tables = 2});
	assert_string_equal(name_at(&f, 0xeff), "-");
	assert_string_equal(name_at(&f, 0xf00), "before");
	assert_string_equal(name_at(&f, 0xfff), "before");
	assert_string_equal(name_at(&f, 0x1000), "first");
	assert_string_equal(name_at(&f, 0x100f), "first");
	assert_string_equal(name_at(&f, 0x1010), "between");
	assert_string_equal(name_at(&f, 0x101f), "between");
	assert_string_equal(name_at(&f, 0x1020), "second");
	assert_string_equal(name_at(&f, 0x102f), "second");
	assert_string_equal(name_at(&f, 0x1030), "behind");
	assert_string_equal(name_at(&f, 0x1040), "-");
	assert_string_equal(name_at(&f, UINT64_MAX), "-");
	buf_free(&bytes);
	symtab_free(&tables[0]);
	symtab_free(&tables[1]);
}

static uint64_t function_at(const struct image_file *f, uint64_t vaddr)
{
	uint64_t start;

	return image_file_function(f, vaddr, &start) ? start : 0;
}

/* Fifty functions with gaps between them; one has a name, of another one the middle has. */
static void functions_without_names(void **state)
{
	struct eh_frame_function functions[50] = {0};
	struct image_file_input in = {.functions = functions, .n_functions = 50, .n_tables = 1};
	struct buf bytes = {0};
	struct image_file f;
	struct symtab table;

	memset(&table, 0, sizeof(table));
	in.tables = &table;
	for (size_t i = 0; i < 50; i++) {
		functions[i].start = 0x400000 + i * 0x1000;
		functions[i].size = 0x10 + i * 0x20;
	}
	add_symbol(&table, functions[7].start, functions[7].start + functions[7].size, "seven");
	add_symbol(&table, functions[9].start + 0x10, functions[9].start + 0x20, "in_nine");
	f = open_built(&bytes, &in);
	assert_int_equal(function_at(&f, 0x3fffff), 0);
	for (size_t i = 0; i < 50; i++) {
		uint64_t start = functions[i].start, last = start + functions[i].size - 1, wanted = i == 7 ? 0 : start;

		assert_int_equal(function_at(&f, start), wanted);
		assert_int_equal(function_at(&f, last), wanted);
		assert_int_equal(function_at(&f, last + 1), 0);
		assert_string_equal(name_at(&f, start), i == 7 ? "seven" : "-");
	}
	assert_string_equal(name_at(&f, functions[9].start + 0x10), "in_nine");
	assert_int_equal(function_at(&f, UINT64_MAX), 0);
	buf_free(&bytes);
	symtab_free(&table);
}

static void nothing_at_all(void **state)
{
	struct buf bytes = {0};
	struct image_file f = open_built(&bytes, &(struct image_file_input){0});

	assert_string_equal(name_at(&f, 0), "-");
	assert_string_equal(name_at(&f, UINT64_MAX), "-");
	assert_int_equal(image_file_keys(&f), 0);
	buf_free(&bytes);
}

static void links(void **state)
{
	const struct image_link_input in[] = {
		{IMAGE_LINK_DEBUG, "x.debug", NULL, 0},
		{IMAGE_LINK_SPLIT, "x.dwo", "/src", 0x123456789abcdef0},
	};
	struct buf bytes = {0};
	struct image_link_input l;
	struct image_file f = open_built(&bytes, &(struct image_file_input){.links = in, .n_links = 2});

	assert_true(image_file_link(&f, 0, &l));
	assert_int_equal(l.kind, IMAGE_LINK_DEBUG);
	assert_string_equal(l.name, "x.debug");
	assert_string_equal(l.directory, "");
	assert_true(image_file_link(&f, 1, &l));
	assert_string_equal(l.directory, "/src");
	assert_int_equal(l.id, 0x123456789abcdef0);
	assert_false(image_file_link(&f, 2, &l));
	buf_free(&bytes);
}

/* Debug information made up: functions with expansions in them, gaps, lines; every address from 0x10000 on for a while. */
static void make_up(struct debug_info *d)
{
	uint64_t address = 0x10000;
	char text[64];

	d->strings = strings_new();
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), i % 2 ? "name%d" : "/src/file%d.c", i);
		strings_add(d->strings, text);
	}
	*vec_push(&d->nodes) = (struct debug_node){0};
	for (uint32_t i = 1; i < 500; i++)
		*vec_push(&d->nodes) = (struct debug_node){
			.name = random_below(41),
			.parent = i > 3 && random_below(3) ? i - 1 - random_below(3) : 0,
			.call_file = random_below(41),
			.call_line = random_below(5000),
		};
	for (int i = 0; i < 1000; i++, address += 1 + random_below(i % 100 ? 40 : 100000)) {
		*vec_push(&d->ranges) = (struct debug_range){address, random_below(3) ? random_below(500) : 0};
		*vec_push(&d->lines) = (struct debug_line){address + random_below(1), random_below(4) ? 2 : random_below(41), random_below(9000)};
	}
}

/* By the tables as they are, which have an own look-up. */
static void check_address(const struct image_file *f, const struct debug_info *d, uint64_t vaddr)
{
	struct debug_frame expected[64];
	struct image_frame found[64];
	size_t n = debug_info_find(d, vaddr, expected, 64), m = image_file_find(f, vaddr, found, 64);

	if (n && !*expected[n - 1].name) /* a function without a name is told by nobody, and a line without a function neither */
		n--;
	assert_int_equal(m, n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(found[i].name, expected[i].name);
		assert_string_equal(found[i].file, expected[i].file);
		assert_int_equal(found[i].line, expected[i].line);
		assert_true(found[i].key < image_file_keys(f));
	}
	if (n == 0)
		return;
	for (size_t i = 0; i + 1 < n; i++)
		assert_true(found[i].inlined);
}

static void same_as_the_tables(void **state)
{
	for (seed = 1; seed < 20; seed++) {
		uint32_t begin = seed;
		struct debug_info d = {0};
		struct buf bytes = {0};
		struct image_file f;
		uint64_t end;

		make_up(&d);
		f = open_built(&bytes, &(struct image_file_input){.debug = &d});
		end = d.ranges.v[d.ranges.n - 1].start + 100;
		for (uint64_t at = 0xfff0; at < 0x11000; at++)
			check_address(&f, &d, at);
		for (int i = 0; i < 5000; i++)
			check_address(&f, &d, 0xfff0 + random_below(end - 0xfff0));
		for (size_t i = 0; i < d.ranges.n; i++) {
			check_address(&f, &d, d.ranges.v[i].start);
			check_address(&f, &d, d.ranges.v[i].start - 1);
		}
		debug_info_free(&d);
		buf_free(&bytes);
		seed = begin;
	}
}

static void damaged_bytes(void **state)
{
	struct debug_info d = {0};
	struct image_frame frames[8];
	struct buf bytes = {0}, copy = {0};
	struct image_file f;
	int opened = 0;

	seed = 7;
	make_up(&d);
	f = open_built(&bytes, &(struct image_file_input){.debug = &d});
	for (size_t n = 0; n < bytes.n; n += 1 + n / 20)
		assert_int_equal(image_file_open(&f, bytes.v, n), -EBADMSG); /* cut */
	for (int round = 0; round < 3000; round++) {
		buf_truncate(&copy, 0);
		buf_add(&copy, bytes.v, bytes.n);
		for (int i = 0; i < 4; i++)
			copy.v[round % 2 ? random_below(copy.n) : random_below(120)] = random_below(256);
		if (image_file_open(&f, copy.v, copy.n))
			continue;
		opened++;
		for (int i = 0; i < 50; i++) {
			size_t n = image_file_find(&f, 0xfff0 + random_below(30000), frames, 8);

			for (size_t j = 0; j < n && j < 8; j++)
				assert_true(strlen(frames[j].name) < bytes.n && strlen(frames[j].file) < bytes.n);
		}
	}
	assert_true(opened > 1000);
	debug_info_free(&d);
	buf_free(&bytes);
	buf_free(&copy);
}

/* The table of this program itself: real rules, and many. */
static void own_table(struct unwind_table *t, struct buf *bytes)
{
	struct elf elf;

	assert_int_equal(file_read("/proc/self/exe", 1u << 30, bytes), 0);
	assert_int_equal(elf_open(&elf, bytes->v, bytes->n), 0);
	assert_int_equal(unwind_table_build(t, &elf), 0);
	assert_true(t->parts.n && t->counts.rows > 1000);
}

static void unwind_rules(void **state)
{
	struct unwind_table t = {0}, found;
	struct buf elf = {0}, bytes = {0};
	struct image_file f;

	own_table(&t, &elf);
	f = open_built(&bytes, &(struct image_file_input){.unwind = &t});
	assert_int_equal(image_file_unwind(&f, &found), 0);
	assert_memory_equal(&found.counts, &t.counts, sizeof(t.counts));
	assert_int_equal(found.parts.n, t.parts.n);
	for (size_t i = 0; i < t.parts.n; i++) {
		const struct unwind_part *a = &t.parts.v[i], *b = &found.parts.v[i];

		assert_true(a->start == b->start && a->end == b->end && a->n_words == b->n_words);
		assert_memory_equal(a->words, b->words, a->n_words * 4);
		assert_in_range((uintptr_t)b->words, (uintptr_t)bytes.v, (uintptr_t)bytes.v + bytes.n); /* not a copy */
	}
	assert_string_equal(name_at(&f, t.parts.v[0].start), "-");
	vec_free(&found.parts);
	buf_truncate(&bytes, 0);
	f = open_built(&bytes, &(struct image_file_input){0});
	assert_int_equal(image_file_unwind(&f, &found), 0);
	assert_int_equal(found.parts.n, 0);
	unwind_table_free(&t);
	buf_free(&elf);
	buf_free(&bytes);
}

/* A table that is taken from damaged bytes may say something else, but every look-up in it stays within the file. */
static void damaged_unwind_rules(void **state)
{
	struct unwind_table t = {0}, part = {0}, found;
	struct buf elf = {0}, bytes = {0};
	int taken = 0, refused = 0;
	struct image_file f;

	own_table(&t, &elf);
	seed = 11;
	*vec_push(&part.parts) = t.parts.v[0];
	f = open_built(&bytes, &(struct image_file_input){.unwind = &part});
	for (int round = 0; round < 400; round++) {
		uint8_t *copy = malloc(bytes.n); /* of this very size: whoever reads behind it is told */

		memcpy(copy, bytes.v, bytes.n);
		for (int i = 0; i < 1 + round % 3; i++) {
			uint32_t head = f.h.words.offset + 16 + random_below(4000), at = round % 2 ? random_below(bytes.n) : random_below(head);

			copy[at] ^= 1u << random_below(8);
		}
		if (image_file_open(&f, copy, bytes.n) || image_file_unwind(&f, &found)) {
			refused++;
		} else {
			taken++;
			for (size_t i = 0; i < found.parts.n; i++)
				for (uint64_t at = found.parts.v[i].start; at < found.parts.v[i].end; at += 97)
					assert_non_null(unwind_table_find(&found.parts.v[i], at));
			vec_free(&found.parts);
		}
		f.h.words.offset = ((struct image_file_header *)bytes.v)->words.offset;
		free(copy);
	}
	assert_true(taken > 20 && refused > 100);
	vec_free(&part.parts);
	unwind_table_free(&t);
	buf_free(&elf);
	buf_free(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbols_of_several_tables), cmocka_unit_test(functions_without_names), cmocka_unit_test(nothing_at_all), cmocka_unit_test(links),
		cmocka_unit_test(same_as_the_tables),	     cmocka_unit_test(damaged_bytes),
		cmocka_unit_test(unwind_rules),		     cmocka_unit_test(damaged_unwind_rules),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
