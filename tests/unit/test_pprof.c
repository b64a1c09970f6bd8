// SPDX-License-Identifier: Apache-2.0
/* Written by the program, read by a decoder of our own: field numbers from profile.proto, wire format from protobuf.dev. */
#include "render/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

static const struct view all = {.process = ALL_PROCESSES};

struct field {
	unsigned number;
	bool is_bytes;
	uint64_t value; /* a varint, or the length of bytes */
	const uint8_t *bytes;
};

struct reader {
	const uint8_t *p, *end;
};

static uint64_t varint(struct reader *r)
{
	uint64_t v = 0;

	for (int shift = 0;; shift += 7) {
		assert_true(r->p < r->end && shift < 64);
		v |= (uint64_t)(*r->p & 0x7f) << shift;
		if (*r->p++ < 0x80)
			return v;
	}
}

static bool next(struct reader *r, struct field *f)
{
	uint64_t key;

	if (r->p == r->end)
		return false;
	key = varint(r);
	assert_true((key & 7) == 0 || (key & 7) == 2);
	f->number = key >> 3;
	f->is_bytes = key & 7;
	f->value = varint(r);
	f->bytes = r->p;
	if (f->is_bytes) {
		assert_true(f->value <= (uint64_t)(r->end - r->p));
		r->p += f->value;
	}
	return true;
}

static struct reader inside(const struct field *f)
{
	assert_true(f->is_bytes);
	return (struct reader){f->bytes, f->bytes + f->value};
}

/* The one varint with this number in a message; 0 when it is not there, as in proto3. */
static uint64_t get(struct reader r, unsigned n)
{
	struct field f;
	uint64_t v = 0;

	while (next(&r, &f))
		if (f.number == n)
			v = f.value;
	return v;
}

#define MAX 256

static struct decoded {
	char strings[MAX][300];
	uint64_t n_strings;
	uint64_t function_name[MAX], function_file[MAX], location_function[MAX], location_line[MAX],
		location_mapping[MAX], mapping_file[MAX];
	uint64_t n_functions, n_locations, n_mappings;
	uint64_t sample_type[2][2], n_sample_types, period_type[2], period, time, duration, comment;
	struct buf samples; /* one line a sample: "leaf<...<root VALUES key=value" */
} d;

static uint8_t *gunzip(const struct buf *in, size_t *ret_n)
{
	size_t cap = 16 << 20;
	uint8_t *out = malloc(cap);
	z_stream z = {.next_in = (uint8_t *)in->v, .avail_in = in->n, .next_out = out, .avail_out = cap};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* gzip only */
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	*ret_n = z.total_out;
	inflateEnd(&z);
	return out;
}

static void decode_tables(struct reader r)
{
	struct field f;

	while (next(&r, &f)) {
		switch (f.number) {
		case 1:
			d.sample_type[d.n_sample_types][0] = get(inside(&f), 1);
			d.sample_type[d.n_sample_types++][1] = get(inside(&f), 2);
			break;
		case 3: /* ids count up from 1 */
			assert_int_equal(get(inside(&f), 1), ++d.n_mappings);
			d.mapping_file[d.n_mappings] = get(inside(&f), 5);
			assert_int_equal(get(inside(&f), 7), 1);
			break;
		case 4:
			assert_int_equal(get(inside(&f), 1), ++d.n_locations);
			d.location_mapping[d.n_locations] = get(inside(&f), 2);
			for (struct reader l = inside(&f); next(&l, &f);)
				if (f.number == 4) {
					d.location_function[d.n_locations] = get(inside(&f), 1);
					d.location_line[d.n_locations] = get(inside(&f), 2);
				}
			break;
		case 5:
			assert_int_equal(get(inside(&f), 1), ++d.n_functions);
			d.function_name[d.n_functions] = get(inside(&f), 2);
			d.function_file[d.n_functions] = get(inside(&f), 4);
			assert_int_equal(get(inside(&f), 3), get(inside(&f), 2));
			break;
		case 6:
			assert_true(f.value < sizeof(d.strings[0]) && d.n_strings < MAX);
			memcpy(d.strings[d.n_strings++], f.bytes, f.value);
			break;
		case 9:
			d.time = f.value;
			break;
		case 10:
			d.duration = f.value;
			break;
		case 11:
			d.period_type[0] = get(inside(&f), 1);
			d.period_type[1] = get(inside(&f), 2);
			break;
		case 12:
			d.period = f.value;
			break;
		case 13:
			d.comment = f.value;
			break;
		default:
			assert_int_equal(f.number, 2);
		}
	}
}

static const char *text(uint64_t id)
{
	assert_true(id < d.n_strings);
	return d.strings[id];
}

