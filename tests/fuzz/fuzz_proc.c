// SPDX-License-Identifier: Apache-2.0
/* Any bytes as /proc/PID/stat and as lines of /proc/PID/maps. */
#include "process/proc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line = text, *end;
	struct proc_mapping m;
	struct proc_stat st;

	memcpy(text, data, size);
	text[size] = '\0';
	if (proc_parse_stat(&st, text)) {
		require(memchr(st.comm, 0, sizeof(st.comm)));
		proc_ended(&st);
	}
	for (; line; line = end ? end + 1 : NULL) {
		size_t n = strlen(line);

		end = memchr(line, '\n', n);
		if (end)
			*end = '\0', n = end - line;
		if (!proc_parse_mapping(&m, line))
			continue;
		require(m.start < m.end && m.path >= line && m.path + strlen(m.path) <= line + n);
	}
	free(text);
	return 0;
}
