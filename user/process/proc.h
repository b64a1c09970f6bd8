// SPDX-License-Identifier: Apache-2.0
/* What /proc says of one process (proc(5)). The text is parsed by pure functions; paths in it are hostile. */
#ifndef PROCESS_PROC_H
#define PROCESS_PROC_H

#include "base/buf.h"
#include "process/event.h"

#include <stdbool.h>
#include <stdint.h>

#define PROC_TICK_NS 10000000ull /* field 22 of stat counts 1/USER_HZ seconds, 10 ms on every Linux */

struct proc_stat {
	char comm[16];
	char state; /* 'R', 'S', 'Z', ... */
	uint64_t start_tick;
	uint64_t threads;
};

struct proc_mapping {
	uint64_t start, end, offset;
	bool executable;
	struct file_id id;
	const char *path; /* into the line; "" when anonymous */
};

/* The text of /proc/PID/stat; its comm may hold any byte, parentheses and newlines included. False when it is none. */
bool proc_parse_stat(struct proc_stat *ret, const char *text);
/* One line of /proc/PID/maps without its newline. Cuts the path out of `line` in place, undoing the kernel's \012. */
bool proc_parse_mapping(struct proc_mapping *ret, char *line);

/* 0 or a negative errno; -ESRCH when there is no such process. */
int proc_read_stat(int32_t pid, struct proc_stat *ret);
int proc_start_tick(int32_t pid, uint64_t *ret);
int proc_read_maps(int32_t pid, struct buf *text);

#endif
