// SPDX-License-Identifier: Apache-2.0
/* From an address of this very process to a frame. */
#include <dlfcn.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "process/process.h"
#include "symbolize/helper.h"
#include "symbolize/symbolize.h"

struct fixture {
	struct symbolizer *symbolizer;
	struct process_table *table;
	struct process *self;
	struct profile *profile;
	uint64_t now;
	void *code; /* anonymous executable memory */
};

static int set_up(void **state)
{
	const struct symbolizer_options options = {.all_debug_info = true, .patience_ns = 60 * NS_PER_SEC};
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct process_hooks hooks;

	f->code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->symbolizer = symbolizer_new(&options);
	hooks = symbolizer_hooks(f->symbolizer);
	f->table = process_table_new(&hooks);
	f->profile = profile_new();
	if (process_table_scan(f->table, getpid()))
		return -1;
	f->now = clock_ns(CLOCK_MONOTONIC);
	f->self = process_table_find(f->table, getpid(), 0, f->now);
	*state = f;
	return f->self ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	process_table_free(f->table);
	symbolizer_free(f->symbolizer);
	profile_free(f->profile);
	munmap(f->code, 4096);
	free(f);
	return 0;
}

/* The stack that one address makes, named: its leaf. */
static uint32_t stack_of(struct fixture *f, uint64_t address, bool is_return_address)
{
	uint32_t node = symbolize_user(f->symbolizer, f->profile, 0, f->self, address, f->now, is_return_address);

	profile_clear(f->profile);
	profile_add(f->profile, profile_thread(f->profile, profile_process(f->profile, 1, 1, "x"), 1, "x"), node, 1);
	symbolize_names(f->symbolizer, f->profile);
	assert_int_equal(f->profile->samples.n, 1);
	return f->profile->samples.v[0].node;
}

static const struct profile_frame *frame_of(struct fixture *f, uint64_t address, bool is_return_address)
{
	uint32_t node = stack_of(f, address, is_return_address);

	assert_int_equal(f->profile->nodes.v[node].parent, 0);
	return &f->profile->frames.v[f->profile->nodes.v[node].frame];
}

static const char *name_of(struct fixture *f, uint64_t address, bool is_return_address)
{
	return strings_get(f->profile->strings, frame_of(f, address, is_return_address)->name);
}

static const char *binary_of(struct fixture *f, uint64_t address)
{
	return strings_get(f->profile->strings, frame_of(f, address, false)->binary);
}

/* Two functions that stand one behind the other in a section of their own. */
__attribute__((noinline, section(".text.pair"), used)) static int first_of_pair(int x)
{
	return x + 1;
}

__attribute__((noinline, section(".text.pair"), used)) static int second_of_pair(int x)
{
	return x + 2;
}

static void own_functions(void **state)
{
	struct fixture *f = *state;
	uint64_t first = (uintptr_t)first_of_pair, second = (uintptr_t)second_of_pair;
	uint64_t high = first < second ? second : first;

	assert_string_equal(name_of(f, first, false), "first_of_pair");
	assert_string_equal(name_of(f, second, false), "second_of_pair");
	assert_string_equal(binary_of(f, first), "test_symbolize");
	assert_int_equal(frame_of(f, first, false)->kind, FRAME_USER);
	/* The call is before its return address: after one that ends a function, that is the function before. */
	assert_string_equal(name_of(f, high + 1, true), high == second ? "second_of_pair" : "first_of_pair");
	assert_string_not_equal(name_of(f, high, true), high == second ? "second_of_pair" : "first_of_pair");
}

/* Two functions expanded into a third, each in a line of its own. */
__attribute__((always_inline)) static inline int innermost(volatile int *x)
{
	return *x * 3;
}

__attribute__((always_inline)) static inline int middle(volatile int *x)
{
	return innermost(x) + 1;
}

__attribute__((noinline, used)) static int with_inlines(volatile int *x)
{
	return middle(x) - 2;
}

static void assert_frame(struct fixture *f, uint32_t node, const char *name, enum frame_kind kind, int line)
{
	const struct profile *p = f->profile;
	const struct profile_frame *frame = &p->frames.v[p->nodes.v[node].frame];
	const struct profile_location *l = &p->locations.v[p->nodes.v[node].location];
	const char *file = strings_get(p->strings, l->file);
	size_t n = strlen(file), m = strlen(__FILE__);

	assert_string_equal(strings_get(p->strings, frame->name), name);
	assert_int_equal(frame->kind, kind);
	assert_int_equal(l->line, line);
	assert_true(n >= m && !strcmp(file + n - m, __FILE__));
}

