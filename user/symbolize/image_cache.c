// SPDX-License-Identifier: Apache-2.0
#include "symbolize/image_cache.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "elf/reader.h"
#include "process/proc.h"
#include "symbolize/foreign.h"
#include "symbolize/parse.h"
#include "symbolize/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <zlib.h>

#define VERSION_OF_ENTRIES 3
#define SETTLED_NS (2 * NS_PER_SEC) /* the coarsest times that file systems keep are those of FAT */
#define TOUCH_NS NS_PER_SEC	    /* a use that is so much later than the last one is noted */
#define LEFT_OVER_SECONDS 3600	    /* age of a file under way that nobody is writing any more */
#define FREE_BYTES_MIN (128ull << 20) /* that are left to others on the file system */
#define NEW_PREFIX ".new-"

static const char magic[8] = "profcac";

struct image_cache {
	int dir;
	uint64_t bytes_max, bytes; /* bytes: as counted last, and what was added since */
	uint64_t program_size;	   /* this program's file: another build may read more, or better */
	int64_t program_ns;
	dev_t root_device;
	uint64_t root_id; /* of its file system: the same at the next boot */
	char boot[PROC_BOOT_ID_SIZE];
	uint64_t refused, serial;
};

enum kind { NAMES, UNWIND };

struct entry_key {
	uint32_t kind, unused;
	uint64_t program_size;
	int64_t program_ns;
	char boot[PROC_BOOT_ID_SIZE]; /* zeros: on the root file system, whose device number is not used */
	struct image_cache_state file;
	uint8_t build_id[20];
	uint32_t build_id_len;
};

struct entry_header {
	char magic[8];
	uint32_t version, crc; /* crc: CRC-32 of all that follows */
	uint64_t size;	       /* of the entry, in bytes */
	struct entry_key key;
	uint32_t level, path_length; /* with its NUL */
	uint32_t n_sources, sources_bytes;
	uint32_t image_offset, unused;
};
#define CRC_FROM offsetof(struct entry_header, size)

static int64_t ns_of(struct timespec t)
{
	return t.tv_sec * (int64_t)NS_PER_SEC + t.tv_nsec;
}

static struct image_cache_state state_of(const struct stat *st)
{
	return (struct image_cache_state){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = st->st_size,
		.modified_ns = ns_of(st->st_mtim),
		.changed_ns = ns_of(st->st_ctim),
		.owner = st->st_uid,
	};
}

static bool is_settled(const struct stat *st)
{
	return ns_of(st->st_ctim) + (int64_t)SETTLED_NS < (int64_t)clock_ns(CLOCK_REALTIME);
}

bool image_cache_look(int root, const char *path, struct image_cache_state *ret)
{
	struct stat st;
	int code = foreign_peek(root, path, &st);

	*ret = code ? (struct image_cache_state){0} : state_of(&st);
	return code != -EAGAIN && (code || is_settled(&st));
}

bool image_cache_may_keep(const struct image *i)
{
	return i->id.st_nlink && is_settled(&i->id); /* nobody will map again what was deleted */
}

