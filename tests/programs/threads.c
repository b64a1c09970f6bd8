// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
/* Eight named threads, worker-0 .. worker-7: threads [SECONDS] */
#include "spin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static double until_ms;

LEAF void in_thread(void)
{
	spin_rounds(100000);
}

static void *worker(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "worker-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	while (spin_cpu_ms() < until_ms)
		in_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[8];

	until_ms = argc > 1 ? strtod(argv[1], NULL) * 1e3 : 1e9;
	for (intptr_t i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, worker, (void *)i))
			return 1;
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