static int line_of(const char *text)
{
	char line[512];
	int n = 0;
	FILE *source = fopen(__FILE__, "r");

	assert_non_null(source);
	while (fgets(line, sizeof(line), source) && ++n && !strstr(line, text))
		;
	fclose(source);
	return n;
}

static void inlined_functions(void **state)
{
	struct fixture *f = *state;
	bool found = false;

	if (access(__FILE__, R_OK)) {
		print_message("# skipped: this test's source is not at hand\n");
		skip();
	}
	/* Somewhere in the function is the code of the innermost one. */
	for (uint64_t address = (uintptr_t)with_inlines; !found && address < (uintptr_t)with_inlines + 64; address++) {
		uint32_t leaf = stack_of(f, address, false), parent = f->profile->nodes.v[leaf].parent;
		const struct profile_frame *frame = &f->profile->frames.v[f->profile->nodes.v[leaf].frame];

		if (strcmp(strings_get(f->profile->strings, frame->name), "innermost"))
			continue;
		found = true;
		assert_frame(f, leaf, "innermost", FRAME_INLINE, line_of("return *x * 3"));
		assert_frame(f, parent, "middle", FRAME_INLINE, line_of("return innermost(x) + 1"));
		parent = f->profile->nodes.v[parent].parent;
		assert_frame(f, parent, "with_inlines", FRAME_USER, line_of("return middle(x) - 2"));
		assert_int_equal(f->profile->nodes.v[parent].parent, 0);
	}
	assert_true(found);
}

static void library_function(void **state)
{
	struct fixture *f = *state;
	/* From libc itself, not what a sanitizer put before it. */
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	uint64_t address = libc ? (uintptr_t)dlsym(libc, "lfind") : 0;

	assert_true(address);
	assert_string_equal(name_of(f, address, false), "lfind");
	assert_int_equal(strncmp(binary_of(f, address), "libc", 4), 0);
	dlclose(libc);
}

static void vdso_function(void **state)
{
	struct fixture *f = *state;
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	uint64_t address = vdso ? (uintptr_t)dlsym(vdso, "__vdso_gettimeofday") : 0;

	if (!address) {
		print_message("# skipped: no vDSO\n");
		skip();
	}
	/* The function has two names of the same binding and size, but for one weak: the global one, or the shorter. */
	if (strcmp(name_of(f, address, false), "gettimeofday"))
		assert_string_equal(name_of(f, address, false), "__vdso_gettimeofday");
	assert_string_equal(binary_of(f, address), "[vdso]");
	assert_string_equal(name_of(f, getauxval(AT_SYSINFO_EHDR), false), "[vdso]"); /* its header: no function */
	dlclose(vdso);
}

static void what_has_no_name(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(name_of(f, (uintptr_t)f->code + 100, false), "[anon]");
	assert_string_equal(name_of(f, 0x10, false), "[unknown]");
	assert_string_equal(name_of(f, 0, true), "[unknown]");
	assert_string_equal(name_of(f, UINT64_MAX, false), "[unknown]");
	f->self = NULL;
	assert_string_equal(name_of(f, (uintptr_t)first_of_pair, false), "[unknown]");
}

/* Behind the last function of the text segment: the image, and where in it. */
static void address_in_an_image(void **state)
{
	struct fixture *f = *state;
	struct mapping *m = process_mapping(f->self, (uintptr_t)first_of_pair, f->now);
	char expected[128];

	assert_non_null(m);
	snprintf(expected, sizeof(expected), "[test_symbolize+0x%" PRIx64 "]", m->end - 1 - m->start + m->offset);
	if (strcmp(name_of(f, m->end - 1, false), expected)) {
		print_message("# skipped: the text fills its last page\n");
		assert_true(*name_of(f, m->end - 1, false) != '[');
		skip();
	}
}

