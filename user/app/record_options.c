// SPDX-License-Identifier: Apache-2.0
#include "app/record_options.h"

#include "app/command.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "render/format.h"
#include "symbolize/image_cache.h"

#include <string.h>

const char record_help[] =
	"Usage: profile [options] -p PID[,PID...]     profile running processes until Ctrl-C\n"
	"       profile [options] -a                  profile the whole system\n"
	"       profile [options] -- COMMAND [ARG...] start COMMAND and profile it and its children\n"
	"       profile COMMAND ...                   see below\n"
	"\n"
	"Options:\n"
	"  -p, --pid PID[,PID...]    these processes, all their threads\n"
	"  -a, --all                 the whole system (the default)\n"
	"  -F, --frequency HZ        samples per second and CPU (default 99)\n"
	"  -d, --duration SECONDS    stop after this time; Ctrl-C stops early and still writes\n"
	"  -o, --output FILE         format by suffix: .folded .svg .html .pb.gz .json; '-' is folded\n"
	"                            on standard output; may be repeated\n"
	"  -f, --folded              folded stacks on standard output, nothing else there\n"
	"      --per-process DIR     COMM-PID.folded and COMM-PID.svg for every process\n"
	"      --threads             thread name and id as a frame under the process\n"
	"      --pids                COMM-PID instead of COMM as root frame\n"
	"  -U, --user                only user frames\n"
	"  -K, --kernel              only kernel frames\n"
	"      --no-inline           do not expand inlined functions\n"
	"      --full-names          keep hashes and suffixes that change with each build\n"
	"      --debuginfod[=URL...] ask debuginfod servers for debug files that are not here; without\n"
	"                            URL those of $DEBUGINFOD_URLS, or what profiled.conf(5) says\n"
	"      --cache-dir DIR       where symbols are kept that were read already (default\n"
	"                            " IMAGE_CACHE_DIR ", or what profiled.conf(5) says)\n"
	"      --no-cache            read all anew, and keep nothing\n"
	"      --static              flame graphs as still pictures, without script\n"
	VIEW_HELP
	"  -q, --quiet               no progress line, no summary\n"
	"  -v, --verbose             say what happens\n"
	"  -h, --help    --version\n"
	"\n"
	"Without -o, -f and --per-process, COMM-PID.svg and COMM-PID.folded are written into the\n"
	"current directory; -a writes a directory profile-YYYYMMDD-HHMMSS/ with one pair a process.\n";

#define FREQUENCY_MAX 20000 /* at some us a sample: beyond, sampling takes most of every CPU, and -d 1 lasts 17 s */

static int usage(const char *fmt, const char *what)
{
	log_error(fmt, what);
	return EXIT_USAGE;
}

static void add_pid(struct record_options *o, int32_t pid)
{
	for (size_t i = 0; i < o->pids.n; i++)
		if (o->pids.v[i] == pid)
			return;
	*vec_push(&o->pids) = pid;
}

static int take_pids(void *to, const char *list, int which)
{
	struct record_options *o = to;
	auto_free char *copy = xstrdup(list);
	char *rest = copy, *word;
	uint64_t pid;

	while ((word = strsep(&rest, ","))) {
		if (text_u64(word, &pid) || !pid || pid > INT32_MAX)
			return usage("'%s' is not a process id", word);
		add_pid(o, pid);
	}
	return 0;
}

/* The kernel's ceiling, which it may have lowered itself; asking for more fails in perf_event_open() without saying why. */
static uint64_t max_frequency(void)
{
	struct buf text = {0};
	uint64_t max = FREQUENCY_MAX;

	if (!file_read("/proc/sys/kernel/perf_event_max_sample_rate", 64, &text) && text.n) {
		text.v[strcspn(text.v, "\n")] = '\0';
		if (text_u64(text.v, &max) || !max || max > FREQUENCY_MAX)
			max = FREQUENCY_MAX;
	}
	buf_free(&text);
	return max;
}

static int take_frequency(void *hz, const char *word, int which)
{
	uint64_t v, max = max_frequency();

	if (text_u64(word, &v))
		return usage("'%s' is not a frequency: a whole number of samples per second is wanted", word);
	if (!v || v > max) {
		log_error("frequency %s is out of range: 1 to %llu%s", word, (unsigned long long)max,
			  max < FREQUENCY_MAX ? " (kernel.perf_event_max_sample_rate)" : "");
		return EXIT_USAGE;
	}
	*(unsigned *)hz = v;
	return 0;
}

static int take_duration(void *ns, const char *word, int which)
{
	if (text_seconds(word, ns) || !*(uint64_t *)ns)
		return usage("'%s' is not a duration: seconds above 0 are wanted, such as 10 or 0.5", word);
	return 0;
}

int record_options_take_output(void *to, const char *path, int which)
{
	struct record_outputs *outputs = to;

	path = path ? path : "-";
	if (strcmp(path, "-") && !format_by_path(path))
		return usage("'%s': the suffix must be .folded, .svg, .html, .pb.gz or .json", path);
	for (size_t i = 0; i < outputs->n; i++) /* -f and -o - are one */
		if (!strcmp(outputs->v[i], path))
			return 0;
	*vec_push(outputs) = path;
	return 0;
}

int record_options_check_output(const struct record_options *o)
{
	if (o->user_only && o->kernel_only)
		return usage("%s", "-U and -K exclude each other");
	return 0;
}

static const struct option_row rows[] = {
	{"pid", 'p', true, take_pids, 0, 0}, /* of the whole struct */
	OPTION_FLAG('a', "all", struct record_options, all),
	OPTION_TAKE('F', "frequency", struct record_options, hz, take_frequency, 0),
	OPTION_TAKE('d', "duration", struct record_options, duration_ns, take_duration, 0),
	OPTION_FLAG(0, "full-names", struct record_options, full_names),
	DEBUG_SERVERS_OPTION(struct record_options, debug_servers),
	OPTION_TEXT(0, "cache-dir", struct record_options, cache_dir),
	OPTION_FLAG(0, "no-cache", struct record_options, no_cache),
	OPTION_FLAG('v', "verbose", struct record_options, verbose),
	RECORD_OUTPUT_OPTIONS(struct record_options, ),
};

int record_options_parse(struct record_options *o, int argc, char **argv)
{
	int first, status;

	*o = (struct record_options){.hz = 99};
	status = options_parse(rows, ARRAY_SIZE(rows), o, NULL, true, argc, argv, &first);
	if (status)
		return status;
	if (first < argc) {
		if (strcmp(argv[first - 1], "--"))
			return usage("unknown command '%s'; to profile a program write: profile -- PROGRAM", argv[first]);
		o->command = argv + first;
	} else if (first > 1 && !strcmp(argv[first - 1], "--")) {
		return usage("%s", "after -- the command to run is missing");
	}
	if (!!o->command + !!o->pids.n + o->all > 1)
		return usage("%s", "only one of -p, -a and -- COMMAND can be profiled at a time");
	return record_options_check_output(o);
}

void record_options_free(struct record_options *o)
{
	vec_free(&o->pids);
	vec_free(&o->outputs);
	patterns_free(o->patterns);
	buf_free(&o->debug_servers.urls);
}
