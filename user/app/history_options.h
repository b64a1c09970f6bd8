// SPDX-License-Identifier: Apache-2.0
/* What `profile history` and `profile export` share: which history, which time range, which processes, grouped by what. */
#ifndef APP_HISTORY_OPTIONS_H
#define APP_HISTORY_OPTIONS_H

#include "app/options.h"
#include "base/buf.h"
#include "profile/merge.h"
#include "store/store.h"

struct history_options {
	const char *state_dir;
	uint64_t now_ns, since_ns, until_ns; /* until: UINT64_MAX when not given */
	bool has_since;
	struct process_filter filter;
	enum group_by by;
	bool has_by;
};

/* For a command's table of options; `history` is the member of `type` that they go to. */
#define HISTORY_OPTIONS(type, history)                                                                                 \
	HISTORY_OPTION("since", HISTORY_SINCE, type, history), HISTORY_OPTION("until", HISTORY_UNTIL, type, history),  \
	HISTORY_OPTION("by", HISTORY_BY, type, history), HISTORY_PROCESS_OPTIONS(type, history)
/* Those that say which processes of which history. */
#define HISTORY_PROCESS_OPTIONS(type, history)                                                                         \
	OPTION_TEXT(0, "state-dir", type, history.state_dir), HISTORY_OPTION("comm", HISTORY_COMM, type, history),     \
	HISTORY_OPTION("pid", HISTORY_PID, type, history),                                                             \
	HISTORY_OPTION("exe", HISTORY_LABEL + LABEL_EXE, type, history),                                               \
	HISTORY_OPTION("unit", HISTORY_LABEL + LABEL_UNIT, type, history),                                             \
	HISTORY_OPTION("container", HISTORY_LABEL + LABEL_CONTAINER, type, history),                                   \
	HISTORY_OPTION("cgroup", HISTORY_LABEL + LABEL_CGROUP, type, history),                                         \
	HISTORY_OPTION("pod", HISTORY_LABEL + LABEL_POD, type, history),                                               \
	HISTORY_OPTION("namespace", HISTORY_LABEL + LABEL_NAMESPACE, type, history)
#define HISTORY_OPTION(name, which, type, history) OPTION_TAKE(0, name, type, history, history_option_take, which)

enum { HISTORY_SINCE, HISTORY_UNTIL, HISTORY_BY, HISTORY_COMM, HISTORY_PID, HISTORY_LABEL };

/* For its help. */
#define HISTORY_HELP                                                                                                   \
	"Time range (default: the last hour), always of whole windows:\n"                                              \
	"      --since TIME       'YYYY-MM-DD HH:MM[:SS]', 'HH:MM' (the last one), '-10m' (s m h d),\n"                 \
	"      --until TIME       'yesterday 03:00', today, now; local time\n"                                         \
	"Processes; values of one kind are alternatives, shell patterns are understood:\n"                             \
	"      --comm NAME        name of the process\n"                                                               \
	"      --pid PID[,PID...]\n"                                                                                   \
	"      --exe PATH|NAME    program\n"                                                                           \
	"      --unit UNIT        systemd unit; .service may be left out\n"                                            \
	"      --container ID|NAME   id, its beginning, or the name\n"                                                 \
	"      --cgroup PATH      that group and those below it\n"                                                     \
	"      --pod NAME  --namespace NAME   Kubernetes\n"                                                            \
	"      --state-dir DIR    where the history is (default " STORE_DEFAULT_DIR ")\n"                              \
	"      --by KIND          process, comm, unit or container\n"

void history_options_init(struct history_options *o);
void history_options_free(struct history_options *o);
option_take history_option_take; /* of a struct history_options */
/* After the last option: the default range. Words from argv[first] on, or an empty range, are errors: as options_parse(). */
int history_options_finish(struct history_options *o, int argc, char **argv, int first);

struct store_query history_query(const struct history_options *o);

/* "2026-11-24 11:00:00", local time. */
void history_print_time(struct buf *out, uint64_t ns);
/* "history: 60 windows of HOST, FROM to TO, 49 samples a second", what is missing in them; a line, or more. */
void history_print_coverage(struct buf *out, const struct store_coverage *c, const struct profile *p);

/* Tells that the range has no window, and which times the history has. */
void history_tell_empty(struct store *s, const struct history_options *o);

#endif
