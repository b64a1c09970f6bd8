// SPDX-License-Identifier: Apache-2.0
/* Any bytes as settings: accepted values are in their range and paths absolute; an error is a sentence that names a line. */
#include "app/config.h"
#include "symbolize/debuginfod.h"

#include <errno.h>
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
	struct error err = {0};
	struct config c;
	int ret;

	config_init(&c);
	ret = config_parse(&c, "file", (const char *)data, size, &err);
	require(ret == 0 || (ret == -EINVAL && !strncmp(err.text, "file:", 5)));
	for (size_t i = 0; i < settings_n; i++) {
		const struct setting *s = &settings[i];
		const char *at = (char *)&c + s->offset, *path = *(char *const *)at;

		if (s->type == SETTING_PATH)
			require(path && (*path == '/' || (!*path && !*s->initial)));
		else if (s->type == SETTING_URLS)
			require(path && (!*path || !debuginfod_check(path, NULL)));
		else
			require(*(const uint64_t *)at >= s->min && *(const uint64_t *)at <= s->max);
	}
	config_free(&c);
	return 0;
}
