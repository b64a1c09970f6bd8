// SPDX-License-Identifier: Apache-2.0
/*
 * The .symtab of a separate debug file (GDB manual, "Debugging Information in Separate Files"): by build id, as
 * distributions lay them out, else by .gnu_debuglink beside the file.
 */
#include "symbolize/elf_bytes.h"
#include "symbolize/image.h"

#include "base/buf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Does the whole file have this CRC? (zlib's crc32() is the polynomial of .gnu_debuglink.) */
static bool has_crc(int fd, uint32_t crc)
{
	unsigned char chunk[65536];
	uint32_t sum = 0;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		sum = crc32(sum, chunk, n);
		at += n;
	}
	return !n && sum == crc;
}

static bool belongs(const struct image *i, const struct elf_copy *debug, int fd, const uint32_t *crc)
{
	uint8_t id[20];
	size_t n = elf_build_id(&debug->elf, id);

	if (i->build_id_len)
		return n == i->build_id_len && !memcmp(id, i->build_id, n);
	return crc && has_crc(fd, *crc);
}

static bool try_file(struct symtab *t, const struct image *i, const char *root, const char *path, const uint32_t *crc)
{
	auto_free char *full = xasprintf("%s%s", root, path);
	auto_close int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct elf_copy copy;
	struct stat st;
	bool ok;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || elf_copy_load(&copy, fd, st.st_size))
		return false;
	ok = belongs(i, &copy, fd, crc) && !symtab_build(t, &copy.elf, SYMTAB_FULL);
	elf_copy_free(&copy);
	return ok;
}

static bool by_build_id(struct symtab *t, const struct image *i, const char *root)
{
	struct buf path = {0};
	bool ok;

	if (i->build_id_len < 2)
		return false;
	buf_printf(&path, "/usr/lib/debug/.build-id/%02x/", i->build_id[0]);
	for (size_t n = 1; n < i->build_id_len; n++)
		buf_printf(&path, "%02x", i->build_id[n]);
	buf_puts(&path, ".debug");
	ok = try_file(t, i, root, path.v, NULL);
	buf_free(&path);
	return ok;
}

static bool by_link(struct symtab *t, const struct image *i, const char *root, const char *name, uint32_t crc)
{
	auto_free char *dir = xstrdup(i->path);
	char *slash = strrchr(dir, '/');

	if (!slash || strchr(name, '/'))
		return false;
	*slash = '\0';
	auto_free char *beside = xasprintf("%s/%s", dir, name);
	auto_free char *below = xasprintf("%s/.debug/%s", dir, name);
	auto_free char *global = xasprintf("/usr/lib/debug%s/%s", dir, name);

	return (strcmp(beside, i->path) && try_file(t, i, root, beside, &crc)) || try_file(t, i, root, below, &crc) ||
	       try_file(t, i, root, global, &crc);
}

static bool load(struct symtab *t, const struct image *i, const struct elf_copy *file, int32_t pid)
{
	auto_free char *root = pid ? xasprintf("/proc/%d/root", pid) : xstrdup("");
	const char *const roots[] = {root, ""};
	uint32_t crc;
	const char *name = elf_debuglink(&file->elf, &crc);

	if (i->n_tables)
		return false; /* its own .symtab is as good */
	for (size_t r = *root ? 0 : 1; r < ARRAY_SIZE(roots); r++)
		if (by_build_id(t, i, roots[r]) || (name && by_link(t, i, roots[r], name, crc)))
			return true;
	return false;
}

const struct symbol_source debug_source = {"separate debug file", load};
