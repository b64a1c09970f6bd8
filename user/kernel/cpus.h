// SPDX-License-Identifier: Apache-2.0
#ifndef KERNEL_CPUS_H
#define KERNEL_CPUS_H

#include "base/mem.h"

#include <stdbool.h>

#define CPU_ID_MAX 65535 /* far above NR_CPUS of any kernel: refuses nonsense before it becomes memory */

/* Which CPUs there are: has.v[cpu]. Ids may have gaps. */
struct cpu_set {
	VEC(bool) has;
};

/* Parses a kernel CPU list ("0-3,5,8-11\n"). 0 or -EINVAL; pure. */
int cpu_set_parse(struct cpu_set *set, const char *list);
/* Those that are online now: reads /sys/devices/system/cpu/online. */
int cpu_set_read(struct cpu_set *set);
/* Those that may ever be: reads /sys/devices/system/cpu/possible. What is kept by CPU id needs room for set->has.n. */
int cpu_set_read_possible(struct cpu_set *set);
bool cpu_set_has(const struct cpu_set *set, int cpu);
void cpu_set_free(struct cpu_set *set);

#endif
