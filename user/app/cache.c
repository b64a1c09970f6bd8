// SPDX-License-Identifier: Apache-2.0
#include "app/cache.h"

struct image_cache *cache_open(const struct config *c, struct error *err)
{
	return c->cache_bytes ? image_cache_open(c->cache_dir, c->cache_bytes, err) : NULL;
}

void cache_config(struct config *ret)
{
	config_init(ret);
	if (!config_load(ret, CONFIG_PATH, false, NULL))
		return;
	config_free(ret);
	config_init(ret);
}
