// SPDX-License-Identifier: Apache-2.0
/*
 * Another BPF user: a loop of map updates by system call, which makes the kernel skip perf_event programs on that CPU.
 * bpf_updates [SECONDS]
 */
#include "spin.h"

#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 64, .max_entries = 65536};
	double ms = argc > 1 ? strtod(argv[1], NULL) * 1e3 : 1e9;
	int map = syscall(SYS_bpf, BPF_MAP_CREATE, &create, sizeof(create));
	char value[64] = "";
	uint32_t key;

	if (map < 0) {
		perror("bpf");
		return 1;
	}
	while (spin_cpu_ms() < ms) {
		for (int i = 0; i < 100; i++) {
			union bpf_attr update = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)value};

			key = spin_random() & 0xFFFF;
			syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &update, sizeof(update));
		}
	}
	return 0;
}