int image_cache_open_dir(const char *dir, struct error *err)
{
	struct stat st;
	int fd;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return error_set(err, -errno, "cannot make the cache %s: %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "cannot use the cache %s: %s", dir, strerror(errno));
	if (fstat(fd, &st))
		error_set(err, -errno, "cannot use the cache %s: %s", dir, strerror(errno));
	else if (st.st_uid != geteuid())
		error_set(err, -EPERM, "the cache %s belongs to user %u and is not used: chown it", dir, (unsigned)st.st_uid);
	else if (st.st_mode & 077)
		error_set(err, -EPERM, "the cache %s is open to others and is not used: chmod 0700 it", dir);
	else
		return fd;
	close(fd);
	return -EPERM;
}

struct image_cache *image_cache_open(const char *dir, uint64_t bytes, struct error *err)
{
	struct image_cache *c;
	struct stat program, root;
	struct statfs fs;
	int fd;

	if (stat("/proc/self/exe", &program) || stat("/", &root) || statfs("/", &fs)) {
		error_set(err, -errno, "cannot use the cache %s: %s", dir, strerror(errno));
		return NULL;
	}
	fd = image_cache_open_dir(dir, err);
	if (fd < 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->dir = fd;
	c->bytes_max = bytes;
	c->program_size = program.st_size;
	c->program_ns = ns_of(program.st_mtim);
	c->root_device = root.st_dev;
	memcpy(&c->root_id, &fs.f_fsid, sizeof(c->root_id) < sizeof(fs.f_fsid) ? sizeof(c->root_id) : sizeof(fs.f_fsid));
	proc_boot_id(c->boot);
	c->bytes = image_cache_usage(c).bytes;
	return c;
}

void image_cache_close(struct image_cache *c)
{
	if (!c)
		return;
	close(c->dir);
	free(c);
}

static struct entry_key key_of(const struct image_cache *c, const struct image *i, enum kind kind)
{
	struct entry_key k;

	memset(&k, 0, sizeof(k)); /* it is compared as bytes */
	k.kind = kind;
	k.program_size = c->program_size;
	k.program_ns = c->program_ns;
	k.file = state_of(&i->id);
	if (i->id.st_dev == c->root_device)
		k.file.device = c->root_id;
	else
		memcpy(k.boot, c->boot, sizeof(k.boot));
	k.build_id_len = i->build_id_len;
	memcpy(k.build_id, i->build_id, i->build_id_len);
	return k;
}

/* FNV-1a. Who makes two files meet has them take turns: the whole key is compared. */
static uint64_t hash_name(uint64_t h, const void *bytes, size_t n)
{
	for (const uint8_t *b = bytes; n--; b++)
		h = (h ^ *b) * 0x100000001b3ull;
	return h;
}

/* "BUILD-ID-OWNER-HASH.KIND" */
static char *name_of(const struct entry_key *k, const char *path)
{
	uint64_t h = hash_name(hash_name(0xcbf29ce484222325ull, k, sizeof(*k)), path, strlen(path));
	struct buf name = {0};

	for (uint32_t i = 0; i < k->build_id_len; i++)
		buf_printf(&name, "%02x", k->build_id[i]);
	buf_printf(&name, "%s-%" PRIu64 "-%016" PRIx64 ".%s", k->build_id_len ? "" : "none", k->file.owner, h,
		   k->kind == UNWIND ? "unwind" : "names");
	return name.v;
}

/* Reading */

struct entry {
	const uint8_t *bytes;
	struct entry_header h;
};

/* A file that only we can have written, mapped; NULL with errno else, ENOENT when there is none. */
static void *map_file(const struct image_cache *c, const char *name, size_t *size, bool *stale)
{
	auto_close int fd = openat(c->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) || st.st_size < sizeof(struct entry_header) ||
	    st.st_size > PARSE_RESULT_BYTES * 2) {
		errno = EPERM;
		return NULL;
	}
	bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return NULL;
	*size = st.st_size;
	*stale = ns_of(st.st_mtim) + (int64_t)TOUCH_NS < (int64_t)clock_ns(CLOCK_REALTIME);
	return bytes;
}

static bool is_whole(struct entry *e, const uint8_t *bytes, size_t size)
{
	uint64_t before_image;

	e->bytes = bytes;
	memcpy(&e->h, bytes, sizeof(e->h));
	before_image = sizeof(e->h) + e->h.path_length + e->h.n_sources * (uint64_t)sizeof(struct image_cache_state) + e->h.sources_bytes;
	return !memcmp(e->h.magic, magic, sizeof(magic)) && e->h.version == VERSION_OF_ENTRIES && e->h.size == size &&
	       e->h.crc == crc32_z(0, bytes + CRC_FROM, size - CRC_FROM) && e->h.path_length && e->h.n_sources <= PARSE_PATHS_MAX &&
	       before_image <= e->h.image_offset && e->h.image_offset <= size && e->h.image_offset % 8 == 0 &&
	       !bytes[sizeof(e->h) + e->h.path_length - 1];
}

/* Are the other files what they were? */
static bool is_current(const struct entry *e, const int *roots)
{
	const uint8_t *states = e->bytes + sizeof(e->h) + e->h.path_length;
	const uint8_t *paths = states + e->h.n_sources * sizeof(struct image_cache_state);
	struct reader r = {paths, paths + e->h.sources_bytes, false};

	for (uint32_t i = 0; i < e->h.n_sources; i++) {
		struct image_cache_state then, now;
		struct parse_path p;
		const char *text;

		memcpy(&then, states + i * sizeof(then), sizeof(then));
		memcpy(&p, reader_skip(&r, sizeof(p)), r.failed ? 0 : sizeof(p));
		text = (const char *)reader_skip(&r, r.failed ? 0 : p.length);
		if (r.failed || !p.length || text[p.length - 1] || p.root >= PARSE_ROOTS)
			return false;
		if (!image_cache_look(roots[p.root], text, &now) || memcmp(&then, &now, sizeof(now)))
			return false;
	}
	return true;
}

static bool is_of(const struct entry *e, const struct entry_key *k, const struct image *i)
{
	return !memcmp(&e->h.key, k, sizeof(*k)) && !strcmp((const char *)e->bytes + sizeof(e->h), i->path);
}

/* It is used: what was not for longest goes first. */
static void touch(const struct image_cache *c, const char *name)
{
	const struct timespec now[] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	utimensat(c->dir, name, now, AT_SYMLINK_NOFOLLOW);
}

static bool find_entry(struct image_cache *c, const struct image *i, enum kind kind, const int *roots, enum image_level *level,
		       struct parser_result *ret)
{
	struct entry_key k = key_of(c, i, kind);
	auto_free char *name = name_of(&k, i->path);
	struct entry e;
	size_t size;
	bool stale;
	void *bytes = map_file(c, name, &size, &stale);

	*ret = (struct parser_result){0};
	if (!bytes) {
		c->refused += errno != ENOENT;
		return false;
	}
	if (!is_whole(&e, bytes, size) || image_file_open(&ret->file, e.bytes + e.h.image_offset, size - e.h.image_offset)) {
		c->refused++;
		log_debug("the cache's entry %s is damaged and is made anew", name);
	} else if (is_of(&e, &k, i) && e.h.level >= *level && e.h.level <= IMAGE_DEBUG_INFO && is_current(&e, roots)) {
		*level = e.h.level;
		ret->bytes = bytes;
		ret->size = size;
		if (stale)
			touch(c, name);
		return true;
	}
	munmap(bytes, size);
	ret->file = (struct image_file){0};
	return false;
}

bool image_cache_find(struct image_cache *c, const struct image *i, const int *roots, enum image_level *level, struct parser_result *ret)
{
	return find_entry(c, i, NAMES, roots, level, ret);
}

bool image_cache_find_unwind(struct image_cache *c, const struct image *i, struct parser_result *ret)
{
	return find_entry(c, i, UNWIND, NULL, &(enum image_level){IMAGE_UNREAD}, ret);
}

/* Writing */

struct old_entry {
	char *name;
	struct timespec used;
	uint64_t bytes;
};

typedef VEC(struct old_entry) old_entries;

/* All entries, and what they and files under way take together. */
static uint64_t list_entries(const struct image_cache *c, old_entries *ret)
{
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t sum = 0;
	struct dirent *d;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		bool new = !strncmp(d->d_name, NEW_PREFIX, strlen(NEW_PREFIX));

		if (fstatat(c->dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		if (new && st.st_mtim.tv_sec + LEFT_OVER_SECONDS < time(NULL)) {
			unlinkat(c->dir, d->d_name, 0);
			continue;
		}
		sum += st.st_blocks * 512ull;
		if (!new)
			*vec_push(ret) = (struct old_entry){xstrdup(d->d_name), st.st_mtim, st.st_blocks * 512ull};
	}
	closedir(dir);
	return sum;
}

static void free_entries(old_entries *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i].name);
	vec_free(v);
}

