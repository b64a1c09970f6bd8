// SPDX-License-Identifier: Apache-2.0
#include "store/window_codec.h"

#include "profile/tree.h"
#include "render/folded.h"
#include "store/predictor.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t state_of_random = 1;

static uint64_t number_below(uint64_t n)
{
	state_of_random = state_of_random * 6364136223846793005ull + 1442695040888963407ull;
	return (state_of_random >> 33) % n;
}

static void add_labels(struct profile *p, uint32_t process, unsigned which)
{
	for (int i = 0; i < LABEL_N; i++) {
		auto_free char *text = xasprintf("%s of %u", profile_label_name(i), which);

		if ((which + i) % 3)
			p->processes.v[process].labels[i] = strings_add(p->strings, text);
	}
}

/* Names, and names of code without symbols: addresses near the location, far from it, and what only looks like one. */
static char *odd_name(unsigned f)
{
	static const char *const odd[] = {"[x+0x0]", "[+0x1]", "[a+0x01]", "[a+0x]", "[a+0xAB]", "[a+0x12345678123456789]", "+0x1]",
					  "[a+0xffffffffffffffff]", "[b+0x1]+0x2]", "[a+0x1", "[+0x", "[]", "[a +0x0x1]", "[[x+0x1]+0x2]"};

	if (f < 14)
		return xstrdup(odd[f]);
	return f % 3 ? xasprintf("[lib%u.so+0x%x]", f % 5, f * 0x1000 + 0x400) : xasprintf("function %u", f);
}

/* A profile with everything in it; equal seeds give equal profiles, near seeds give profiles that share most. */
static struct profile *some_profile(unsigned seed, unsigned samples)
{
	static const uint32_t lines[] = {0, 1, 77, 40000, UINT32_MAX};
	struct profile *p = profile_new();

