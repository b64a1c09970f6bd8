// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The sampler: one run per sampling period and CPU. It counts the run, skips what is idle or no target, writes the stack
 * behind the last record of this CPU's log, and either keeps it or, when the log holds an equal record already, counts there.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "sample.h"

#include "user_stack.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define INDEX_PROBES 8

/* Set by user space before loading, as is what user_stack.h has. */
const volatile __u32 index_mask;      /* slots - 1 */
const volatile bool only_targets;
const volatile bool take_kernel = true, take_user = true;

/* The arrays are mmap()ed; sizes are set by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* CPUs */
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* CPUs * 2 halves */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, RECORD_MAX_WORDS * 8); /* log_limit_words + RECORD_MAX_WORDS words */
} logs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* CPUs * 2 halves */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct sample_slot)); /* index_mask + 1 slots */
} indexes SEC(".maps");

/* Processes to sample when only_targets: tgid -> start tick, so that a reused pid is no target. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} targets SEC(".maps");

__u64 targets_lost; /* children of a target that found the table full */
volatile __u64 period_ns; /* of a timer event; 0 for hardware events, which cannot be late. Changes while no event is on. */

static __u64 start_time_of(struct task_struct *leader)
{
	return BPF_CORE_READ(leader, start_boottime);
}

static bool is_target(struct task_struct *task, __u32 tgid)
{
	__u64 *tick = bpf_map_lookup_elem(&targets, &tgid);

	return tick && *tick == start_time_of(BPF_CORE_READ(task, group_leader)) / SAMPLE_START_TICK_NS;
}

/* By how many whole periods this run is late: the event's timer says when it was due. The kernel skips those periods. */
static __u64 whole_periods_late(void *ctx, __u64 now, __u64 period)
{
	/* What a perf_event program gets as context is in truth the kernel's own structure. */
	__u64 due = BPF_CORE_READ((struct bpf_perf_event_data_kern *)ctx, event, hw.hrtimer.node.expires);

	if (!due || now <= due)
		return 0;
	return (now - due) / period;
}

/* Kernel frames when the interrupted code was the kernel's, then the user frames behind them. */
static __always_inline void take_stacks(struct bpf_perf_event_data *ctx, struct sample_record *r, struct task_struct *task,
					const struct log_place *place)
{
	/* The context allows whole words only; kernels with FRED (6.9) keep other things above the 16 bits of cs. */
	__u16 cs = *(const volatile __u64 *)&ctx->regs.cs;
	bool user_mode = cs & 3; /* the privilege level */
	long bytes;

	r->kernel_frames = 0;
	r->user_frames = 0;
	r->end = UNWIND_NO_USER_STACK;
	r->flags = 0;
	if (!user_mode && take_kernel) {
		bytes = bpf_get_stack(ctx, r->frames, SAMPLE_MAX_KERNEL_FRAMES * 8, 0);
		if (bytes > 0 && bytes <= SAMPLE_MAX_KERNEL_FRAMES * 8)
			r->kernel_frames = bytes / 8;
	}
	if (take_user)
		take_user_stack(ctx, r, task, user_mode, place);
}

static __always_inline void take_identity(struct sample_record *r, struct task_struct *task, __u64 pid_tgid, __u64 now)
{
	r->kind = RECORD_STACK;
	r->count = 1;
	r->time = now;
	r->tgid = pid_tgid >> 32;
	r->tid = (__u32)pid_tgid;
	r->start_time = start_time_of(BPF_CORE_READ(task, group_leader));
	r->exec_id = BPF_CORE_READ(task, self_exec_id);
	r->cgroup_id = bpf_get_current_cgroup_id();
	__builtin_memset(r->comm, 0, sizeof(r->comm));
	bpf_get_current_comm(r->comm, sizeof(r->comm));
}

/* A record's key, looked at in groups: a call per word would cost more than the rest of the sample. */
#define GROUP_WORDS 8
#define GROUPS_MAX ((RECORD_MAX_WORDS - RECORD_KEY_WORD) / GROUP_WORDS)

struct key_walk {
	const __u64 *words, *others; /* of records; `others` is looked at by compare_group() only */
	__u32 n;		     /* of words in the key */
	__u64 hash;
	bool equal;
};

/* Multiplied one by one and added up: they do not wait for each other. */
static const __u64 factors[GROUP_WORDS] = {0x9E3779B97F4A7C15ull, 0xC2B2AE3D27D4EB4Full, 0x165667B19E3779F9ull, 0xD6E8FEB86659FD93ull,
					   0xFF51AFD7ED558CCDull, 0xC4CEB9FE1A85EC53ull, 0x94D049BB133111EBull, 0xBF58476D1CE4E5B9ull};

static long hash_group(__u32 i, void *ctx)
{
	struct key_walk *k = ctx;
	__u64 sum = 0, at = i * GROUP_WORDS;

	if (i >= GROUPS_MAX)
		return 1;
	barrier_var(at);
	for (int j = 0; j < GROUP_WORDS; j++)
		if (at + j < k->n)
			sum += (k->words + at)[RECORD_KEY_WORD + j] * factors[j];
	k->hash = (k->hash ^ sum ^ sum >> 32) * factors[0];
	k->hash ^= k->hash >> 29;
	return 0;
}

