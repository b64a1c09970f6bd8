/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user stack of a sample: start registers, the process's mappings, and the walk. Part of sample.bpf.c; what steps from
 * frame to frame is unwind.h.
 */
#ifndef BPF_USER_STACK_H
#define BPF_USER_STACK_H

#include "unwind_maps.h"
#include "unwind_table.h"

#define PF_KTHREAD 0x00200000 /* linux/sched.h */
#define USER32_CS 0x23        /* arch/x86/include/asm/segment.h: __USER32_CS */
#define STACK_GAP (128ull << 20) /* arch/x86/mm/mmap.c: SIZE_128M, what is kept free below the main thread's stack, at least */

const volatile __u32 log_limit_words; /* a record is begun only at or below this word of a log */
const volatile __u32 process_mask; /* slots of `processes` - 1 */

/* Written by user space, through mmap(); sizes are set there. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} mappings SEC(".maps");

/* One value each; made when they are needed, and kept. */
struct slab {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, UNWIND_SLAB_BYTES);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct slab);
} slabs SEC(".maps");

#define UNWIND_FUNCTION __noinline
#include "unwind.h"

static inline long unwind_read(struct unwind_walk *w, void *dst, __u32 size, __u64 address)
{
	return bpf_probe_read_user(dst, size, (const void *)address);
}

static inline const struct unwind_mapping *unwind_mapping_at(struct unwind_walk *w, __u32 index)
{
	return bpf_map_lookup_elem(&mappings, &index);
}

