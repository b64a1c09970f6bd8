// SPDX-License-Identifier: Apache-2.0
#include "kernel/mapped.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int mapped_open_fd(struct mapped *m, int fd, size_t value_size, size_t entries)
{
	long page = sysconf(_SC_PAGESIZE);

	m->stride = (value_size + 7) & ~7ul;
	m->size = (m->stride * entries + page - 1) & -page;
	m->bytes = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->bytes == MAP_FAILED) {
		m->bytes = NULL;
		return -errno;
	}
	return 0;
}

int mapped_open(struct mapped *m, const struct bpf_map *map)
{
	return mapped_open_fd(m, bpf_map__fd(map), bpf_map__value_size(map), bpf_map__max_entries(map));
}

void mapped_close(struct mapped *m)
{
	if (m->bytes)
		munmap(m->bytes, m->size);
	*m = (struct mapped){0};
}
