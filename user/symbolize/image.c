// SPDX-License-Identifier: Apache-2.0
#include "symbolize/image.h"

#include "base/table.h"
#include "symbolize/foreign.h"

#include <fcntl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define UNUSED_MAX 512			   /* images kept without users: a short-lived program runs again and again */
#define PARSED_BYTES_MAX (1024ull << 20) /* of all that parsers wrote; who is over it goes without names */
#define PINS_MAX 16384			   /* descriptors, and no more than half of those we may have */

struct images {
	struct image **buckets;
	size_t n_buckets, n; /* power of two */
	struct image *oldest, *newest;
	size_t unused;
	size_t pins;
	uint64_t parsed_bytes, serial, slow;
	uint64_t parsed_bytes_max;
	unsigned round; /* see images_trim() */
	void (*on_forget)(void *ctx, void *unwind);
	void *on_forget_ctx;
};

struct images *images_new(void)
{
	struct images *all = xcalloc(1, sizeof(*all));

	all->n_buckets = 256;
	all->parsed_bytes_max = PARSED_BYTES_MAX;
	all->buckets = xcalloc(all->n_buckets, sizeof(*all->buckets));
	return all;
}

static void free_parsed(struct images *all, struct image *i)
{
	all->parsed_bytes -= i->parsed.size;
	if (i->parsed.bytes)
		munmap(i->parsed.bytes, i->parsed.size);
	i->parsed = (struct parser_result){0};
	vec_free(&i->frames.ids);
	i->frames.serial = 0;
}

static bool may_pin(const struct images *all)
{
	struct rlimit files;

	return all->pins < PINS_MAX && !getrlimit(RLIMIT_NOFILE, &files) && all->pins < files.rlim_cur / 2;
}

static void unpin(struct images *all, struct image *i)
{
	if (i->fd < 0)
		return;
	close(i->fd);
	i->fd = -1;
	all->pins--;
}

static void free_image(struct images *all, struct image *i)
{
	if (i->unwind && all->on_forget)
		all->on_forget(all->on_forget_ctx, i->unwind);
	free_parsed(all, i);
	unpin(all, i);
	vec_free(&i->segments);
	free(i->path);
	free(i->name);
	free(i);
}

void images_free(struct images *all)
{
	if (!all)
		return;
	for (size_t b = 0; b < all->n_buckets; b++)
		while (all->buckets[b]) {
			struct image *i = all->buckets[b];

			all->buckets[b] = i->next;
			free_image(all, i);
		}
	free(all->buckets);
	free(all);
}

