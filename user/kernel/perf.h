// SPDX-License-Identifier: Apache-2.0
#ifndef KERNEL_PERF_H
#define KERNEL_PERF_H

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

/* perf_event_open(2), which libc does not wrap. Returns a descriptor, or -1 with errno. */
static inline int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	return syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

#endif
