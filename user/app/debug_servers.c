// SPDX-License-Identifier: Apache-2.0
#include "app/debug_servers.h"

#include "app/command.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "symbolize/image_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define SILENCE_SECONDS_MAX 600

int debug_servers_take(void *to, const char *value, int which)
{
	struct debug_servers *o = to;
	struct error err = {0};

	o->on = true;
	if (!value)
		return 0;
	if (debuginfod_check(value, &err)) {
		log_error("--debuginfod: %s", err.text);
		return EXIT_USAGE;
	}
	buf_printf(&o->urls, "%s%s", o->urls.n ? " " : "", value);
	return 0;
}

/* Where files are kept: NULL when we have no place of our own. */
static char *place(const struct config *c)
{
	struct error err = {0};
	auto_close int parent = image_cache_open_dir(c->cache_dir, &err);

	if (parent >= 0)
		return xasprintf("%s/debuginfod", c->cache_dir);
	log_debug("%s; fetched debug files are not kept", err.text);
	return NULL;
}

static struct debuginfod *open_servers(const char *urls, const struct config *c, bool keep, unsigned silence, struct error *err)
{
	auto_free char *dir = keep ? place(c) : NULL;
	const struct debuginfod_options o = {.urls = urls, .dir = dir, .bytes = c->debuginfod_bytes, .silence_seconds = silence};

	return debuginfod_open(&o, err);
}

/* debuginfod-find(1): of DEBUGINFOD_TIMEOUT a nonsensical value is none. */
static unsigned silence(void)
{
	const char *text = getenv("DEBUGINFOD_TIMEOUT");
	uint64_t seconds;

	return text && !text_u64(text, &seconds) && seconds <= SILENCE_SECONDS_MAX ? seconds : 0;
}

struct debuginfod *debug_servers_open(const struct debug_servers *o, const struct config *c, bool keep, struct error *err)
{
	const char *environment = getenv("DEBUGINFOD_URLS"), *urls = o->urls.n ? o->urls.v : environment && *environment ? environment : c->debuginfod;

	if (!o->on)
		return NULL;
	if (!*urls) {
		error_set(err, -EINVAL, "--debuginfod: no server is known; name one, --debuginfod=URL, or set DEBUGINFOD_URLS (which sudo removes)");
		return NULL;
	}
	return open_servers(urls, c, keep, silence(), err);
}

struct debuginfod *debug_servers_configured(const struct config *c, struct error *err)
{
	return *c->debuginfod ? open_servers(c->debuginfod, c, true, 0, err) : NULL;
}

void debug_servers_tell(struct debuginfod *d)
{
	struct error notice = {0};

	while (d && debuginfod_take_notice(d, &notice))
		log_warn("%s", notice.text);
}

void debug_servers_tell_end(struct debuginfod *d, uint64_t awaited)
{
	debug_servers_tell(d);
	if (awaited)
		log_warn("debuginfod: %" PRIu64 " debug files were still on their way and are not waited for any longer; names from them are missing",
			 awaited);
}
