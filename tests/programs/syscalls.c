// SPDX-License-Identifier: Apache-2.0
/* Time in the kernel: syscalls getppid|read [SECONDS]. `ask_kernel` makes the calls. */
#include "spin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char buffer[1 << 20];

/* A system call of its own: libc's wrappers have no frame, so their caller would be missing from the stack. */
static inline __attribute__((always_inline)) long call(long number, long a, void *b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

LEAF void ask_kernel(int fd)
{
	spin_need_frame();
	for (int i = 0; i < 64; i++) {
		if (fd < 0)
			call(SYS_getppid, 0, NULL, 0);
		else if (call(SYS_read, fd, buffer, sizeof(buffer)) < 0)
			exit(1);
	}
}

int main(int argc, char **argv)
{
	int fd = argc > 1 && !strcmp(argv[1], "read") ? open("/dev/zero", O_RDONLY) : -1;
	double ms = argc > 2 ? strtod(argv[2], NULL) * 1e3 : 1e9;

	while (spin_cpu_ms() < ms)
		ask_kernel(fd);
	return 0;
}
