// SPDX-License-Identifier: Apache-2.0
#include "kernel/cpus.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

static bool parse_id(const char **s, unsigned *ret)
{
	unsigned v = 0;
	const char *p = *s;

	for (; *p >= '0' && *p <= '9'; p++)
		if ((v = v * 10 + (*p - '0')) > CPU_ID_MAX)
			return false;
	if (p == *s)
		return false;
	*s = p;
	*ret = v;
	return true;
}

int cpu_set_parse(struct cpu_set *set, const char *list)
{
	unsigned first, last;

	set->has.n = 0;
	while (*list && *list != '\n') {
		if (!parse_id(&list, &first))
			return -EINVAL;
		last = first;
		if (*list == '-' && (list++, !parse_id(&list, &last) || last < first))
			return -EINVAL;
		while (set->has.n <= last)
			*vec_push(&set->has) = false;
		for (unsigned cpu = first; cpu <= last; cpu++)
			set->has.v[cpu] = true;
		if (*list == ',')
			list++;
		else if (*list && *list != '\n')
			return -EINVAL;
	}
	return set->has.n ? 0 : -EINVAL;
}

static int read_list(struct cpu_set *set, const char *path)
{
	struct buf text = {0};
	int ret = file_read(path, 64 * 1024, &text);

	if (!ret)
		ret = cpu_set_parse(set, text.v ? text.v : "");
	buf_free(&text);
	return ret;
}

int cpu_set_read(struct cpu_set *set)
{
	return read_list(set, "/sys/devices/system/cpu/online");
}

int cpu_set_read_possible(struct cpu_set *set)
{
	return read_list(set, "/sys/devices/system/cpu/possible");
}

bool cpu_set_has(const struct cpu_set *set, int cpu)
{
	return cpu >= 0 && (size_t)cpu < set->has.n && set->has.v[cpu];
}

void cpu_set_free(struct cpu_set *set)
{
	vec_free(&set->has);
}
