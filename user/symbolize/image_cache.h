// SPDX-License-Identifier: Apache-2.0
/*
 * Image files on disk, so that a file is parsed once and not by every run: a directory that belongs to us alone, one file an
 * entry, mapped where it lies; of an image one with names, and one with unwind rules, which depends on no other file. Any number of runs use it at a time, without locks: entries come by rename and are never written
 * again.
 *
 * Which entry is a file's is nothing that others can choose. A build id they can: it is a part of the key, but so are the file's
 * inode, size and times, as the kernel keeps them, and its owner. Numbers of devices are those of one boot only, but for the root file
 * system's. An entry also tells of the other files that the parser was offered, and is good only while those are what they were: a
 * debug file that was installed since makes it be built anew. So does another build of this program.
 *
 * What a file holds is known to be what its times say once these are two seconds old: younger files are not kept. A file system that
 * its user serves could tell any times; such files are not opened at all (symbolize/foreign.h).
 *
 *   struct entry_header, path of the image, struct image_cache_state of each other file, their paths (struct parse_path and text),
 *   zeros up to a multiple of 8, the image file (symbolize/image_file.h)
 */
#ifndef SYMBOLIZE_IMAGE_CACHE_H
#define SYMBOLIZE_IMAGE_CACHE_H

#include "base/error.h"
#include "symbolize/image.h"

#define IMAGE_CACHE_DIR "/var/cache/profiled"
#define IMAGE_CACHE_BYTES (256ull << 20)

struct image_cache; /* opaque */

/*
 * Makes the directory (0700; its parent must be there). Refuses one that is a link, belongs to another user or lets others in. NULL
 * with one sentence in `err`.
 */
struct image_cache *image_cache_open(const char *dir, uint64_t bytes, struct error *err);
void image_cache_close(struct image_cache *c); /* NULL is fine */
/* Such a directory itself, for what else is kept: a descriptor, or a negative errno with the sentence in `err`. */
int image_cache_open_dir(const char *dir, struct error *err);

/* What a file is known by. All zeros: there was none. */
struct image_cache_state {
	uint64_t device, inode, size;
	int64_t modified_ns, changed_ns; /* CLOCK_REALTIME */
	uint64_t owner;
};

/*
 * What is at a path below `root`, now. Asks nobody but the kernel's caches and the root's own file system. False: it cannot be told so,
 * or is too young to be told by its times.
 */
bool image_cache_look(int root, const char *path, struct image_cache_state *ret);
/* May what a parser says of this image from now on be kept? */
bool image_cache_may_keep(const struct image *i);

/* Other files that a parser was told of: `n` times a struct parse_path and its text, and what was there before it began. */
struct image_cache_sources {
	const struct buf *paths;
	const struct image_cache_state *states;
	uint32_t n;
};

/*
 * What was kept of the image at that level or a better one, which *level then says; `roots`: of the sources (PARSE_ROOTS). False when
 * there is nothing, or nothing that is good any more.
 */
bool image_cache_find(struct image_cache *c, const struct image *i, const int *roots, enum image_level *level, struct parser_result *ret);
/*
 * Keeps a result, which is replaced by the same one mapped from the cache: memory that the kernel can take back. Then removes what was
 * not used for longest while all are more than the limit. A result that cannot be kept stays as it is.
 */
void image_cache_store(struct image_cache *c, const struct image *i, enum image_level level, const struct image_cache_sources *from,
		       struct parser_result *result);

/* The same for the image file that has its unwind rules. */
bool image_cache_find_unwind(struct image_cache *c, const struct image *i, struct parser_result *ret);
void image_cache_store_unwind(struct image_cache *c, const struct image *i, struct parser_result *result);

/* Entries that were refused: damaged, of another format, not ours. */
uint64_t image_cache_refused(const struct image_cache *c);

struct image_cache_usage {
	uint64_t entries, bytes; /* on disk */
};
struct image_cache_usage image_cache_usage(const struct image_cache *c);

#endif