	state_of_random = seed;
	profile_frame(p, "reached by no sample", "nowhere", FRAME_USER);
	for (unsigned i = 0; i < samples; i++) {
		uint64_t who = number_below(9);
		uint32_t process = profile_process(p, who ? 100 + who : 0, who << 60 | who, who == 3 ? "" : "sh\\ \xff\n;");
		uint32_t thread = profile_thread(p, process, 100 + who + number_below(4), "worker");
		uint32_t node = 0;

		add_labels(p, process, who);
		for (unsigned depth = number_below(30); depth--;) {
			unsigned f = number_below(40);
			auto_free char *name = odd_name(f), *path = xasprintf("/usr/lib/lib%u.so", f % 5);
			uint32_t image = f % 4 ? profile_image(p, path, f % 3 ? "aabbccddeeff00112233" : "") : 0;
			auto_free char *source = xasprintf("/src/dir %u/file.c", f % 7);
			uint32_t file = f % 6 ? strings_add(p->strings, source) : 0;
			uint64_t offset = f * 0x1000ull + (f == 7 ? 1ull << 63 : 0);
			uint32_t location = image ? profile_location_in(p, image, offset, file, file ? lines[number_below(5)] : 0) : 0;

			node = profile_node_at(p, node, profile_frame(p, name, f % 2 ? "libc.so.6" : "", f % (FRAME_NOTE + 1)), location);
		}
		profile_add(p, thread, node, 1 + number_below(3) + (i == 5 ? 1ull << 40 : 0));
	}
	p->start_ns = 1700000000000000000ull + seed;
	p->end_ns = p->start_ns + 60000000000ull;
	p->period_ns = 20408163;
	p->event = xstrdup("cpu-clock");
	p->command = seed % 2 ? xstrdup("system") : NULL;
	p->accounting = (struct accounting){.idle = 5, .filtered = 6, .recorded = profile_total(p)};
	for (int i = 0; i < LOST_N; i++)
		p->accounting.lost[i] = i * i;
	p->accounting.expected = 11 + p->accounting.recorded + accounting_lost(&p->accounting);
	return p;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything a profile says, in an order that does not depend on ids: a line a sample, with all that it reaches. */
static char *describe(const struct profile *p)
{
	VEC(char *) lines = {0};
	struct buf out = {0};
	const struct strings *s = p->strings;

	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_thread *t = &p->threads.v[p->samples.v[i].thread];
		const struct profile_process *process = &p->processes.v[t->process];
		struct buf line = {0};

		buf_printf(&line, "%d/%llx/%s", process->pid, (unsigned long long)process->identity, strings_get(s, process->comm));
		for (int label = 0; label < LABEL_N; label++)
			buf_printf(&line, "|%s", strings_get(s, process->labels[label]));
		buf_printf(&line, " %d/%s", t->tid, strings_get(s, t->comm));
		for (uint32_t n = p->samples.v[i].node; n; n = p->nodes.v[n].parent) {
			const struct profile_frame *f = &p->frames.v[p->nodes.v[n].frame];
			const struct profile_location *l = &p->locations.v[p->nodes.v[n].location];
			const struct profile_image *image = &p->images.v[l->image];

			buf_printf(&line, " <%s,%s,%d,%s,%s,%llx,%s:%u", strings_get(s, f->name), strings_get(s, f->binary), f->kind,
				   strings_get(s, image->path), strings_get(s, image->build_id), (unsigned long long)l->offset,
				   strings_get(s, l->file), l->line);
		}
		buf_printf(&line, " = %llu\n", (unsigned long long)p->samples.v[i].count);
		*vec_push(&lines) = line.v;
	}
	if (lines.n)
		qsort(lines.v, lines.n, sizeof(*lines.v), compare_lines);
	for (size_t i = 0; i < lines.n; i++) {
		buf_puts(&out, lines.v[i]);
		free(lines.v[i]);
	}
	vec_free(&lines);
	buf_printf(&out, "%llu %llu %llu %s %s\n", (unsigned long long)p->start_ns, (unsigned long long)p->end_ns,
		   (unsigned long long)p->period_ns, p->event ? p->event : "-", p->command ? p->command : "-");
	accounting_print(&out, &p->accounting);
	return out.v;
}

static void assert_same(const struct profile *a, const struct profile *b)
{
	auto_free char *x = describe(a), *y = describe(b);

	assert_string_equal(x, y);
}

static struct window_encoder *encoder_of(const struct buf *dictionary, struct dictionary **ret)
{
	*ret = dictionary_new(dictionary->v, dictionary->n);
	assert_non_null(*ret);
	return window_encoder_new(*ret);
}

static void round_trip_without_dictionary(void **state)
{
	struct buf none = {0}, out = {0};
	struct dictionary *d;
	struct window_encoder *e = encoder_of(&none, &d);
	struct profile *p = some_profile(1, 500), *q;

	assert_int_equal(window_encode(e, p, &out), 0);
	assert_int_equal(window_decode(out.v, out.n, d, &q), 0);
	assert_same(p, q);
	assert_false(strings_find(q->strings, "reached by no sample"));
	profile_free(p);
	profile_free(q);
	window_encoder_free(e);
	dictionary_free(d);
	buf_free(&out);
}

static void empty_profile(void **state)
{
	struct buf none = {0}, out = {0};
	struct dictionary *d;
	struct window_encoder *e = encoder_of(&none, &d);
	struct profile *p = profile_new(), *q;

	assert_int_equal(window_encode(e, p, &out), 0);
	assert_int_equal(window_decode(out.v, out.n, d, &q), 0);
	assert_int_equal(q->samples.n, 0);
	assert_null(q->event);
	assert_same(p, q);
	profile_free(p);
	profile_free(q);
	window_encoder_free(e);
	dictionary_free(d);
	buf_free(&out);
}

