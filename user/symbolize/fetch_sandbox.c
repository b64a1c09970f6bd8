// SPDX-License-Identifier: Apache-2.0
#include "symbolize/fetch_sandbox.h"

#include "base/mem.h"
#include "symbolize/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* shadow memory of terabytes */
#else
#define SANITIZED 0
#endif

static int limit(int resource, uint64_t value)
{
	const struct rlimit l = {value, value};

	return setrlimit(resource, &l) ? -errno : 0;
}

/* Not RLIMIT_NPROC: threads count, and so do those of others who are nobody. */
static int set_limits(uint64_t bytes)
{
	int ret = limit(RLIMIT_CPU, FETCH_SANDBOX_CPU_SECONDS);

	ret = ret ? ret : limit(RLIMIT_FSIZE, bytes);
	ret = ret ? ret : limit(RLIMIT_CORE, 0);
	ret = ret ? ret : limit(RLIMIT_NOFILE, 64);
	if (!ret && !SANITIZED)
		ret = limit(RLIMIT_AS, FETCH_SANDBOX_MEMORY_BYTES);
	if (!ret && signal(SIGXFSZ, SIG_IGN) == SIG_ERR) /* the report is told all the same */
		ret = -errno;
	return ret;
}

static void allow_reading(int rules, const char *directory)
{
	struct landlock_path_beneath_attr below = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open(directory, O_PATH | O_CLOEXEC),
	};

	if (below.parent_fd < 0)
		return;
	syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
	close(below.parent_fd);
}

/* Beyond what its user cannot read anyway. A kernel without Landlock leaves it at that. */
static void restrict_files(void)
{
	static const char *const readable[] = {"/etc",	   "/usr",		   "/lib",	      "/lib32",
					       "/lib64",   "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager"};
	/* All rights on files that the first version knows: the lowest thirteen (linux/landlock.h). */
	const struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	auto_close int rules = syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);

	if (rules < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
		allow_reading(rules, readable[i]);
	syscall(SYS_landlock_restrict_self, rules, 0);
}

static int filter_calls(void)
{
#define FIELD(f) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, f))
#define LOW(i) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + (i) * 8)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##what)
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no)
#define ALLOW(call) IS(SYS_##call, 0, 1), RETURN(ALLOW)
#define KILL(call) IS(SYS_##call, 0, 1), RETURN(KILL_PROCESS)
	static const struct sock_filter code[] = {
		FIELD(arch), IS(AUDIT_ARCH_X86_64, 1, 0), RETURN(KILL_PROCESS),
		FIELD(nr), /* calls of x32 have a bit more, and so are none of these */

		/* its file, and those of the system */
		ALLOW(read), ALLOW(pread64), ALLOW(readv), ALLOW(write), ALLOW(pwrite64), ALLOW(writev), ALLOW(lseek), ALLOW(ftruncate),
		ALLOW(close), ALLOW(fstat), ALLOW(stat), ALLOW(lstat), ALLOW(newfstatat), ALLOW(access), ALLOW(faccessat), ALLOW(readlink),
		ALLOW(fcntl), ALLOW(dup), ALLOW(getdents64),
		IS(SYS_openat, 0, 4), LOW(2), HAS(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), 1, 0), RETURN(ALLOW), REFUSE(EACCES),

		/* servers */
		ALLOW(connect), ALLOW(bind), ALLOW(sendto), ALLOW(recvfrom), ALLOW(sendmsg), ALLOW(recvmsg), ALLOW(sendmmsg), ALLOW(recvmmsg),
		ALLOW(shutdown), ALLOW(getsockopt), ALLOW(setsockopt), ALLOW(getsockname), ALLOW(getpeername), ALLOW(socketpair),
		ALLOW(pipe2), ALLOW(eventfd2), ALLOW(poll), ALLOW(ppoll), ALLOW(select), ALLOW(pselect6), ALLOW(epoll_create1), ALLOW(epoll_ctl),
		ALLOW(epoll_wait), ALLOW(epoll_pwait),
		IS(SYS_socket, 0, 7), LOW(0), IS(AF_INET, 3, 0), IS(AF_INET6, 2, 0), IS(AF_UNIX, 1, 0), IS(AF_NETLINK, 0, 1), RETURN(ALLOW), REFUSE(EAFNOSUPPORT),
		IS(SYS_ioctl, 0, 5), LOW(1), IS(FIONREAD, 1, 0), IS(FIONBIO, 0, 1), RETURN(ALLOW), REFUSE(EPERM),

		/* memory and threads */
		ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk),
		IS(SYS_mprotect, 0, 4), LOW(2), HAS(PROT_EXEC, 1, 0), RETURN(ALLOW), REFUSE(EACCES),
		IS(SYS_mmap, 0, 7), LOW(2), HAS(PROT_EXEC, 0, 3), HAS(PROT_WRITE, 3, 0), LOW(3), HAS(MAP_ANONYMOUS, 1, 0), RETURN(ALLOW), REFUSE(EACCES),
		IS(SYS_clone, 0, 4), LOW(0), HAS(CLONE_THREAD, 0, 1), RETURN(ALLOW), REFUSE(EPERM),
		ALLOW(futex), ALLOW(set_robust_list), ALLOW(rseq), ALLOW(sched_yield), ALLOW(sched_getaffinity), ALLOW(exit), ALLOW(exit_group),
		ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(sigaltstack),

		/* itself, and what time it is */
		ALLOW(getpid), ALLOW(gettid), ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid), ALLOW(uname), ALLOW(sysinfo),
		ALLOW(getrandom), ALLOW(clock_gettime), ALLOW(clock_getres), ALLOW(gettimeofday), ALLOW(time), ALLOW(nanosleep), ALLOW(clock_nanosleep),

		/* what no library tries by itself */
		KILL(execve), KILL(execveat), KILL(fork), KILL(vfork), KILL(ptrace), KILL(process_vm_readv), KILL(process_vm_writev), KILL(kill),
		KILL(bpf), KILL(perf_event_open), KILL(listen), KILL(accept), KILL(accept4), KILL(unshare), KILL(setns), KILL(mount),
		REFUSE(ENOSYS),
	};
	const struct sock_fprog program = {ARRAY_SIZE(code), (struct sock_filter *)code};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

int fetch_sandbox_enter(uint64_t bytes)
{
	int ret = set_limits(bytes);

	ret = ret ? ret : sandbox_drop_rights();
	if (ret)
		return ret;
	restrict_files();
	return filter_calls();
}
