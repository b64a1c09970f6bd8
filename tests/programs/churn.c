// SPDX-License-Identifier: Apache-2.0
/*
 * churn DIRECTORY N: opens, calls and closes libN.so one after the other, for ever. library_K calls back into spin_(K % 8): so each stack
 * says itself whether it is right. With a third argument so many libraries stay open, of which the one opened first goes next.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile long sink;

static void spin(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		for (int i = 0; i < 3000; i++)
			sink += i * sink + 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < 300000);
}

#define SPIN(n)                                                                                                        \
	__attribute__((noinline)) static long spin_##n(long x)                                                         \
	{                                                                                                              \
		spin();                                                                                                \
		return x + n + sink;                                                                                   \
	}
SPIN(0) SPIN(1) SPIN(2) SPIN(3) SPIN(4) SPIN(5) SPIN(6) SPIN(7)

static long (*const spins[])(long) = {spin_0, spin_1, spin_2, spin_3, spin_4, spin_5, spin_6, spin_7};

typedef long library_function(long (*)(long), long);

/* Calls the function that `library` points to. */
__attribute__((noinline)) static void *call_library(const char *directory, int i)
{
	library_function **function;
	char path[4096];
	void *library;

	snprintf(path, sizeof(path), "%s/lib%d.so", directory, i);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	function = library ? dlsym(library, "library") : NULL;
	if (!function)
		exit(1);
	sink += (*function)(spins[i % 8], sink & 7);
	return library;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? strtol(argv[2], NULL, 10) : 0, keep = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
	void **open;

	if (n <= 0 || keep <= 0 || !(open = calloc(keep, sizeof(*open))))
		return 1;
	for (int i = 0, at = 0;; i = (i + 1) % n, at = (at + 1) % keep) {
		if (open[at])
			dlclose(open[at]);
		open[at] = call_library(argv[1], i);
	}
}
