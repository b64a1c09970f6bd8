// SPDX-License-Identifier: Apache-2.0
/* profile doctor: what this kernel, machine and user allow, one line a check. */
#include "app/cache.h"
#include "app/command.h"
#include "app/doctor_daemon.h"
#include "app/doctor_unwind.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "kernel/idle.h"
#include "kernel/sampler.h"
#include "kernel/sideband.h"
#include "store/store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum verdict { OK, NOTE, FAIL };

static void print(enum verdict v, const char *check, const char *text)
{
	static const char *const words[] = {"ok", "note", "FAIL"};
	struct buf line = {0};

	text_escape(&line, text, strlen(text));
	printf("%-5s %-18s %s\n", words[v], check, line.v ? line.v : "");
	buf_free(&line);
}

/* One line of a /proc or /sys file, or "" when it cannot be read. Freed by the caller. */
static char *first_line(const char *path)
{
	struct buf text = {0};

	file_read(path, 1024 * 1024, &text);
	buf_putc(&text, '\0');
	text.v[strcspn(text.v, "\n")] = '\0';
	return text.v;
}

static bool check_kernel(void)
{
	struct utsname u;

	uname(&u);
	print(OK, "kernel", u.release);
	return true;
}

static bool check_btf(void)
{
	bool ok = !access("/sys/kernel/btf/vmlinux", R_OK);

	print(ok ? OK : FAIL, "type information",
	      ok ? "/sys/kernel/btf/vmlinux" : "no /sys/kernel/btf/vmlinux: a kernel with CONFIG_DEBUG_INFO_BTF=y is needed");
	return ok;
}

static bool check_user(void)
{
	bool root = !geteuid();

	print(root ? OK : NOTE, "user", root ? "root" : "not root: CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE are needed instead");
	return true;
}

static bool check_sampler(void)
{
	struct sampler_options o = {.hz = 99, .follow_children = true, .max_targets = 1, .kernel = true, .user = true};
	struct error err = {0};
	struct sampler *s = sampler_new(&o, &err);
	char text[128];

	if (!s) {
		print(FAIL, "sampling", err.text);
		return false;
	}
	snprintf(text, sizeof(text), "BPF programs load, driven by %s, %zu KB of BPF maps, %u instructions verified",
		 sampler_event_name(s), sampler_map_bytes(s) / 1024, sampler_verified_instructions(s));
	print(OK, "sampling", text);
	sampler_free(s);
	return true;
}

static bool check_sideband(void)
{
	struct error err = {0};
	struct sideband *s = sideband_new(&err);

	print(s ? OK : FAIL, "process events", s ? "perf side-band with build ids" : err.text);
	sideband_free(s);
	return s;
}

static bool check_rate(void)
{
	char *max = first_line("/proc/sys/kernel/perf_event_max_sample_rate");
	struct buf text = {0};

	buf_printf(&text, "the kernel allows %s samples per second and CPU (kernel.perf_event_max_sample_rate)", *max ? max : "?");
	print(OK, "frequency", text.v);
	buf_free(&text);
	free(max);
	return true;
}

/* By which periods of a parked CPU are told from lost ones. */
static bool check_idle_clocks(void)
{
	struct idle_times t = {0};
	bool ok;

	idle_times_read(&t);
	ok = t.ticks.n;
	print(ok ? OK : NOTE, "idle clocks",
	      ok ? "/proc/stat" : "no /proc/stat (mounted with subset=pid?): where virtual CPUs are parked while idle, that time counts as lost (skipped)");
	idle_times_free(&t);
	return true;
}

static bool check_kernel_symbols(void)
{
	char *line = first_line("/proc/kallsyms");
	bool ok = *line && strncmp(line, "0000000000000000 ", 17);
	/* The first symbol may truly be at 0; a later one is not. */
	struct buf text = {0};

	if (!ok && *line && !file_read("/proc/kallsyms", 64 * 1024 * 1024, &text))
		for (const char *p = text.v; p && *p && !ok; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
			ok = strncmp(p, "0000000000000000", 16);
	print(ok ? OK : NOTE, "kernel symbols",
	      ok ? "/proc/kallsyms" : "hidden (kernel.kptr_restrict): kernel frames will be called [kernel]");
	buf_free(&text);
	free(line);
	return true;
}

/* Of the settings that runs and the daemon share. */
static bool check_cache(void)
{
	struct error err = {0};
	struct buf text = {0};
	struct config c;
	struct image_cache *cache;

	cache_config(&c);
	if (access(c.cache_dir, F_OK) && errno == ENOENT && c.cache_bytes)
		error_set(&err, -ENOENT, "%s: nothing yet; the first run makes it", c.cache_dir);
	cache = err.code ? NULL : cache_open(&c, &err);
	if (cache) {
		struct image_cache_usage u = image_cache_usage(cache);

		buf_printf(&text, "%s: %llu images in %.1f MB of %llu", c.cache_dir, (unsigned long long)u.entries, u.bytes / 1048576.0,
			   (unsigned long long)c.cache_bytes >> 20);
	} else {
		buf_puts(&text, err.code ? err.text : "switched off (cache_bytes = 0): every run reads all files anew");
	}
	print(cache ? OK : NOTE, "symbol cache", text.v);
	image_cache_close(cache);
	buf_free(&text);
	config_free(&c);
	return true;
}

static int run_doctor(int argc, char **argv)
{
	static bool (*const checks[])(void) = {
		check_kernel, check_btf, check_user, check_sampler, check_sideband, check_rate, check_idle_clocks,
		check_kernel_symbols, check_cache,
	};
	bool ok = true;

	if (argc == 3 && !strcmp(argv[1], "--unwind"))
		return doctor_unwind(argv[2]);
	if ((argc == 2 || (argc == 4 && !strcmp(argv[2], "--state-dir"))) && !strcmp(argv[1], "--daemon"))
		return doctor_daemon(argc == 4 ? argv[3] : STORE_DEFAULT_DIR);
	if (argc > 1) {
		log_error("unknown argument '%s'; see 'profile help doctor'", argv[1]);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		ok &= checks[i]();
	return ok ? 0 : 1;
}

const struct command doctor_command = {
	.name = "doctor",
	.summary = "what this kernel, machine and user allow",
	.help = "Usage: profile doctor\n"
		"       profile doctor --unwind PID|FILE\n"
		"       profile doctor --daemon [--state-dir DIR]\n\n"
		"Checks what sampling needs, one line a check: ok, note (works with less), FAIL.\n"
		"The exit status is 1 when sampling cannot work here.\n\n"
		"With --unwind PID: what share of the text of each image of a process has rules for unwinding its stacks, and the\n"
		"largest functions that have none. With --unwind FILE: the kinds of rules and their number, the share of each\n"
		"section, and every range without rules.\n\n"
		"With --daemon: whether the daemon runs, and what it says of itself (metrics.prom).\n",
	.run = run_doctor,
};
