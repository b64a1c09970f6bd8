// SPDX-License-Identifier: Apache-2.0
/* The one-shot command line, parsed once and constant afterwards. */
#ifndef APP_RECORD_OPTIONS_H
#define APP_RECORD_OPTIONS_H

#include "base/mem.h"
#include "profile/patterns.h"

#include <stdbool.h>
#include <stdint.h>

struct record_options {
	unsigned hz;
	uint64_t duration_ns; /* 0: until stopped */
	VEC(int32_t) pids;
	char **command; /* argv of `-- COMMAND`, NULL-terminated; NULL otherwise */
	VEC(const char *) outputs; /* "-": folded on stdout */
	const char *per_process; /* directory, or NULL */
	const char *cache_dir; /* NULL: as the daemon's settings say */
	struct patterns *patterns; /* of the view; NULL: none */
	bool threads, pid_roots, user_only, kernel_only, no_inline, full_names, no_script, no_cache, quiet, verbose;
};

/* Returns 0, or an exit status after telling the user what is wrong. */
int record_options_parse(struct record_options *o, int argc, char **argv);
/* -o FILE, "-" being -f: 0, or an exit status after telling the user that no format has this suffix. */
int record_options_add_output(struct record_options *o, const char *path);
void record_options_free(struct record_options *o);

extern const char record_help[];

#endif