static void decode_samples(struct reader r)
{
	struct field f;

	while (next(&r, &f)) {
		if (f.number != 2)
			continue;
		for (struct reader s = inside(&f); next(&s, &f);) {
			if (f.number == 1) {
				assert_in_range(f.value, 1, d.n_locations);
				assert_in_range(d.location_function[f.value], 1, d.n_functions);
				assert_in_range(d.location_mapping[f.value], 0, d.n_mappings);
				buf_printf(&d.samples, "%s@%s", text(d.function_name[d.location_function[f.value]]),
					   text(d.mapping_file[d.location_mapping[f.value]]));
				if (d.location_line[f.value])
					buf_printf(&d.samples, " %s:%lu", text(d.function_file[d.location_function[f.value]]),
						   (unsigned long)d.location_line[f.value]);
				buf_putc(&d.samples, '<');
			} else if (f.number == 2) {
				buf_printf(&d.samples, " %lu", (unsigned long)f.value);
			} else {
				assert_int_equal(f.number, 3);
				buf_printf(&d.samples, " %s=", text(get(inside(&f), 1)));
				if (get(inside(&f), 2))
					buf_puts(&d.samples, text(get(inside(&f), 2)));
				else
					buf_printf(&d.samples, "%lu", (unsigned long)get(inside(&f), 3));
			}
		}
		buf_putc(&d.samples, '\n');
	}
}

static void write_and_decode(const struct profile *p, const struct view *view)
{
	struct buf out = {0}, again = {0};
	size_t n;
	uint8_t *raw;

	buf_free(&d.samples);
	memset(&d, 0, sizeof(d));
	assert_int_equal(pprof_format.write(&out, p, view, NULL), 0);
	assert_int_equal(pprof_format.write(&again, p, view, NULL), 0);
	assert_int_equal(out.n, again.n);
	assert_memory_equal(out.v, again.v, out.n);
	assert_memory_equal(out.v + 4, "\0\0\0\0", 4); /* RFC 1952: MTIME */
	raw = gunzip(&out, &n);
	decode_tables((struct reader){raw, raw + n});
	assert_string_equal(text(0), "");
	decode_samples((struct reader){raw, raw + n});
	buf_puts(&d.samples, "");
	free(raw);
	buf_free(&out);
	buf_free(&again);
}

static uint32_t stack(struct profile *p, uint32_t parent, const char *name, const char *binary, enum frame_kind kind)
{
	return profile_node(p, parent, profile_frame(p, name, binary, kind));
}

/* sh (10): main->work->[k]sys 3, main->work 1; its thread 11: main 5; db (20): start 4 */
static struct profile *small_profile(void)
{
	struct profile *p = profile_new();
	uint32_t sh = profile_process(p, 10, 1, "sh"), db = profile_process(p, 20, 2, "db");
	uint32_t main_thread = profile_thread(p, sh, 10, "sh"), helper = profile_thread(p, sh, 11, "helper");
	uint32_t server = profile_thread(p, db, 20, "db"), node, top;

	profile_frame(p, "unused", "unused.so", FRAME_USER);
	top = stack(p, 0, "main", "sh", FRAME_USER);
	node = stack(p, top, "work", "libw.so", FRAME_USER);
	profile_add(p, main_thread, stack(p, node, "sys", "[kernel]", FRAME_KERNEL), 3);
	profile_add(p, main_thread, node, 1);
	profile_add(p, helper, top, 5);
	profile_add(p, server, stack(p, 0, "start", "", FRAME_USER), 4);
	p->start_ns = 1700000000123456789;
	p->end_ns = p->start_ns + 2000000000;
	p->period_ns = 10101010;
	return p;
}

static void test_content(void **state)
{
	struct profile *p = small_profile();

	p->accounting.expected = 20;
	p->accounting.recorded = 13;
	p->accounting.idle = 7;
	write_and_decode(p, &all);
	assert_string_equal(d.samples.v,
			    "sys@[kernel]<work@libw.so<main@sh< 3 30303030 pid=10 comm=sh tid=10 thread=sh\n"
			    "work@libw.so<main@sh< 1 10101010 pid=10 comm=sh tid=10 thread=sh\n"
			    "main@sh< 5 50505050 pid=10 comm=sh tid=11 thread=helper\n"
			    "start@< 4 40404040 pid=20 comm=db tid=20 thread=db\n");
	assert_int_equal(d.n_sample_types, 2);
	assert_string_equal(text(d.sample_type[0][0]), "samples");
	assert_string_equal(text(d.sample_type[0][1]), "count");
	assert_string_equal(text(d.sample_type[1][0]), "cpu");
	assert_string_equal(text(d.sample_type[1][1]), "nanoseconds");
	assert_string_equal(text(d.period_type[0]), "cpu");
	assert_string_equal(text(d.period_type[1]), "nanoseconds");
	assert_int_equal(d.period, 10101010);
	assert_int_equal(d.time, 1700000000123456789);
	assert_int_equal(d.duration, 2000000000);
	assert_string_equal(text(d.mapping_file[1]), "sh"); /* the first one is taken for the main program */
	assert_int_equal(d.n_mappings, 3);
	assert_int_equal(d.n_locations, 4); /* what no sample uses is not there */
	assert_string_equal(text(d.comment), "accounting: expected=20 idle=7 filtered=0 recorded=13 lost=0");
	profile_free(p);
}

