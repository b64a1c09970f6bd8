// SPDX-License-Identifier: Apache-2.0
/* profile daemon: the continuous agent, in the foreground. */
#include "app/command.h"
#include "app/daemon.h"
#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: profile daemon [options]\n"
	"\n"
	"Samples the whole system all the time, in the foreground. At the end of every window (of 60 s)\n"
	"it adds to the history and replaces the flame graphs in STATE_DIR/current.\n"
	"SIGHUP reads the configuration again, SIGTERM and Ctrl-C stop. See profiled(8).\n"
	"\n"
	"Options:\n"
	"      --config FILE       settings (default " CONFIG_PATH "), with FILE.d/*.conf; see below\n"
	"      --state-dir DIR     where everything is kept (default /var/lib/profiled)\n"
	"      --frequency HZ      samples per second and CPU (default 49)\n"
	"      --window SECONDS    time that one entry of the history covers (default 60)\n"
	"      --check             only say whether the settings are right\n"
	"  -v, --verbose           say what happens\n"
	"\n"
	"Settings, by section: key, default, meaning (profiled.conf(5)):\n";

/* An option that is a setting has its place in this list as value. */
static const struct daemon_override settings_by_option[] = {
	{"--state-dir", "state_dir", NULL},
	{"--frequency", "frequency", NULL},
	{"--window", "window", NULL},
	{"--verbose", "log_level", "debug"},
};

enum { OPT_CONFIG = 256, OPT_CHECK };

static const struct option options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"state-dir", required_argument, NULL, 0},
	{"frequency", required_argument, NULL, 1},
	{"window", required_argument, NULL, 2},
	{"verbose", no_argument, NULL, 3},
	{"check", no_argument, NULL, OPT_CHECK},
	{NULL, 0, NULL, 0},
};

static void add_override(struct daemon_options *o, size_t which, const char *value)
{
	struct daemon_override v = settings_by_option[which];

	if (!v.value)
		v.value = value;
	*vec_push(&o->overrides) = v;
}

static int parse(struct daemon_options *o, bool *check, int argc, char **argv)
{
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:v", options, NULL)) != -1) {
		if (c == OPT_CONFIG) {
			o->config_path = optarg;
			o->config_wanted = true;
		} else if (c == OPT_CHECK) {
			*check = true;
		} else if (c == 'v') {
			add_override(o, 3, NULL);
		} else if (c >= 0 && (size_t)c < sizeof(settings_by_option) / sizeof(settings_by_option[0])) {
			add_override(o, c, optarg);
		} else {
			log_error(c == ':' ? "option '%s' wants a value; see 'profile help daemon'" :
					     "unknown option '%s'; see 'profile help daemon'",
				  argv[optind - 1]);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		log_error("unknown argument '%s'; see 'profile help daemon'", argv[optind]);
		return EXIT_USAGE;
	}
	return 0;
}

static int run_daemon(int argc, char **argv)
{
	struct daemon_options o = {.config_path = CONFIG_PATH};
	struct error err = {0};
	struct config config;
	bool check = false;
	int status;

	log_for_journal(log_is_journal());
	status = parse(&o, &check, argc, argv);
	if (!status && daemon_load_config(&o, &config, &err))
		status = EXIT_USAGE;
	else if (!status && check)
		config_free(&config);
	else if (!status && daemon_run(&o, &config, &err))
		status = 1;
	if (err.code)
		log_error("%s", err.text);
	vec_free(&o.overrides);
	return status;
}

static void print_settings(void)
{
	struct buf out = {0};

	config_help(&out);
	fputs(out.v, stdout);
	buf_free(&out);
}

const struct command daemon_command = {
	.name = "daemon",
	.summary = "sample all the time and keep a history (run by profiled.service)",
	.help = help,
	.more_help = print_settings,
	.run = run_daemon,
};
