// SPDX-License-Identifier: Apache-2.0
/* Who is asked for debug files that are not on this machine: nobody, unless the user said so (symbolize/debuginfod.h). */
#ifndef APP_DEBUG_SERVERS_H
#define APP_DEBUG_SERVERS_H

#include "app/config.h"
#include "app/options.h"
#include "symbolize/debuginfod.h"

#define DEBUG_SERVERS_WAIT_NS (60ull * 1000000000) /* how long a command waits for files at its end */

/* Of the command line: --debuginfod[=URL...], which may be repeated. */
struct debug_servers {
	bool on;
	struct buf urls; /* those that were named */
};

option_take debug_servers_take;

#define DEBUG_SERVERS_OPTION(type, member) OPTION_MAY_TAKE(0, "debuginfod", type, member, debug_servers_take, 0)

/*
 * For a command: NULL without an error when it is not switched on. Those named, else those of $DEBUGINFOD_URLS, else those of the
 * settings; $DEBUGINFOD_TIMEOUT is for how many seconds a server may be silent. `keep`: fetched files are kept beside the cache, if that
 * is ours, for the next run.
 */
struct debuginfod *debug_servers_open(const struct debug_servers *o, const struct config *c, bool keep, struct error *err);
/* For the daemon: those of the settings; NULL without an error when there are none. */
struct debuginfod *debug_servers_configured(const struct config *c, struct error *err);
/* Tells the user what went wrong with servers since the last time, and, at the end of a command, what was not waited for. */
void debug_servers_tell(struct debuginfod *d);
void debug_servers_tell_end(struct debuginfod *d, uint64_t awaited);

#endif