static void test_views(void **state)
{
	struct profile *p = small_profile();

	write_and_decode(p, &(struct view){.process = 1});
	assert_string_equal(d.samples.v, "start@< 4 40404040 pid=20 comm=db tid=20 thread=db\n");
	write_and_decode(p, &(struct view){.process = 0, .user_only = true});
	assert_string_equal(d.samples.v,
			    "work@libw.so<main@sh< 3 30303030 pid=10 comm=sh tid=10 thread=sh\n"
			    "work@libw.so<main@sh< 1 10101010 pid=10 comm=sh tid=10 thread=sh\n"
			    "main@sh< 5 50505050 pid=10 comm=sh tid=11 thread=helper\n");
	write_and_decode(p, &(struct view){.process = 0, .kernel_only = true});
	assert_int_equal(d.n_locations, 1);
	profile_free(p);
}

/* Two lines of one function, and a place of it without one: three locations, one function. A name in two files: two. */
static void test_source_lines(void **state)
{
	struct profile *p = profile_new();
	uint32_t image = profile_image(p, "/bin/x", ""), file = strings_add(p->strings, "/src/x.c");
	uint32_t known = profile_frame(p, "known", "x", FRAME_USER), unknown = profile_frame(p, "unknown", "x", FRAME_USER);
	uint32_t thread = profile_thread(p, profile_process(p, 1, 0, "x"), 1, "x"), node;

	node = profile_node_at(p, 0, known, profile_location(p, image, 1));
	node = profile_node_at(p, node, known, profile_location_in(p, image, 2, file, 7));
	node = profile_node_at(p, node, known, profile_location_in(p, image, 3, file, 70000));
	profile_add(p, thread, profile_node_at(p, node, unknown, profile_location(p, image, 4)), 1);
	node = profile_node_at(p, 0, known, profile_location_in(p, image, 5, strings_add(p->strings, "y.c"), 7));
	profile_add(p, thread, profile_node_at(p, node, known, profile_location_in(p, image, 6, file, 7)), 2);
	write_and_decode(p, &all);
	assert_string_equal(d.samples.v, "unknown@x<known@x /src/x.c:70000<known@x /src/x.c:7<known@x< 1 pid=1 comm=x tid=1 thread=x\n"
					 "known@x /src/x.c:7<known@x y.c:7< 2 pid=1 comm=x tid=1 thread=x\n");
	assert_int_equal(d.n_locations, 5);
	assert_int_equal(d.n_functions, 3);
	assert_string_equal(text(d.function_name[1]), "known");
	assert_string_equal(text(d.function_file[1]), "/src/x.c");
	assert_string_equal(text(d.function_name[2]), "unknown");
	assert_int_equal(d.function_file[2], 0);
	assert_string_equal(text(d.function_file[3]), "y.c");
	profile_free(p);
}

/* From folded stacks neither process nor period is known: a second value would be a guess. */
static void test_folded_input(void **state)
{
	struct profile *p = profile_new();

	profile_add(p, profile_thread(p, profile_process(p, 0, 0, ""), 0, ""), stack(p, 0, "a", "", FRAME_USER), 7);
	write_and_decode(p, &all);
	assert_string_equal(d.samples.v, "a@< 7\n");
	assert_int_equal(d.n_sample_types, 1);
	assert_string_equal(text(d.sample_type[0][0]), "samples");
	assert_int_equal(d.period | d.time | d.duration | d.comment, 0);
	profile_free(p);
}

static void test_empty(void **state)
{
	struct profile *p = profile_new();

	write_and_decode(p, &all);
	assert_string_equal(d.samples.v, "");
	profile_free(p);
}

/* Protobuf strings are UTF-8; a comm or a symbol is any bytes. */
static void test_foreign_bytes(void **state)
{
	struct profile *p = profile_new();

	p->period_ns = 1;
	profile_add(p, profile_thread(p, profile_process(p, 5, 0, "a\x1b[31m"), 5, "\xff"),
		    stack(p, 0, "f\xc3\x28", "lib\n.so", FRAME_USER), 1);
	write_and_decode(p, &all);
	assert_string_equal(d.samples.v, "f\xef\xbf\xbd(@lib\\x0A.so< 1 1 pid=5 comm=a\\x1B[31m tid=5 thread=\xef\xbf\xbd\n");
	profile_free(p);
}

/* Values above 32 bits, a stack of 10,000 frames. */
static void test_large(void **state)
{
	struct profile *p = profile_new();
	uint32_t node = 0, frame = profile_frame(p, "recurse", "x", FRAME_USER);
	size_t frames = 0;

	for (int i = 0; i < 10000; i++)
		node = profile_node(p, node, frame);
	p->period_ns = 1000000;
	profile_add(p, profile_thread(p, profile_process(p, 5, 0, "x"), 5, "x"), node, 5000000000);
	write_and_decode(p, &all);
	for (const char *s = d.samples.v; (s = strstr(s, "recurse@x<")); s++)
		frames++;
	assert_int_equal(frames, 10000);
	assert_non_null(strstr(d.samples.v, " 5000000000 5000000000000000 pid=5"));
	profile_free(p);
}

static int free_decoded(void **state)
{
	buf_free(&d.samples);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_source_lines),
		cmocka_unit_test(test_folded_input),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_foreign_bytes),
		cmocka_unit_test(test_large),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, free_decoded);
}
