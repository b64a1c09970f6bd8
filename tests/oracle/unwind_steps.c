// SPDX-License-Identifier: Apache-2.0
/*
 * unwind_steps [-v] PROGRAM [ARG...]: single-steps a program from its first instruction to its end and walks its stack at every one.
 *
 * The truth is a shadow stack: every call that is seen pushes its return address and where that stands, every return and every
 * longjmp() takes away what the stack pointer has passed, every signal pushes the instruction that it interrupted. A walk is right when
 * it says exactly these addresses, and that they are all.
 *
 * Prints "NAME COUNT" lines: steps, whole (right, and known to be all), cut (right as far as it goes, and says that it is cut),
 * wrong (anything else). The exit status is 0 when nothing was wrong.
 */
#include "tests/oracle/traced.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOWN 20
#define FRAMES 1200

struct entry {
	uint64_t address; /* a return address; of a signal: the instruction that was interrupted */
	uint64_t at;	  /* where it stands on the stack; of a signal: the stack pointer then */
	bool signal;
};

static VEC(struct entry) shadow;
static struct {
	size_t steps, whole, cut, wrong, signals, maps;
	size_t cut_by[UNWIND_ENDS];
} counts;
static bool verbose;

static bool is_call(const uint8_t *code)
{
	if (code[0] == 0xE8)
		return true;
	while (code[0] == 0xF2 || code[0] == 0xF3 || code[0] == 0x3E || (code[0] & 0xF0) == 0x40 || code[0] == 0x67)
		code++; /* prefixes */
	return code[0] == 0xE8 || (code[0] == 0xFF && (code[1] >> 3 & 7) == 2);
}

/* What the walk should say, leaf first. */
static uint32_t truth(const struct user_regs_struct *r, uint64_t *frames)
{
	uint32_t n = 0;

	frames[n++] = r->rip | SAMPLE_FRAME_EXACT;
	for (size_t i = shadow.n; i-- && n < FRAMES;)
		frames[n++] = shadow.v[i].address | (shadow.v[i].signal ? SAMPLE_FRAME_EXACT : 0);
	return n;
}

static const char *where(uint64_t address)
{
	static char text[512];

	for (size_t i = 0; i < traced.mappings.n; i++)
		if (address >= traced.mappings.v[i].start && address < traced.mappings.v[i].end) {
			uint32_t slab = traced.mappings.v[i].slab;

			for (size_t k = 0; k < traced.images.n; k++)
				if (slab >= traced.images.v[k].first_slab && slab - traced.images.v[k].first_slab < traced.images.v[k].table.parts.n) {
					snprintf(text, sizeof(text), "%s+0x%llx", traced.images.v[k].path,
						 (unsigned long long)(address - traced.mappings.v[i].text +
								      traced.images.v[k].table.parts.v[slab - traced.images.v[k].first_slab].start));
					return text;
				}
			return "no table";
		}
	return "no mapping";
}

static void show(const char *what, const uint64_t *frames, uint32_t n)
{
	printf("#   %s:\n", what);
	for (uint32_t i = 0; i < n && i < 12; i++)
		printf("#     %s%016llx %s\n", frames[i] & SAMPLE_FRAME_EXACT ? "=" : " ",
		       (unsigned long long)(frames[i] & ~SAMPLE_FRAME_EXACT), where(frames[i] & ~SAMPLE_FRAME_EXACT));
}

