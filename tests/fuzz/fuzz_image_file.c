// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes behind the header of an image file: whoever wrote it, looking up in it is harmless and ends, and a table that is taken
 * from it keeps its promises.
 */
#include "base/buf.h"
#include "symbolize/image_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find(const struct image_file *f, uint64_t vaddr)
{
	struct image_frame frames[8];
	size_t n = image_file_find(f, vaddr, frames, 8);
	uint64_t begin;

	for (size_t i = 0; i < n && i < 8; i++)
		if (strlen(frames[i].name) > f->h.size || strlen(frames[i].file) > f->h.size || !(frames[i].key < image_file_keys(f)))
			abort();
	if (image_file_function(f, vaddr, &begin) && begin > vaddr)
		abort();
}

/* A table that is handed out can be searched everywhere: each span has a rule, and they are all of their part. */
static void walk_table(const struct image_file *f)
{
	struct unwind_table t;

	if (image_file_unwind(f, &t))
		return;
	for (size_t i = 0; i < t.parts.n; i++) {
		struct unwind_span span = {.end = t.parts.v[i].start};
		uint64_t at = span.end;

		while (unwind_part_next(&t.parts.v[i], &span)) {
			if (span.start != at || span.end <= at || span.rule != unwind_table_find(&t.parts.v[i], at))
				abort();
			at = span.end;
		}
		if (at != t.parts.v[i].end || unwind_table_part(&t, at - 1) != &t.parts.v[i])
			abort();
	}
	vec_free(&t.parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_file_header h;
	struct image_link_input link;
	struct image_file f;
	uint8_t *copy;

	if (size < sizeof(h))
		return 0;
	/* What the opening compares is made right, so that more than that is tried. Of the very size, for the sanitizer. */
	copy = malloc(size);
	memcpy(copy, data, size);
	memcpy(&h, data, sizeof(h));
	memcpy(h.magic, "profimg", 8);
	h.version = IMAGE_FILE_VERSION;
	h.size = size;
	memcpy(copy, &h, sizeof(h));
	if (!image_file_open(&f, copy, size)) {
		for (uint64_t i = 0; i < 64; i++)
			find(&f, h.base + i * 37);
		for (uint32_t i = 0; i < f.h.symbols.count && i < 64; i++) {
			uint32_t start;

			memcpy(&start, copy + f.h.symbols.offset + i * sizeof(start), sizeof(start));
			find(&f, h.base + start);
		}
		for (uint32_t i = 0; i < 8 && image_file_link(&f, i, &link); i++)
			if (strlen(link.name) > size || strlen(link.directory) > size)
				abort();
		walk_table(&f);
	}
	free(copy);
	return 0;
}
