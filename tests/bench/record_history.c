// SPDX-License-Identifier: Apache-2.0
/*
 * record_history DIR WINDOWS SECONDS HZ: records that many windows of the whole system into the history in DIR, as the daemon
 * does, without anything else that it does. Tells what each window took. Needs root.
 */
#include "app/collector.h"
#include "base/clock.h"
#include "store/store.h"
#include "symbolize/helper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static void fail(const struct error *err)
{
	fprintf(stderr, "record_history: %s\n", err->text);
	exit(1);
}

/* Turns until the window is over. */
static void sample(struct collector *c, uint64_t until)
{
	struct pollfd fd = {.fd = collector_sideband_fd(c), .events = POLLIN};
	uint64_t turn = 0, now;

	while ((now = clock_ns(CLOCK_MONOTONIC)) < until) {
		if (now >= turn) {
			collector_turn(c);
			turn = now + collector_interval_ns(c);
		}
		if (poll(&fd, 1, 20) > 0)
			collector_watch(c);
		poll(NULL, 0, 5);
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	unsigned windows = argc == 5 ? atoi(argv[2]) : 0, seconds = argc == 5 ? atoi(argv[3]) : 0;
	struct sampler_options o = {.hz = argc == 5 ? atoi(argv[4]) : 0, .kernel = true, .user = true};
	const struct symbolizer_options names = {.patience_ns = NS_PER_SEC};
	struct store_status before, after;
	struct error err = {0};
	struct collector *c;
	struct store *s;

	/* Parsers of files are this program, run again. */
	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	if (!windows || !seconds || !o.hz) {
		fprintf(stderr, "usage: record_history DIR WINDOWS SECONDS HZ\n");
		return 2;
	}
	if (!(s = store_open(argv[1], STORE_WRITE, &err)) || !(c = collector_new(&o, &names, &err)) || collector_start(c, &err))
		fail(&err);
	for (unsigned i = 0; i < windows; i++) {
		struct profile *p;
		double cpu;

		sample(c, clock_ns(CLOCK_MONOTONIC) + seconds * NS_PER_SEC);
		collector_cut(c);
		p = collector_profile(c);
		store_status(s, &before, &err);
		cpu = cpu_seconds();
		if (store_append(s, p, &err))
			fail(&err);
		cpu = cpu_seconds() - cpu;
		store_status(s, &after, &err);
		printf("%6llu samples of %4zu stacks, %5zu processes known, %5llu bytes more, append %.1f ms CPU\n",
		       (unsigned long long)profile_total(p), p->samples.n, p->processes.n,
		       (unsigned long long)(after.bytes - before.bytes), cpu * 1000);
		fflush(stdout);
		collector_next_window(c, false);
	}
	collector_free(c);
	store_close(s);
	return 0;
}
