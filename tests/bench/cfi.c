// SPDX-License-Identifier: Apache-2.0
/*
 * cfi [FILE...]: what it costs to compile call frame information into unwind tables. Of each file (by default the largest libraries
 * that are installed) the best of several runs, with its pages in memory: milliseconds, nanoseconds per row of the
 * file (as its functions have them) and of the table (where equal neighbours are one), and the peak of memory
 * above the file's own pages, the table included.
 */
#include "base/mem.h"
#include "unwind/table.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS 9

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* A field of /proc/self/status in kilobytes. */
static long status_kb(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = strlen(field);
	char line[256];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n))
			sscanf(line + n, ": %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

static void reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	if (f) {
		fputs("5", f);
		fclose(f);
	}
}

static void measure(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct unwind_table t = {0};
	double best = 1e9;
	size_t words = 0;
	struct stat st;
	struct elf elf;
	long base, peak;
	void *bytes;

	if (fd < 0 || fstat(fd, &st))
		return;
	bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED || elf_open(&elf, bytes, st.st_size))
		return;
	reset_peak();
	base = status_kb("VmRSS");
	if (unwind_table_build(&t, &elf))
		return;
	peak = status_kb("VmHWM");
	for (int i = 0; i < RUNS; i++) {
		double start = now_ms();

		unwind_table_free(&t);
		unwind_table_build(&t, &elf);
		start = now_ms() - start;
		best = start < best ? start : best;
	}
	for (size_t i = 0; i < t.parts.n; i++)
		words += t.parts.v[i].n_words;
	printf("  %-24s %9zu %9zu %9zu %8.2f %8.1f %8.1f %9zu %9ld\n", strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
	       t.counts.functions, t.counts.raw_rows, t.counts.rows, best, best * 1e6 / t.counts.raw_rows,
	       best * 1e6 / t.counts.rows, words * 4 / 1024, peak - base);
}

/* In a process of its own, so that the memory of one does not hide that of another. */
static void measure_alone(const char *path)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		measure(path);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	static const char *const patterns[] = {
		"/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/bin/python3.1?",
		"/usr/bin/node", "/usr/lib/x86_64-linux-gnu/libLLVM*.so*",
	};
	glob_t files = {0};

	for (size_t i = 0; i < ARRAY_SIZE(patterns) && argc < 2; i++)
		glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &files);
	printf("call frame information to unwind tables, best of %d\n  %-24s %9s %9s %9s %8s %8s %8s %9s %9s\n", RUNS, "", "functions",
	       "raw rows", "rows", "ms", "ns/raw", "ns/row", "table KB", "peak KB");
	for (size_t i = 0; i < files.gl_pathc; i++)
		measure_alone(files.gl_pathv[i]);
	for (int i = 1; i < argc; i++)
		measure_alone(argv[i]);
	globfree(&files);
	return 0;
}
