// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_unwind.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "elf/symtab.h"
#include "process/proc.h"
#include "symbolize/foreign.h"
#include "symbolize/image.h"
#include "unwind/report.h"
#include "unwind/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
static void print_holes(struct coverage *c, const struct elf *elf)
{
	struct symtab symbols = {0};
	struct buf line = {0};
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
		buf_truncate(&line, 0);
		text_escape(&line, symbols.names.v + s->name, strlen(symbols.names.v + s->name));
		printf("      no rule: %llu bytes from %s on\n", (unsigned long long)(h->end - h->start), line.v);
		shown++;
	}
	symtab_free(&symbols);
	buf_free(&line);
}

/* One line for the text [start, end) of an image whose bytes are in `copy`. */
static void print_image(const char *name, const struct elf *elf, uint64_t start, uint64_t end, const struct elf *with_symbols)
{
	struct unwind_table t = {0};
	struct coverage c = {0};
	struct buf line = {0};
	int ret = unwind_table_build(&t, elf);

	text_escape(&line, name, strlen(name));
	if (ret) {
		printf("%7s %8s %6s  %s: no call frame information: frame pointers only\n", "-", "-", "-", line.v ? line.v : "");
	} else {
		cover(&c, &t, start, end);
		printf("%6.2f%% %8zu %6zu  %s%s\n", c.bytes ? 100.0 * c.covered / c.bytes : 0, t.counts.rows, t.counts.rules,
		       line.v ? line.v : "", t.counts.left_out ? ": more functions than fit" : "");
		if (with_symbols)
			print_holes(&c, with_symbols);
		unwind_table_free(&t);
	}
	vec_free(&c.holes);
	buf_free(&line);
}

/* All that is to be told of a file. */
static int print_file(const char *name, int fd, const struct stat *st)
{
	struct elf_copy rules = {0}, symbols = {0};
	struct unwind_table t = {0};
	struct buf text = {0};
	int ret = elf_copy_load(&rules, fd, st->st_size, ELF_UNWIND);

	if (!ret)
		ret = unwind_table_build(&t, &rules.elf);
	if (!ret) {
		bool named = !elf_copy_load(&symbols, fd, st->st_size, ELF_SYMBOLS);

		unwind_report(&text, named ? &symbols.elf : &rules.elf, &t);
		fputs(text.v, stdout);
	} else {
		log_error(ret == -ENOENT ? "%s has no call frame information: stacks are walked by frame pointers" :
					   "%s is no x86-64 program or library", name);
	}
	unwind_table_free(&t);
	elf_copy_free(&symbols);
	elf_copy_free(&rules);
	buf_free(&text);
	return ret;
}

struct process_check {
	int32_t pid;
	struct images *images;
};

static void print_mapping(void *ctx, const struct proc_mapping *line)
{
	struct process_check *check = ctx;
	struct mapping m = {.start = line->start, .end = line->end, .offset = line->offset, .id = line->id, .path = (char *)line->path};
	struct image *i = images_open(check->images, check->pid, &m);
	struct elf_copy rules, symbols;
	char root[32];
	uint64_t vaddr;
	bool named;

	snprintf(root, sizeof(root), "/proc/%d/root", check->pid);
	if (!i || !image_mapping_vaddr(i, m.offset, &vaddr) || image_read(i, root, ELF_UNWIND, &rules)) {
		struct buf name = {0};

		text_escape(&name, *m.path ? m.path : "[anon]", strlen(*m.path ? m.path : "[anon]"));
		printf("%7s %8s %6s  %s: %s\n", "-", "-", "-", name.v,
		       !strcmp(m.path, "[vdso]") ? "its own rules, of the kernel's making" : "no file to read: frame pointers only");
		buf_free(&name);
	} else {
		named = !image_read(i, root, ELF_SYMBOLS, &symbols);
		print_image(m.path, &rules.elf, vaddr, vaddr + (m.end - m.start), named ? &symbols.elf : NULL);
		if (named)
			elf_copy_free(&symbols);
		elf_copy_free(&rules);
	}
	if (i)
		images_release(check->images, i);
}

int doctor_unwind(const char *target)
{
	struct process_check check = {.images = images_new()};
	uint64_t pid;
	int ret = 0;

	if (!text_u64(target, &pid) && pid && pid <= INT32_MAX) {
		printf("covered     rows  rules  image\n");
		check.pid = pid;
		ret = proc_read_maps(check.pid, print_mapping, &check);
		if (ret < 0)
			log_error("cannot read the mappings of process %d: %s", check.pid, strerror(-ret));
	} else {
		struct stat st;
		auto_close int path_fd = foreign_find("/", target, false, &st);
		auto_close int fd = path_fd < 0 ? path_fd : foreign_open(path_fd);

		ret = fd < 0 ? fd : print_file(target, fd, &st);
		if (fd < 0)
			log_error("cannot read %s: %s", target, strerror(-fd));
	}
	images_free(check.images);
	return ret < 0 ? 1 : 0;
}
