// SPDX-License-Identifier: Apache-2.0
#include "render/format.h"

#include <string.h>

const struct format *const formats[] = {
	&folded_format, &flamegraph_format, &html_format, &pprof_format, &speedscope_format, NULL,
};

const struct format *format_by_path(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; formats[i]; i++) {
		size_t suffix = strlen(formats[i]->suffix);

		if (n >= suffix && !strcmp(path + n - suffix, formats[i]->suffix))
			return formats[i];
	}
	return NULL;
}
