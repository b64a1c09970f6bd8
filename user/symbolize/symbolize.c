// SPDX-License-Identifier: Apache-2.0
#include "symbolize/symbolize.h"

#include "base/buf.h"
#include "symbolize/demangle.h"
#include "symbolize/image.h"
#include "symbolize/kallsyms.h"

#include <inttypes.h>
#include <string.h>
#include <sys/auxv.h>

struct symbolizer {
	struct images *images;
	struct kallsyms kernel;
	bool kernel_read;
	struct image_table vdso; /* our own: the kernel gives every 64-bit process the same */
	bool vdso_read;
	struct buf name; /* scratch */
};

struct symbolizer *symbolizer_new(void)
{
	struct symbolizer *s = xcalloc(1, sizeof(*s));

	s->images = images_new();
	return s;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	images_free(s->images);
	kallsyms_free(&s->kernel);
	symtab_free(&s->vdso.symtab);
	vec_free(&s->vdso.frames);
	buf_free(&s->name);
	free(s);
}

static void on_mapped(void *ctx, const struct process *p, struct mapping *m)
{
	struct symbolizer *s = ctx;

	m->image = images_open(s->images, p->pid, m);
}

static void on_shared(void *ctx, struct mapping *m)
{
	if (m->image)
		image_ref(m->image);
}

static void on_unmapped(void *ctx, struct mapping *m)
{
	struct symbolizer *s = ctx;

	if (m->image)
		images_release(s->images, m->image);
}

struct process_hooks symbolizer_hooks(struct symbolizer *s)
{
	return (struct process_hooks){on_mapped, on_shared, on_unmapped, s};
}

/* The frame of a symbol, made once per profile. */
static uint32_t symbol_frame(struct symbolizer *s, struct profile *p, struct image_table *t, const struct symbol *symbol,
			     const char *binary)
{
	size_t i = symbol - t->symtab.symbols.v;

	if (t->serial != p->serial || t->frames.n != t->symtab.symbols.n) {
		vec_reserve(&t->frames, t->symtab.symbols.n - t->frames.n);
		t->frames.n = t->symtab.symbols.n;
		memset(t->frames.v, 0, t->frames.n * sizeof(*t->frames.v));
		t->serial = p->serial;
	}
	if (!t->frames.v[i]) {
		buf_truncate(&s->name, 0);
		demangle(&s->name, t->symtab.names.v + symbol->name);
		t->frames.v[i] = profile_frame(p, s->name.v, binary, FRAME_USER) + 1;
	}
	return t->frames.v[i] - 1;
}

static uint32_t image_frame(struct symbolizer *s, struct profile *p, struct image *image, uint64_t offset, int32_t pid)
{
	const struct symbol *symbol;
	uint64_t vaddr = offset;

	image_load_symbols(image, pid);
	if (image_vaddr(image, offset, &vaddr))
		for (size_t i = 0; i < image->n_tables; i++)
			if ((symbol = symtab_find(&image->tables[i].symtab, vaddr)))
				return symbol_frame(s, p, &image->tables[i], symbol, image->name);
	buf_truncate(&s->name, 0);
	buf_printf(&s->name, "[%s+0x%" PRIx64 "]", image->name, vaddr);
	return profile_frame(p, s->name.v, image->name, FRAME_USER);
}

static void read_vdso(struct symbolizer *s)
{
	const void *bytes = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct elf elf;

	s->vdso_read = true;
	/* Two pages on x86-64; the kernel keeps its symbols within the image it maps. */
	if (bytes && !elf_open(&elf, bytes, 4096)) {
		uint64_t end = elf.header.e_shoff + (uint64_t)elf.header.e_shnum * elf.header.e_shentsize;

		if (!elf_open(&elf, bytes, end < 65536 ? end : 4096))
			symtab_build(&s->vdso.symtab, &elf, SYMTAB_DYNAMIC);
	}
}

static uint32_t vdso_frame(struct symbolizer *s, struct profile *p, const struct mapping *m, uint64_t address)
{
	const struct symbol *symbol;

	if (!s->vdso_read)
		read_vdso(s);
	symbol = symtab_find(&s->vdso.symtab, address - m->start + m->offset);
	return symbol ? symbol_frame(s, p, &s->vdso, symbol, "[vdso]") : profile_frame(p, "[vdso]", "[vdso]", FRAME_USER);
}

/* A file that could not be opened: where in it the code is can still be said. */
static uint32_t unopened_frame(struct symbolizer *s, struct profile *p, const struct mapping *m, uint64_t address)
{
	const char *slash = strrchr(m->path, '/');
	const char *name = slash && slash[1] ? slash + 1 : m->path;

	if (m->path[0] != '/')
		return profile_frame(p, *m->path == '[' ? m->path : "[anon]", *m->path == '[' ? m->path : "[anon]", FRAME_USER);
	buf_truncate(&s->name, 0);
	buf_printf(&s->name, "[%s+0x%" PRIx64 "]", name, address - m->start + m->offset);
	return profile_frame(p, s->name.v, name, FRAME_USER);
}

uint32_t symbolize_user(struct symbolizer *s, struct profile *p, uint32_t parent, struct process *process, uint64_t address,
			uint64_t time, bool is_return_address)
{
	/* The call is what stands before a return address; after a call that never returns, another function begins there. */
	uint64_t at = address - is_return_address;
	struct mapping *m = process ? process_mapping(process, at, time) : NULL;
	uint32_t frame;

	if (!m)
		frame = profile_frame(p, "[unknown]", "", FRAME_USER);
	else if (m->image)
		frame = image_frame(s, p, m->image, at - m->start + m->offset, process->pid);
	else if (!strcmp(m->path, "[vdso]"))
		frame = vdso_frame(s, p, m, at);
	else
		frame = unopened_frame(s, p, m, at);
	return profile_node(p, parent, frame);
}

uint32_t symbolize_kernel(struct symbolizer *s, struct profile *p, uint32_t parent, uint64_t address, bool is_return_address)
{
	const struct kernel_symbol *symbol;
	const char *module;

	if (!s->kernel_read) {
		kallsyms_read(&s->kernel);
		s->kernel_read = true;
	}
	symbol = kallsyms_find(&s->kernel, address - is_return_address);
	if (!symbol)
		return profile_node(p, parent, profile_frame(p, "[kernel]", "[kernel]", FRAME_KERNEL));
	module = s->kernel.text.v + symbol->module;
	return profile_node(p, parent,
			    profile_frame(p, s->kernel.text.v + symbol->name, *module ? module : "[kernel]", FRAME_KERNEL));
}
