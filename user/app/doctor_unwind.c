// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_unwind.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "elf/symtab.h"
#include "process/proc.h"
#include "symbolize/foreign.h"
#include "symbolize/image.h"
#include "symbolize/parse.h"
#include "symbolize/sandbox.h"
#include "unwind/report.h"
#include "unwind/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUNCTIONS_SHOWN 5

struct range {
	uint64_t start, end;
};

struct coverage {
	uint64_t bytes, covered;
	VEC(struct range) holes;
};

/* Adds [start, end) of the text, which lies under one row. */
static void add_range(struct coverage *c, uint64_t start, uint64_t end, const struct unwind_rule *rule)
{
	struct range *last = c->holes.n ? &c->holes.v[c->holes.n - 1] : NULL;

	c->bytes += end - start;
	if (rule && (rule->cfa != UNWIND_CFA_NONE || rule->ra == UNWIND_RA_END))
		c->covered += end - start;
	else if (last && last->end == start)
		last->end = end;
	else
		*vec_push(&c->holes) = (struct range){start, end};
}

/* The rules of a part as far as they lie in [start, end). */
static void cover_part(struct coverage *c, const struct unwind_part *p, uint64_t start, uint64_t end)
{
	struct unwind_span span = {.end = start};

	while (span.end < end && unwind_part_next(p, &span))
		add_range(c, span.start, span.end < end ? span.end : end, span.rule);
}

/* The text in [start, end) of virtual addresses. */
static void cover(struct coverage *c, const struct unwind_table *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < t->parts.n && start < end; i++) {
		const struct unwind_part *p = &t->parts.v[i];

		if (p->end <= start || p->start >= end)
			continue;
		if (p->start > start) {
			add_range(c, start, p->start, NULL);
			start = p->start;
		}
		cover_part(c, p, start, p->end < end ? p->end : end);
		start = p->end;
	}
	if (start < end)
		add_range(c, start, end, NULL);
}

static int by_size(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->end - x->start > y->end - y->start ? -1 : x->end - x->start < y->end - y->start;
}

/* The functions in the largest holes. Padding between functions is no code: a hole without a symbol is not shown. */
static void print_holes(struct buf *out, struct coverage *c, const struct elf *elf)
{
	struct symtab symbols = {0};
	int shown = 0;

	if (symtab_build(&symbols, elf, SYMTAB_FULL))
		symtab_build(&symbols, elf, SYMTAB_DYNAMIC);
	if (c->holes.n)
		qsort(c->holes.v, c->holes.n, sizeof(*c->holes.v), by_size);
	for (size_t i = 0; i < c->holes.n && shown < FUNCTIONS_SHOWN; i++) {
		const struct range *h = &c->holes.v[i];
		const struct symbol *s = NULL;

		for (uint64_t a = h->start; !s && a < h->end && a < h->start + 64; a++)
			s = symtab_find(&symbols, a);
		if (!s)
			continue;
		buf_printf(out, "      no rule: %llu bytes from ", (unsigned long long)(h->end - h->start));
		text_escape(out, symbols.names.v + s->name, strlen(symbols.names.v + s->name));
		buf_puts(out, " on\n");
		shown++;
	}
	symtab_free(&symbols);
}

/* A file, or a mapping of one, to be told of. */
struct subject {
	const char *name;
	int fd;
	uint64_t size;	     /* of the file */
	uint64_t start, end; /* virtual addresses of what is mapped */
};

/* What became of it: the exit status of its reader. */
enum { TOLD, NO_RULES, NO_ELF, NOT_CONFINED };

/* One line for what is mapped of a file. */
static int tell_mapping(struct buf *out, const struct subject *s)
{
	struct elf_copy rules = {0}, symbols = {0};
	struct unwind_table t = {0};
	struct coverage c = {0};
	int ret = elf_copy_load(&rules, s->fd, s->size, ELF_UNWIND);

	ret = ret ? ret : unwind_table_build(&t, &rules.elf);
	if (ret)
		return ret == -ENOENT ? NO_RULES : NO_ELF;
	cover(&c, &t, s->start, s->end);
	buf_printf(out, "%6.2f%% %8zu %6zu  ", c.bytes ? 100.0 * c.covered / c.bytes : 0, t.counts.rows, t.counts.rules);
	text_escape(out, s->name, strlen(s->name));
	buf_puts(out, t.counts.left_out ? ": more functions than fit\n" : "\n");
	if (!elf_copy_load(&symbols, s->fd, s->size, ELF_SYMBOLS))
		print_holes(out, &c, &symbols.elf);
	return TOLD;
}