static inline const __u32 *unwind_slab_at(struct unwind_walk *w, __u32 slab)
{
	void *inner = bpf_map_lookup_elem(&slabs, &slab);
	__u32 zero = 0;

	return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

/* The sampler's only: no sampler run interrupts another on its CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_walk);
} walks SEC(".maps");

_Static_assert(sizeof(struct pt_regs) <= sizeof(((struct unwind_walk *)0)->words), "a walk's scratch holds them");

static __always_inline void copy_registers(__u64 *to, const struct pt_regs *regs)
{
	to[0] = regs->ax;
	to[1] = regs->dx;
	to[2] = regs->cx;
	to[3] = regs->bx;
	to[4] = regs->si;
	to[5] = regs->di;
	to[6] = regs->bp;
	to[7] = regs->sp;
	to[8] = regs->r8;
	to[9] = regs->r9;
	to[10] = regs->r10;
	to[11] = regs->r11;
	to[12] = regs->r12;
	to[13] = regs->r13;
	to[14] = regs->r14;
	to[15] = regs->r15;
	to[16] = regs->ip;
}

/* The slice of mappings of the process `tgid`, if it is that of the program that its exec number exec_id began; else 0. */
static __u64 slice_of(__u32 tgid, __u64 exec_id)
{
	__u32 slot = unwind_process_hash(tgid), index;
	const volatile struct unwind_process *p;
	__u64 its_exec_id;

	for (int i = 0; i < UNWIND_PROCESS_PROBES; i++) {
		index = (slot + i) & process_mask;
		p = bpf_map_lookup_elem(&processes, &index);
		if (!p || !p->tgid)
			return 0;
		if (p->tgid != tgid)
			continue;
		its_exec_id = p->exec_id;
		return its_exec_id == exec_id ? p->slice : 0;
	}
	return 0;
}

#define ANCESTORS 3 /* a subshell of a subshell */

/*
 * A forked child that has not been told of yet has the mappings of who forked it: the same exec, and the same stack at the same
 * place, which two programs do not have by chance.
 */
static __u64 slice_of_ancestor(struct task_struct *task, __u64 exec_id)
{
	__u64 stack = BPF_CORE_READ(task, mm, start_stack), slice = 0;

	for (int i = 0; i < ANCESTORS && !slice; i++) {
		task = BPF_CORE_READ(task, real_parent);
		if (BPF_CORE_READ(task, mm, start_stack) != stack || BPF_CORE_READ(task, self_exec_id) != exec_id)
			break;
		slice = slice_of(BPF_CORE_READ(task, tgid), exec_id);
	}
	return slice;
}

struct log_place {
	__u64 *log;
	__u32 word; /* at most log_limit_words */
};

/*
 * The registers, and what is on the stack, of a process whose mappings are not known yet: user space walks it when they are.
 * `r` stands at `place`, in the lower half of its log. Returns how many words that is.
 */
static __always_inline __u32 take_raw(const struct sample_record *r, const struct log_place *place, struct task_struct *task,
				      const struct unwind_walk *walk)
{
	__u64 *to, sp = walk->registers[UNWIND_REG_SP], size = BPF_CORE_READ(task, mm, start_stack) + SAMPLE_RAW_ABOVE - sp;
	__u32 word = place->word;

	barrier_var(word); /* for the verifier, which only believes what was asked of this very register */
	if (word > log_limit_words / 2)
		return 0;
	to = place->log + word + RECORD_HEAD_WORDS + (r->kernel_frames & 127);
	for (int i = 0; i < UNWIND_REGISTERS; i++)
		to[i] = walk->registers[i];
	/* The main thread's stack ends there; another one's, which is not near, may end anywhere. */
	if (size > STACK_GAP)
		size = (word <= log_limit_words / 8 ? SAMPLE_RAW_WORDS_OTHER : SAMPLE_RAW_WORDS_FEW) * 8;
	if (size > SAMPLE_RAW_WORDS * 8)
		size = SAMPLE_RAW_WORDS * 8;
	for (int i = 0; i < 6; i++) {
		asm volatile("" : "+r"(size));
		size &= 0xFFF8;
		if (size > SAMPLE_RAW_WORDS * 8)
			break;
		if (!bpf_probe_read_user(to + UNWIND_REGISTERS, size, (const void *)sp))
			return UNWIND_REGISTERS + size / 8;
		size /= 2;
	}
	return UNWIND_REGISTERS;
}

struct user_walk {
	struct sample_record *record;
	struct unwind_walk *walk;
	__u32 frames; /* in record->frames, kernel and user */
	int end;
};

static long walk_frame(__u32 i, void *ctx)
{
	struct user_walk *w = ctx;
	__u32 n = w->frames;

	if (n >= SAMPLE_MAX_USER_FRAMES + SAMPLE_MAX_KERNEL_FRAMES)
		return 1;
	w->record->frames[n] = w->walk->pc | (w->walk->exact ? SAMPLE_FRAME_EXACT : 0);
	w->frames = n + 1;
	w->end = unwind_step(w->walk);
	return w->end != UNWIND_CONTINUE;
}

/* Takes the registers at the user's last instruction. Returns the code segment it was in. */
static __always_inline __u16 user_registers(struct bpf_perf_event_data *ctx, struct task_struct *task, bool user_mode,
					    struct unwind_walk *walk, bool *at_call, bool *exec)
{
	struct pt_regs *copy = (struct pt_regs *)walk->words; /* the program's stack is small */

	if (user_mode) {
		copy_registers(walk->registers, &ctx->regs);
		/* The context allows whole words only; kernels with FRED (6.9) keep other things above the 16 bits of cs. */
		return *(const volatile __u64 *)&ctx->regs.cs;
	}
	if (bpf_probe_read_kernel(copy, sizeof(*copy), (const void *)bpf_task_pt_regs(task)))
		return 0;
	copy_registers(walk->registers, copy);
	/* A system call's number; interrupts and exceptions have -1 (arch/x86/entry/entry_64.S). */
	*at_call = (__s64)copy->orig_ax >= 0;
	*exec = UNWIND_IS_EXEC(copy->orig_ax);
	return copy->cs;
}

/* Walks from the user's last instruction, leaf first. */
static __always_inline void take_user_stack(struct bpf_perf_event_data *ctx, struct sample_record *r, struct task_struct *task,
					    bool user_mode, const struct log_place *place)
{
	struct user_walk w = {.record = r, .frames = r->kernel_frames, .end = UNWIND_CONTINUE};
	bool at_call = false, exec = false;
	__u32 zero = 0, count;
	__u64 slice;
	__u16 cs;

	/* No user stack: kernel threads, and kernel-made threads that only borrow an address space. */
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD || !BPF_CORE_READ(task, mm))
		return;
	w.walk = bpf_map_lookup_elem(&walks, &zero);
	if (!w.walk)
		return;
	cs = user_registers(ctx, task, user_mode, w.walk, &at_call, &exec);
	if (at_call)
		r->flags = RECORD_AT_SYSCALL;
	slice = slice_of(r->tgid, r->exec_id);
	if (!slice)
		slice = slice_of_ancestor(task, r->exec_id);
	count = (__u32)slice & ~UNWIND_SLICE_FLAGS;
	unwind_begin(w.walk, slice >> 32, count, at_call);
	if (!unwind_is_user_address(w.walk->pc))
		return;
	if (cs == USER32_CS || !count || slice & UNWIND_SLICE_VOLATILE) {
		w.end = cs == USER32_CS ? UNWIND_COMPAT : UNWIND_NO_PROCESS;
		r->frames[w.frames & 127] = w.walk->pc | (at_call ? 0 : SAMPLE_FRAME_EXACT);
		w.frames++;
	} else {
		bpf_loop(SAMPLE_MAX_USER_FRAMES, walk_frame, &w, 0);
	}
	if (w.end == UNWIND_CONTINUE)
		w.end = UNWIND_TRUNCATED;
	if (exec && w.end != UNWIND_WHOLE)
		w.end = UNWIND_EXEC;
	r->user_frames = w.frames - r->kernel_frames;
	r->end = w.end;
	/* What else was known too late? */
	if (place->word <= log_limit_words / 2 && !w.walk->moved &&
	    (w.end == UNWIND_NO_PROCESS || w.end == UNWIND_NO_MAPPING || (slice & UNWIND_SLICE_PARTIAL && w.end > UNWIND_TRUNCATED))) {
		r->flags |= RECORD_RAW;
		r->user_frames = take_raw(r, place, task, w.walk);
	}
}

#endif
