// SPDX-License-Identifier: Apache-2.0
/*
 * fetch_confined ATTEMPT: a fetcher process that a server has taken over. Enters its sandbox as every fetcher does, then tries one thing.
 * Exit status 0: it did it; 3: it was refused; a signal: it was ended for trying.
 */
#include "symbolize/fetch_sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *nothing(void *arg)
{
	return arg;
}

static long map(int protection, int flags, int fd)
{
	return mmap(NULL, 4096, protection, MAP_PRIVATE | flags, fd, 0) == MAP_FAILED ? -1 : 0;
}

static long attempt(const char *what, pid_t parent, const char *argument)
{
	pthread_t thread;

	if (!strcmp(what, "open"))
		return open(argument, O_RDONLY);
	if (!strcmp(what, "create"))
		return open("/tmp/profile-fetcher-escaped", O_CREAT | O_WRONLY, 0666);
	if (!strcmp(what, "nameless"))
		return open("/tmp", O_TMPFILE | O_WRONLY, 0600);
	if (!strcmp(what, "write"))
		return open("/dev/null", O_RDWR);
	if (!strcmp(what, "become"))
		return setuid(0);
	if (!strcmp(what, "remove"))
		return unlink("/tmp/profile-fetcher-escaped");
	if (!strcmp(what, "server"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(what, "packet"))
		return socket(AF_PACKET, SOCK_RAW, 0);
	if (!strcmp(what, "listen"))
		return listen(socket(AF_INET, SOCK_STREAM, 0), 1);
	if (!strcmp(what, "thread"))
		return -pthread_create(&thread, NULL, nothing, NULL);
	if (!strcmp(what, "fork"))
		return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (!strcmp(what, "exec"))
		return execl("/bin/true", "true", NULL);
	if (!strcmp(what, "ptrace"))
		return ptrace(PTRACE_ATTACH, parent, NULL, NULL);
	if (!strcmp(what, "memory"))
		return syscall(SYS_process_vm_readv, parent, NULL, 0, NULL, 0, 0);
	if (!strcmp(what, "kill"))
		return kill(parent, 0);
	if (!strcmp(what, "bpf"))
		return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, NULL, 0);
	if (!strcmp(what, "code"))
		return map(PROT_READ | PROT_EXEC, MAP_ANONYMOUS, -1);
	if (!strcmp(what, "written"))
		return map(PROT_READ | PROT_WRITE | PROT_EXEC, 0, open("/usr/bin/true", O_RDONLY));
	if (!strcmp(what, "executable"))
		return mprotect((void *)((unsigned long)&attempt & ~4095ul), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (!strcmp(what, "library"))
		return map(PROT_READ | PROT_EXEC, 0, open("/usr/bin/true", O_RDONLY));
	if (!strcmp(what, "fill")) { /* a file without end */
		static char chunk[1 << 16];

		while (write(STDOUT_FILENO, chunk, sizeof(chunk)) > 0)
			;
		return -1;
	}
	return 0; /* nothing: shows that the sandbox lets a process end */
}

int main(int argc, char **argv)
{
	pid_t parent = getppid();

	if (argc < 2 || fetch_sandbox_enter(1 << 20))
		return 1;
	_exit(attempt(argv[1], parent, argc > 2 ? argv[2] : NULL) < 0 ? 3 : 0);
}
