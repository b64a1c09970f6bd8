// SPDX-License-Identifier: Apache-2.0
#include "app/record_options.h"

#include "app/command.h"
#include "app/view_options.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "render/format.h"
#include "symbolize/image_cache.h"

#include <getopt.h>
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

enum { OPT_PER_PROCESS = 256, OPT_THREADS, OPT_PIDS, OPT_NO_INLINE, OPT_FULL_NAMES, OPT_STATIC, OPT_CACHE_DIR, OPT_NO_CACHE };

static const struct option long_options[] = {
	{"pid", required_argument, NULL, 'p'},
	{"all", no_argument, NULL, 'a'},
	{"frequency", required_argument, NULL, 'F'},
	{"duration", required_argument, NULL, 'd'},
	{"output", required_argument, NULL, 'o'},
	{"folded", no_argument, NULL, 'f'},
	{"per-process", required_argument, NULL, OPT_PER_PROCESS},
	{"threads", no_argument, NULL, OPT_THREADS},
	{"pids", no_argument, NULL, OPT_PIDS},
	{"user", no_argument, NULL, 'U'},
	{"kernel", no_argument, NULL, 'K'},
	{"no-inline", no_argument, NULL, OPT_NO_INLINE},
	{"full-names", no_argument, NULL, OPT_FULL_NAMES},
	{"static", no_argument, NULL, OPT_STATIC},
	{"cache-dir", required_argument, NULL, OPT_CACHE_DIR},
	{"no-cache", no_argument, NULL, OPT_NO_CACHE},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	VIEW_LONG_OPTIONS,
	{NULL, 0, NULL, 0},
};

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

static int parse_pids(struct record_options *o, const char *list)
{
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

static int parse_frequency(struct record_options *o, const char *word)
{
	uint64_t hz, max = max_frequency();

	if (text_u64(word, &hz))
		return usage("'%s' is not a frequency: a whole number of samples per second is wanted", word);
	if (!hz || hz > max) {
		log_error("frequency %s is out of range: 1 to %llu%s", word, (unsigned long long)max,
			  max < FREQUENCY_MAX ? " (kernel.perf_event_max_sample_rate)" : "");
		return EXIT_USAGE;
	}
	o->hz = hz;
	return 0;
}

int record_options_add_output(struct record_options *o, const char *path)
{
	if (strcmp(path, "-") && !format_by_path(path))
		return usage("'%s': the suffix must be .folded, .svg, .html, .pb.gz or .json", path);
	for (size_t i = 0; i < o->outputs.n; i++) /* -f and -o - are one */
		if (!strcmp(o->outputs.v[i], path))
			return 0;
	*vec_push(&o->outputs) = path;
	return 0;
}

/* getopt_long() tells a letter, or has just passed the long option. */
static int unknown_option(char **argv)
{
	char letter[] = {'-', optopt, '\0'};
	bool is_long = !optopt || optopt >= OPT_PER_PROCESS || !strncmp(argv[optind - 1], "--", 2);

	return usage("unknown option '%s'; see 'profile --help'", is_long ? argv[optind - 1] : letter);
}

static int parse_option(struct record_options *o, int c, char **argv)
{
	if (view_option_is(c))
		return view_option_take(&o->patterns, c, optarg);
	switch (c) {
	case 'p':
		return parse_pids(o, optarg);
	case 'a':
		return 0;
	case 'F':
		return parse_frequency(o, optarg);
	case 'd':
		if (text_seconds(optarg, &o->duration_ns) || !o->duration_ns)
			return usage("'%s' is not a duration: seconds above 0 are wanted, such as 10 or 0.5", optarg);
		return 0;
	case 'o':
		return record_options_add_output(o, optarg);
	case 'f':
		return record_options_add_output(o, "-");
	case OPT_PER_PROCESS:
		o->per_process = optarg;
		return 0;
	case OPT_THREADS:
		o->threads = true;
		return 0;
	case OPT_PIDS:
		o->pid_roots = true;
		return 0;
	case 'U':
		o->user_only = true;
		return 0;
	case 'K':
		o->kernel_only = true;
		return 0;
	case OPT_NO_INLINE:
		o->no_inline = true;
		return 0;
	case OPT_FULL_NAMES:
		o->full_names = true;
		return 0;
	case OPT_STATIC:
		o->no_script = true;
		return 0;
	case OPT_CACHE_DIR:
		o->cache_dir = optarg;
		return 0;
	case OPT_NO_CACHE:
		o->no_cache = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case ':':
		return usage("option '%s' wants a value; see 'profile --help'", argv[optind - 1]);
	default:
		return unknown_option(argv);
	}
}

int record_options_parse(struct record_options *o, int argc, char **argv)
{
	bool all = false;
	int c, status;

	*o = (struct record_options){.hz = 99};
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:p:aF:d:o:fUKqv", long_options, NULL)) != -1) {
		all |= c == 'a';
		status = parse_option(o, c, argv);
		if (status)
			return status;
	}
	if (optind < argc) {
		if (strcmp(argv[optind - 1], "--"))
			return usage("unknown command '%s'; to profile a program write: profile -- PROGRAM", argv[optind]);
		o->command = argv + optind;
	} else if (optind > 1 && !strcmp(argv[optind - 1], "--")) {
		return usage("%s", "after -- the command to run is missing");
	}
	if (!!o->command + !!o->pids.n + all > 1)
		return usage("%s", "only one of -p, -a and -- COMMAND can be profiled at a time");
	if (o->user_only && o->kernel_only)
		return usage("%s", "-U and -K exclude each other");
	return 0;
}

void record_options_free(struct record_options *o)
{
	vec_free(&o->pids);
	vec_free(&o->outputs);
	patterns_free(o->patterns);
}
