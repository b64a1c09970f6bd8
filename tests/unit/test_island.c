// SPDX-License-Identifier: Apache-2.0
#include "render/folded.h"
#include "render/island.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct view all = {.process = ALL_PROCESSES};

static struct profile *read_text(const char *folded)
{
	struct profile *p = profile_new();
	struct folded_errors errors;

	folded_read(p, folded, strlen(folded), &errors);
	assert_int_equal(errors.lines, 0);
	return p;
}

static struct buf encode(const struct profile *p, const struct view *view, unsigned flags)
{
	struct tree *t = tree_new(p, view);
	struct buf payload = {0};
	struct functions f;

	functions_make(&f, t);
	island_encode(&payload, t, &f, flags);
	functions_free(&f);
	tree_free(t);
	return payload;
}

static struct buf folded_of(const struct profile *p, const struct view *view)
{
	struct tree *t = tree_new(p, view);
	struct buf out = {0};

	buf_puts(&out, "");
	folded_write(&out, t);
	tree_free(t);
	return out;
}

/* What comes out of the file is what went in, as folded stacks tell it. */
static void assert_round_trip(const struct profile *p)
{
	struct buf payload = encode(p, &all, 0), file = {0}, before = folded_of(p, &all), after;
	struct profile *q = profile_new();

	buf_puts(&file, "<svg><g/>");
	island_write(&file, &payload);
	buf_puts(&file, "</svg>");
	assert_int_equal(island_read(q, file.v, file.n, NULL), 0);
	after = folded_of(q, &all);
	assert_string_equal(before.v, after.v);
	assert_true(profile_total(p) == profile_total(q));
	buf_free(&payload);
	buf_free(&file);
	buf_free(&before);
	buf_free(&after);
	profile_free(q);
}

/* The bytes that island.h promises, by hand. */
static void payload_is_the_documented_one(void **state)
{
	struct profile *p = read_text("a;b 300\na;c_[k] 2\nb 1\n");
	static const unsigned char expected[] = {
		1, 0,             /* version, flags */
		5, 'a', '\n', 'b', '\n', 'c',
		3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, /* names: each the next; binaries, kinds (1: kernel), highlights */
		4, 0, 0, 0, 2,    /* nodes in preorder: a b c, each new, and b, the second */
		0, 0, 1, 2,       /* b is in a; one up to a; two up to the root */
		0, 0xAC, 2, 2, 1, /* self: 0 300 2 1 */
		0,                /* of the root */
	};
	struct buf payload = encode(p, &all, 0);

	assert_int_equal(payload.n, sizeof(expected));
	assert_memory_equal(payload.v, expected, sizeof(expected));
	buf_free(&payload);
	profile_free(p);
}

static void round_trips(void **state)
{
	static const char *const inputs[] = {
		"a 1\n", "a;b;c 3\na;b 2\na 1\n", "main;std::vector<int, std::allocator<int> >::push_back(int&&)_[i] 7\n",
		"\xC3\xA9;\xE6\xBC\xA2;\xF0\x9F\x94\xA5_[j] 3\n", "x;[truncated] 3\n", "a 18446744073709551615\n",
		"</metadata>;]]>;\"class=\"island\">;&amp; 4\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		struct profile *p = read_text(inputs[i]);

		assert_round_trip(p);
		profile_free(p);
	}
}

static void hostile_bytes_round_trip_escaped(void **state)
{
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");
	uint32_t node = profile_node(p, 0, profile_frame(p, "\x01\xFF\xFE\n;\r\x7F", "\xE2\x80\xAE.so", FRAME_USER));

	profile_add(p, thread, node, 3);
	profile_add(p, thread, 0, 4); /* a stack without frames */
	node = profile_node(p, node, profile_frame(p, "worker 12", "", FRAME_USER));
	profile_add(p, thread, node, 5);
	assert_round_trip(p);
	profile_free(p);
}

static void an_empty_profile(void **state)
{
	struct profile *p = profile_new();

	assert_round_trip(p);
	profile_free(p);
}

static void ten_thousand_frames_deep(void **state)
{
	struct buf text = {0};
	struct profile *p;

	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "%sf%d", i ? ";" : "", i);
	buf_puts(&text, " 5\nf0;f1 3\nz 1\n");
	p = read_text(text.v);
	assert_round_trip(p);
	profile_free(p);
	buf_free(&text);
}

static struct profile *random_profile(uint32_t seed, int stacks)
{
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");

	for (int i = 0; i < stacks; i++) {
		uint32_t node = 0;

		for (int depth = (seed = seed * 1664525 + 1013904223) >> 27; depth >= 0; depth--) {
			char name[16];

			seed = seed * 1664525 + 1013904223;
			snprintf(name, sizeof(name), "f%u", (seed >> 8) % (1 + (seed >> 28) * 400));
			node = profile_node(p, node, profile_frame(p, name, seed >> 30 ? "lib.so" : "", seed >> 13 & 3));
		}
		profile_add(p, thread, node, 1 + (seed >> 24));
	}
	return p;
}

/* Thread frames that are there to choose from are left out of what is read back. */
static void threads_aside(void **state)
{
	struct profile *p = profile_new(), *q = profile_new();
	uint32_t process = profile_process(p, 7, 1, "app"), f = profile_frame(p, "f", "", FRAME_USER);
	struct view threads = {.process = ALL_PROCESSES, .threads = true};
	struct buf payload, file = {0}, out;

	profile_add(p, profile_thread(p, process, 7, "main"), profile_node(p, 0, f), 3);
	profile_add(p, profile_thread(p, process, 8, "io"), profile_node(p, 0, f), 4);
	payload = encode(p, &threads, ISLAND_THREADS | ISLAND_ASIDE);
	island_write(&file, &payload);
	assert_int_equal(island_read(q, file.v, file.n, NULL), 0);
	out = folded_of(q, &all);
	assert_string_equal(out.v, "app;f 7\n");
	buf_free(&payload);
	buf_free(&file);
	buf_free(&out);
	profile_free(p);
	profile_free(q);
}

