// SPDX-License-Identifier: Apache-2.0
/*
 * Which file is behind a mapping, and where its names come from. The files are compiled here; what reads map_files of this process
 * needs a capability and is skipped without.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "elf/symtab.h"
#include "symbolize/digest.h"
#include "symbolize/foreign.h"
#include "symbolize/helper.h"

#define NOBODY 0x3FFFFFFF /* above the highest pid there can be: a process that is gone */

static char dir[] = "/tmp/profile-image-XXXXXX";
static bool can_compile;

/* Runs a shell command in the scratch directory. */
static bool shell(const char *format, ...)
{
	auto_free char *command = NULL, *all = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&command, format, ap) < 0)
		command = NULL;
	va_end(ap);
	all = xasprintf("cd %s && { %s; } >/dev/null 2>&1", dir, command);
	return !system(all);
}

static int set_up(void **state)
{
	static const char source[] = "static int hidden(int x) { return x * 3; }\n"
				     "int (*volatile keep)(int) = hidden;\n"
				     "int exported(int x) { return keep(x) + 1; }\n";
	auto_free char *path = NULL;

	if (!mkdtemp(dir))
		return -1;
	path = xasprintf("%s/fixture.c", dir);
	if (file_write(path, source, strlen(source), NULL))
		return -1;
	can_compile = shell("command -v gcc objcopy strip && gcc -shared -fPIC -O1 -Wl,--build-id -o with_id.so fixture.c && "
			    "gcc -shared -fPIC -O1 -Wl,--build-id=none -o without_id.so fixture.c");
	return 0;
}

static int tear_down(void **state)
{
	return shell("rm -rf %s", dir) ? 0 : -1;
}

