// SPDX-License-Identifier: Apache-2.0
/*
 * An image: one file that is mapped as code, whoever maps it. Its key is the opened file (device, inode, size, times), never a
 * path: paths are replaced, deleted, and mean other files in other mount namespaces.
 *
 * Here is all that the profiler itself reads of other users' files: the ELF header, the program headers, and the build id in the notes
 * that they tell of (ELF_HEADERS, symbolize/elf_bytes.h), once a file, to know where its text is mapped. Those are copied, at most
 * HEADERS_BYTES_MAX of them, every access is checked against the copy (elf/elf.h, tests/fuzz/fuzz_elf.c), and nothing is decoded but
 * structures of fixed size. Everything else, symbols, DWARF and call frame information, is read by parser processes.
 */
#ifndef SYMBOLIZE_IMAGE_H
#define SYMBOLIZE_IMAGE_H

#include "process/process.h"
#include "symbolize/elf_bytes.h"
#include "symbolize/parser.h"

#include <sys/stat.h>

#define IMAGE_SEGMENTS_MAX 1024

/* The frames of functions, made once per function and profile. */
struct frame_cache {
	VEC(uint32_t) ids; /* per symbol or image_frame.key: profile frame id + 1 in the profile `serial`, 0: not asked yet */
	uint64_t serial;
};

/* What the parser was asked for, whatever came of it. */
enum image_level { IMAGE_UNREAD, IMAGE_SYMBOLS, IMAGE_DEBUG_INFO };

struct image {
	uint32_t refs;
	struct stat id;
	int fd;	    /* O_PATH, until the parser has read all of it: so that a deleted file still has names; else -1 */
	char *path; /* as the first process that mapped it saw it, without " (deleted)" */
	char *name; /* base name of path */
	uint8_t build_id[20];
	size_t build_id_len;
	VEC(Elf64_Phdr) segments; /* PT_LOAD, executable ones first; none: not an ELF file for us */
	uint32_t profile_image; /* its id in the profile `profile_serial` */
	uint64_t profile_serial;
	uint64_t serial; /* no other image of this run has it */
	uint32_t raw_frame; /* stands for its code in the profile `raw_serial` until it is named */
	uint64_t raw_serial, met; /* met: when it was last seen, see symbolize.c */
	uint64_t hits; /* frames seen in it */
	bool awaits;	/* a debug file that is being fetched: not to be digested meanwhile */
	unsigned fetches; /* that were asked for */
	enum image_level level;
	struct parser_result parsed; /* `bytes` is NULL: no names */
	struct frame_cache frames;
	unsigned used; /* the round in which it was last met */
	void *unwind; /* what the unwinder knows of it; set and read there */

	struct image *next;	      /* with the same hash */
	struct image *older, *newer; /* among those without users */
};

struct images; /* all that are in use, and the latest that were; opaque */

struct images *images_new(void);
void images_free(struct images *all); /* NULL is fine */

/* What symbol tables may take together, in bytes. */
void images_limit(struct images *all, uint64_t bytes);
/*
 * Ends a round, and forgets symbol tables that gave no name in the last `rounds` rounds, 0: all. They are read again when they
 * are needed; what is read from files that are gone by then has no names.
 */
void images_trim(struct images *all, unsigned rounds);
/* The image gives a name in this round. */
void image_used(const struct images *all, struct image *i);

/*
 * The image behind a mapping of process `pid`, with a reference for the caller; NULL when the file cannot be had or is not
 * the one that is mapped. Opens only regular files and never blocks. Constant time, a few microseconds for a known file.
 */
struct image *images_open(struct images *all, int32_t pid, const struct mapping *m);
/*
 * The image that is at `path` now, if it has that build id, with a reference for the caller; else NULL. For code that was mapped
 * at another time. Asks no file system that may not answer.
 */
struct image *images_find(struct images *all, const char *path, const struct file_id *build_id);
/* How often images_open() gave NULL because the file system might not answer. */
uint64_t images_slow(const struct images *all);
void image_ref(struct image *i);
/* Gives a reference back. The last one lets go of the file; what was learnt of it is kept for some time. */
void images_release(struct images *all, struct image *i);

/*
 * The virtual address of a mapping's first byte, for a mapping of code from file offset `offset` on: of the executable segment that
 * begins in this page, else of the one that holds it.
 */
bool image_mapping_vaddr(const struct image *i, uint64_t offset, uint64_t *ret);
/* `fn` is given the `unwind` of each image that has one and is about to be freed. */
void images_on_forget(struct images *all, void (*fn)(void *ctx, void *unwind), void *ctx);

/* The base name of a path as the kernel tells it, without " (deleted)"; to be freed. */
char *image_name(const char *path);
/* The virtual address that a file offset has in the image's own terms. */
bool image_vaddr(const struct image *i, uint64_t offset, uint64_t *ret);
/*
 * An O_PATH descriptor of the image's file for the caller, or -1: the pinned one, or what is at its path below `root` (or NULL) or in
 * our own root, if it is the same file.
 */
int image_find_file(const struct image *i, const char *root);
/* Are the file's contents still those that were found behind the mapping? (Its ctime also tells of its deletion.) */
bool image_is_unchanged(const struct image *i, int fd);
/* Gives the image what the parser made of it, which is taken over; NULL: nothing. After the last level its file is let go of. */
void images_set_parsed(struct images *all, struct image *i, enum image_level level, const struct parser_result *parsed);

#endif
