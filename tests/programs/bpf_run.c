// SPDX-License-Identifier: Apache-2.0
/*
 * Loads a BPF program named NAME, runs it for SECONDS, unloads it; then the same with NAME2, as often as asked:
 * bpf_run SECONDS NAME...
 */
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* r0 = some arithmetic, unrolled: enough time in the program itself for samples to hit it. */
static int load(const char *name)
{
	static struct bpf_insn code[4000];
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = (uintptr_t)code, .license = (uintptr_t) "GPL"};
	size_t n = 0;

	code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 7};
	while (n < sizeof(code) / sizeof(code[0]) - 1)
		code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MUL | BPF_K, .dst_reg = BPF_REG_0, .imm = 31};
	code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	attr.insn_cnt = n;
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	return bpf(BPF_PROG_LOAD, &attr);
}

int main(int argc, char **argv)
{
	char packet[64] = "";

	for (int i = 2; i < argc; i++) {
		time_t end = time(NULL) + atoi(argv[1]);
		union bpf_attr run = {0};
		int fd = load(argv[i]);

		run.test.prog_fd = fd;
		run.test.data_in = (uintptr_t)packet;
		run.test.data_size_in = sizeof(packet);
		run.test.repeat = 1000;
		while (fd >= 0 && time(NULL) < end)
			if (bpf(BPF_PROG_TEST_RUN, &run)) {
				perror("BPF_PROG_TEST_RUN");
				return 1;
			}
		if (fd < 0) {
			perror("BPF_PROG_LOAD");
			return 1;
		}
		close(fd);
	}
	return 0;
}