static long compare_group(__u32 i, void *ctx)
{
	struct key_walk *k = ctx;
	__u64 differ = 0, at = i * GROUP_WORDS;

	if (i >= GROUPS_MAX)
		return 1;
	barrier_var(at);
	for (int j = 0; j < GROUP_WORDS; j++)
		if (at + j < k->n)
			differ |= (k->words + at)[RECORD_KEY_WORD + j] ^ (k->others + at)[RECORD_KEY_WORD + j];
	k->equal = !differ;
	return differ != 0;
}

/*
 * Keeps the record at `word` of the log, or counts it on an equal earlier one. The index is a shortcut, not the truth: when
 * it is crowded or two hashes collide, an equal stack merely stands in the log twice.
 */
static __always_inline void aggregate(struct sample_half *half, __u64 *log, struct sample_slot *index, __u32 word)
{
	struct sample_record *r = (struct sample_record *)(log + word);
	__u32 words = RECORD_HEAD_WORDS + r->kernel_frames + r->user_frames;
	struct key_walk k = {.words = (__u64 *)r, .n = words - RECORD_KEY_WORD};
	__u32 groups = (k.n + GROUP_WORDS - 1) / GROUP_WORDS, tag, slot, at;

	r->words = words;
	half->records++;
	half->used_words = word + words;
	if (r->flags & RECORD_RAW)
		return; /* hardly a stack's words are the same again */
	bpf_loop(groups, hash_group, &k, 0);
	tag = (__u32)(k.hash >> 32) | 1;
	for (int i = 0; i < INDEX_PROBES; i++) {
		slot = ((__u32)k.hash + i) & index_mask;
		if (!index[slot].word_plus_1) {
			index[slot].tag = tag;
			index[slot].word_plus_1 = word + 1;
			break;
		}
		if (index[slot].tag != tag)
			continue;
		at = index[slot].word_plus_1 - 1;
		if (at > log_limit_words)
			break;
		k.others = log + at;
		bpf_loop(groups, compare_group, &k, 0);
		if (k.equal) {
			((struct sample_record *)k.others)->count++;
			half->used_words = word;
			half->records--;
		}
		break;
	}
}

static __always_inline void record(struct bpf_perf_event_data *ctx, struct sample_half *half, __u32 key,
				   struct task_struct *task, __u64 pid_tgid, __u64 now)
{
	__u64 *log = bpf_map_lookup_elem(&logs, &key);
	struct sample_slot *index = bpf_map_lookup_elem(&indexes, &key);
	__u32 word = half->used_words;
	struct sample_record *r;

	if (!log || !index || word > log_limit_words) {
		half->counters.log_full++;
		return;
	}
	r = (struct sample_record *)(log + word);
	take_identity(r, task, pid_tgid, now);
	take_stacks(ctx, r, task, &(struct log_place){log, word});
	aggregate(half, log, index, word);
	half->counters.recorded++;
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	__u32 cpu_id = bpf_get_smp_processor_id();
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct task_struct *task;
	struct cpu_state *cpu = bpf_map_lookup_elem(&cpus, &cpu_id);
	__u64 now = bpf_ktime_get_ns(), period = period_ns;
	struct sample_half *half;
	__u32 which;

	if (!cpu)
		return 0;
	/* A full barrier: either user space sees the odd number and waits, or we see its new `active`. */
	__sync_fetch_and_add(&cpu->sequence, 1);
	which = *(volatile __u32 *)&cpu->active & 1;
	half = &cpu->half[which];
	half->counters.runs++;
	/* Only a run that comes more than a period after the last one can be late by a whole period. */
	if (period && now - cpu->last_run > period + period / 8)
		half->counters.late += whole_periods_late(ctx, now, period);
	cpu->last_run = now;
	task = bpf_get_current_task_btf();
	if (!(__u32)pid_tgid)
		half->counters.idle++;
	else if (only_targets && !is_target(task, pid_tgid >> 32))
		half->counters.filtered++;
	else
		record(ctx, half, cpu_id * 2 + which, task, pid_tgid, now);
	half->counters.ns += bpf_ktime_get_ns() - now;
	__sync_fetch_and_add(&cpu->sequence, 1);
	return 0;
}

/* For `profile -- COMMAND`: a child of a target is a target from its first instruction on. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = parent->tgid, child_tgid = child->tgid;
	__u64 tick = child->start_boottime / SAMPLE_START_TICK_NS;

	if (child->pid != child->tgid || !is_target(parent, parent_tgid))
		return 0;
	if (bpf_map_update_elem(&targets, &child_tgid, &tick, BPF_ANY))
		__sync_fetch_and_add(&targets_lost, 1);
	return 0;
}

/* When the task structure goes, not at exit: the last instructions of a target still count. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(follow_free, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (task->pid == task->tgid && is_target(task, tgid))
		bpf_map_delete_elem(&targets, &tgid);
	return 0;
}

/* Which program each process runs, in the kernel's own count. */
SEC("iter/task")
int list_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_record r = {0};

	if (!task || task->pid != task->tgid)
		return 0;
	r.start_time = task->start_boottime;
	r.exec_id = task->self_exec_id;
	r.tgid = task->tgid;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
