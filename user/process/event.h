// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel says about processes: the perf side-band records, decoded from their bytes.
 * Layout: linux/perf_event.h, PERF_RECORD_MMAP2, _COMM, _FORK, _EXIT, _CGROUP, _KSYMBOL, _LOST, _LOST_SAMPLES,
 * each followed by `struct sample_id` as asked for with sample_id_all and SIDE_BAND_SAMPLE_TYPE. Times are CLOCK_MONOTONIC
 * (attr.use_clockid).
 */
#ifndef PROCESS_EVENT_H
#define PROCESS_EVENT_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sample_id_all appends { u32 pid, tid; u64 time; } in this order. */
#define SIDE_BAND_SAMPLE_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME)

/* What the kernel tells of a mapped file. Either a build id or device and inode; /proc gives the latter. */
struct file_id {
	uint8_t build_id[20];
	uint8_t build_id_len; /* 0: none */
	uint32_t major, minor;
	uint64_t inode; /* 0: unknown or anonymous */
};

enum event_kind { EVENT_MMAP, EVENT_COMM, EVENT_FORK, EVENT_EXIT, EVENT_CGROUP, EVENT_KSYMBOL, EVENT_LOST };

struct process_event {
	enum event_kind kind;
	uint64_t time;
	int32_t pid, tid; /* whom it is about; of EVENT_LOST and EVENT_KSYMBOL: who ran. 0 or -1: not in our pid namespace */
	union {
		struct {
			uint64_t start, end, offset;
			bool executable;
			struct file_id id;
			char path[4096]; /* as the kernel prints it: "//anon", "[vdso]", "/memfd:x (deleted)", a path */
		} mmap;
		struct {
			bool exec; /* the process became another program */
			char comm[16];
		} comm;
		struct {
			int32_t parent_pid, parent_tid;
		} fork; /* a thread when parent_pid == pid */
		struct {
			uint64_t id;
			char path[4096]; /* from the root of the v2 hierarchy on */
		} cgroup; /* a new one */
		struct {
			uint64_t start;
			uint32_t len;
			uint16_t type; /* PERF_RECORD_KSYMBOL_TYPE_* */
			bool unregister;
			char name[512]; /* KSYM_NAME_LEN */
		} ksymbol; /* kernel code that was loaded or goes: BPF programs, trampolines; not modules */
		struct {
			uint64_t count;
		} lost;
	};
};

/* When the record of n bytes was made, as its sample_id says: CLOCK_MONOTONIC ns, 0 when it has none. */
uint64_t process_event_time(const void *record, size_t n);

/*
 * Decodes one record of n bytes. Returns 1 for an event, 0 for a record of another type, -EBADMSG for one that does not
 * fit its own size; *ret means something only after 1.
 */
int process_event_decode(struct process_event *ret, const void *record, size_t n);

#endif
