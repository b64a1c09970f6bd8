// SPDX-License-Identifier: Apache-2.0
/*
 * burn MS                burns MS milliseconds of CPU in `burn_cpu`
 * burn MS COMMAND ...    burns in `before_exec`, then becomes COMMAND
 */
#include "spin.h"

#include <stdlib.h>
#include <unistd.h>

LEAF void burn_cpu(double ms)
{
	while (spin_cpu_ms() < ms)
		spin_rounds(100000);
}

LEAF void before_exec(double ms)
{
	while (spin_cpu_ms() < ms)
		spin_rounds(100000);
}

int main(int argc, char **argv)
{
	double ms = argc > 1 ? strtod(argv[1], NULL) : 20;

	if (argc <= 2) {
		burn_cpu(ms);
		return 0;
	}
	before_exec(ms);
	execvp(argv[2], argv + 2);
	return 127;
}
