// SPDX-License-Identifier: Apache-2.0
/* The memory of a BPF array, mapped. */
#ifndef KERNEL_MAPPED_H
#define KERNEL_MAPPED_H

#include <stddef.h>

struct bpf_map;

struct mapped {
	char *bytes;	     /* NULL: not mapped */
	size_t stride, size; /* of an element, of all */
};

/* 0 or a negative errno. */
int mapped_open(struct mapped *m, const struct bpf_map *map);
int mapped_open_fd(struct mapped *m, int fd, size_t value_size, size_t entries);
void mapped_close(struct mapped *m);

#endif
