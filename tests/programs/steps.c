// SPDX-License-Identifier: Apache-2.0
/*
 * Every odd frame, once and briefly, to be single-stepped: large and realigned frames, recursion, callbacks from libc, lazily bound
 * calls, signals on the same stack and on another one, longjmp(), the vDSO, functions that end in a call that does not return.
 */
#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))

static volatile long sink;
static jmp_buf back;

KEEP static long leaf(long x)
{
	return x * 31 + 7;
}

KEEP static long large_frame(long x)
{
	volatile char block[70000];

	block[x & 1023] = 1;
	sink += leaf(block[x & 511]);
	return sink;
}

/* A realigned stack, a variable frame and arguments on the stack: GCC's frame for this hangs on another register. */
KEEP static long realigned(long a, long b, long c, long d, long e, long f, long g, long h)
{
	_Alignas(64) volatile char aligned[128];
	char *variable = alloca((a & 7) * 16 + 16);

	memset((char *)aligned, (int)h, sizeof(aligned));
	memset(variable, (int)g, 16);
	sink += leaf((uintptr_t)aligned & 63) + variable[3] + b + c + d + e + f;
	return sink + aligned[5];
}

KEEP static long recurse(int depth)
{
	volatile long here = depth;

	if (depth)
		here += recurse(depth - 1);
	return leaf(here);
}

KEEP static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

KEEP static void handler(int number)
{
	sink += leaf(number);
}

KEEP static void jump_away(int depth)
{
	if (!depth)
		longjmp(back, 1);
	jump_away(depth - 1);
	sink++;
}

KEEP __attribute__((noreturn)) static void never_returns(void)
{
	sink += leaf(3);
	exit(sink == 12345);
}

/* Its last instruction is a call. */
KEEP static void ends_in_a_call(void)
{
	never_returns();
}

static void signals(void)
{
	static char other_stack[65536];
	stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sigaltstack(&stack, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &action, NULL);
	kill(getpid(), SIGUSR2);
}

int main(int argc, char **argv)
{
	int numbers[] = {5, 3, 9, 1, 7, 2};
	char text[64];
	struct timespec now;

	sink = argc;
	sink += large_frame(argc);
	sink += realigned(1, 2, 3, 4, 5, 6, 7, 8);
	sink += recurse(12);
	qsort(numbers, 6, sizeof(numbers[0]), compare);
	snprintf(text, sizeof(text), "%d %s %.3f", numbers[0], "words", 1.5);
	sink += strtol(text, NULL, 10);
	clock_gettime(CLOCK_MONOTONIC, &now);
	sink += now.tv_nsec & 1;
	sink += time(NULL) & 1;
	signals();
	if (!setjmp(back))
		jump_away(3);
	ends_in_a_call();
}