/* Enough that the base64 stands in several elements, none of them long. */
static void large_islands_come_in_parts(void **state)
{
	struct profile *p = random_profile(7, 300000);
	struct buf payload = encode(p, &all, 0), file = {0};
	size_t parts = 0;

	island_write(&file, &payload);
	for (const char *s = file.v, *end; *s; s = end + 1, parts++) {
		end = strchr(s, '\n');
		assert_true(end - s < ISLAND_PART + 64);
	}
	assert_true(parts > 1);
	assert_round_trip(p);
	buf_free(&payload);
	buf_free(&file);
	profile_free(p);
}

static void sample_order_does_not_matter(void **state)
{
	struct profile *p = read_text("b;x 1\na;y 2\na;x 3\n"), *q = read_text("a;x 3\na;y 2\nb;x 1\n");
	struct buf one = encode(p, &all, 0), two = encode(q, &all, 0);

	assert_int_equal(one.n, two.n);
	assert_memory_equal(one.v, two.v, one.n);
	buf_free(&one);
	buf_free(&two);
	profile_free(p);
	profile_free(q);
}

/* Functions in none, one and two lines, of two files. */
static struct profile *located_profile(void)
{
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, ""), node;
	uint32_t a = strings_add(p->strings, "/src/a.c"), b = strings_add(p->strings, "</metadata>b\nb.h");
	uint32_t f = profile_frame(p, "f", "x", FRAME_USER), g = profile_frame(p, "g", "x", FRAME_INLINE);

	node = profile_node_at(p, 0, f, profile_location_in(p, 0, 1, a, 7));
	profile_add(p, thread, node, 5);
	node = profile_node_at(p, node, g, profile_location_in(p, 0, 2, b, 4000000000));
	profile_add(p, thread, node, 2);
	node = profile_node(p, node, profile_frame(p, "nowhere", "x", FRAME_USER));
	profile_add(p, thread, profile_node_at(p, node, g, profile_location_in(p, 0, 3, a, 300)), 9);
	return p;
}

/* Every prefix, every byte changed: refused or read, never a crash (ASan watches). */
static void refuse_damage(struct profile *p)
{
	struct buf payload = encode(p, &all, 0);
	struct error err = {0};

	for (size_t n = 0; n < payload.n; n++) {
		struct profile *q = profile_new();

		assert_int_equal(island_decode(q, payload.v, n, NULL), -EBADMSG);
		profile_free(q);
	}
	for (size_t i = 0; i < payload.n; i++)
		for (unsigned bit = 0; bit < 8; bit += 7) {
			struct profile *q = profile_new();

			payload.v[i] ^= 1 << bit;
			island_decode(q, payload.v, payload.n, NULL);
			payload.v[i] ^= 1 << bit;
			profile_free(q);
		}
	assert_int_equal(island_read(p, "<svg></svg>", 11, &err), -ENODATA);
	assert_string_equal(err.text, "there is no data in this file: it is no flame graph of ours, or one without script");
	static const char *const bad[] = {"class=\"island\">", "class=\"island\"><", "class=\"island\">eJw*<",
					  "class=\"island\">eJwDAAAAAAE=<", "class=\"island\">eJwAAAD/<"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(island_read(p, bad[i], strlen(bad[i]), NULL), -EBADMSG);
	buf_free(&payload);
	profile_free(p);
}

static void damage_is_refused(void **state)
{
	refuse_damage(random_profile(3, 20));
	refuse_damage(located_profile());
}

static void places_come_along(void **state)
{
	static const struct {
		const char *name, *file;
		uint32_t line;
	} want[] = {{"f", "/src/a.c", 7}, {"g", "</metadata>b\\x0Ab.h", 4000000000}, {"nowhere", "", 0}, {"g", "/src/a.c", 300}};
	struct profile *p = located_profile(), *names = profile_new();
	struct buf payload = encode(p, &all, 0), file = {0};
	struct tree *t;

	island_write(&file, &payload);
	t = island_tree(names, &all, file.v, file.n, NULL);
	assert_non_null(t);
	assert_non_null(t->places);
	assert_int_equal(t->nodes.n, ARRAY_SIZE(want) + 1);
	for (uint32_t i = 0, id = tree_next(t, 0); id; id = tree_next(t, id), i++) {
		assert_string_equal(strings_get(names->strings, t->nodes.v[id].name), want[i].name);
		assert_string_equal(strings_get(names->strings, t->places[id].file), want[i].file);
		assert_int_equal(t->places[id].line, want[i].line);
	}
	tree_free(t);
	buf_free(&payload);
	buf_free(&file);
	profile_free(names);
	assert_round_trip(p);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_is_the_documented_one),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(hostile_bytes_round_trip_escaped),
		cmocka_unit_test(an_empty_profile),
		cmocka_unit_test(ten_thousand_frames_deep),
		cmocka_unit_test(threads_aside),
		cmocka_unit_test(large_islands_come_in_parts),
		cmocka_unit_test(sample_order_does_not_matter),
		cmocka_unit_test(places_come_along),
		cmocka_unit_test(damage_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
