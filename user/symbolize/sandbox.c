// SPDX-License-Identifier: Apache-2.0
#include "symbolize/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534 /* the kernel's overflow id, which owns nothing */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* shadow memory of terabytes, and system calls of its own when it ends or has something to say */
#else
#define SANITIZED 0
#endif

static int limit(int resource, uint64_t value)
{
	const struct rlimit l = {value, value};

	return setrlimit(resource, &l) ? -errno : 0;
}

static int set_limits(const struct sandbox_limits *l)
{
	const struct rlimit cpu = {l->cpu_seconds, l->cpu_seconds + 1};
	int ret = setrlimit(RLIMIT_CPU, &cpu) ? -errno : 0;

	ret = ret ? ret : limit(RLIMIT_FSIZE, l->result);
	ret = ret ? ret : limit(RLIMIT_CORE, 0);
	ret = ret ? ret : limit(RLIMIT_NPROC, 0);
	if (!ret && !SANITIZED)
		ret = limit(RLIMIT_DATA, l->copies + l->memory);
	if (!ret && !SANITIZED)
		ret = limit(RLIMIT_AS, l->copies + 2 * l->memory);
	return ret;
}

int sandbox_drop_rights(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (!geteuid() && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
		return -errno;
	if (syscall(SYS_capset, &head, none) || prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL)) /* anew: a change of the user takes it back */
		return -errno;
	return 0;
}

/*
 * Written by hand and not with libseccomp: a dozen calls of one architecture, without a library that the program would load each time
 * it runs. Memory is never executable, and mapped from no file.
 */
static int filter_calls(void)
{
#define FIELD(f) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, f))
#define LOW(i) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + (i) * 8)
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SANITIZED ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS)
	static const struct sock_filter code[] = {
		FIELD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		FIELD(nr), /* calls of x32 have a bit more, and so are none of these */
		ALLOW(pread64),
		ALLOW(write),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(madvise),
		ALLOW(brk),
		ALLOW(getrandom), /* where hashes stand */
		ALLOW(sysinfo),	  /* qsort() asks how much memory there is */
		ALLOW(exit_group),
		ALLOW(rt_sigreturn),
#if SANITIZED
		ALLOW(sigaltstack), /* when it ends */
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 4),
		LOW(2),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		REFUSE,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 6),
		LOW(2),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 3, 0),
		LOW(3),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		REFUSE,
		REFUSE,
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), (struct sock_filter *)code};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

int sandbox_enter(const struct sandbox_limits *limits)
{
	int ret = set_limits(limits);

	ret = ret ? ret : sandbox_drop_rights();
	return ret ? ret : filter_calls();
}