/* Ids of frames are remembered; they are those of another profile when another is asked for. */
static void two_profiles(void **state)
{
	struct fixture *f = *state;
	struct profile *first = f->profile;
	const struct profile_frame *frame;

	name_of(f, (uintptr_t)first_of_pair, false);
	name_of(f, (uintptr_t)second_of_pair, false);
	f->profile = profile_new();
	profile_frame(f->profile, "something else", "", FRAME_USER);
	frame = frame_of(f, (uintptr_t)second_of_pair, false);
	assert_string_equal(strings_get(f->profile->strings, frame->name), "second_of_pair");
	frame = frame_of(f, (uintptr_t)second_of_pair, false);
	assert_string_equal(strings_get(f->profile->strings, frame->name), "second_of_pair");
	profile_free(f->profile);
	f->profile = first;
	assert_string_equal(name_of(f, (uintptr_t)second_of_pair, false), "second_of_pair");
}

static void kernel_addresses(void **state)
{
	struct fixture *f = *state;
	unsigned long long address = 0;
	char line[512], type, name[300];
	FILE *kallsyms = fopen("/proc/kallsyms", "r");
	const struct profile_frame *frame;
	uint32_t node;

	assert_non_null(kallsyms);
	while (fgets(line, sizeof(line), kallsyms))
		if (sscanf(line, "%llx %c %299s", &address, &type, name) == 3 && !strcmp(name, "schedule"))
			break;
	fclose(kallsyms);
	node = symbolize_kernel(f->symbolizer, f->profile, 0, 0x1234, f->now, false);
	frame = &f->profile->frames.v[f->profile->nodes.v[node].frame];
	assert_string_equal(strings_get(f->profile->strings, frame->name), "[kernel]");
	assert_int_equal(frame->kind, FRAME_KERNEL);
	if (!address) {
		print_message("# skipped: kernel addresses are hidden\n");
		skip();
	}
	for (int again = 0; again < 2; again++) {
		node = symbolize_kernel(f->symbolizer, f->profile, 0, address + 1, f->now, true);
		frame = &f->profile->frames.v[f->profile->nodes.v[node].frame];
		assert_string_equal(strings_get(f->profile->strings, frame->name), "schedule");
		assert_string_equal(strings_get(f->profile->strings, frame->binary), "[kernel]");
		assert_int_equal(frame->kind, FRAME_KERNEL);
	}
}

/* Parts of the kernel are in Rust. Its own symbols are made readable where those of others are. */
static void mangled_kernel_symbol(void **state)
{
	struct process_event e = {.kind = EVENT_KSYMBOL};
	struct fixture *f = *state;
	const uint64_t start = 0xffff900000001000; /* where the kernel maps memory, but never code */

	symbolize_kernel(f->symbolizer, f->profile, 0, 0x1234, f->now, false); /* what is told from here on is news */
	e.time = clock_ns(CLOCK_MONOTONIC);
	e.ksymbol.start = start;
	e.ksymbol.len = 64;
	e.ksymbol.type = PERF_RECORD_KSYMBOL_TYPE_OOL;
	strcpy(e.ksymbol.name, "_RNvNtC6kernel4sync3foo");
	symbolizer_apply(f->symbolizer, &e);
	for (int window = 0; window < 2; window++) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);
		uint32_t user = symbolize_user(f->symbolizer, f->profile, 0, f->self, (uintptr_t)first_of_pair, f->now, false);
		uint32_t node = symbolize_kernel(f->symbolizer, f->profile, user, start + 8, now, true);
		const struct profile_frame *frame;

		node = symbolize_kernel(f->symbolizer, f->profile, node, 0x1234, now, false);
		profile_clear(f->profile);
		profile_add(f->profile, profile_thread(f->profile, profile_process(f->profile, 1, 1, "x"), 1, "x"), node, 1);
		symbolize_names(f->symbolizer, f->profile);
		node = f->profile->nodes.v[f->profile->samples.v[0].node].parent;
		frame = &f->profile->frames.v[f->profile->nodes.v[node].frame];
		assert_string_equal(strings_get(f->profile->strings, frame->name), "kernel::sync::foo");
		assert_int_equal(frame->kind, FRAME_KERNEL);
		node = f->profile->nodes.v[node].parent;
		frame = &f->profile->frames.v[f->profile->nodes.v[node].frame];
		assert_string_equal(strings_get(f->profile->strings, frame->name), "first_of_pair");
	}
}

int main(int argc, char **argv)
{
	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_functions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inlined_functions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(library_function, set_up, tear_down),
		cmocka_unit_test_setup_teardown(vdso_function, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_has_no_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(address_in_an_image, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_profiles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kernel_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mangled_kernel_symbol, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