/* Many windows on one dictionary: each decodes alone, and each is smaller than without one. */
static void round_trip_with_dictionary(void **state)
{
	struct buf none = {0}, dictionary = {0}, alone = {0}, out = {0};
	struct dictionary *nothing, *d;
	struct window_encoder *e = encoder_of(&none, &nothing), *with;
	struct profile *first = some_profile(1, 500), *q;

	assert_int_equal(window_encoder_dictionary(e, first, &dictionary), 0);
	assert_int_equal(window_encode(e, first, &alone), 0);
	with = encoder_of(&dictionary, &d);
	for (unsigned seed = 1; seed < 6; seed++) {
		struct profile *p = some_profile(seed, 500);

		buf_truncate(&out, 0);
		assert_int_equal(window_encode(with, p, &out), 0);
		assert_int_equal(window_decode(out.v, out.n, d, &q), 0);
		assert_same(p, q);
		profile_free(q);
		assert_int_equal(window_decode(out.v, out.n, nothing, &q), -EBADMSG);
		if (seed == 1)
			assert_true(out.n < alone.n / 2);
		profile_free(p);
	}
	profile_free(first);
	window_encoder_free(e);
	window_encoder_free(with);
	dictionary_free(d);
	dictionary_free(nothing);
	buf_free(&dictionary);
	buf_free(&alone);
	buf_free(&out);
}

/* What windows have repeated is in the next dictionary: the window is tiny then. What only one had is not. */
static void next_dictionary_has_what_was_repeated(void **state)
{
	struct buf none = {0}, dictionary = {0}, out = {0}, again = {0};
	struct dictionary *nothing, *d;
	struct window_encoder *e = encoder_of(&none, &nothing), *with;
	struct profile *often = some_profile(1, 800), *once = some_profile(77, 800), *other = some_profile(5, 3), *q;

	assert_int_equal(window_encode(e, once, &out), 0);
	for (int i = 0; i < 3; i++) {
		buf_truncate(&out, 0);
		assert_int_equal(window_encode(e, often, &out), 0);
	}
	assert_true(window_encoder_wants_dictionary(e));
	assert_int_equal(window_encoder_dictionary(e, other, &dictionary), 0);
	with = encoder_of(&dictionary, &d);
	assert_false(window_encoder_wants_dictionary(with));
	assert_int_equal(window_encode(with, often, &again), 0);
	assert_true(again.n < out.n / 2);
	assert_int_equal(window_decode(again.v, again.n, d, &q), 0);
	assert_same(often, q);
	buf_truncate(&again, 0);
	assert_int_equal(window_encode(with, once, &again), 0);
	assert_true(again.n > out.n / 2);
	profile_free(q);
	profile_free(often);
	profile_free(once);
	profile_free(other);
	window_encoder_free(e);
	window_encoder_free(with);
	dictionary_free(d);
	dictionary_free(nothing);
	buf_free(&dictionary);
	buf_free(&out);
	buf_free(&again);
}

/* A process that was renamed, or whose labels became known, is written as it is now. */
static void process_that_changed(void **state)
{
	struct buf none = {0}, dictionary = {0}, out = {0};
	struct dictionary *nothing, *d;
	struct window_encoder *e = encoder_of(&none, &nothing), *with;
	struct profile *p = some_profile(2, 100), *q;

	assert_int_equal(window_encoder_dictionary(e, p, &dictionary), 0);
	with = encoder_of(&dictionary, &d);
	for (size_t i = 0; i < p->processes.n; i++) {
		p->processes.v[i].comm = strings_add(p->strings, "renamed");
		p->processes.v[i].labels[LABEL_UNIT] = strings_add(p->strings, "late.service");
	}
	assert_int_equal(window_encode(with, p, &out), 0);
	assert_int_equal(window_decode(out.v, out.n, d, &q), 0);
	assert_same(p, q);
	profile_free(p);
	profile_free(q);
	window_encoder_free(e);
	window_encoder_free(with);
	dictionary_free(d);
	dictionary_free(nothing);
	buf_free(&dictionary);
	buf_free(&out);
}

