// SPDX-License-Identifier: Apache-2.0
/* Which cache of image files the commands use: the one of profiled.conf(5), so that runs and the daemon share it. */
#ifndef APP_CACHE_H
#define APP_CACHE_H

#include "app/config.h"
#include "symbolize/image_cache.h"

/*
 * The cache that `c` tells of; NULL without an error when it says that there is to be none, NULL with one when it cannot be used.
 * Nothing but time is lost without.
 */
struct image_cache *cache_open(const struct config *c, struct error *err);
/* The settings for a command that is not the daemon: those of the installed files, or the defaults when these cannot be read. */
void cache_config(struct config *ret);

#endif
