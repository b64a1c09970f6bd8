/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose mappings are where, in memory that user space writes and the sampler reads.
 *
 * An open-addressing table of processes: a process stands at its hash or at most UNWIND_PROCESS_PROBES - 1 slots behind it. One
 * writer. Its order: slice = 0, exec_id, slice, and for a new process then tgid; a reader reads in the reverse order.
 */
#ifndef BPF_UNWIND_MAPS_H
#define BPF_UNWIND_MAPS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define UNWIND_PROCESS_PROBES 16
#define UNWIND_PROCESS_GONE 0xFFFFFFFFu /* a tgid: the slot is vacant, but others may stand behind it */

struct unwind_process {
	__u32 tgid; /* 0: vacant, and nothing that hashes here stands behind it */
	__u32 pad;
	__u64 exec_id; /* self_exec_id of the task: the slice is that of the program which this exec began */
	__u64 slice;   /* of the array of mappings: first << 32 | count, with these flags in it or not */
};
#define UNWIND_SLICE_PARTIAL 0x80000000u  /* some tables of it are still being made */
#define UNWIND_SLICE_VOLATILE 0x40000000u /* mappings come and go: stacks are taken raw, and walked with those of their moment */
#define UNWIND_SLICE_FLAGS (UNWIND_SLICE_PARTIAL | UNWIND_SLICE_VOLATILE)

/* Where a process's slot is, or the first of those where it may be. */
static inline __u32 unwind_process_hash(__u32 tgid)
{
	return tgid * 0x9E3779B1u >> 8;
}

_Static_assert(sizeof(struct unwind_process) == 24, "three words");
#endif
