// SPDX-License-Identifier: Apache-2.0
/* A stack realigned for AVX, with a size that is not known and arguments on the stack: GCC's CFA is then *(rbp - n). */
#include <alloca.h>
#include <string.h>

__attribute__((noinline)) void fill(void *a, void *b, long n)
{
	memset(a, (int)n, 32);
	memset(b, (int)n, n);
}

__attribute__((noinline)) long realigned(long a, long b, long c, long d, long e, long f, long g, long n)
{
	char aligned[64] __attribute__((aligned(32)));
	char *more = alloca(n);

	fill(aligned, more, n);
	return a + b + c + d + e + f + g + aligned[n & 31] + more[0];
}

int main(int argc, char **argv)
{
	return realigned(argc, 2, 3, 4, 5, 6, 7, argc + 7) == 0;
}