void images_on_forget(struct images *all, void (*fn)(void *ctx, void *unwind), void *ctx)
{
	all->on_forget = fn;
	all->on_forget_ctx = ctx;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct image **bucket(const struct images *all, const struct stat *st)
{
	return &all->buckets[hash_mix(hash_mix(0, st->st_dev), st->st_ino) & (all->n_buckets - 1)];
}

static struct image *find(const struct images *all, const struct stat *st)
{
	struct image *i = *bucket(all, st);

	while (i && !same_file(&i->id, st))
		i = i->next;
	return i;
}

static void insert(struct images *all, struct image *i)
{
	struct image **b = bucket(all, &i->id);

	i->next = *b;
	*b = i;
}

static void grow(struct images *all)
{
	struct image **old = all->buckets, *i;
	size_t n = all->n_buckets;

	all->n_buckets = n * 2;
	all->buckets = xcalloc(all->n_buckets, sizeof(*all->buckets));
	for (size_t b = 0; b < n; b++)
		while ((i = old[b])) {
			old[b] = i->next;
			insert(all, i);
		}
	free(old);
}

static void forget(struct images *all, struct image *i)
{
	struct image **at = bucket(all, &i->id);

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	all->n--;
	free_image(all, i);
}

static void leave_unused(struct images *all, struct image *i)
{
	*(i->older ? &i->older->newer : &all->oldest) = i->newer;
	*(i->newer ? &i->newer->older : &all->newest) = i->older;
	i->older = i->newer = NULL;
	all->unused--;
}

static void forget_oldest(struct images *all)
{
	struct image *i = all->oldest;

	leave_unused(all, i);
	forget(all, i);
}

/* An image without users. Its file is let go of: an open descriptor keeps a file system from being unmounted. */
static void enter_unused(struct images *all, struct image *i)
{
	unpin(all, i);
	i->older = all->newest;
	*(all->newest ? &all->newest->newer : &all->oldest) = i;
	all->newest = i;
	if (++all->unused > UNUSED_MAX)
		forget_oldest(all);
}

void image_ref(struct image *i)
{
	i->refs++;
}

void images_release(struct images *all, struct image *i)
{
	if (!--i->refs)
		enter_unused(all, i);
}

char *image_name(const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t n = strlen(path), d = sizeof(deleted) - 1;
	const char *slash = strrchr(path, '/');
	const char *name = slash && slash[1] ? slash + 1 : path;

	return n > d && !strcmp(path + n - d, deleted) && path + n - d > name ? xstrndup(name, path + n - d - name) : xstrdup(name);
}

static void keep_segments(struct image *i, const struct elf *elf)
{
	Elf64_Phdr ph;

	for (int executable = 1; executable >= 0; executable--)
		for (uint32_t s = 0; elf_segment(elf, s, &ph) && i->segments.n < IMAGE_SEGMENTS_MAX; s++)
			if (ph.p_type == PT_LOAD && !!(ph.p_flags & PF_X) == executable)
				*vec_push(&i->segments) = ph;
}

/* NULL when the file cannot be read. */
static struct image *add(struct images *all, int path_fd, const struct stat *st, const char *path)
{
	auto_close int fd = foreign_open(path_fd);
	struct elf_copy copy;
	struct image *i;

	if (fd < 0)
		return NULL; /* out of descriptors, say: nothing that is worth remembering of the file */
	i = xcalloc(1, sizeof(*i));
	i->fd = -1;
	i->serial = ++all->serial;
	i->id = *st;
	i->name = image_name(path);
	i->path = xasprintf("%.*s%s", (int)(strrchr(path, '/') + 1 - path), path, i->name);
	if (!elf_copy_load(&copy, fd, st->st_size, ELF_HEADERS)) {
		i->build_id_len = elf_build_id(&copy.elf, i->build_id);
		keep_segments(i, &copy.elf);
		elf_copy_free(&copy);
	}
	if (++all->n > all->n_buckets)
		grow(all);
	insert(all, i);
	enter_unused(all, i);
	return i;
}

static bool same_build_id(const struct image *i, const struct file_id *id)
{
	return i->build_id_len == id->build_id_len && !memcmp(i->build_id, id->build_id, id->build_id_len);
}

/*
 * Is this file the mapped one? The build id must agree, if one was told; it was read from the mapped file. Device and inode are
 * as good, but on overlayfs and btrfs, whose st_dev is no device of the kernel's (major 0), mappings are told with other numbers
 * than stat() gives: found by its path the inode must agree nevertheless, found through the mapping itself nothing need.
 */
static bool is_mapped_file(const struct image *i, const struct mapping *m, bool by_path)
{
	if (m->id.build_id_len)
		return same_build_id(i, &m->id);
	if (!m->id.inode)
		return !by_path;
	if (!major(i->id.st_dev))
		return !by_path || m->id.inode == i->id.st_ino;
	return m->id.inode == i->id.st_ino && makedev(m->id.major, m->id.minor) == i->id.st_dev;
}

/* A reference to the image of the file at path_fd, which is taken over or closed; NULL if that is not the mapped one. */
static struct image *take(struct images *all, int path_fd, const struct stat *st, int32_t pid, const struct mapping *m, bool by_path)
{
	auto_close int fd = path_fd;
	struct image *i = find(all, st);

	if (!i && !foreign_is_prompt(fd, pid)) {
		all->slow++;
		return NULL;
	}
	if (!i)
		i = add(all, fd, st, m->path);
	if (!i || !is_mapped_file(i, m, by_path))
		return NULL;
	if (!i->refs++)
		leave_unused(all, i);
	if (i->level < IMAGE_DEBUG_INFO && i->fd < 0 && may_pin(all)) {
		i->fd = fd;
		fd = -1;
		all->pins++;
	}
	return i;
}

static struct image *open_path(struct images *all, const char *root, int32_t pid, const struct mapping *m)
{
	struct stat st;
	int fd = foreign_find(root, m->path, true, &st);

	return fd < 0 ? NULL : take(all, fd, &st, pid, m, true);
}

static struct image *open_link(struct images *all, const char *link, int32_t pid, const struct mapping *m)
{
	struct stat st;
	int fd = foreign_find_link(link, &st);

	return fd < 0 ? NULL : take(all, fd, &st, pid, m, false);
}

struct image *images_open(struct images *all, int32_t pid, const struct mapping *m)
{
	char link[96], root[32];
	struct image *i = NULL;

	if (m->path[0] != '/' || m->path[1] == '/')
		return NULL; /* anonymous, or named by the kernel */
	snprintf(link, sizeof(link), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start, m->end);
	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	/* Nearly always the path is as good here as there; with a build id to prove it, that is several times as fast. */
	if (m->id.build_id_len)
		i = open_path(all, "/", pid, m);
	if (!i)
		i = open_link(all, link, pid, m);
	if (!i)
		i = open_path(all, root, pid, m);
	if (!i && !m->id.build_id_len)
		i = open_path(all, "/", pid, m);
	return i;
}

struct image *images_find(struct images *all, const char *path, const struct file_id *build_id)
{
	const struct mapping m = {.path = (char *)path, .id = *build_id};
	auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	/* The look brings the path into the kernel's caches, where it is found then. */
	if (path[0] != '/' || !build_id->build_id_len || root < 0 || foreign_peek(root, path, &st))
		return NULL;
	return open_path(all, "/", getpid(), &m);
}

uint64_t images_slow(const struct images *all)
{
	return all->slow;
}

void images_limit(struct images *all, uint64_t bytes)
{
	all->parsed_bytes_max = bytes;
}

void image_used(const struct images *all, struct image *i)
{
	i->used = all->round;
}

void images_trim(struct images *all, unsigned rounds)
{
	for (size_t b = 0; b < all->n_buckets; b++)
		for (struct image *i = all->buckets[b]; i; i = i->next)
			if (i->parsed.bytes && all->round - i->used >= rounds) {
				free_parsed(all, i);
				i->level = IMAGE_UNREAD;
			}
	all->round++;
}

bool image_vaddr(const struct image *i, uint64_t offset, uint64_t *ret)
{
	for (size_t s = 0; s < i->segments.n; s++)
		if (elf_segment_vaddr(&i->segments.v[s], offset, ret))
			return true;
	return false;
}

bool image_mapping_vaddr(const struct image *i, uint64_t offset, uint64_t *ret)
{
	bool found = false;

	for (size_t s = 0; s < i->segments.n; s++) {
		const Elf64_Phdr *ph = &i->segments.v[s];

		if (!(ph->p_flags & PF_X) || (found && (ph->p_offset & ~4095ull) != offset))
			continue;
		found |= elf_segment_mapped_vaddr(ph, offset, ret);
	}
	return found || image_vaddr(i, offset, ret);
}

int image_find_file(const struct image *i, const char *root)
{
	const char *const roots[] = {root ? root : "/", "/"};

	if (i->fd >= 0)
		return fcntl(i->fd, F_DUPFD_CLOEXEC, 0);
	for (size_t r = 0; r < ARRAY_SIZE(roots); r++) {
		struct stat st;
		int fd = foreign_find(roots[r], i->path, true, &st);

		if (fd >= 0 && same_file(&st, &i->id))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

bool image_is_unchanged(const struct image *i, int fd)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_size == i->id.st_size && st.st_mtim.tv_sec == i->id.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == i->id.st_mtim.tv_nsec;
}

void images_set_parsed(struct images *all, struct image *i, enum image_level level, const struct parser_result *parsed)
{
	i->level = level;
	if (level == IMAGE_DEBUG_INFO)
		unpin(all, i);
	if (!parsed)
		return;
	free_parsed(all, i);
	i->parsed = *parsed;
	all->parsed_bytes += parsed->size;
	while (all->parsed_bytes > all->parsed_bytes_max && all->unused)
		forget_oldest(all);
	if (all->parsed_bytes > all->parsed_bytes_max)
		free_parsed(all, i);
}
