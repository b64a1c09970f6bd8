// SPDX-License-Identifier: Apache-2.0
#include "app/view_options.h"

#include "app/command.h"
#include "base/log.h"

#include <inttypes.h>

int view_option_take(void *to, const char *value, int which)
{
	struct patterns **patterns = to;
	struct error err = {0};

	if (!*patterns)
		*patterns = patterns_new();
	if (!patterns_add(*patterns, which, value, &err))
		return 0;
	log_error("%s", err.text);
	return EXIT_USAGE;
}

void view_report(struct buf *out, const struct tree *t)
{
	uint64_t left_out = tree_left_out(t);

	if (left_out)
		buf_printf(out,
			   "left out %" PRIu64 " of %" PRIu64 " samples: ignored=%" PRIu64 " out of focus=%" PRIu64
			   " without root=%" PRIu64 "\n",
			   left_out, left_out + t->nodes.v[0].total, t->ignored, t->unfocused, t->rootless);
}
