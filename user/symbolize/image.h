// SPDX-License-Identifier: Apache-2.0
/*
 * An image: one file that is mapped as code, whoever maps it. Its key is the opened file (device, inode, size, times), never a
 * path: paths are replaced, deleted, and mean other files in other mount namespaces.
 */
#ifndef SYMBOLIZE_IMAGE_H
#define SYMBOLIZE_IMAGE_H

#include "elf/symtab.h"
#include "process/process.h"
#include "symbolize/elf_bytes.h"

#include <sys/stat.h>

#define IMAGE_TABLES 6
#define IMAGE_SEGMENTS_MAX 1024

struct image;

/*
 * A place where symbols come from. Sources are asked in order; each that answers becomes one of the image's tables, and a
 * later table names only what the earlier ones do not.
 */
struct symbol_source {
	const char *name;
	/*
	 * Fills `t` from the image, whose own file is `file`. `root`: where to look for other files first ("/proc/PID/root"), or
	 * NULL. False when this source has nothing.
	 */
	bool (*load)(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root);
};
extern const struct symbol_source symtab_source; /* .symtab of the file itself */
extern const struct symbol_source debug_source;	 /* a separate debug file */
extern const struct symbol_source minidebug_source; /* MiniDebugInfo within the file */
extern const struct symbol_source go_source;	 /* what the Go runtime itself needs */
extern const struct symbol_source dynsym_source; /* .dynsym: exported functions only */
extern const struct symbol_source plt_source;	 /* the linker's stubs, named by what they jump to */

/* The frames of a symbol table, made once per symbol and profile. */
struct frame_cache {
	VEC(uint32_t) ids; /* per symbol: profile frame id + 1 in the profile `serial`, 0: not asked yet */
	uint64_t serial;
};

struct image_table {
	const struct symbol_source *source;
	struct symtab symtab;
	struct frame_cache frames;
};

struct image {
	uint32_t refs;
	struct stat id;
	int fd;	    /* O_PATH, until the symbols are loaded: so that a deleted file still has names; else -1 */
	char *path; /* as the first process that mapped it saw it, without " (deleted)" */
	char *name; /* base name of path */
	uint8_t build_id[20];
	size_t build_id_len;
	VEC(Elf64_Phdr) segments; /* PT_LOAD, executable ones first; none: not an ELF file for us */
	uint32_t profile_image; /* its id in the profile `profile_serial` */
	uint64_t profile_serial;
	void *unwind; /* what the unwinder knows of it; set and read there */
	bool loaded;
	unsigned used; /* the round in which it last gave a name */
	struct image_table tables[IMAGE_TABLES]; /* in order of trust */
	size_t n_tables;

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
 * Reads parts of the image's file. `root`: where its path is looked up if the file is not pinned, or NULL. 0 or a negative errno;
 * the copy is to be freed after 0.
 */
int image_read(const struct image *i, const char *root, enum elf_parts parts, struct elf_copy *ret);
/* Loads the symbols if that has not been done. `root`: where debug files are looked for first, or NULL. */
void images_load_symbols(struct images *all, struct image *i, const char *root);

#endif