struct image_cache_usage image_cache_usage(const struct image_cache *c)
{
	struct image_cache_usage u = {0};
	old_entries all = {0};

	u.bytes = list_entries(c, &all);
	u.entries = all.n;
	free_entries(&all);
	return u;
}

static int by_last_use(const void *x, const void *y)
{
	const struct old_entry *a = x, *b = y;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	return (a->used.tv_nsec > b->used.tv_nsec) - (a->used.tv_nsec < b->used.tv_nsec);
}

/* Down to seven eighths, so that it is not to be done for every entry. */
static void evict(struct image_cache *c)
{
	old_entries all = {0};

	c->bytes = list_entries(c, &all);
	if (all.n && c->bytes > c->bytes_max)
		qsort(all.v, all.n, sizeof(*all.v), by_last_use);
	for (size_t i = 0; i < all.n && c->bytes > c->bytes_max - (i ? c->bytes_max / 8 : 0); i++)
		if (!unlinkat(c->dir, all.v[i].name, 0))
			c->bytes -= all.v[i].bytes;
	free_entries(&all);
}

static struct buf make_head(const struct entry_key *k, const char *path, enum image_level level, const struct image_cache_sources *from,
			    const struct image_file *f)
{
	struct entry_header h;
	struct buf head = {0};

	memset(&h, 0, sizeof(h));
	memcpy(h.magic, magic, sizeof(magic));
	h.version = VERSION_OF_ENTRIES;
	h.key = *k;
	h.level = level;
	h.path_length = strlen(path) + 1;
	h.n_sources = from->n;
	h.sources_bytes = from->n ? from->paths->n : 0;
	buf_add(&head, &h, sizeof(h));
	buf_add(&head, path, h.path_length);
	if (from->n) {
		buf_add(&head, from->states, from->n * sizeof(*from->states));
		buf_add(&head, from->paths->v, from->paths->n);
	}
	while (head.n % 8)
		buf_putc(&head, '\0');
	h.image_offset = head.n;
	h.size = head.n + f->h.size;
	memcpy(head.v, &h, sizeof(h));
	h.crc = crc32_z(crc32_z(0, (uint8_t *)head.v + CRC_FROM, head.n - CRC_FROM), f->bytes, f->h.size);
	memcpy(head.v, &h, sizeof(h));
	return head;
}

