// SPDX-License-Identifier: Apache-2.0
#include "app/privileges.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

#define BIT(cap) (1ull << (cap))

uint64_t privileges_kept(uint64_t have, int paranoid)
{
	/*
	 * capabilities(7): BPF and perf events; /proc and files of others; kernel symbols; control groups by handle; and what it takes to
	 * become nobody, for those who parse foreign files.
	 */
	uint64_t wanted = BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYSLOG) |
			  BIT(CAP_CHECKPOINT_RESTORE) | BIT(CAP_SETUID) | BIT(CAP_SETGID);

	if (paranoid > 2)
		wanted |= BIT(CAP_SYS_ADMIN);
	return have & wanted;
}

/* The level, or one that keeps everything when it cannot be told. */
static int paranoia(void)
{
	struct buf text = {0};
	int level = 4;

	if (!file_read("/proc/sys/kernel/perf_event_paranoid", 64, &text) && text.n)
		level = strtol(text.v, NULL, 10);
	buf_free(&text);
	return level;
}

void privileges_drop(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t have, keep;

	if (syscall(SYS_capget, &header, data))
		return;
	have = data[0].permitted | (uint64_t)data[1].permitted << 32;
	keep = privileges_kept(have, paranoia());
	for (int i = 0; i < 2; i++) {
		data[i].permitted = data[i].effective = keep >> (32 * i);
		data[i].inheritable &= data[i].permitted;
	}
	if (keep != have && syscall(SYS_capset, &header, data))
		log_debug("cannot give up capabilities: %s", strerror(errno));
}
