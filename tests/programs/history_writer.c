// SPDX-License-Identifier: Apache-2.0
/*
 * history_writer DIR COUNT [MAX_BYTES]: appends windows to a history, numbered on from the newest one that is there, and prints
 * "ok NUMBER" for each that store_append() took; "failed SENTENCE" when it did not, after which the same window is tried
 * again; "notice SENTENCE". Window NUMBER starts NUMBER minutes after 2023-11-14 22:14 UTC and has NUMBER % 50 + 1 samples of
 * process "first" and 7 of "second", with stacks that do not compress.
 */
#include "base/clock.h"
#include "profile/profile.h"
#include "store/store.h"

#include <stdio.h>
#include <unistd.h>

#define T0 1700000040ull

static struct profile *window(uint64_t number)
{
	struct profile *p = profile_new();
	uint32_t first = profile_thread(p, profile_process(p, 11, 1, "first"), 11, "first"), node = 0;
	uint32_t second = profile_thread(p, profile_process(p, 12, 1, "second"), 13, "thread");
	uint64_t random = number;

	for (int i = 0; i < 200; i++) {
		char name[64];

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		snprintf(name, sizeof(name), "f%016llx", (unsigned long long)random);
		node = profile_node(p, i % 20 ? node : 0, profile_frame(p, name, "", FRAME_USER));
	}
	profile_add(p, first, node, number % 50 + 1);
	node = profile_node_at(p, node, profile_frame(p, "at_line", "second", FRAME_USER),
			       profile_location_in(p, profile_image(p, "/usr/bin/second", "ab12"), 0x100, strings_add(p->strings, "second.c"), 42));
	profile_add(p, second, node, 7);
	p->start_ns = (T0 + number * 60) * NS_PER_SEC;
	p->end_ns = p->start_ns + 60 * NS_PER_SEC;
	p->period_ns = 20000000;
	p->event = xstrdup("cpu-clock");
	p->accounting = (struct accounting){.expected = 100 + profile_total(p), .idle = 100, .recorded = profile_total(p)};
	return p;
}

static void print_notice(struct store *s)
{
	struct error notice;

	if (store_take_notice(s, &notice))
		printf("notice %s\n", notice.text);
}

int main(int argc, char **argv)
{
	struct store_limits limits = {.max_bytes = argc > 3 ? atoi(argv[3]) : 0, .merge_10m_after_ns = 2 * 3600 * NS_PER_SEC};
	uint64_t number = 0, last;
	struct store_status status;
	struct error err = {0};
	struct store *s = argc > 2 ? store_open(argv[1], STORE_WRITE, &err) : NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!s) {
		fprintf(stderr, "%s\n", argc > 2 ? err.text : "usage: history_writer DIR COUNT [MAX_BYTES]");
		return 1;
	}
	if (!store_status(s, &status, &err) && status.windows)
		number = (status.newest_ns / NS_PER_SEC - T0) / 60;
	print_notice(s);
	for (last = number + atoi(argv[2]); number < last;) {
		struct profile *p = window(number);

		err = (struct error){0};
		if (!store_append(s, p, &err))
			printf("ok %llu\n", (unsigned long long)number++);
		else
			printf("failed %s\n", err.text);
		if (err.code)
			usleep(50000);
		print_notice(s);
		profile_free(p);
		err = (struct error){0};
		for (int i = 0; i < 20; i++)
			if (store_maintain(s, &limits, (T0 + number * 60) * NS_PER_SEC, &err) != 1)
				break;
	}
	store_close(s);
	return 0;
}
