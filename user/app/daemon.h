// SPDX-License-Identifier: Apache-2.0
/* The continuous agent: samples the whole system, and at the end of every window writes down what it saw. */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include "app/config.h"
#include "base/error.h"
#include "base/mem.h"

/* A setting from the command line: it holds whatever the configuration says, now and after a reload. */
struct daemon_override {
	const char *option; /* for messages: "--window" */
	const char *key, *value;
};

struct daemon_options {
	const char *config_path;
	bool config_wanted; /* it must exist */
	VEC(struct daemon_override) overrides;
};

/* The configuration as files and command line say. 0 or a negative errno with one sentence. `ret` is to be freed after 0. */
int daemon_load_config(const struct daemon_options *o, struct config *ret, struct error *err);

/* Runs until SIGTERM or SIGINT; takes over `config`. 0, or a negative errno with one sentence. */
int daemon_run(const struct daemon_options *o, struct config *config, struct error *err);

#endif
