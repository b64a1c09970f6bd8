// SPDX-License-Identifier: Apache-2.0
/* What /proc says of one process (proc(5)). The text is parsed by pure functions; comms and paths in it are hostile. */
#ifndef PROCESS_PROC_H
#define PROCESS_PROC_H

#include "process/event.h"

#include <stdbool.h>
#include <stdint.h>

#define PROC_TICK_NS 10000000ull /* field 22 of stat counts 1/USER_HZ seconds, 10 ms on every Linux */

struct proc_stat {
	char comm[16];
	char state; /* 'R', 'S', 'Z', ... */
	bool kernel; /* a kernel thread: its comm may carry what it works on ("kworker/0:1-events") */
	uint64_t start_tick;
	uint64_t threads; /* one that ended and nobody waited for counts */
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
/* Has the whole process ended? A main thread that ended first is a zombie too while its threads run on. */
bool proc_ended(const struct proc_stat *stat);

struct proc_ids {
	uint32_t uid;      /* effective, as we see it */
	int32_t inner_pid; /* in its own, innermost pid namespace */
};

/* Of the text of /proc/PID/status. False when it lacks one of them. Cuts it to pieces. */
bool proc_parse_ids(struct proc_ids *ret, char *text);

/* 0 or a negative errno; -ESRCH when there is no such process. */
int proc_read_stat(int32_t pid, struct proc_stat *ret);
int proc_read_ids(int32_t pid, struct proc_ids *ret);
int proc_start_tick(int32_t pid, uint64_t *ret);
/* A program's path as the kernel prints it, without the " (deleted)" of one that has no name any more. To be freed. */
char *proc_program_path(const char *path, size_t n);
/* Path of the program as the process sees it, to be freed; NULL when it cannot be told. */
char *proc_read_exe(int32_t pid);
/*
 * Calls `fn` for each executable mapping, in ascending order. Line by line: the whole text of a process that maps long paths
 * tens of thousands of times is hundreds of megabytes. Asks a living thread when the main thread has ended. Returns the number
 * of mappings of any kind, 0 for a kernel thread, or a negative errno.
 */
int proc_read_maps(int32_t pid, void (*fn)(void *ctx, const struct proc_mapping *m), void *ctx);

/* What each run of the kernel draws anew, as text; "" when it cannot be read. */
#define PROC_BOOT_ID_SIZE 40 /* 36, NUL, and a multiple of 8 */
void proc_boot_id(char id[PROC_BOOT_ID_SIZE]);
/* 15 bits of it; 0 when it cannot be read. */
uint16_t proc_boot(void);

#endif
