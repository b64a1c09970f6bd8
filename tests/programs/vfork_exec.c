// SPDX-License-Identifier: Apache-2.0
/* A parent that starts its work by vfork and exec: vfork_exec COMMAND [ARG ...]. `parent_part` burns before and after. */
#include "spin.h"

#include <sys/wait.h>
#include <unistd.h>

LEAF void parent_part(double until_ms)
{
	while (spin_cpu_ms() < until_ms)
		spin_rounds(100000);
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc < 2)
		return 2;
	parent_part(300);
	pid = vfork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	parent_part(600);
	return 0;
}