/* Room for the entry within the limit and on the file system? An entry that would push out a quarter of the others is not worth it. */
static bool has_room(const struct image_cache *c, uint64_t bytes)
{
	struct statfs fs;

	return bytes <= c->bytes_max / 4 && !fstatfs(c->dir, &fs) && fs.f_bavail * (uint64_t)fs.f_bsize > FREE_BYTES_MIN + bytes;
}

/* From what was just written: the same bytes. */
static void map_instead(int fd, size_t size, size_t image_offset, struct parser_result *result)
{
	struct image_file file;
	uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (bytes == MAP_FAILED)
		return;
	if (image_file_open(&file, bytes + image_offset, size - image_offset)) {
		munmap(bytes, size);
		return;
	}
	munmap(result->bytes, result->size);
	result->bytes = bytes;
	result->size = size;
	result->file = file;
}

static int write_entry(struct image_cache *c, const char *name, const struct buf *head, struct parser_result *result)
{
	auto_free char *new = xasprintf(NEW_PREFIX "%d-%" PRIu64, (int)getpid(), ++c->serial);
	auto_close int fd = openat(c->dir, new, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int ret = fd < 0 ? -errno : file_write_fd(fd, head->v, head->n);

	ret = ret ? ret : file_write_fd(fd, result->file.bytes, result->file.h.size);
	if (!ret && renameat(c->dir, new, c->dir, name))
		ret = -errno;
	if (!ret)
		map_instead(fd, head->n + result->file.h.size, head->n, result);
	else if (fd >= 0)
		unlinkat(c->dir, new, 0);
	return ret;
}

static void store_entry(struct image_cache *c, const struct image *i, enum kind kind, enum image_level level,
			const struct image_cache_sources *from, struct parser_result *result)
{
	struct buf head;
	struct entry_key k = key_of(c, i, kind);
	auto_free char *name = name_of(&k, i->path);
	int ret;

	if (!has_room(c, result->file.h.size))
		return;
	head = make_head(&k, i->path, level, from, &result->file);
	ret = write_entry(c, name, &head, result);
	if (ret)
		log_debug("cannot keep what was read of %s: %s", i->path, strerror(-ret));
	else
		c->bytes += head.n + result->file.h.size + 4096; /* in whole blocks */
	if (c->bytes > c->bytes_max)
		evict(c);
	buf_free(&head);
}

void image_cache_store(struct image_cache *c, const struct image *i, enum image_level level, const struct image_cache_sources *from,
		       struct parser_result *result)
{
	store_entry(c, i, NAMES, level, from, result);
}

void image_cache_store_unwind(struct image_cache *c, const struct image *i, struct parser_result *result)
{
	store_entry(c, i, UNWIND, IMAGE_UNREAD, &(struct image_cache_sources){0}, result);
}

uint64_t image_cache_refused(const struct image_cache *c)
{
	return c->refused;
}
