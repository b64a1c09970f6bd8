// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>

#define HOUR_NS (3600 * NS_PER_SEC)

const struct store_limits store_default_limits = {
	.max_age_ns = 30 * 24 * HOUR_NS,
	.max_bytes = 1ull << 30,
	.min_free_bytes = 256ull << 20,
	.merge_10m_after_ns = 24 * HOUR_NS,
	.merge_1h_after_ns = 7 * 24 * HOUR_NS,
};

struct store {
	enum store_mode mode;
};

static int unsupported(struct error *err)
{
	return error_set(err, -ENOSYS, "this build has no history");
}

struct store *store_open(const char *dir, enum store_mode mode, struct error *err)
{
	unsupported(err);
	return NULL;
}

void store_close(struct store *s)
{
	free(s);
}

int store_append(struct store *s, const struct profile *p, struct error *err)
{
	return unsupported(err);
}

int store_maintain(struct store *s, const struct store_limits *limits, uint64_t now_ns, struct error *err)
{
	return unsupported(err);
}

bool store_take_notice(struct store *s, struct error *ret_notice)
{
	return false;
}

int store_status(struct store *s, struct store_status *ret, struct error *err)
{
	return unsupported(err);
}

int store_each_window(struct store *s, const struct store_query *q, store_window_fn *fn, void *ctx, struct error *err)
{
	return unsupported(err);
}

int store_each_process(struct store *s, const struct store_query *q, store_process_fn *fn, void *ctx, struct error *err)
{
	return unsupported(err);
}

int store_read(struct store *s, const struct store_query *q, struct profile **ret, struct store_coverage *ret_coverage,
	       struct error *err)
{
	return unsupported(err);
}
