// SPDX-License-Identifier: Apache-2.0
/*
 * A very small JIT compiler: writes machine code, tells of it as real ones do, and runs it.
 *
 * jit map SECONDS          /tmp/perf-PID.map: jit_first, then jit_second beside it, told of when it is made
 * jit dump SECONDS DIR     DIR/jit-PID.dump: jit_first, then jit_second in its place, jit_third that is moved
 * jit big SECONDS LINES    as map, with so many lines of other code before
 * jit none SECONDS         tells nothing
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PLACE 256 /* bytes between functions */

static uint8_t *code;
static FILE *map;
static int dump = -1;
static uint64_t unit = 1;

static uint64_t ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* push %rbp; mov %rsp,%rbp; mov $rounds,%ecx; 1: dec %ecx; jnz 1b; pop %rbp; ret */
static size_t compile(uint8_t *at)
{
	static const uint8_t bytes[] = {0x55, 0x48, 0x89, 0xe5, 0xb9, 0x40, 0x42, 0x0f, 0, 0xff, 0xc9, 0x75, 0xfc, 0x5d, 0xc3};

	memcpy(at, bytes, sizeof(bytes));
	return sizeof(bytes);
}

static void put(const void *bytes, size_t n)
{
	if (write(dump, bytes, n) != (ssize_t)n)
		exit(1);
}

static void tell(const uint8_t *at, size_t n, const char *name)
{
	struct {
		uint32_t id, size;
		uint64_t time;
		uint32_t pid, tid;
		uint64_t vma, address, length, index;
	} load = {0, sizeof(load) + strlen(name) + 1 + n, ns(CLOCK_MONOTONIC), getpid(), getpid(), (uintptr_t)at, (uintptr_t)at, n, unit++};

	if (map) {
		fprintf(map, "%lx %zx %s\n", (unsigned long)at, n, name);
		fflush(map);
	}
	if (dump < 0)
		return;
	put(&load, sizeof(load));
	put(name, strlen(name) + 1);
	put(at, n);
}

static void tell_move(const uint8_t *from, const uint8_t *to, size_t n)
{
	struct {
		uint32_t id, size;
		uint64_t time;
		uint32_t pid, tid;
		uint64_t vma, from, to, length, index;
	} move = {1, sizeof(move), ns(CLOCK_MONOTONIC), getpid(), getpid(), (uintptr_t)to, (uintptr_t)from, (uintptr_t)to, n, unit - 1};

	put(&move, sizeof(move));
}

static void open_dump(const char *dir)
{
	struct {
		uint32_t magic, version, size, machine, pad, pid;
		uint64_t time, flags;
	} header = {0x4A695444, 1, sizeof(header), 62, 0, getpid(), ns(CLOCK_MONOTONIC), 0};
	char path[4096];

	snprintf(path, sizeof(path), "%s/jit-%d.dump", dir, getpid());
	dump = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (dump < 0 || mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, dump, 0) == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	put(&header, sizeof(header));
}

static void open_map(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	map = fopen(path, "w");
	if (!map) {
		perror(path);
		exit(1);
	}
}

/* For so many seconds of CPU time, so that shares are what they are on a busy machine too. */
__attribute__((noinline)) static void run(const uint8_t *at, double seconds)
{
	uint64_t end = ns(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)(seconds * 1e9);

	while (ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		((void (*)(void))(uintptr_t)at)();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	double seconds = argc > 2 ? atof(argv[2]) : 0;
	size_t n;

	code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED || !seconds)
		return 1;
	if (!strcmp(mode, "map") || !strcmp(mode, "big"))
		open_map();
	if (!strcmp(mode, "dump"))
		open_dump(argv[3]);
	for (long i = 0; !strcmp(mode, "big") && i < atol(argv[3]); i++)
		fprintf(map, "%lx 40 a_function_of_an_application_that_compiles_without_end_%ld\n", 0x100000 + i * 64, i);
	n = compile(code);
	tell(code, n, "jit_first");
	run(code, seconds / 2);
	if (dump >= 0) { /* other code in the same place, and one that moves */
		tell(code, compile(code), "jit_second");
		run(code, seconds / 4);
		tell(code + PLACE, compile(code + PLACE), "jit_third");
		compile(code + 2 * PLACE);
		tell_move(code + PLACE, code + 2 * PLACE, n);
		run(code + 2 * PLACE, seconds / 4);
		return 0;
	}
	tell(code + PLACE, compile(code + PLACE), "jit_second with a long name(int, char)");
	run(code + PLACE, seconds / 2);
	return 0;
}
