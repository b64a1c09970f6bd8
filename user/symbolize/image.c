// SPDX-License-Identifier: Apache-2.0
#include "symbolize/image.h"

#include "symbolize/elf_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct symbol_source *const sources[] = {&symtab_source, &debug_source, &dynsym_source};
_Static_assert(ARRAY_SIZE(sources) <= IMAGE_TABLES, "an image has room for one table a source");

struct images {
	VEC(struct image *) all;
};

struct images *images_new(void)
{
	return xcalloc(1, sizeof(struct images));
}

static void free_image(struct image *i)
{
	for (size_t t = 0; t < i->n_tables; t++) {
		symtab_free(&i->tables[t].symtab);
		vec_free(&i->tables[t].frames);
	}
	cleanup_close(&i->fd);
	vec_free(&i->segments);
	free(i->path);
	free(i->name);
	free(i);
}

void images_free(struct images *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->all.n; i++)
		free_image(all->all.v[i]);
	vec_free(&all->all);
	free(all);
}

void image_ref(struct image *i)
{
	i->refs++;
}

/*
 * An image without users keeps its tables: a short-lived program runs again and again. Only the descriptor of one whose
 * symbols nobody asked for is given back.
 */
void images_release(struct images *all, struct image *i)
{
	if (--i->refs || i->loaded)
		return;
	for (size_t n = 0; n < all->all.n; n++)
		if (all->all.v[n] == i) {
			all->all.v[n] = all->all.v[--all->all.n];
			free_image(i);
			return;
		}
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool same_build_id(const struct image *i, const struct file_id *id)
{
	return i->build_id_len == id->build_id_len && !memcmp(i->build_id, id->build_id, id->build_id_len);
}

/* A regular file or -1. Without blocking on a FIFO or taking a terminal. */
static int open_regular(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, st) || !S_ISREG(st->st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static struct image *find(const struct images *all, const struct stat *st)
{
	for (size_t i = 0; i < all->all.n; i++)
		if (same_file(&all->all.v[i]->id, st))
			return all->all.v[i];
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Takes the descriptor over. */
static struct image *add(struct images *all, int fd, const struct stat *st, const char *path)
{
	struct image *i = xcalloc(1, sizeof(*i));
	size_t n = strlen(path), deleted = strlen(" (deleted)");
	struct elf_copy copy;
	Elf64_Phdr ph;

	i->fd = fd;
	i->id = *st;
	i->path = xstrndup(path, n > deleted && !strcmp(path + n - deleted, " (deleted)") ? n - deleted : n);
	i->name = xstrdup(base_name(i->path));
	if (!elf_copy_load(&copy, fd, st->st_size)) {
		i->build_id_len = elf_build_id(&copy.elf, i->build_id);
		for (uint32_t s = 0; elf_segment(&copy.elf, s, &ph); s++)
			if (ph.p_type == PT_LOAD)
				*vec_push(&i->segments) = ph;
		elf_copy_free(&copy);
	}
	*vec_push(&all->all) = i;
	return i;
}

/* A file found by its path may be another one than was mapped: the build id, else the inode, must agree. */
static bool is_mapped_file(const struct image *i, const struct mapping *m)
{
	if (m->id.build_id_len)
		return same_build_id(i, &m->id);
	return m->id.inode && m->id.inode == i->id.st_ino &&
	       (makedev(m->id.major, m->id.minor) == i->id.st_dev || !major(i->id.st_dev));
}

static struct image *open_path(struct images *all, const char *path, const struct mapping *m, bool certain)
{
	struct stat st;
	int fd = open_regular(path, &st);
	struct image *i;

	if (fd < 0)
		return NULL;
	i = find(all, &st);
	if (i)
		close(fd);
	else
		i = add(all, fd, &st, m->path);
	if (!certain && !is_mapped_file(i, m)) {
		if (!i->refs) {
			i->refs = 1;
			images_release(all, i);
		}
		return NULL;
	}
	return i;
}

/* The build id names an image we have, and the path still leads to that file: no need to look through the process. */
static struct image *known(const struct images *all, const struct mapping *m)
{
	struct stat st;
	struct image *i;

	if (!m->id.build_id_len || stat(m->path, &st))
		return NULL;
	i = find(all, &st);
	return i && same_build_id(i, &m->id) ? i : NULL;
}

struct image *images_open(struct images *all, int32_t pid, const struct mapping *m)
{
	char path[4096 + 64];
	struct image *i;

	if (m->path[0] != '/' || m->path[1] == '/')
		return NULL; /* anonymous, or named by the kernel */
	i = known(all, m);
	if (!i) {
		snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start, m->end);
		i = open_path(all, path, m, true);
	}
	if (!i) {
		snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->path);
		i = open_path(all, path, m, false);
	}
	if (!i)
		i = open_path(all, m->path, m, false);
	if (i)
		image_ref(i);
	return i;
}

bool image_vaddr(const struct image *i, uint64_t offset, uint64_t *ret)
{
	bool found = false;

	for (size_t s = 0; s < i->segments.n; s++) {
		const Elf64_Phdr *ph = &i->segments.v[s];

		if (offset < ph->p_offset || offset - ph->p_offset >= ph->p_filesz || (found && !(ph->p_flags & PF_X)))
			continue;
		*ret = offset - ph->p_offset + ph->p_vaddr;
		found = true;
	}
	return found;
}

void image_load_symbols(struct image *i, int32_t pid)
{
	struct elf_copy copy;

	if (i->loaded)
		return;
	i->loaded = true;
	if (i->fd >= 0 && !elf_copy_load(&copy, i->fd, i->id.st_size)) {
		for (size_t s = 0; s < ARRAY_SIZE(sources); s++)
			i->n_tables += sources[s]->load(&i->tables[i->n_tables].symtab, i, &copy, pid);
		elf_copy_free(&copy);
	}
	cleanup_close(&i->fd);
	i->fd = -1;
}
