// SPDX-License-Identifier: Apache-2.0
/*
 * What JIT compilers say of their code: the perf maps and jitdumps of the processes that have code in no file.
 *
 * A perf map is /tmp/perf-PID.map with the process's own root and the pid that it has in its own namespace; a jitdump is the file
 * that the process mapped as code to be found by. Both are read where they are, from where the last reading ended. They are other
 * users' files: only regular ones on a local file system, of the process's user or root, without links, are opened; what is kept is
 * bounded, per process and together. The directory and the files are held from the first sight of such code to the process's
 * end in the process table, so that names outlive it. Some hundred bytes and at most three descriptors a process.
 *
 * Their bytes are read in this process, and not by a helper (symbolize/helper.h) as those of programs are. A line of a map is two numbers
 * and a name, a record of a dump is numbers at fixed places and a name; a helper could but answer with numbers and names, of any
 * value, in a form that is to be read here with the same care. So its answers would be as foreign as the files, and it would
 * add a process per file and drain. The two readers (perf_map.h, jitdump.h) allocate nothing and hold nothing but a line;
 * what they tell ends in a code_map.h, whose bounds hold whatever it is told.
 */
#ifndef SYMBOLIZE_JIT_H
#define SYMBOLIZE_JIT_H

#include "process/process.h"

struct jits; /* opaque */

struct jit_counts {
	uint64_t dropped;   /* functions that were told of and forgotten for want of room */
	uint64_t skipped;   /* bytes that were not read since there were too many */
	uint64_t refused;   /* files that are not what they should be: links, FIFOs, other users', on a network file system */
	uint64_t damaged;   /* lines and jitdumps that are not of their form */
	uint64_t unwatched; /* processes that were too many */
};

struct jits *jits_new(void);
void jits_free(struct jits *all); /* NULL is fine */

/* Is this mapping the one by which a jitdump is found: "jit-PID.dump"? */
bool jit_is_dump(const struct mapping *m);
/* `p` runs code that is in no file, or has mapped a jitdump: holds on to what will say more of it. */
void jits_watch(struct jits *all, const struct process *p, const struct mapping *m);
/* The name of the code at `address` in `p` at `time`, or NULL. Valid until the next call of anything here. */
const char *jits_find(struct jits *all, const struct process *p, uint64_t address, uint64_t time);
/* `p` is no more, and all its samples are resolved. */
void jits_forget(struct jits *all, const struct process *p);

void jits_counts(const struct jits *all, struct jit_counts *ret);
size_t jits_bytes(const struct jits *all); /* memory that names hold */

#endif
