// SPDX-License-Identifier: Apache-2.0
/* The one-shot command line, parsed once and constant afterwards. */
#ifndef APP_RECORD_OPTIONS_H
#define APP_RECORD_OPTIONS_H

#include "app/debug_servers.h"
#include "app/view_options.h"
#include "base/mem.h"
#include "profile/patterns.h"

#include <stdbool.h>
#include <stdint.h>

struct record_outputs {
	const char **v;
	size_t n, cap;
};

struct record_options {
	unsigned hz;
	uint64_t duration_ns; /* 0: until stopped */
	VEC(int32_t) pids;
	char **command; /* argv of `-- COMMAND`, NULL-terminated; NULL otherwise */
	struct record_outputs outputs; /* "-": folded on stdout */
	const char *per_process; /* directory, or NULL */
	struct debug_servers debug_servers;
	const char *cache_dir; /* NULL: as the daemon's settings say */
	struct patterns *patterns; /* of the view; NULL: none */
	bool threads, pid_roots, user_only, kernel_only, no_inline, full_names, no_script, no_cache, quiet, verbose, all;
};

/*
 * What `profile export` shares: where results go, and what of them. `out` is what leads to a member of struct record_options
 * in `type`: "out." or nothing.
 */
#define RECORD_OUTPUT_OPTIONS(type, out)                                                                               \
	OPTION_TAKE('o', "output", type, out outputs, record_options_take_output, 0),                                  \
	OPTION_CALL('f', "folded", type, out outputs, record_options_take_output, 0),                                  \
	OPTION_TEXT(0, "per-process", type, out per_process), OPTION_FLAG(0, "threads", type, out threads),            \
	OPTION_FLAG(0, "pids", type, out pid_roots), OPTION_FLAG('U', "user", type, out user_only),                    \
	OPTION_FLAG('K', "kernel", type, out kernel_only), OPTION_FLAG(0, "no-inline", type, out no_inline),           \
	OPTION_FLAG(0, "static", type, out no_script), OPTION_FLAG('q', "quiet", type, out quiet),                     \
	VIEW_OPTIONS(type, out patterns)

option_take record_options_take_output; /* a path, NULL: "-", to the outputs, if there is a format of its suffix */
/* 0, or EXIT_USAGE after telling the user which of those exclude each other. */
int record_options_check_output(const struct record_options *o);

/* As options_parse(). */
int record_options_parse(struct record_options *o, int argc, char **argv);
void record_options_free(struct record_options *o);

extern const char record_help[];

#endif
