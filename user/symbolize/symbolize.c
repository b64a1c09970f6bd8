// SPDX-License-Identifier: Apache-2.0
#include "symbolize/symbolize.h"

#include "base/buf.h"
#include "symbolize/demangle.h"
#include "symbolize/image.h"
#include "symbolize/jit.h"
#include "symbolize/kernel_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

struct symbolizer {
	struct images *images;
	struct jits *jits;
	struct kernel_names kernel;
	struct frame_cache kernel_frames; /* of kernel.core */
	struct symtab vdso; /* our own: the kernel gives every 64-bit process the same */
	struct frame_cache vdso_frames;
	bool vdso_read;
	struct buf name; /* scratch */
};

struct symbolizer *symbolizer_new(void)
{
	struct symbolizer *s = xcalloc(1, sizeof(*s));

	s->images = images_new();
	s->jits = jits_new();
	return s;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	images_free(s->images);
	jits_free(s->jits);
	kernel_names_free(&s->kernel);
	symtab_free(&s->vdso);
	vec_free(&s->kernel_frames.ids);
	vec_free(&s->vdso_frames.ids);
	buf_free(&s->name);
	free(s);
}

void symbolizer_limit(struct symbolizer *s, uint64_t bytes)
{
	images_limit(s->images, bytes);
}

void symbolizer_trim(struct symbolizer *s, unsigned rounds)
{
	images_trim(s->images, rounds);
}

/* Memory without a file of its own; what runs there was made at run time. */
static bool is_anonymous(const struct mapping *m)
{
	return m->path[0] != '/' || m->path[1] == '/' || !strcmp(m->path, "/dev/zero (deleted)") || !strncmp(m->path, "/SYSV", 5) ||
	       !strcmp(m->path, "/anon_hugepage (deleted)");
}

/* Memory that only its process knows: a JIT compiler may have written what is in it, perhaps through a memfd. */
static bool is_written_code(const struct mapping *m)
{
	return (is_anonymous(m) && (m->path[0] != '[' || !strncmp(m->path, "[anon:", 6) || !strcmp(m->path, "[heap]") ||
				    !strcmp(m->path, "[stack]"))) ||
	       !strncmp(m->path, "/memfd:", 7);
}

static void on_mapped(void *ctx, const struct process *p, struct mapping *m)
{
	struct symbolizer *s = ctx;
	bool dump = jit_is_dump(m);

	m->image = is_anonymous(m) || dump ? NULL : images_open(s->images, p->pid, m);
	if (dump || is_written_code(m))
		jits_watch(s->jits, p, m);
}

static void on_forgotten(void *ctx, const struct process *p)
{
	struct symbolizer *s = ctx;

	jits_forget(s->jits, p);
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
	return (struct process_hooks){on_mapped, on_shared, on_unmapped, s, on_forgotten};
}

struct images *symbolizer_images(struct symbolizer *s)
{
	return s->images;
}

/* The place of symbol i of n in a cache for this profile. */
static uint32_t *cached(struct frame_cache *c, const struct profile *p, size_t i, size_t n)
{
	if (c->serial != p->serial || c->ids.n != n) {
		vec_free(&c->ids);
		c->ids.v = xcalloc(n, sizeof(*c->ids.v));
		c->ids.n = c->ids.cap = n;
		c->serial = p->serial;
	}
	return &c->ids.v[i];
}

/* The frame of a linker symbol. */
static uint32_t symbol_frame(struct symbolizer *s, struct profile *p, const char *symbol, const char *binary, enum frame_kind kind)
{
	buf_truncate(&s->name, 0);
	demangle(&s->name, symbol);
	return profile_frame(p, s->name.v, binary, kind);
}

static uint32_t table_frame(struct symbolizer *s, struct profile *p, const struct symtab *t, struct frame_cache *cache,
			    const struct symbol *symbol, const char *binary)
{
	uint32_t *id = cached(cache, p, symbol - t->symbols.v, t->symbols.n);

	if (!*id)
		*id = symbol_frame(s, p, t->names.v + symbol->name, binary, FRAME_USER) + 1;
	return *id - 1;
}

/* Code without a name: where it is in its file, in the file's own addresses if it has some. */
static uint32_t address_frame(struct symbolizer *s, struct profile *p, const char *binary, uint64_t vaddr)
{
	buf_truncate(&s->name, 0);
	buf_printf(&s->name, "[%s+0x%" PRIx64 "]", binary, vaddr);
	return profile_frame(p, s->name.v, binary, FRAME_USER);
}

static uint32_t image_frame(struct symbolizer *s, struct profile *p, struct image *image, uint64_t offset, int32_t pid)
{
	const struct symbol *symbol;
	uint64_t vaddr = offset;
	char root[32];

	if (!image->loaded) {
		snprintf(root, sizeof(root), "/proc/%d/root", pid);
		images_load_symbols(s->images, image, root);
	}
	image_used(s->images, image);
	if (image_vaddr(image, offset, &vaddr))
		for (size_t i = 0; i < image->n_tables; i++)
			if ((symbol = symtab_find(&image->tables[i].symtab, vaddr)))
				return table_frame(s, p, &image->tables[i].symtab, &image->tables[i].frames, symbol, image->name);
	return address_frame(s, p, image->name, vaddr);
}

