// SPDX-License-Identifier: Apache-2.0
/*
 * An image: one file that is mapped as code, whoever maps it. Its key is the opened file (device, inode, size, times), never a
 * path: paths are replaced, deleted, and mean other files in other mount namespaces.
 */
#ifndef SYMBOLIZE_IMAGE_H
#define SYMBOLIZE_IMAGE_H

#include "elf/symtab.h"
#include "process/process.h"

#include <sys/stat.h>

#define IMAGE_TABLES 3

struct image_table {
	struct symtab symtab;
	VEC(uint32_t) frames; /* per symbol: profile frame id + 1 in the profile `serial`, 0: not asked yet */
	uint64_t serial;
};

struct image {
	uint32_t refs;
	struct stat id;
	int fd; /* kept until the symbols are loaded, so that a deleted file still has names; else -1 */
	char *path; /* as the first process that mapped it saw it */
	char *name; /* base name of path */
	uint8_t build_id[20];
	size_t build_id_len;
	VEC(Elf64_Phdr) segments;
	bool loaded;
	struct image_table tables[IMAGE_TABLES]; /* in order of trust */
	size_t n_tables;
};

struct images; /* all that are in use, opaque */

struct images *images_new(void);
void images_free(struct images *all); /* NULL is fine */

/*
 * The image behind a mapping of process `pid`, with a reference for the caller; NULL when the file cannot be had or is not
 * the one that is mapped. Opens only regular files and never blocks.
 */
struct image *images_open(struct images *all, int32_t pid, const struct mapping *m);
void image_ref(struct image *i);
void images_release(struct images *all, struct image *i);

/* The virtual address that a file offset has in the image's own terms. */
bool image_vaddr(const struct image *i, uint64_t offset, uint64_t *ret);
/* Loads the symbols if that has not been done. `pid`: whose root is looked into for debug files first; 0: none. */
void image_load_symbols(struct image *i, int32_t pid);

/*
 * A place where symbols come from. Sources are asked in order; each that answers becomes one of the image's tables, and a
 * later table names only what the earlier ones do not.
 */
struct elf_copy;
struct symbol_source {
	const char *name;
	/* Fills `t` from the image, whose own file is `file`. False when this source has nothing. */
	bool (*load)(struct symtab *t, const struct image *i, const struct elf_copy *file, int32_t pid);
};
extern const struct symbol_source symtab_source; /* .symtab of the file itself */
extern const struct symbol_source debug_source;	 /* a separate debug file */
extern const struct symbol_source dynsym_source; /* .dynsym: exported functions only */

#endif
