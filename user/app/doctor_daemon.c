// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_daemon.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "process/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The daemon by what it wrote into its lock file; 0 when it runs no more. */
static int32_t running(const char *lock)
{
	struct proc_stat stat;
	uint64_t pid;

	return text_u64(lock, &pid) || !pid || pid > INT32_MAX || proc_read_stat(pid, &stat) || strcmp(stat.comm, "profile") ? 0 : pid;
}

/* The samples of metrics.prom, without what explains them. */
static void print_metrics(const char *text)
{
	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n"), name = strcspn(line, " \n");
		struct buf safe = {0};

		if (*line != '#' && name < n) {
			text_escape(&safe, line, n);
			printf("  %.*s\n", (int)safe.n, safe.v);
		}
		buf_free(&safe);
		line += n + (line[n] == '\n');
	}
}

int doctor_daemon(const char *state_dir)
{
	auto_free char *lock = xasprintf("%s/daemon.lock", state_dir), *metrics = xasprintf("%s/metrics.prom", state_dir);
	struct buf pid = {0}, text = {0};
	int ret = file_read(lock, 64, &pid);
	int32_t daemon;
	struct stat st;

	if (ret) {
		log_error("cannot look at a daemon in %s: %s", state_dir, strerror(-ret));
		return 1;
	}
	buf_putc(&pid, '\n');
	pid.v[strcspn(pid.v, "\n")] = '\0';
	daemon = running(pid.v);
	if (daemon)
		printf("ok    daemon             runs (PID %d)\n", (int)daemon);
	else
		printf("FAIL  daemon             does not run\n");
	if (!stat(metrics, &st) && !file_read(metrics, 1024 * 1024, &text) && text.n) {
		printf("%-5s metrics            of %lld s ago\n", daemon ? "ok" : "note", (long long)(time(NULL) - st.st_mtime));
		print_metrics(text.v);
	} else {
		printf("note  metrics            none; at the end of the first window there are\n");
	}
	buf_free(&pid);
	buf_free(&text);
	return daemon ? 0 : 1;
}