/* All that is to be told of a file. */
static int tell_file(struct buf *out, const struct subject *s)
{
	struct elf_copy rules = {0}, symbols = {0};
	struct unwind_table t = {0};
	int ret = elf_copy_load(&rules, s->fd, s->size, ELF_UNWIND);

	ret = ret ? ret : unwind_table_build(&t, &rules.elf);
	if (ret)
		return ret == -ENOENT ? NO_RULES : NO_ELF;
	unwind_report(out, !elf_copy_load(&symbols, s->fd, s->size, ELF_SYMBOLS) ? &symbols.elf : &rules.elf, &t);
	return TOLD;
}

/*
 * Reads it in a process that can do no more than a parser: the file may be another user's, and we are root. That process prints as well.
 * What became of it, or a negative errno; -ECHILD: it ended its reader.
 */
static int read_confined(const struct subject *s, int (*tell)(struct buf *out, const struct subject *s))
{
	const struct sandbox_limits limits = {PARSE_CPU_SECONDS, PARSE_MEMORY_BYTES, 2 * s->size, PARSE_RESULT_BYTES};
	struct buf out = {0};
	int status, ret;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (sandbox_enter(&limits))
			_exit(NOT_CONFINED);
		ret = tell(&out, s);
		_exit(file_write_fd(STDOUT_FILENO, out.v, out.n) && !ret ? NOT_CONFINED : ret);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) != NOT_CONFINED ? WEXITSTATUS(status) : -ECHILD;
}

static const char *reason(int became)
{
	return became == NO_RULES ? "no call frame information: frame pointers only" :
	       became == NO_ELF	  ? "no x86-64 program or library" :
				    "its reader died, or took too long";
}

static int print_file(const char *name)
{
	struct stat st;
	auto_close int path_fd = foreign_find("/", name, false, &st);
	auto_close int fd = path_fd < 0 ? path_fd : foreign_open(path_fd);
	int ret;

	if (fd < 0) {
		log_error("cannot read %s: %s", name, strerror(-fd));
		return 1;
	}
	ret = read_confined(&(struct subject){.name = name, .fd = fd, .size = st.st_size}, tell_file);
	if (ret == NO_RULES)
		log_error("%s has no call frame information: stacks are walked by frame pointers", name);
	else if (ret == NO_ELF)
		log_error("%s is no x86-64 program or library", name);
	else if (ret)
		log_error("cannot tell of %s: %s", name, reason(ret));
	return !!ret;
}

struct process_check {
	int32_t pid;
	struct images *images;
};

static void print_bare(const char *path, const char *why)
{
	struct buf name = {0};

	text_escape(&name, *path ? path : "[anon]", strlen(*path ? path : "[anon]"));
	printf("%7s %8s %6s  %s: %s\n", "-", "-", "-", name.v, why);
	buf_free(&name);
}

static void print_mapping(void *ctx, const struct proc_mapping *line)
{
	struct process_check *check = ctx;
	struct mapping m = {.start = line->start, .end = line->end, .offset = line->offset, .id = line->id, .path = (char *)line->path};
	struct image *i = images_open(check->images, check->pid, &m);
	struct subject s = {.name = m.path};
	char root[32];
	int ret;

	snprintf(root, sizeof(root), "/proc/%d/root", check->pid);
	auto_close int found = i ? image_find_file(i, root) : -1;
	auto_close int fd = found < 0 ? found : foreign_open(found);
	s.fd = fd;
	if (fd < 0 || !image_mapping_vaddr(i, m.offset, &s.start)) {
		print_bare(m.path, !strcmp(m.path, "[vdso]") ? "its own rules, of the kernel's making" : "no file to read: frame pointers only");
	} else {
		s.size = i->id.st_size;
		s.end = s.start + (m.end - m.start);
		ret = read_confined(&s, tell_mapping);
		if (ret)
			print_bare(m.path, reason(ret));
	}
	if (i)
		images_release(check->images, i);
}

int doctor_unwind(const char *target)
{
	struct process_check check = {0};
	uint64_t pid;
	int ret;

	if (text_u64(target, &pid) || !pid || pid > INT32_MAX)
		return print_file(target);
	printf("covered     rows  rules  image\n");
	check.images = images_new();
	check.pid = pid;
	ret = proc_read_maps(check.pid, print_mapping, &check);
	if (ret < 0)
		log_error("cannot read the mappings of process %d: %s", check.pid, strerror(-ret));
	images_free(check.images);
	return ret < 0 ? 1 : 0;
}
