// SPDX-License-Identifier: Apache-2.0
/*
 * The executable mappings of one process over time; the part of the process table that knows nothing of pids.
 *
 * Times may come out of order: what is told late takes the place that its time gives it. Costs: finding O(log n), adding and
 * cutting O(log n) and one memmove() of pointers.
 */
#ifndef PROCESS_MAPPINGS_H
#define PROCESS_MAPPINGS_H

#include "process/process.h"

/*
 * Bounds for a process that maps without end. More than the kernel lets a process have by default (vm.max_map_count), and
 * more replacements than one drain interval sees unless somebody is after our memory; then the oldest are forgotten.
 */
#define MAPPINGS_MAX 131072
#define REPLACED_MAX 4096

/*
 * From `time` on, `like` is mapped. What it covers, in whole or in part, is mapped until then. Nothing changes when the same
 * is known already. Returns the mapping at like->start, or NULL beyond MAPPINGS_MAX. like->path is copied.
 */
struct mapping *mappings_add(const struct process_hooks *h, struct process *p, const struct mapping *like, uint64_t time);
/* From `time` on, no code is mapped in [start, end). */
void mappings_cut(const struct process_hooks *h, struct process *p, uint64_t start, uint64_t end, uint64_t time);
/* Is or was anything known in [start, end)? */
bool mappings_known(const struct process *p, uint64_t start, uint64_t end);
/* Copies what `from` had mapped at `time`: a fork. */
void mappings_fork(const struct process_hooks *h, struct process *p, const struct process *from, uint64_t time);
/* Moves what `from` has mapped since `time`. `p` must have no mappings. */
void mappings_take(struct process *p, struct process *from, uint64_t time);
/* Ends all live mappings that no scan with this number or a later one has seen. */
void mappings_prune(const struct process_hooks *h, struct process *p, uint64_t scan, uint64_t time);
/* What ended at `time` because a scan of then did not see it ended at any time since `told`: no sample of between is said to be of it. */
void mappings_doubt(struct process *p, uint64_t time, uint64_t told);
/* Frees what was replaced before `time`. Returns whether replaced ones are left. */
bool mappings_expire(const struct process_hooks *h, struct process *p, uint64_t time);
void mappings_free(const struct process_hooks *h, struct process *p);

#endif
