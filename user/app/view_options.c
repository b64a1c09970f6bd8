// SPDX-License-Identifier: Apache-2.0
#include "app/view_options.h"

#include "app/command.h"
#include "base/log.h"

#include <inttypes.h>

bool view_option_is(int value)
{
	return value >= OPT_VIEW && value < OPT_VIEW + PATTERN_N;
}

int view_option_take(struct patterns **patterns, int value, const char *arg)
{
	struct error err = {0};

	if (!view_option_is(value))
		return 0;
	if (!*patterns)
		*patterns = patterns_new();
	if (!patterns_add(*patterns, value - OPT_VIEW, arg, &err))
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