static void read_vdso(struct symbolizer *s)
{
	const void *bytes = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct elf elf;

	s->vdso_read = true;
	/* Two pages on x86-64; the section headers end the image that the kernel maps. */
	if (bytes && !elf_open(&elf, bytes, 4096)) {
		uint64_t end = elf.header.e_shoff + (uint64_t)elf.header.e_shnum * elf.header.e_shentsize;

		if (!elf_open(&elf, bytes, end < 65536 ? end : 4096))
			symtab_build(&s->vdso, &elf, SYMTAB_DYNAMIC);
	}
}

static uint32_t vdso_frame(struct symbolizer *s, struct profile *p, const struct mapping *m, uint64_t address)
{
	const struct symbol *symbol = NULL;

	if (!s->vdso_read)
		read_vdso(s);
	if (m->end > UINT32_MAX) /* below is that of a 32-bit process, another one */
		symbol = symtab_find(&s->vdso, address - m->start + m->offset);
	return symbol ? table_frame(s, p, &s->vdso, &s->vdso_frames, symbol, m->path) : profile_frame(p, m->path, m->path, FRAME_USER);
}

/* No file, or one that could not be opened. Shared anonymous memory has a path that was never in a directory. */
static uint32_t unopened_frame(struct symbolizer *s, struct profile *p, const struct mapping *m, uint64_t address)
{
	uint32_t frame;
	char *name;

	if (m->path[0] == '[')
		return profile_frame(p, m->path, m->path, FRAME_USER);
	if (is_anonymous(m))
		return profile_frame(p, "[anon]", "[anon]", FRAME_USER);
	name = image_name(m->path);
	frame = address_frame(s, p, name, address - m->start + m->offset);
	free(name);
	return frame;
}

/* Is it in no program or library, where only a compiler can know its name? */
static bool may_be_compiled(const struct mapping *m)
{
	const struct image *i = m->image;

	return i ? !i->segments.n : is_written_code(m);
}

/* The frame of code that a JIT compiler told of; false when none did. */
static bool jit_frame(struct symbolizer *s, struct profile *p, const struct process *process, uint64_t address, uint64_t time,
		      uint32_t *ret)
{
	const char *name = jits_find(s->jits, process, address, time);

	if (name)
		*ret = profile_frame(p, name, "[jit]", FRAME_JIT);
	return name;
}

static uint32_t add_image(struct profile *p, const char *path, const uint8_t *build_id, size_t len)
{
	char hex[2 * sizeof(((struct image *)0)->build_id) + 1] = "";

	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", build_id[i]);
	return profile_image(p, path, hex);
}

/* Where in which file the code is, for those who look up names later. */
static uint32_t location_of(struct profile *p, const struct mapping *m, uint64_t address)
{
	struct image *i = m->image;
	uint32_t id;

	if (!i && is_anonymous(m))
		return 0;
	if (i && i->profile_serial != p->serial) {
		i->profile_image = add_image(p, i->path, i->build_id, i->build_id_len);
		i->profile_serial = p->serial;
	}
	id = i ? i->profile_image : add_image(p, m->path, m->id.build_id, m->id.build_id_len);
	return profile_location(p, id, address - m->start + m->offset);
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
	else if (may_be_compiled(m) && jit_frame(s, p, process, at, time, &frame))
		return profile_node(p, parent, frame);
	else if (m->image)
		frame = image_frame(s, p, m->image, at - m->start + m->offset, process->pid);
	else if (!strcmp(m->path, "[vdso]"))
		frame = vdso_frame(s, p, m, at);
	else
		frame = unopened_frame(s, p, m, at);
	return profile_node_at(p, parent, frame, m ? location_of(p, m, at) : 0);
}

void symbolizer_jit_counts(const struct symbolizer *s, struct jit_counts *ret)
{
	jits_counts(s->jits, ret);
}

void symbolizer_apply(struct symbolizer *s, const struct process_event *e)
{
	kernel_names_apply(&s->kernel, e);
}

uint32_t symbolize_kernel(struct symbolizer *s, struct profile *p, uint32_t parent, uint64_t address, uint64_t time,
			  bool is_return_address)
{
	struct kernel_name found;
	uint32_t *id;

	if (!kernel_names_find(&s->kernel, address - is_return_address, time, &found))
		return profile_node(p, parent, profile_frame(p, "[kernel]", "[kernel]", FRAME_KERNEL));
	if (!found.core)
		return profile_node(p, parent, symbol_frame(s, p, found.name, *found.module ? found.module : "[kernel]", FRAME_KERNEL));
	id = cached(&s->kernel_frames, p, found.core - s->kernel.core.symbols.v, s->kernel.core.symbols.n);
	if (!*id)
		*id = symbol_frame(s, p, found.name, "[kernel]", FRAME_KERNEL) + 1;
	return profile_node(p, parent, *id - 1);
}
