// SPDX-License-Identifier: Apache-2.0
/* How stacks ended: all of them, and those that were cut by the image in which that happened. Pure. */
#ifndef APP_UNWIND_STATS_H
#define APP_UNWIND_STATS_H

#include "base/mem.h"
#include "bpf/sample.h"

#include <stdint.h>

/* Others may run programs of as many names as they like. Those that come after this many are one: UNWIND_STATS_OTHERS. */
#define UNWIND_STATS_IMAGES_MAX 64
#define UNWIND_STATS_OTHERS "[others]"

struct unwind_image_stats {
	char *name; /* base name; images of one name are counted together */
	uint64_t cut; /* sum of `ends` */
	uint64_t ends[UNWIND_ENDS];
};

struct unwind_stats {
	uint64_t ends[UNWIND_ENDS];
	VEC(struct unwind_image_stats) images;
};

/* So many more stacks that ended like this, in the image of that name. */
void unwind_stats_add(struct unwind_stats *s, const char *image, enum unwind_end end, uint64_t count);
void unwind_stats_free(struct unwind_stats *s);

/* In words for a reader: "whole", "no rule". */
const char *unwind_end_name(enum unwind_end end);

/* Says in debug messages what there is, the images in which most stacks were cut first. */
void unwind_stats_log(const struct unwind_stats *s);

#endif
