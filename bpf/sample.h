/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel boundary: what the BPF programs write and user space reads, in memory both map.
 *
 * Every CPU has two log halves. The sampler on that CPU is the only writer and appends records to the half that
 * cpu_state.active names; user space flips `active`, waits until no sampler run is under way (`sequence` even), and then owns
 * the other half. No lock, no system call, no shared cache line between CPUs.
 */
#ifndef BPF_SAMPLE_H
#define BPF_SAMPLE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define SAMPLE_COMM_LEN 16
#define SAMPLE_MAX_USER_FRAMES 1024
#define SAMPLE_MAX_KERNEL_FRAMES 127 /* PERF_MAX_STACK_DEPTH; the kernel gives no more */

#define SAMPLE_START_TICK_NS 10000000 /* /proc/PID/stat tells start times in 1/USER_HZ s */

enum record_kind { RECORD_STACK = 1 };

/* Why a user stack ends where it ends. */
enum unwind_end {
	UNWIND_NO_USER_STACK, /* a kernel thread */
	UNWIND_WHOLE,         /* reached the outermost frame of the thread */
	UNWIND_TRUNCATED,     /* frame limit */
	UNWIND_FAULT,         /* the frame could not be read */
	UNWIND_BAD_FRAME,     /* the frame is not aligned, not growing or out of the stack */
	UNWIND_BAD_RETURN,    /* the return address is none */
	UNWIND_COMPAT,        /* 32-bit code: only the leaf is kept */
	UNWIND_NO_PROCESS,    /* the process's mappings are not known yet: only the leaf is kept */
	UNWIND_NO_MAPPING,    /* the last address kept is in no executable mapping that is known */
	UNWIND_NO_RULE,	      /* text that the image has no rule for, and no frame pointer */
	UNWIND_NO_FRAME_POINTER, /* text of which no rules are known, and no frame pointer */
	UNWIND_NOT_LOADED,    /* text whose rules are not in memory: not yet, or no more */
	UNWIND_LOST_REGISTER, /* the rule needs a register that inner frames did not keep */
	UNWIND_BAD_RULE,      /* a rule that says nothing */
	UNWIND_EXEC,	      /* inside execve(), which has taken the stack away */
	UNWIND_ENDS,
};

/* Of a user frame: the address is of an instruction that was to run next, not a return address behind a call. */
#define SAMPLE_FRAME_EXACT (1ull << 63)

/* Padded to 8 bytes, then `kernel_frames` and `user_frames` addresses (u64), each leaf first. */
struct sample_record {
	__u16 kind;
	__u16 words; /* size of the record in 8-byte words */
	__u32 count; /* samples with this key in this half */
	__u64 time;  /* CLOCK_MONOTONIC ns of the first of them */
	/* From here on: the key. Two samples are the same record when these words are equal. */
	__u32 tgid, tid;
	__u64 start_time; /* start_boottime of the process */
	__u64 exec_id;    /* the kernel's count of execs in this task */
	__u64 cgroup_id;  /* of the thread, in the v2 hierarchy */
	__u16 kernel_frames, user_frames;
	__u16 end; /* enum unwind_end */
	__u16 flags;
	char comm[SAMPLE_COMM_LEN]; /* of the thread */
	__u64 frames[];
};
#define RECORD_KEY_WORD 2 /* first word of the key */
#define RECORD_HEAD_WORDS (sizeof(struct sample_record) / 8)
/* But for a raw one; and what is behind it is looked at, but not used, with the last of its words. */
#define RECORD_MAX_WORDS (RECORD_HEAD_WORDS + SAMPLE_MAX_USER_FRAMES + SAMPLE_MAX_KERNEL_FRAMES + 1 + 8)

/* `flags` of a record */
#define RECORD_AT_SYSCALL 1 /* the first user frame is the instruction behind a system call, else the interrupted one */
/*
 * The process's mappings were not known yet, or not all of them. In place of user frames stand the registers by DWARF number, and the words from the
 * stack pointer on: user_frames words together.
 */
#define RECORD_RAW 2
#define SAMPLE_RAW_WORDS 8000	    /* of the main thread's stack, at most */
#define SAMPLE_RAW_WORDS_OTHER 4000 /* of another thread's, of which it is not known where it begins */
#define SAMPLE_RAW_WORDS_FEW 1000   /* the same when the log is no more nearly empty */
#define SAMPLE_RAW_ABOVE 64   /* bytes above where the main thread's stack began: its first frame reads there */

/* Index slot: the record with this hash. 0/0 is empty: a record's offset is stored + 1. */
struct sample_slot {
	__u32 tag;
	__u32 word_plus_1;
};

/* What the sampler did while a half was the active one: a flip is a clean cut through the counts as well. */
struct sample_counters {
	__u64 runs;     /* = idle + filtered + recorded + log_full */
	__u64 idle;     /* the idle task: no stack is taken */
	__u64 filtered; /* not a target */
	__u64 recorded;
	__u64 log_full;
	__u64 ns;   /* what the runs took, as far as their own clock shows */
	__u64 late; /* whole periods by which the timer was late, summed: periods that never fired */
};

struct sample_half {
	__u32 used_words; /* of the log */
	__u32 records;
	struct sample_counters counters;
};

struct cpu_state {
	__u32 sequence; /* odd while the sampler runs on this CPU */
	__u32 active;   /* the half being written: 0 or 1 */
	__u64 last_run; /* CLOCK_MONOTONIC ns; the sampler's own memory */
	struct sample_half half[2];
	__u8 pad[48]; /* three cache lines: no CPU writes to another's */
};

/* What the iterator over tasks writes, for each process. */
struct task_record {
	__u64 start_time; /* start_boottime of the process */
	__u64 exec_id;
	__u32 tgid, pad;
};

#define CHECK_LAYOUT(cond) _Static_assert(cond, #cond)
CHECK_LAYOUT(sizeof(struct sample_record) == 72);
CHECK_LAYOUT(__builtin_offsetof(struct sample_record, tgid) == RECORD_KEY_WORD * 8);
CHECK_LAYOUT(sizeof(struct cpu_state) == 192);
#endif
