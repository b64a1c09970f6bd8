// SPDX-License-Identifier: Apache-2.0
/*
 * unwind_at PID REGISTER...: walks the stack of a stopped process from these registers (hexadecimal, in DWARF order: rax rdx rcx rbx
 * rsi rdi rbp rsp r8 .. r15 rip). Prints the addresses, leaf first, one a line, those that are no return addresses with "=" in front;
 * then "end NUMBER" (enum unwind_end). tests/oracle/unwind_gdb.py compares it with gdb.
 */
#include "tests/oracle/traced.h"

int main(int argc, char **argv)
{
	static uint64_t frames[SAMPLE_MAX_USER_FRAMES];
	struct unwind_walk w;
	uint32_t n;
	int end;

	if (argc != 2 + UNWIND_REGISTERS)
		return 2;
	traced_maps(strtol(argv[1], NULL, 10));
	for (int i = 0; i < UNWIND_REGISTERS; i++)
		w.registers[i] = strtoull(argv[2 + i], NULL, 16);
	n = host_walk(&w, 0, frames, SAMPLE_MAX_USER_FRAMES, &end);
	for (uint32_t i = 0; i < n; i++)
		printf("%s%llx\n", frames[i] & SAMPLE_FRAME_EXACT ? "=" : "", (unsigned long long)(frames[i] & ~SAMPLE_FRAME_EXACT));
	printf("end %d\n", end);
	return 0;
}
