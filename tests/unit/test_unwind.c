// SPDX-License-Identifier: Apache-2.0
/* The BPF program's stack walk, compiled for the host, on stacks laid out by hand. */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define STACK 0x7FFD00000000ull
static uint64_t stack[512]; /* what is at STACK */

static inline long unwind_read(void *dst, __u32 size, __u64 address)
{
	if (address < STACK || address + size > STACK + sizeof(stack))
		return -14;
	memcpy(dst, (const char *)stack + (address - STACK), size);
	return 0;
}
#include "bpf/unwind.h"

/* A frame at `slot`: the caller's frame pointer and the return address (psABI figure 3.3). */
static uint64_t frame(int slot, uint64_t caller_fp, uint64_t return_address)
{
	stack[slot] = caller_fp;
	stack[slot + 1] = return_address;
	return STACK + slot * 8;
}

static void walks_to_the_entry(void **state)
{
	uint64_t main_frame = frame(40, 0, 0x401000), middle = frame(20, main_frame, 0x402000), leaf = frame(4, middle, 0x403000);
	struct unwind_registers r = {0x404000, STACK, leaf};

	assert_int_equal(unwind_step_frame_pointer(&r), UNWIND_CONTINUE);
	assert_int_equal(r.pc, 0x403000);
	assert_int_equal(r.sp, leaf + 16);
	assert_int_equal(r.fp, middle);
	assert_int_equal(unwind_step_frame_pointer(&r), UNWIND_CONTINUE);
	assert_int_equal(r.pc, 0x402000);
	assert_int_equal(unwind_step_frame_pointer(&r), UNWIND_CONTINUE);
	assert_int_equal(r.pc, 0x401000);
	assert_int_equal(unwind_step_frame_pointer(&r), UNWIND_WHOLE);
}

static void refuses_what_is_no_frame(void **state)
{
	struct unwind_registers unaligned = {0x404000, STACK, STACK + 12};
	struct unwind_registers below = {0x404000, STACK + 64, STACK + 32};
	struct unwind_registers far = {0x404000, STACK, STACK + UNWIND_FRAME_BYTES_MAX + 8};
	struct unwind_registers outside = {0x404000, STACK, STACK + sizeof(stack)};
	struct unwind_registers small = {0x404000, STACK, 1};

	assert_int_equal(unwind_step_frame_pointer(&unaligned), UNWIND_BAD_FRAME);
	assert_int_equal(unwind_step_frame_pointer(&below), UNWIND_BAD_FRAME);
	assert_int_equal(unwind_step_frame_pointer(&far), UNWIND_BAD_FRAME);
	assert_int_equal(unwind_step_frame_pointer(&outside), UNWIND_FAULT);
	assert_int_equal(unwind_step_frame_pointer(&small), UNWIND_BAD_FRAME);
}

static void refuses_return_addresses_that_are_none(void **state)
{
	struct unwind_registers kernel = {0x404000, STACK, frame(4, 0, 0xFFFFFFFF81000000ull)};
	struct unwind_registers tiny = {0x404000, STACK, frame(8, 0, 0x10)};
	struct unwind_registers zero = {0x404000, STACK, frame(12, STACK + 400, 0)};

	assert_int_equal(unwind_step_frame_pointer(&kernel), UNWIND_BAD_RETURN);
	assert_int_equal(unwind_step_frame_pointer(&tiny), UNWIND_BAD_RETURN);
	assert_int_equal(unwind_step_frame_pointer(&zero), UNWIND_WHOLE);
}

/* Frame pointers that form a ring, or point at themselves, end: every step must move up the stack. */
static void ends_on_every_chain(void **state)
{
	struct unwind_registers r;
	uint64_t random = 88172645463325252ull;

	for (int round = 0; round < 2000; round++) {
		int steps = 0;

		for (size_t i = 0; i < sizeof(stack) / 8; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			stack[i] = random & 1 ? STACK + (random % sizeof(stack)) : 0x400000 + (random & 0xFFFF);
		}
		r = (struct unwind_registers){0x404000, STACK, STACK + (random % sizeof(stack) & ~7ull)};
		while (unwind_step_frame_pointer(&r) == UNWIND_CONTINUE)
			assert_true(++steps <= (int)(sizeof(stack) / 16));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_to_the_entry),
		cmocka_unit_test(refuses_what_is_no_frame),
		cmocka_unit_test(refuses_return_addresses_that_are_none),
		cmocka_unit_test(ends_on_every_chain),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
