// SPDX-License-Identifier: Apache-2.0
/*
 * confined ATTEMPT: a parser process that its file has taken over. Enters the sandbox as every parser does, then tries one thing that
 * it must not be able to do. Exit status 0: it did it; 3: it was refused; a signal: it was ended for trying.
 */
#include "symbolize/parse.h"
#include "symbolize/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long attempt(const char *what, pid_t parent)
{
	char byte = 0;

	if (!strcmp(what, "open"))
		return open("/etc/passwd", O_RDONLY);
	if (!strcmp(what, "create"))
		return open("/tmp/profile-escaped", O_CREAT | O_WRONLY, 0600);
	if (!strcmp(what, "connect"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(what, "unix"))
		return socket(AF_UNIX, SOCK_STREAM, 0);
	if (!strcmp(what, "ptrace"))
		return ptrace(PTRACE_ATTACH, parent, NULL, NULL);
	if (!strcmp(what, "memory"))
		return syscall(SYS_process_vm_readv, parent, NULL, 0, NULL, 0, 0);
	if (!strcmp(what, "fork"))
		return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (!strcmp(what, "exec"))
		return execl("/bin/true", "true", NULL);
	if (!strcmp(what, "kill"))
		return kill(parent, 0);
	if (!strcmp(what, "bpf"))
		return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, NULL, 0);
	if (!strcmp(what, "code"))
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
	if (!strcmp(what, "executable"))
		return mprotect((void *)((unsigned long)&attempt & ~4095ul), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (!strcmp(what, "map"))
		return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0) == MAP_FAILED ? -1 : 0;
	if (!strcmp(what, "32-bit")) { /* getpid() as i386 programs call it: another table of calls */
		long ret;

		__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20L) : "memory");
		return ret;
	}
	if (!strcmp(what, "spin"))
		for (;;)
			*(volatile char *)&byte += 1;
	if (!strcmp(what, "swallow")) { /* memory without end */
		for (;;) {
			char *p = malloc(16 << 20);

			if (!p)
				return -1;
			memset(p, 1, 16 << 20);
		}
	}
	if (!strcmp(what, "fill")) { /* a result without end */
		for (;;) {
			static char chunk[1 << 20];

			if (write(STDOUT_FILENO, chunk, sizeof(chunk)) < 0)
				return -1;
		}
	}
	return 0; /* nothing: shows that the sandbox lets a process end */
}

int main(int argc, char **argv)
{
	const struct sandbox_limits limits = {PARSE_CPU_SECONDS, PARSE_MEMORY_BYTES, 0, PARSE_RESULT_BYTES};
	pid_t parent = getppid();

	if (argc != 2 || sandbox_enter(&limits))
		return 1;
	_exit(attempt(argv[1], parent) < 0 ? 3 : 0);
}
