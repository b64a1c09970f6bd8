// SPDX-License-Identifier: Apache-2.0
/* Files that ended their parser, and are not tried again: the latest STRIKES_KEPT of them, by what they are, not by their paths. */
#ifndef SYMBOLIZE_STRIKES_H
#define SYMBOLIZE_STRIKES_H

#include "symbolize/image.h"

#define STRIKES_KEPT 1024

struct strikes { /* zeroed: none */
	struct strike {
		dev_t device;
		ino_t inode;
		off_t size;
		struct timespec changed;
	} v[STRIKES_KEPT];
	uint64_t n; /* ever */
};

void strikes_add(struct strikes *s, const struct image *i);
bool strikes_has(const struct strikes *s, const struct image *i);

#endif