#define need_compiler()                                                                                                \
	do {                                                                                                           \
		if (!can_compile) {                                                                                    \
			print_message("# skipped: no gcc, objcopy or strip\n");                                        \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

/* A file of the scratch directory, mapped here as code. */
struct mapped {
	struct mapping m;
	struct buf bytes;
	struct elf elf;
	void *at;
	size_t size;
};

static void map(struct mapped *f, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_close int fd = open(path, O_RDONLY);
	struct stat st;

	memset(f, 0, sizeof(*f));
	assert_true(fd >= 0 && !fstat(fd, &st));
	assert_int_equal(file_read(path, 1 << 24, &f->bytes), 0);
	elf_open(&f->elf, f->bytes.v, f->bytes.n);
	f->size = (st.st_size + 4095) & ~4095ull;
	f->at = mmap(NULL, f->size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(f->at, MAP_FAILED);
	f->m.start = (uintptr_t)f->at;
	f->m.end = f->m.start + f->size;
	f->m.path = steal_ptr(path);
	f->m.id = (struct file_id){.major = major(st.st_dev), .minor = minor(st.st_dev), .inode = st.st_ino};
}

/* As the side-band tells of it: a build id instead of device and inode. */
static void tell_build_id(struct mapped *f)
{
	f->m.id = (struct file_id){0};
	f->m.id.build_id_len = elf_build_id(&f->elf, f->m.id.build_id);
	assert_int_equal(f->m.id.build_id_len, 20); /* --build-id is SHA-1 */
}

static void unmap(struct mapped *f)
{
	munmap(f->at, f->size);
	buf_free(&f->bytes);
	free(f->m.path);
}

static uint64_t symbol_value(const struct mapped *f, const char *name)
{
	struct symtab t = {0};
	uint64_t value = 0;

	assert_int_equal(symtab_build(&t, &f->elf, SYMTAB_FULL), 0);
	for (size_t i = 0; i < t.symbols.n; i++)
		if (!strcmp(t.names.v + t.symbols.v[i].name, name))
			value = t.symbols.v[i].start;
	symtab_free(&t);
	assert_true(value);
	return value;
}

/* With a parser process, which this program is as well. */
static void digest(struct images *all, struct image *i, const char *root)
{
	struct parsers *parsers = parsers_new();
	struct digests *d = digests_new(all, parsers, NULL, NULL);

	assert_true(digests_start(d, i, IMAGE_DEBUG_INFO, root));
	assert_true(digests_run(d, UINT64_MAX));
	assert_int_equal(digests_counts(d).died, 0);
	assert_int_equal(digests_counts(d).overran, 0);
	digests_free(d);
	parsers_free(parsers);
}

static const char *name_at(const struct image *i, uint64_t vaddr)
{
	struct image_frame frames[8];
	size_t n = i->parsed.bytes ? image_file_find(&i->parsed.file, vaddr, frames, 8) : 0;

	return n ? frames[n - 1].name : "(none)";
}

static bool has_map_files(void)
{
	return !access("/proc/self/map_files/", R_OK | X_OK) && !shell("test -z \"$(ls -L /proc/self/map_files/)\"");
}

#define need_map_files()                                                                                               \
	do {                                                                                                           \
		if (!has_map_files()) {                                                                                \
			print_message("# skipped: map_files cannot be read\n");                                        \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static void deleted_file_through_its_mapping(void **state)
{
	struct images *all = images_new();
	struct image *i;
	struct mapped f;
	uint64_t hidden;

	need_compiler();
	need_map_files();
	assert_true(shell("cp with_id.so doomed.so"));
	map(&f, "doomed.so");
	hidden = symbol_value(&f, "hidden");
	assert_true(shell("rm doomed.so && cp without_id.so doomed.so"));
	auto_free char *path = xasprintf("%s (deleted)", f.m.path);
	free(f.m.path);
	f.m.path = steal_ptr(path);
	tell_build_id(&f);
	i = images_open(all, getpid(), &f.m);
	assert_non_null(i);
	assert_string_equal(i->name, "doomed.so");
	/* The process is gone before anybody asks for names. */
	munmap(f.at, f.size);
	f.size = 0;
	digest(all, i, NULL);
	assert_string_equal(name_at(i, hidden), "hidden");
	images_release(all, i);
	images_free(all);
	unmap(&f);
}

/* Another program may be mapped at the same addresses by the time we look. */
static void mapping_of_another_file(void **state)
{
	struct images *all = images_new();
	struct mapped f;

	need_compiler();
	need_map_files();
	map(&f, "with_id.so");
	tell_build_id(&f);
	f.m.id.build_id[0] ^= 1;
	assert_null(images_open(all, getpid(), &f.m));
	images_free(all);
	unmap(&f);
}

static void file_at_the_path_of_a_gone_process(void **state)
{
	struct images *all = images_new();
	struct mapped f;
	struct image *i;

	need_compiler();
	assert_true(shell("cp with_id.so upgraded.so"));
	map(&f, "upgraded.so");
	tell_build_id(&f);
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	images_release(all, i);
	assert_true(shell("cp without_id.so other.so && mv other.so upgraded.so"));
	assert_null(images_open(all, NOBODY, &f.m));
	images_free(all);
	unmap(&f);
}

static void device_and_inode_when_there_is_no_build_id(void **state)
{
	struct images *all = images_new();
	struct mapped f;
	struct image *i;

	need_compiler();
	map(&f, "without_id.so");
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	assert_int_equal(i->build_id_len, 0);
	images_release(all, i);
	f.m.id.inode++;
	assert_null(images_open(all, NOBODY, &f.m));
	f.m.id.inode = 0; /* nothing told, nothing believed */
	assert_null(images_open(all, NOBODY, &f.m));
	images_free(all);
	unmap(&f);
}

static void only_regular_files(void **state)
{
	struct mapping m = {.start = 0x1000, .end = 0x2000, .id = {.inode = 1}};
	struct images *all = images_new();
	auto_free char *fifo = xasprintf("%s/fifo", dir);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	m.path = fifo;
	assert_null(images_open(all, NOBODY, &m)); /* and does not wait for a writer */
	m.path = (char *)"/dev/zero";
	assert_null(images_open(all, NOBODY, &m));
	m.path = dir;
	assert_null(images_open(all, NOBODY, &m));
	m.path = (char *)"";
	assert_null(images_open(all, NOBODY, &m));
	m.path = (char *)"//anon";
	assert_null(images_open(all, NOBODY, &m));
	images_free(all);
}

static void text_file_has_no_addresses(void **state)
{
	struct images *all = images_new();
	struct mapped f;
	struct image *i;
	uint64_t vaddr;

	map(&f, "fixture.c");
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	digest(all, i, NULL);
	assert_null(i->parsed.bytes);
	assert_false(image_vaddr(i, 0, &vaddr));
	images_release(all, i);
	images_free(all);
	unmap(&f);
}

static void cut_after_it_was_opened(void **state)
{
	struct images *all = images_new();
	struct mapped f;
	struct image *i;

	need_compiler();
	assert_true(shell("cp with_id.so cut.so"));
	map(&f, "cut.so");
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	assert_int_equal(truncate(f.m.path, 100), 0);
	digest(all, i, NULL);
	assert_null(i->parsed.bytes);
	images_release(all, i);
	images_free(all);
	unmap(&f);
}

/* The same file with other contents, as cp(1) installs it: what is read then is not the code that was sampled. */
static void rewritten_in_place(void **state)
{
	struct images *all = images_new();
	struct image *i, *again;
	struct mapped f;

	need_compiler();
	assert_true(shell("cp without_id.so inplace.so && touch -d @1000000000 inplace.so"));
	map(&f, "inplace.so");
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	assert_true(shell("cat without_id.so > inplace.so"));
	digest(all, i, NULL);
	assert_null(i->parsed.bytes);
	/* Mapped anew it is another image. */
	again = images_open(all, NOBODY, &f.m);
	assert_non_null(again);
	assert_ptr_not_equal(again, i);
	digest(all, again, NULL);
	assert_non_null(again->parsed.bytes);
	images_release(all, i);
	images_release(all, again);
	images_free(all);
	unmap(&f);
}

/* Unlinked in between: other times of its inode, but the same contents. */
static void deleted_after_it_was_opened(void **state)
{
	struct images *all = images_new();
	struct image *i;
	struct mapped f;

	need_compiler();
	assert_true(shell("cp with_id.so short.so"));
	map(&f, "short.so");
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	assert_int_equal(unlink(f.m.path), 0);
	digest(all, i, NULL);
	assert_string_equal(name_at(i, symbol_value(&f, "hidden")), "hidden");
	images_release(all, i);
	images_free(all);
	unmap(&f);
}

/* A file that could not be read for want of a descriptor is read the next time. */
static void out_of_descriptors_for_a_moment(void **state)
{
	struct images *all = images_new();
	struct rlimit before, few;
	struct image *i;
	struct mapped f;
	int lowest;

	need_compiler();
	need_map_files();
	assert_true(shell("cp with_id.so starved.so"));
	map(&f, "starved.so");
	tell_build_id(&f);
	lowest = dup(0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = lowest + 1; /* enough to find it, not to open it as well */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	i = images_open(all, getpid(), &f.m);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_null(i);
	i = images_open(all, getpid(), &f.m);
	assert_non_null(i);
	assert_int_equal(i->build_id_len, 20);
	images_release(all, i);
	images_free(all);
	unmap(&f);
}

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* One file is one image; without users it holds no descriptor, and is still known when it comes again. */
static void one_image_a_file(void **state)
{
	struct images *all = images_new();
	struct image *a, *b;
	struct mapped f;
	int before;

	need_compiler();
	map(&f, "with_id.so");
	tell_build_id(&f);
	before = open_files();
	a = images_open(all, NOBODY, &f.m);
	b = images_open(all, NOBODY, &f.m);
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_int_equal(a->refs, 2);
	assert_int_equal(open_files(), before + 1);
	images_release(all, a);
	assert_int_equal(open_files(), before + 1);
	images_release(all, a);
	assert_int_equal(open_files(), before);
	b = images_open(all, NOBODY, &f.m);
	assert_ptr_equal(a, b);
	assert_int_equal(open_files(), before + 1);
	digest(all, b, NULL);
	assert_int_equal(open_files(), before);
	assert_string_equal(name_at(b, symbol_value(&f, "hidden")), "hidden");
	images_release(all, b);
	images_free(all);
	unmap(&f);
}

/* More files than descriptors: those that are not pinned are found again at their path. */
static void more_files_than_descriptors(void **state)
{
	struct rlimit before, few;
	struct images *all = images_new();
	struct image *images[600];
	struct mapped f;
	uint64_t hidden;
	int pinned = 0;

	need_compiler();
	map(&f, "with_id.so");
	tell_build_id(&f);
	hidden = symbol_value(&f, "hidden");
	assert_true(shell("mkdir many && for i in $(seq 0 599); do cp with_id.so many/$i; done"));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 600; i++) {
		free(f.m.path);
		f.m.path = xasprintf("%s/many/%d", dir, i);
		images[i] = images_open(all, NOBODY, &f.m);
		assert_non_null(images[i]);
		pinned += images[i]->fd >= 0;
	}
	assert_int_equal(pinned, 32); /* half of those we may have */
	assert_int_equal(unlink(f.m.path), 0);
	for (int i = 0; i < 600; i++) {
		digest(all, images[i], NULL);
		assert_string_equal(name_at(images[i], hidden), i == 599 ? "(none)" : "hidden");
		images_release(all, images[i]);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	images_free(all);
	unmap(&f);
}

/* The name at an address of `vaddr` in the stripped file NAME, whose debug files are looked for below `root`. */
static void check_stripped(const char *name, const char *root, uint64_t vaddr, const char *expected)
{
	struct images *all = images_new();
	auto_free char *path = xasprintf("%s/%s", dir, name);
	struct mapped f;
	struct image *i;

	map(&f, name);
	i = images_open(all, NOBODY, &f.m);
	assert_non_null(i);
	digest(all, i, root);
	if (strcmp(name_at(i, vaddr), expected))
		fail_msg("%s: %s, not %s", name, name_at(i, vaddr), expected);
	images_release(all, i);
	images_free(all);
	unmap(&f);
}

static uint64_t fixture_symbol(const char *file, const char *name)
{
	struct mapped f;
	uint64_t value;

	map(&f, file);
	value = symbol_value(&f, name);
	unmap(&f);
	return value;
}

static void debug_link(void **state)
{
	uint64_t hidden, exported;

	need_compiler();
	hidden = fixture_symbol("without_id.so", "hidden");
	exported = fixture_symbol("without_id.so", "exported");
	assert_true(shell("cp without_id.so linked.so && objcopy --only-keep-debug --strip-symbol=exported linked.so linked.debug && "
			  "strip linked.so && cp linked.so stripped.so && objcopy --add-gnu-debuglink=linked.debug linked.so"));
	check_stripped("stripped.so", NULL, hidden, "(none)");
	check_stripped("stripped.so", NULL, exported, "exported"); /* .dynsym */
	check_stripped("linked.so", NULL, hidden, "hidden");
	check_stripped("linked.so", NULL, exported, "exported"); /* .dynsym has it, the debug file does not */
	assert_true(shell("mkdir .debug && mv linked.debug .debug/"));
	check_stripped("linked.so", NULL, hidden, "hidden");
	assert_true(shell("mkdir -p root/usr/lib/debug%s && mv .debug/linked.debug root/usr/lib/debug%s/", dir, dir));
	check_stripped("linked.so", NULL, hidden, "(none)");
	auto_free char *root = xasprintf("%s/root", dir);
	check_stripped("linked.so", root, hidden, "hidden");
	/* A byte behind its contents: readable as before, another CRC. */
	assert_true(shell("printf X >> root/usr/lib/debug%s/linked.debug", dir));
	check_stripped("linked.so", root, hidden, "(none)");
	/* A link to itself. */
	assert_true(shell("cp stripped.so self.so && objcopy --add-gnu-debuglink=self.so self.so"));
	check_stripped("self.so", NULL, hidden, "(none)");
}

static void debug_file_by_build_id(void **state)
{
	auto_free char *root = xasprintf("%s/root2", dir), *path = NULL, *target = NULL;
	struct buf id = {0};
	struct mapped f;
	uint64_t hidden;

	need_compiler();
	map(&f, "with_id.so");
	hidden = symbol_value(&f, "hidden");
	tell_build_id(&f);
	buf_printf(&id, "%02x/", f.m.id.build_id[0]);
	for (int i = 1; i < 20; i++)
		buf_printf(&id, "%02x", f.m.id.build_id[i]);
	unmap(&f);
	target = xasprintf("root2/usr/lib/debug/.build-id/%s.debug", id.v);
	assert_true(shell("mkdir -p $(dirname %s) && objcopy --only-keep-debug with_id.so %s && cp with_id.so packaged.so && "
			  "strip packaged.so", target, target));
	check_stripped("packaged.so", NULL, hidden, "(none)");
	check_stripped("packaged.so", root, hidden, "hidden");
	/* What lies there under this id is another file. */
	assert_true(shell("cp %s kept && objcopy --only-keep-debug without_id.so %s", target, target));
	check_stripped("packaged.so", root, hidden, "(none)");
	/* An absolute link means the process's root, not ours. */
	assert_true(shell("mkdir -p outside/lib && mv root2/usr/lib/debug outside/lib/ && cp kept outside/lib/debug/.build-id/%s.debug && "
			  "ln -s %s/outside/lib/debug root2/usr/lib/debug", id.v, dir));
	check_stripped("packaged.so", root, hidden, "(none)");
	assert_true(shell("mkdir -p root2%s && mv outside root2%s/", dir, dir));
	check_stripped("packaged.so", root, hidden, "hidden");
	buf_free(&id);
}

static void file_systems_that_may_not_answer(void **state)
{
	static const char mounts[] = "23 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"
				     "28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
				     "130 28 0:44 / /home/a\\040-\\040ext4 rw - fuse.sshfs a@b:/ - ext4 rw\n"
				     "13 28 0:45 / /net rw shared:3 master:4 - nfs4 server:/x rw\n"
				     "31 28 0:46 / /tmp rw - tmpfs tmpfs rw\n"
				     "32 28 0:47 / /x rw - tmpfs2 x rw\n"
				     "33 28 0:48 / /broken rw\n";

	assert_true(foreign_mount_is_prompt(mounts, 28));
	assert_true(foreign_mount_is_prompt(mounts, 31));
	assert_false(foreign_mount_is_prompt(mounts, 13));
	assert_false(foreign_mount_is_prompt(mounts, 130));
	assert_false(foreign_mount_is_prompt(mounts, 32));
	assert_false(foreign_mount_is_prompt(mounts, 33));
	assert_false(foreign_mount_is_prompt(mounts, 3)); /* not the end of 13 */
	assert_false(foreign_mount_is_prompt(mounts, 1));
	assert_false(foreign_mount_is_prompt("", 1));
}

static void names_of_paths(void **state)
{
	static const char *const cases[][2] = {
		{"/usr/bin/perl", "perl"},	     {"/memfd:jit (deleted)", "memfd:jit"}, {"/a (deleted)/b", "b"},
		{"/a/ (deleted)", " (deleted)"}, {"[vdso]", "[vdso]"},		    {"/a/", "/a/"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *name = image_name(cases[i][0]);

		assert_string_equal(name, cases[i][1]);
	}
}

int main(int argc, char **argv)
{
	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deleted_file_through_its_mapping),
		cmocka_unit_test(mapping_of_another_file),
		cmocka_unit_test(file_at_the_path_of_a_gone_process),
		cmocka_unit_test(device_and_inode_when_there_is_no_build_id),
		cmocka_unit_test(only_regular_files),
		cmocka_unit_test(text_file_has_no_addresses),
		cmocka_unit_test(cut_after_it_was_opened),
		cmocka_unit_test(rewritten_in_place),
		cmocka_unit_test(deleted_after_it_was_opened),
		cmocka_unit_test(out_of_descriptors_for_a_moment),
		cmocka_unit_test(one_image_a_file),
		cmocka_unit_test(more_files_than_descriptors),
		cmocka_unit_test(debug_link),
		cmocka_unit_test(debug_file_by_build_id),
		cmocka_unit_test(file_systems_that_may_not_answer),
		cmocka_unit_test(names_of_paths),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
