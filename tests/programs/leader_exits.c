// SPDX-License-Identifier: Apache-2.0
/* The main thread ends at once, another goes on: leader_exits [SECONDS] */
#include "spin.h"

#include <pthread.h>
#include <stdlib.h>

static double until_ms;

LEAF void survivor(void)
{
	while (spin_cpu_ms() < until_ms)
		spin_rounds(100000);
}

static void *run(void *arg)
{
	(void)arg;
	survivor();
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	until_ms = argc > 1 ? strtod(argv[1], NULL) * 1e3 : 1e9;
	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	pthread_exit(NULL);
}
