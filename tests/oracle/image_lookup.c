// SPDX-License-Identifier: Apache-2.0
/*
 * image_lookup FILE < ADDRESSES: what the profiler says of virtual addresses of an ELF file (hexadecimal, one a line), by the same way
 * as in a profile: parser processes, then look-ups in the image file. For each address prints it, then two lines a frame, innermost
 * first: the name as in the file, and FILE:LINE; then an empty line. On stderr: what that cost.
 */
#include "base/clock.h"
#include "symbolize/digest.h"
#include "symbolize/helper.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

#define FRAMES_MAX 256
#define GONE 0x3FFFFFFF /* above the highest pid there can be */
#define REPEATS 20

typedef VEC(uint64_t) addresses;

static void read_addresses(addresses *list)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin))
		*vec_push(list) = strtoull(line, NULL, 16);
}

/* As if a process had it mapped. */
static struct image *open_image(struct images *all, const char *path)
{
	struct mapping m = {.start = 0x1000, .end = 0x2000};
	struct stat st;

	if (stat(path, &st))
		return NULL;
	m.path = realpath(path, NULL);
	m.id = (struct file_id){.major = major(st.st_dev), .minor = minor(st.st_dev), .inode = st.st_ino};
	struct image *i = images_open(all, GONE, &m);
	free(m.path);
	return i;
}

static void print_frames(const struct image_file *f, uint64_t vaddr)
{
	struct image_frame frames[FRAMES_MAX];
	size_t n = image_file_find(f, vaddr, frames, FRAMES_MAX);

	printf("0x%llx\n", (unsigned long long)vaddr);
	if (!n)
		printf("?""?\n?""?:0\n");
	for (size_t i = 0; i < n && i < FRAMES_MAX; i++)
		printf("%s\n%s:%u\n", *frames[i].name ? frames[i].name : "?""?", *frames[i].file ? frames[i].file : "?""?",
		       *frames[i].file ? frames[i].line : 0);
	printf("\n");
}

static double look_up_all(const struct image_file *f, const addresses *list, uint64_t *frames_found)
{
	struct image_frame frames[FRAMES_MAX];
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	*frames_found = 0;
	for (size_t i = 0; i < list->n; i++)
		*frames_found += image_file_find(f, list->v[i], frames, FRAMES_MAX);
	return (clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
}

int main(int argc, char **argv)
{
	struct images *all = images_new();
	struct parsers *server = parsers_new();
	struct digests *d = digests_new(all, server, NULL, NULL);
	struct rusage own, parsers;
	addresses list = {0};
	uint64_t start, frames;
	double cold, warm = 1e9;
	struct image *i;

	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	read_addresses(&list);
	start = clock_ns(CLOCK_MONOTONIC);
	i = argc > 1 ? open_image(all, argv[1]) : NULL;
	if (!i || !digests_start(d, i, IMAGE_DEBUG_INFO, NULL))
		return 1;
	digests_run(d, UINT64_MAX);
	if (!i->parsed.bytes) {
		fprintf(stderr, "no names\n");
		return 1;
	}
	look_up_all(&i->parsed.file, &list, &frames);
	cold = (clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
	for (int n = 0; n < REPEATS; n++) {
		double t = look_up_all(&i->parsed.file, &list, &frames);

		warm = t < warm ? t : warm;
	}
	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &parsers);
	fprintf(stderr, "image=%zu symbols=%u processes=%llu cold=%.4f warm=%.6f lookups=%zu frames=%llu own_kb=%ld parser_kb=%ld\n",
		i->parsed.size, i->parsed.file.h.symbols.count, (unsigned long long)digests_counts(d).processes, cold, warm, list.n,
		(unsigned long long)frames, own.ru_maxrss, parsers.ru_maxrss);
	for (size_t n = 0; n < list.n; n++)
		print_frames(&i->parsed.file, list.v[n]);
	images_release(all, i);
	digests_free(d);
	parsers_free(server);
	images_free(all);
	return 0;
}
