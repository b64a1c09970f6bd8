// SPDX-License-Identifier: Apache-2.0
/* profile daemon: the continuous agent, in the foreground. */
#include "app/command.h"
#include "app/daemon.h"
#include "app/options.h"
#include "base/log.h"

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

struct options {
	struct daemon_options daemon;
	bool check;
};

static int take_config(void *to, const char *value, int which)
{
	struct daemon_options *o = to;

	o->config_path = value;
	o->config_wanted = true;
	return 0;
}

/* An option that is a setting: `which` is its place in the list. */
static int take_setting(void *to, const char *value, int which)
{
	static const struct daemon_override by_option[] = {
		{"--state-dir", "state_dir", NULL},
		{"--frequency", "frequency", NULL},
		{"--window", "window", NULL},
		{"--verbose", "log_level", "debug"},
	};
	struct daemon_options *o = to;
	struct daemon_override v = by_option[which];

	if (value)
		v.value = value;
	*vec_push(&o->overrides) = v;
	return 0;
}

static const struct option_row rows[] = {
	OPTION_TAKE(0, "config", struct options, daemon, take_config, 0),
	OPTION_TAKE(0, "state-dir", struct options, daemon, take_setting, 0),
	OPTION_TAKE(0, "frequency", struct options, daemon, take_setting, 1),
	OPTION_TAKE(0, "window", struct options, daemon, take_setting, 2),
	OPTION_CALL('v', "verbose", struct options, daemon, take_setting, 3),
	OPTION_FLAG(0, "check", struct options, check),
};

static int parse(struct options *o, int argc, char **argv)
{
	int first, status = options_parse(rows, ARRAY_SIZE(rows), o, "daemon", true, argc, argv, &first);

	if (status || first == argc)
		return status;
	log_error("unknown argument '%s'; see 'profile help daemon'", argv[first]);
	return EXIT_USAGE;
}

static int run_daemon(int argc, char **argv)
{
	struct options o = {.daemon = {.config_path = CONFIG_PATH}};
	struct error err = {0};
	struct config config;
	int status;

	log_for_journal(log_is_journal());
	status = parse(&o, argc, argv);
	if (!status && daemon_load_config(&o.daemon, &config, &err))
		status = EXIT_USAGE;
	else if (!status && o.check)
		config_free(&config);
	else if (!status && daemon_run(&o.daemon, &config, &err))
		status = 1;
	if (err.code)
		log_error("%s", err.text);
	vec_free(&o.daemon.overrides);
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