static void check(const struct user_regs_struct *r)
{
	static uint64_t want[FRAMES], got[FRAMES];
	uint32_t want_n = truth(r, want), got_n, same = 0;
	struct unwind_walk w;
	int end;

	traced_registers(&w, r);
	got_n = host_walk(&w, 0, got, SAMPLE_MAX_USER_FRAMES, &end);
	while (same < want_n && same < got_n && want[same] == got[same])
		same++;
	counts.steps++;
	if (end == UNWIND_WHOLE && same == want_n && same == got_n) {
		counts.whole++;
		return;
	}
	if (end != UNWIND_WHOLE && same == got_n) {
		counts.cut++;
		counts.cut_by[end]++;
		if (!verbose || counts.cut % 97 != 1)
			return;
		printf("# cut: reason %d\n", end);
	} else {
		if (counts.wrong++ >= SHOWN)
			return;
		printf("# wrong: end %d, the first %u of %u are right, %u got\n", end, same, want_n, got_n);
	}
	show("truth", want, want_n);
	show("walk", got, got_n);
}

/* Follows one step from `before` to `after`. `code`: what was at before's pc. */
static void follow(const struct user_regs_struct *before, const uint8_t *code, const struct user_regs_struct *after)
{
	uint64_t top;

	if (is_call(code) && after->rsp == before->rsp - 8 && !traced_read(&top, 8, after->rsp)) {
		*vec_push(&shadow) = (struct entry){top, after->rsp, false};
		return;
	}
	if (code[0] == 0x0F && code[1] == 0x05 && before->rax == SYS_rt_sigreturn) {
		while (shadow.n && !shadow.v[shadow.n - 1].signal)
			shadow.n--;
		shadow.n -= shadow.n > 0;
		return;
	}
	while (shadow.n && !shadow.v[shadow.n - 1].signal && shadow.v[shadow.n - 1].at < after->rsp)
		shadow.n--;
}

/* A handler begins: the kernel pushed its return address, the trampoline's. */
static void enter_handler(const struct user_regs_struct *before, const struct user_regs_struct *after)
{
	uint64_t trampoline = 0;

	traced_read(&trampoline, 8, after->rsp);
	*vec_push(&shadow) = (struct entry){before->rip, before->rsp, true};
	*vec_push(&shadow) = (struct entry){trampoline, after->rsp, false};
	counts.signals++;
}

static bool changes_maps(const struct user_regs_struct *r, const uint8_t *code)
{
	return code[0] == 0x0F && code[1] == 0x05 && (r->rax == SYS_mmap || r->rax == SYS_munmap || r->rax == SYS_mprotect);
}

static void run(int32_t pid)
{
	struct user_regs_struct before, after;
	int status, signal = 0;

	ptrace(PTRACE_GETREGS, pid, NULL, &before);
	traced_maps(pid);
	for (;;) {
		uint8_t code[16] = {0};

		check(&before);
		if (traced_read(code, sizeof(code), before.rip))
			traced_read(code, 16 - (before.rip & 15), before.rip);
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, signal) || waitpid(pid, &status, 0) != pid)
			exit(2);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
			return;
		}
		ptrace(PTRACE_GETREGS, pid, NULL, &after);
		if (signal && after.rip != before.rip && after.rsp != before.rsp) {
			enter_handler(&before, &after);
			signal = 0;
		} else {
			signal = 0;
			follow(&before, code, &after);
			if (WSTOPSIG(status) != SIGTRAP)
				signal = WSTOPSIG(status); /* delivered with the next step */
		}
		if (changes_maps(&before, code)) {
			traced_maps(pid);
			counts.maps++;
		}
		before = after;
	}
}

int main(int argc, char **argv)
{
	int first = 1, status;
	pid_t pid;

	if (argc > 1 && !strcmp(argv[1], "-v")) {
		verbose = true;
		first = 2;
	}
	if (argc <= first)
		return 2;
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[first], argv + first);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 2;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	run(pid);
	printf("steps %zu\nwhole %zu\ncut %zu\nwrong %zu\nsignals %zu\n", counts.steps, counts.whole, counts.cut, counts.wrong, counts.signals);
	for (int end = 0; end < UNWIND_ENDS; end++)
		if (counts.cut_by[end])
			printf("cut-by-%d %zu\n", end, counts.cut_by[end]);
	return counts.wrong ? 1 : 0;
}
