// SPDX-License-Identifier: Apache-2.0
/*
 * The live process table: who was pid N at time T, and what was mapped at address A then.
 *
 * Fed by side-band events and by scans of /proc. A process is one *incarnation*: a pid from fork or exec to the next exec or
 * exit, so exec in place and pid reuse are different processes. What has ended (an incarnation, a mapping that was replaced)
 * stays until process_table_expire(), because samples drained later still refer to it. Times are CLOCK_MONOTONIC nanoseconds.
 *
 * Events should come in the order of their times. A process that moves between CPUs may have its records read swapped; so
 * an event that comes late is put where its time says, and a process may be met before its fork.
 */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include "base/error.h"
#include "base/mem.h"
#include "process/event.h"

struct mapping { /* an executable one; others are not kept */
	uint64_t start, end, offset; /* [start, end) shows the file from `offset` on */
	uint64_t since, until;       /* valid for samples taken in [since, until); until is UINT64_MAX while mapped */
	struct file_id id;
	char *path; /* owned; as the kernel printed it, "" when anonymous */
	void *image;   /* for the symbolizer: set by its hooks, never read here */
	uint64_t shown; /* since when the sampler's walk knows of it, 0: it does not; set by the unwinder */
	uint64_t scan; /* the last scan of /proc that saw it; 0: none */
};

struct mapping_list {
	struct mapping **v;
	size_t n, cap;
};

struct process {
	int32_t pid;
	uint64_t serial;     /* unique within a table */
	uint64_t identity;   /* process_identity(); 0 until the collector met a sample of it */
	uint64_t born, died; /* [born, died); born is 0 when it was there before us, died is UINT64_MAX while it runs */
	uint64_t start_tick; /* when it started, in PROC_TICK_NS; 0 until a sample or /proc told */
	uint64_t assumed;    /* met before its fork or exec was told: the time when; else 0 */
	uint64_t exec_id;    /* the kernel's count of execs in its task, 0 until known: a fork keeps it, an exec adds one */
	uint64_t exec_read;  /* the time when the kernel was asked for it; else 0 */
	char *exe;           /* owned; path of the program as the kernel told it; NULL until known, and of kernel threads */
	char comm[16];       /* of the main thread, escaped by nobody; "" for kernel threads, whose samples have it */
	struct mapping_list mappings; /* what is mapped now, ascending and disjoint */
	struct mapping_list replaced; /* what was, until expired; latest last */
	size_t unchecked;             /* mappings told of since /proc last said which of them are left */
};

struct process_hooks {
	/* A mapping became known; the place to open and pin its file while the process lives. */
	void (*mapped)(void *ctx, const struct process *p, struct mapping *m);
	/* A mapping was copied (fork, a split range) and m->image with it: takes a reference. */
	void (*shared)(void *ctx, struct mapping *m);
	/* A mapping is about to be freed; releases m->image. */
	void (*unmapped)(void *ctx, struct mapping *m);
	void *ctx;
	/* A process is about to be freed: all its samples are resolved. NULL: nobody wants to know. */
	void (*forgotten)(void *ctx, const struct process *p);
};

struct process_table; /* opaque */

struct process_table *process_table_new(const struct process_hooks *hooks);
void process_table_free(struct process_table *t); /* NULL is fine */

/* `fn` is told the pids whose process, or what it has mapped, is another one now. */
void process_table_on_change(struct process_table *t, void (*fn)(void *ctx, int32_t pid), void *ctx);

/* Brings the table up to date with one event. EVENT_CGROUP, EVENT_KSYMBOL and EVENT_LOST are for the caller. */
void process_table_apply(struct process_table *t, const struct process_event *e);

/*
 * Everything until `time` (CLOCK_MONOTONIC ns) has been told; not so what was since, or was lost. What a scan finds to be another way may
 * have changed at any moment since then.
 */
void process_table_told(struct process_table *t, uint64_t time);

/*
 * Reads /proc/PID (comm, start time, executable mappings); mappings that it shows no more end. 0, or -ESRCH when the process is
 * gone or a zombie, or another negative errno.
 */
int process_table_scan(struct process_table *t, int32_t pid);
/* Every process of the machine; also the repair after lost side-band records. Vanished ones are marked as died at `now`. */
int process_table_scan_all(struct process_table *t, uint64_t now, struct error *err);

/* The exec count of a process as the kernel had it at `time`, if it is the one that started at start_ns. */
void process_table_set_exec_id(struct process_table *t, int32_t pid, uint64_t start_ns, uint64_t exec_id, uint64_t time);

/* What runs as `pid` now, as far as has been told; or NULL. */
struct process *process_table_running(const struct process_table *t, int32_t pid);
/* Calls `fn` for everything that runs. */
void process_table_each(const struct process_table *t, void (*fn)(void *ctx, struct process *p), void *ctx);

/*
 * The incarnation of `pid` that ran at `time` and started at start_ns (0: not known), or NULL. A process that the side-band
 * never told of is scanned once. After `died` its last incarnation still answers, unless start_ns says it is another one.
 */
struct process *process_table_find(struct process_table *t, int32_t pid, uint64_t start_ns, uint64_t time);
/*
 * The incarnation of p's pid before p, or NULL. It may be another process's: nothing that is known of p is taken to be true of it, as
 * process_table_find() does of what it finds.
 */
const struct process *process_table_before(const struct process_table *t, const struct process *p);
/* What was mapped at `address` at `time`, or NULL. Pointers stay valid until the next apply, scan, find or expire. */
struct mapping *process_mapping(struct process *p, uint64_t address, uint64_t time);

/*
 * Frees incarnations that died, and mappings that were replaced, before `time`; call it when the samples up to then are
 * resolved. A thread's exit is not its process's: which processes ended is found out here, in /proc.
 */
void process_table_expire(struct process_table *t, uint64_t time);

/*
 * What tells processes with one pid apart, the same in every run of the profiler: which run of the kernel (15 bits of its boot id),
 * when the process started (CLOCK_BOOTTIME; 36 bits of PROC_TICK_NS) and which of its programs it is (12 bits of exec_id). Processes
 * that started one after the other have near identities, which a history keeps in few bytes.
 */
uint64_t process_identity(uint16_t boot, uint64_t start_ns, uint64_t exec_id);

size_t process_table_count(const struct process_table *t); /* incarnations, ended ones included */

#endif