/* Short processes without end: the encoder asks for a new dictionary before it has grown by many megabytes. */
static void memory_is_bounded(void **state)
{
	struct buf none = {0}, out = {0};
	struct dictionary *nothing;
	struct window_encoder *e = encoder_of(&none, &nothing);
	int windows = 0;

	for (; windows < 1000 && !window_encoder_wants_dictionary(e); windows++) {
		struct profile *p = profile_new();

		for (int i = 0; i < 1000; i++)
			profile_add(p, profile_thread(p, profile_process(p, i, windows, "x"), i, "x"), 0, 1);
		buf_truncate(&out, 0);
		assert_int_equal(window_encode(e, p, &out), 0);
		profile_free(p);
	}
	assert_true(windows > 3 && windows < 1000);
	assert_true(window_encoder_bytes(e) < 16 << 20);
	window_encoder_free(e);
	dictionary_free(nothing);
	buf_free(&out);
}

/* Every cut and every flipped bit is noticed: the bytes are checksummed. */
static void damage_is_noticed(void **state)
{
	struct buf none = {0}, out = {0};
	struct dictionary *d;
	struct window_encoder *e = encoder_of(&none, &d);
	struct profile *p = some_profile(3, 60), *q;

	assert_int_equal(window_encode(e, p, &out), 0);
	for (size_t n = 0; n < out.n; n++)
		assert_int_equal(window_decode(out.v, n, d, &q), -EBADMSG);
	for (size_t i = 0; i < out.n; i++) {
		auto_free char *copy = xmalloc(out.n);

		memcpy(copy, out.v, out.n);
		copy[i] ^= 1 << i % 8;
		if (!window_decode(copy, out.n, d, &q)) {
			/* Bits of the frame header that mean nothing to a reader. */
			assert_same(p, q);
			profile_free(q);
		}
		assert_null(dictionary_new(copy, out.n));
	}
	profile_free(p);
	window_encoder_free(e);
	dictionary_free(d);
	buf_free(&out);
}

/* Any numbers in any contexts come back from their codes, and what was met lately has a small one. */
static void predictions(void **state)
{
	struct predictor a, b;
	uint32_t got;

	predictor_init(&a, 5, 10);
	predictor_init(&b, 5, 10);
	for (uint32_t i = 0; i < 10; i++) {
		predictor_learn(&a, i % 2, i);
		predictor_learn(&b, i % 2, i);
	}
	assert_int_equal(predictor_code(&a, 1, 9), 1);
	assert_true(predictor_number(&b, 1, 1, 1000, &got) && got == 9);
	state_of_random = 5;
	for (int i = 0; i < 20000; i++) {
		uint32_t context = number_below(5), number = number_below(10) ? number_below(a.next) : a.next;
		uint64_t code = predictor_code(&a, context, number);

		assert_true(predictor_number(&b, context, code, UINT32_MAX, &got));
		assert_int_equal(got, number);
		assert_int_equal(predictor_code(&a, context, number), 1);
		assert_true(predictor_number(&b, context, 1, UINT32_MAX, &got));
	}
	assert_false(predictor_number(&b, 0, 1 + PREDICTOR_RECENT + (uint64_t)b.next, UINT32_MAX, &got));
	assert_false(predictor_number(&b, 0, UINT64_MAX, UINT32_MAX, &got));
	assert_false(predictor_number(&b, 0, 0, b.next, &got));
	assert_false(predictor_number(&b, 4, 2 + PREDICTOR_RECENT + (1ull << 32), UINT32_MAX, &got));
	predictor_free(&a);
	predictor_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predictions),
		cmocka_unit_test(round_trip_without_dictionary),
		cmocka_unit_test(empty_profile),
		cmocka_unit_test(round_trip_with_dictionary),
		cmocka_unit_test(next_dictionary_has_what_was_repeated),
		cmocka_unit_test(process_that_changed),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(damage_is_noticed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
