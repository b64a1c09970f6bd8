// SPDX-License-Identifier: Apache-2.0
/* What `profile history` and `profile export` share: which history, which time range, which processes, grouped by what. */
#ifndef APP_HISTORY_OPTIONS_H
#define APP_HISTORY_OPTIONS_H

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

#define OPT_HISTORY 8192 /* values of getopt_long() from here on are these options' */

/* For a command's table of long options. */
#define HISTORY_LONG_OPTIONS                                                                                           \
	{"state-dir", required_argument, NULL, OPT_HISTORY_DIR}, {"since", required_argument, NULL, OPT_SINCE},        \
	{"until", required_argument, NULL, OPT_UNTIL}, {"by", required_argument, NULL, OPT_BY},                        \
	{"comm", required_argument, NULL, OPT_COMM}, {"pid", required_argument, NULL, OPT_PID},                        \
	{"exe", required_argument, NULL, OPT_LABEL + LABEL_EXE}, {"unit", required_argument, NULL, OPT_LABEL + LABEL_UNIT}, \
	{"container", required_argument, NULL, OPT_LABEL + LABEL_CONTAINER},                                           \
	{"cgroup", required_argument, NULL, OPT_LABEL + LABEL_CGROUP},                                                 \
	{"pod", required_argument, NULL, OPT_LABEL + LABEL_POD}, {"namespace", required_argument, NULL, OPT_LABEL + LABEL_NAMESPACE}

enum { OPT_HISTORY_DIR = OPT_HISTORY, OPT_SINCE, OPT_UNTIL, OPT_BY, OPT_COMM, OPT_PID, OPT_LABEL };

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
	"      --by KIND          process, comm, unit or container\n"                                                  \
	"      --state-dir DIR    where the history is (default " STORE_DEFAULT_DIR ")\n"

void history_options_init(struct history_options *o);
void history_options_free(struct history_options *o);
bool history_option_is(int value);
/* Takes an option of those. 0, or EXIT_USAGE after telling the user what is wrong. */
int history_option_take(struct history_options *o, int value, const char *arg);
/* What getopt_long() gives when an option is unknown (or ':': has no value): tells the user, returns EXIT_USAGE. */
int history_option_wrong(int value, char **argv, const char *command);
/* After the last option: the default range; words that are left over, or an empty range, are errors. Same returns. */
int history_options_finish(struct history_options *o, int argc, char **argv);

struct store_query history_query(const struct history_options *o);

/* "2026-11-24 11:00:00", local time. */
void history_print_time(struct buf *out, uint64_t ns);
/* "history: 60 windows of HOST, FROM to TO, 49 samples a second", what is missing in them; a line, or more. */
void history_print_coverage(struct buf *out, const struct store_coverage *c, const struct profile *p);

/* Tells that the range has no window, and which times the history has. */
void history_tell_empty(struct store *s, const struct history_options *o);

#endif
