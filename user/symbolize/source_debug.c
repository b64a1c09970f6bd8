// SPDX-License-Identifier: Apache-2.0
/*
 * The .symtab of a separate debug file (GDB manual, "Debugging Information in Separate Files"): by build id, as
 * distributions lay them out, else by .gnu_debuglink beside the file.
 */
#include "symbolize/elf_bytes.h"
#include "symbolize/foreign.h"
#include "symbolize/image.h"

#include "base/buf.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define CRC_BYTES_MAX (512ull << 20) /* a quarter of a second */

/* What a debug file is asked for. */
struct wanted {
	const struct image *image;
	const char *root;
	const char *link; /* .gnu_debuglink: base name and CRC; or NULL */
	uint32_t crc;
};

/* Does the whole file have this CRC? (zlib's crc32() is the polynomial of .gnu_debuglink.) */
static bool has_crc(int fd, uint64_t size, uint32_t crc)
{
	unsigned char chunk[65536];
	uint64_t at = 0;
	uint32_t sum = 0;
	ssize_t n;

	while (at < size && size <= CRC_BYTES_MAX && (n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		sum = crc32(sum, chunk, n);
		at += n;
	}
	return at == size && sum == crc;
}

/* By build id if the image has one, else by CRC, which only a link tells. */
static bool belongs(const struct wanted *w, const struct elf_copy *debug, int fd, bool by_link)
{
	uint8_t id[20];
	size_t n = elf_build_id(&debug->elf, id);

	if (w->image->build_id_len)
		return n == w->image->build_id_len && !memcmp(id, w->image->build_id, n);
	return by_link && has_crc(fd, debug->size, w->crc);
}

static bool try_file(struct symtab *t, const struct wanted *w, const char *path, bool by_link)
{
	struct stat st;
	auto_close int found = foreign_find(w->root, path, false, &st);
	auto_close int fd = found < 0 ? -1 : foreign_open(found);
	struct elf_copy copy;
	bool ok;

	if (fd < 0 || (st.st_dev == w->image->id.st_dev && st.st_ino == w->image->id.st_ino))
		return false; /* none, or the image itself */
	if (elf_copy_load(&copy, fd, st.st_size, ELF_SYMBOLS))
		return false;
	ok = belongs(w, &copy, fd, by_link) && !symtab_build(t, &copy.elf, SYMTAB_FULL);
	elf_copy_free(&copy);
	return ok;
}

static bool try_build_id(struct symtab *t, const struct wanted *w)
{
	struct buf path = {0};
	bool ok;

	if (w->image->build_id_len < 2)
		return false;
	buf_printf(&path, "/usr/lib/debug/.build-id/%02x/", w->image->build_id[0]);
	for (size_t n = 1; n < w->image->build_id_len; n++)
		buf_printf(&path, "%02x", w->image->build_id[n]);
	buf_puts(&path, ".debug");
	ok = try_file(t, w, path.v, false);
	buf_free(&path);
	return ok;
}

static bool try_link(struct symtab *t, const struct wanted *w)
{
	static const char *const prefixes[] = {"", "", "/usr/lib/debug"}, *const below[] = {"", "/.debug", ""};
	const char *slash = strrchr(w->image->path, '/');

	if (!w->link || !slash || strchr(w->link, '/'))
		return false; /* a link is a base name */
	for (size_t n = 0; n < ARRAY_SIZE(prefixes); n++) {
		int dir = slash - w->image->path;
		auto_free char *path = xasprintf("%s%.*s%s/%s", prefixes[n], dir, w->image->path, below[n], w->link);

		if (try_file(t, w, path, true))
			return true;
	}
	return false;
}

static bool load(struct symtab *t, const struct image *i, const struct elf_copy *file, const char *root)
{
	struct wanted w = {.image = i, .root = root ? root : "/"};

	if (i->n_tables)
		return false; /* its own .symtab is as good */
	w.link = elf_debuglink(&file->elf, &w.crc);
	if (try_build_id(t, &w) || try_link(t, &w))
		return true;
	w.root = "/";
	return root && (try_build_id(t, &w) || try_link(t, &w));
}

const struct symbol_source debug_source = {"separate debug file", load};
