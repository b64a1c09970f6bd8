// SPDX-License-Identifier: Apache-2.0
/*
 * The program that `make run` profiles: a shop that prices orders. One thread takes orders in (parsing), two price them
 * (a recursive discount search, twice as much of it as needed), one writes a ledger through the kernel.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL __attribute__((noinline))

static _Thread_local uint64_t seed = 88172645463325252ull;

/* xorshift64: lengths of work vary, so that nothing runs in step with the sampling */
static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

CALL static uint64_t hash_item(uint64_t item)
{
	for (int i = 0; i < 400; i++)
		item = (item ^ (item >> 29)) * 0xBF58476D1CE4E5B9ull;
	return item;
}

CALL static uint64_t best_discount(uint64_t item, unsigned depth)
{
	uint64_t with, without;

	if (!depth)
		return hash_item(item) & 0xFF;
	with = best_discount(item * 3 + 1, depth - 1);
	without = best_discount(item ^ depth, depth - 1);
	return with > without ? with : without;
}

CALL static uint64_t price_order(uint64_t items)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < items; i++)
		sum += best_discount(i, 5) + hash_item(i);
	return sum;
}

CALL static uint64_t parse_number(const char **text)
{
	uint64_t v = 0;

	while (**text >= '0' && **text <= '9')
		v = v * 10 + (*(*text)++ - '0');
	return v;
}

CALL static uint64_t parse_order(const char *text)
{
	uint64_t sum = 0;

	while (*text) {
		sum += parse_number(&text);
		if (*text)
			text++;
	}
	return sum;
}

static volatile uint64_t sink;

static void *take_orders(void *arg)
{
	char order[4096];

	for (;;) {
		size_t n = 0;

		while (n < sizeof(order) - 24)
			n += snprintf(order + n, sizeof(order) - n, "%llu,", (unsigned long long)(next_random() >> 40));
		for (int i = 0; i < 40; i++)
			sink += parse_order(order);
		usleep(next_random() % 2000);
	}
	return arg;
}

static void *price_orders(void *arg)
{
	for (;;)
		sink += price_order(next_random() % 64);
	return arg;
}

static void *write_ledger(void *arg)
{
	static char page[1 << 16];
	int in = open("/dev/zero", O_RDONLY), out = open("/dev/null", O_WRONLY);

	for (;;) {
		for (uint64_t i = next_random() % 64; i; i--)
			if (read(in, page, sizeof(page)) < 0 || write(out, page, sizeof(page)) < 0)
				exit(1);
		usleep(next_random() % 3000);
	}
	return arg;
}

int main(void)
{
	static const struct {
		const char *name;
		void *(*run)(void *);
	} jobs[] = {{"take-orders", take_orders}, {"price-1", price_orders}, {"price-2", price_orders}, {"ledger", write_ledger}};
	pthread_t threads[sizeof(jobs) / sizeof(jobs[0])];

	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		if (pthread_create(&threads[i], NULL, jobs[i].run, NULL))
			return 1;
		pthread_setname_np(threads[i], jobs[i].name);
	}
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		pthread_join(threads[i], NULL);
	return 0;
}
