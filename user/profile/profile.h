// SPDX-License-Identifier: Apache-2.0
/*
 * A profile: the one form in which samples exist after symbolization. Plain data; knows neither BPF nor ELF.
 *
 * Stacks are a trie: a node is (parent node, frame, location), node 0 is the empty stack, a stack is the node of its leaf.
 * A frame is what a reader sees, a location is where in which file the code was: what later symbols can be looked up with.
 * A sample is (thread, stack) with a count. Names are raw text as found (comm, demangled symbol): escaping belongs to the
 * outputs. All ids are indices into the arrays below and stay valid until profile_free().
 */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include "base/mem.h"
#include "base/strings.h"
#include "base/table.h"
#include "profile/accounting.h"

#include <stdint.h>

enum frame_kind {
	FRAME_USER,
	FRAME_KERNEL,
	FRAME_INLINE, /* expanded into its caller by the compiler */
	FRAME_JIT,
	FRAME_NOTE, /* no code: says why a stack is cut, e.g. [truncated] */
};

struct profile_frame {
	uint32_t name;   /* string id; never 0 */
	uint32_t binary; /* string id: base name of the file, "[kernel]", a module, or 0 */
	enum frame_kind kind;
};

struct profile_image {
	uint32_t path;     /* string id: as the process saw it */
	uint32_t build_id; /* string id: hexadecimal; 0: it has none */
};

struct profile_location {
	uint32_t image;
	uint64_t offset; /* in the file; of a caller's frame: of the call, not of the return address */
	uint32_t file;	 /* string id: of the source file; 0: unknown */
	uint32_t line;	 /* in it; 0: unknown */
};

struct profile_node {
	uint32_t parent, frame; /* node 0 (the empty stack) has neither */
	uint32_t location;      /* 0: the frame is not code of a file */
};

/* What a process is known by besides pid and comm: one list gives the enum, the filter and the column of that name. */
#define PROFILE_LABELS(X)                                                                                              \
	X(EXE, "exe", "path of the program")                                                                           \
	X(CGROUP, "cgroup", "path of the control group")                                                               \
	X(UNIT, "unit", "systemd unit")                                                                                \
	X(CONTAINER, "container", "id of the container")                                                               \
	X(CONTAINER_NAME, "container_name", "its name")                                                                \
	X(POD, "pod", "name of the Kubernetes pod, or its uid")                                                        \
	X(NAMESPACE, "namespace", "Kubernetes namespace")

enum profile_label {
#define X(id, name, text) LABEL_##id,
	PROFILE_LABELS(X)
#undef X
	LABEL_N
};

struct profile_process {
	int32_t pid;       /* in the profiler's pid namespace; 0 when unknown (folded input) */
	uint64_t identity; /* tells two processes with one pid apart: process_identity(), or what an input of another kind has */
	uint32_t comm;     /* string id; 0: the stacks carry their own roots (folded input) */
	uint32_t labels[LABEL_N]; /* string ids; 0: none */
};

struct profile_thread {
	uint32_t process;
	int32_t tid;
	uint32_t comm; /* string id */
};

struct profile_sample {
	uint32_t thread, node;
	uint64_t count; /* sampling periods */
};

struct profile {
	uint64_t serial; /* unlike that of any other profile of this run: a key for caches of ids */
	struct strings *strings;
	VEC(struct profile_frame) frames;
	VEC(struct profile_image) images;       /* image 0 is none */
	VEC(struct profile_location) locations; /* location 0 is none */
	VEC(struct profile_node) nodes;
	VEC(struct profile_process) processes;
	VEC(struct profile_thread) threads;
	VEC(struct profile_sample) samples; /* one per (thread, node) */
	struct table frame_table, image_table, location_table, node_table, process_table, thread_table, sample_table;

	/* What was measured. Zero or NULL where unknown (folded input). */
	uint64_t start_ns, end_ns; /* CLOCK_REALTIME */
	uint64_t period_ns;        /* CPU time that one count stands for */
	char *event;               /* "cpu-clock", "cycles" */
	char *command;             /* what was profiled, for titles: "sh -c ...", "postgres (812)", "system" */
	struct accounting accounting;
};

struct profile *profile_new(void);
void profile_free(struct profile *p); /* NULL is fine */

/* Each finds the equal element or adds it, and returns its id. */
uint32_t profile_frame(struct profile *p, const char *name, const char *binary, enum frame_kind kind);
/* The same for strings that are in p->strings already. */
uint32_t profile_frame_id(struct profile *p, uint32_t name, uint32_t binary, enum frame_kind kind);
uint32_t profile_image(struct profile *p, const char *path, const char *build_id);
uint32_t profile_location(struct profile *p, uint32_t image, uint64_t offset);
uint32_t profile_location_in(struct profile *p, uint32_t image, uint64_t offset, uint32_t file, uint32_t line);
uint32_t profile_node(struct profile *p, uint32_t parent, uint32_t frame);
uint32_t profile_node_at(struct profile *p, uint32_t parent, uint32_t frame, uint32_t location);
/* (pid, identity) is the key; a later call with another comm renames the process (exec'ed ones get a new identity). */
uint32_t profile_process(struct profile *p, int32_t pid, uint64_t identity, const char *comm);
uint32_t profile_thread(struct profile *p, uint32_t process, int32_t tid, const char *comm);
/* Adds `count` to the sample (thread, node). */
void profile_add(struct profile *p, uint32_t thread, uint32_t node, uint64_t count);
/* Moves the samples of each node n to the node to[n]. */
void profile_move_samples(struct profile *p, const uint32_t *to);
/* Forgets what was sampled and keeps everything that has an id: the next window of the same machine. */
void profile_clear(struct profile *p);

/* Of each frame, a location whose source line has most of the frame's samples; 0: its lines are unknown. To be freed. */
uint32_t *profile_frame_locations(const struct profile *p);
uint64_t profile_total(const struct profile *p); /* sum of all counts */
uint64_t *profile_process_totals(const struct profile *p); /* by process; to be freed */
uint64_t *profile_node_totals(const struct profile *p);	   /* by node: its samples and those of all below it; to be freed */
size_t profile_bytes(const struct profile *p);   /* memory it holds */

const char *profile_label_name(enum profile_label label);

#endif
