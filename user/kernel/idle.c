// SPDX-License-Identifier: Apache-2.0
#include "kernel/idle.h"

#include "base/file.h"
#include "kernel/cpus.h"

#include <string.h>

void idle_times_parse(struct idle_times *t, const char *text)
{
	t->ticks.n = 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		unsigned long long cpu, v[5] = {0};
		char *end;

		if (strncmp(line, "cpu", 3) || line[3] < '0' || line[3] > '9')
			continue;
		cpu = strtoull(line + 3, &end, 10);
		if (cpu > CPU_ID_MAX)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(v); i++)
			v[i] = strtoull(end, &end, 10);
		while (t->ticks.n <= cpu)
			*vec_push(&t->ticks) = 0;
		t->ticks.v[cpu] = v[3] + v[4];
	}
}

void idle_times_read(struct idle_times *t)
{
	struct buf text = {0};

	file_read("/proc/stat", 16 << 20, &text);
	idle_times_parse(t, text.v);
	buf_free(&text);
}

uint64_t idle_ticks(const struct idle_times *t, size_t cpu)
{
	return cpu < t->ticks.n ? t->ticks.v[cpu] : 0;
}

void idle_times_free(struct idle_times *t)
{
	vec_free(&t->ticks);
}
