/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One step of the user stack walk: from a frame to its caller. Pure: the includer says how to read user memory, so the
 * same file is compiled into the BPF program and into the host's tests.
 *
 * Before including it, define
 *   static inline long unwind_read(void *dst, __u32 size, __u64 address);   0 on success
 */
#ifndef BPF_UNWIND_H
#define BPF_UNWIND_H

#include "sample.h"

#define UNWIND_CONTINUE (-1) /* else an enum unwind_end */

/* x86-64: user addresses are below 2^47 (2^56 with 5-level paging), the first page is never mapped. */
#define UNWIND_ADDRESS_MIN 0x1000ull
#define UNWIND_ADDRESS_END 0x0100000000000000ull
/* No sane frame is larger; a frame pointer that leaps further was a general purpose register. */
#define UNWIND_FRAME_BYTES_MAX (64ull << 20)

struct unwind_registers {
	__u64 pc, sp, fp;
};

static inline int unwind_is_user_address(__u64 address)
{
	return address >= UNWIND_ADDRESS_MIN && address < UNWIND_ADDRESS_END;
}

/*
 * Steps along the frame pointer, which must validate: aligned, not below the stack pointer (so it strictly grows), not a leap
 * away. x86-64 psABI 3.2.2: the caller's rbp is at 0(%rbp), the return address at 8(%rbp); the outermost frame has
 * rbp = 0 (3.4.1). On UNWIND_CONTINUE the state is the caller's.
 */
static inline int unwind_step_frame_pointer(struct unwind_registers *s)
{
	__u64 frame[2];

	if (!s->fp)
		return UNWIND_WHOLE;
	if (s->fp & 7 || s->fp < s->sp || s->fp - s->sp > UNWIND_FRAME_BYTES_MAX)
		return UNWIND_BAD_FRAME;
	if (unwind_read(frame, sizeof(frame), s->fp))
		return UNWIND_FAULT;
	if (!frame[1])
		return UNWIND_WHOLE;
	if (!unwind_is_user_address(frame[1]))
		return UNWIND_BAD_RETURN;
	s->sp = s->fp + sizeof(frame);
	s->fp = frame[0];
	s->pc = frame[1];
	return UNWIND_CONTINUE;
}

#endif
