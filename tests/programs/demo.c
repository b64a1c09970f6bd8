// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
/*
 * The program that `make run` profiles: four named threads that do a little of what programs do.
 *
 * indexer      counts words (the hottest)
 * compressor   looks for repetitions
 * solver       places queens, recursively
 * writer       system calls
 *
 * demo [SECONDS]
 */
#include "spin.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES (1 << 16)
#define BUCKETS 4096
#define MATCH_WINDOW 96
#define QUEENS 8

static char text[TEXT_BYTES];

/* Each thread has a generator of its own. Work comes in bursts of random length, so no thread runs in step with a sampler. */
static _Thread_local uint64_t random_state;

static unsigned int random_below(unsigned int limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % limit;
}

static void pause_ms(unsigned int limit)
{
	usleep(1000 * random_below(limit));
}

static void write_text(void)
{
	random_state = 1;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = random_below(6) ? 'a' + random_below(8) : ' ';
}

static inline size_t word_length(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && *p != ' ')
		p++;
	return p - s;
}

LEAF uint32_t hash_word(const char *word, size_t length)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)word[i]) * 16777619u;
	return h;
}

LEAF void index_text(uint32_t *counts)
{
	const char *end = text + sizeof(text);

	for (const char *s = text; s < end; s++) {
		size_t length = word_length(s, end);

		counts[hash_word(s, length) % BUCKETS]++;
		s += length;
	}
}

static void *run_indexer(void *arg)
{
	static uint32_t counts[BUCKETS];

	random_state = (uintptr_t)arg;
	for (;;) {
		for (unsigned int i = 50 + random_below(200); i; i--)
			index_text(counts);
		pause_ms(4);
	}
}

LEAF size_t find_match(size_t at)
{
	size_t best = 0;

	for (size_t from = at - MATCH_WINDOW; from < at; from++) {
		size_t n = 0;

		while (at + n < sizeof(text) && text[from + n] == text[at + n])
			n++;
		if (n > best)
			best = n;
	}
	return best;
}

LEAF size_t compress_block(size_t start, size_t bytes)
{
	size_t tokens = 0;

	for (size_t at = start; at < start + bytes; tokens++)
		at += find_match(at) + 1;
	return tokens;
}

static void *run_compressor(void *arg)
{
	random_state = (uintptr_t)arg;
	for (;;) {
		for (unsigned int i = 1 + random_below(20); i; i--)
			spin_sink = compress_block(MATCH_WINDOW + random_below(TEXT_BYTES / 2), 4096);
		pause_ms(20);
	}
}

/* Solutions with the queens of earlier rows at these columns and diagonals. */
LEAF unsigned int place_queen(unsigned int row, unsigned int columns, unsigned int falling, unsigned int rising)
{
	unsigned int solutions = 0;

	if (row == QUEENS)
		return 1;
	for (unsigned int c = 0; c < QUEENS; c++) {
		unsigned int column = 1u << c, f = 1u << (row + c), r = 1u << (row + QUEENS - c);

		if (!(columns & column) && !(falling & f) && !(rising & r))
			solutions += place_queen(row + 1, columns | column, falling | f, rising | r);
	}
	return solutions;
}

static void *run_solver(void *arg)
{
	random_state = (uintptr_t)arg;
	for (;;) {
		for (unsigned int i = 10 + random_below(60); i; i--)
			spin_sink = place_queen(0, 0, 0, 0);
		pause_ms(40);
	}
}

LEAF void copy_file(int from, int to)
{
	static char buffer[1 << 16];
	ssize_t n = read(from, buffer, sizeof(buffer));

	if (n > 0 && write(to, buffer, n) != n)
		exit(1);
}

static void *run_writer(void *arg)
{
	int from = open("/dev/zero", O_RDONLY | O_CLOEXEC), to = open("/dev/null", O_WRONLY | O_CLOEXEC);

	random_state = (uintptr_t)arg;
	for (;;) {
		for (unsigned int i = 50 + random_below(500); i; i--)
			copy_file(from, to);
		pause_ms(30);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void *(*run)(void *);
	} workers[] = {{"indexer", run_indexer}, {"compressor", run_compressor}, {"solver", run_solver}, {"writer", run_writer}};

	write_text();
	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, workers[i].run, (void *)(i + 1))) {
			perror("demo");
			return 1;
		}
		pthread_setname_np(thread, workers[i].name);
	}
	if (argc < 2)
		pause();
	sleep(strtoul(argv[1], NULL, 10));
	return 0;
}
