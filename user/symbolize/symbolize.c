// SPDX-License-Identifier: Apache-2.0
#include "symbolize/symbolize.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "elf/symtab.h"
#include "symbolize/demangle.h"
#include "symbolize/image.h"
#include "symbolize/jit.h"
#include "symbolize/kernel_names.h"
#include "symbolize/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#define HOT_HITS 64	 /* frames met of an image that make its debug information worth a parser's while */
#define AHEAD_NS (5 * NS_PER_MS)
#define CHAIN_MAX 512 /* functions expanded into one another; compilers stay below 100 */
#define UNRESOLVED UINT32_MAX
#define NAMERS_SHARE 4 /* of the time to wait for names, one part in so many is kept for reading symbols */

/* An image that has raw frames in the profile: frames that stand for whatever is there. */
struct met {
	struct image *image;
	int32_t pid; /* of the first process seen with it */
};

struct symbolizer {
	struct symbolizer_options options;
	struct images *images;
	struct parsers *parsers;
	struct digests *digests;
	VEC(struct met) met;	/* since symbolize_names(); each with a reference */
	uint64_t turn;		/* counts the calls of symbolize_names() */
	VEC(uint32_t) named;	/* what each node of the profile `named_serial` has become, or UNRESOLVED */
	uint64_t named_serial;
	struct jits *jits;
	struct kernel_names kernel;
	struct frame_cache kernel_frames; /* of kernel.core */
	struct symtab vdso; /* our own: the kernel gives every 64-bit process the same */
	struct frame_cache vdso_frames;
	bool vdso_read;
	struct names *names;
	bool all_answered;   /* of the symbols that are being named; else what they are called is not for long */
	bool kernel_mangled; /* symbols of the kernel are (it has parts in Rust): frames are called by them until they are named */
	struct buf name; /* scratch */
};

static const struct names_owner kernel_owner;

struct symbolizer *symbolizer_new(const struct symbolizer_options *o)
{
	struct symbolizer *s = xcalloc(1, sizeof(*s));

	s->options = *o;
	s->images = images_new();
	s->parsers = parsers_new();
	s->digests = digests_new(s->images, s->parsers, o->cache, o->debuginfod);
	s->turn = 1;
	s->jits = jits_new();
	s->names = names_new(o->full_names);
	return s;
}

static void forget_met(struct symbolizer *s)
{
	for (size_t i = 0; i < s->met.n; i++)
		images_release(s->images, s->met.v[i].image);
	s->met.n = 0;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	digests_free(s->digests);
	parsers_free(s->parsers);
	forget_met(s);
	vec_free(&s->met);
	vec_free(&s->named);
	images_free(s->images);
	jits_free(s->jits);
	kernel_names_free(&s->kernel);
	names_free(s->names);
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

struct parsers *symbolizer_parsers(struct symbolizer *s)
{
	return s->parsers;
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

/* The frame of a linker symbol: of a mangled one that was not asked for, under that name. */
static uint32_t symbol_frame(struct symbolizer *s, struct profile *p, const struct names_owner *owner, const char *symbol,
			     const char *binary, enum frame_kind kind)
{
	return profile_frame(p, names_get(s->names, owner, symbol), binary, kind);
}

static uint32_t table_frame(struct symbolizer *s, struct profile *p, const struct symtab *t, struct frame_cache *cache,
			    const struct symbol *symbol, const char *binary)
{
	uint32_t *id = cached(cache, p, symbol - t->symbols.v, t->symbols.n);

	if (!*id)
		*id = symbol_frame(s, p, &kernel_owner, t->names.v + symbol->name, binary, FRAME_USER) + 1;
	return *id - 1;
}

/* Code without a name: where it, or the function that it belongs to, is in its file, in the file's own addresses if it has some. */
static uint32_t address_frame(struct symbolizer *s, struct profile *p, const char *binary, uint64_t vaddr)
{
	buf_truncate(&s->name, 0);
	buf_printf(&s->name, "[%s+0x%" PRIx64 "]", binary, vaddr);
	return profile_frame(p, s->name.v, binary, FRAME_USER);
}

/* The frame that stands for all code of an image until it is named. None but ours are notes, so no symbol is taken for one. */
static uint32_t raw_frame(struct symbolizer *s, struct profile *p, struct image *image, int32_t pid)
{
	if (image->raw_serial != p->serial) {
		buf_truncate(&s->name, 0);
		buf_printf(&s->name, "[image %" PRIu64 "]", image->serial);
		image->raw_frame = profile_frame(p, s->name.v, "", FRAME_NOTE);
		image->raw_serial = p->serial;
	}
	if (image->met != s->turn) {
		image->met = s->turn;
		image_ref(image);
		*vec_push(&s->met) = (struct met){image, pid};
	}
	image->hits++;
	image_used(s->images, image);
	return image->raw_frame;
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
		frame = raw_frame(s, p, m->image, process->pid);
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

/* The frame of a function of the kernel; of a mangled symbol: one that stands for it until it is named. */
static uint32_t kernel_frame(struct symbolizer *s, struct profile *p, const struct kernel_name *found)
{
	const char *module = *found->module ? found->module : "[kernel]";

	if (!demangle_is_mangled(found->name))
		return symbol_frame(s, p, &kernel_owner, found->name, module, FRAME_KERNEL);
	s->kernel_mangled = true;
	return profile_frame(p, found->name, module, FRAME_KERNEL);
}

uint32_t symbolize_kernel(struct symbolizer *s, struct profile *p, uint32_t parent, uint64_t address, uint64_t time,
			  bool is_return_address)
{
	struct kernel_name found;
	uint32_t *id;

	if (!kernel_names_find(&s->kernel, address - is_return_address, time, &found))
		return profile_node(p, parent, profile_frame(p, "[kernel]", "[kernel]", FRAME_KERNEL));
	if (!found.core)
		return profile_node(p, parent, kernel_frame(s, p, &found));
	id = cached(&s->kernel_frames, p, found.core - s->kernel.core.symbols.v, s->kernel.core.symbols.n);
	if (!*id)
		*id = kernel_frame(s, p, &found) + 1;
	return profile_node(p, parent, *id - 1);
}

/* Digesting what was met, the most frequent first. */

static enum image_level wanted_level(const struct symbolizer *s, const struct image *i)
{
	return s->options.all_debug_info || i->hits >= HOT_HITS ? IMAGE_DEBUG_INFO : IMAGE_SYMBOLS;
}

/* False: nothing is left to digest. */
static bool start_next(struct symbolizer *s, bool only_hot)
{
	struct met *next = NULL;
	char root[32];

	for (size_t i = 0; i < s->met.n; i++) {
		struct met *m = &s->met.v[i];

		if (!m->image->awaits && m->image->level < wanted_level(s, m->image) && (!only_hot || m->image->hits >= HOT_HITS) &&
		    (!next || m->image->hits > next->image->hits))
			next = m;
	}
	if (!next)
		return false;
	snprintf(root, sizeof(root), "/proc/%d/root", next->pid);
	return digests_start(s->digests, next->image, wanted_level(s, next->image), root);
}

/* Goes on until `until`. True: all is done. */
static bool digest(struct symbolizer *s, uint64_t until, bool only_hot)
{
	digests_fetch(s->digests, 0);
	do {
		if (!digests_run(s->digests, until))
			return false;
		s->named.n = 0; /* what has become of nodes may be something better now */
	} while (start_next(s, only_hot) && clock_ns(CLOCK_MONOTONIC) < until);
	return digests_run(s->digests, 0);
}

void symbolize_ahead(struct symbolizer *s)
{
	/* Symbols cost little; all that the debug information says is for what was sampled often, until the end. */
	digest(s, clock_ns(CLOCK_MONOTONIC) + AHEAD_NS, s->options.all_debug_info);
}

/* Naming */

static struct names_owner owner_of(const struct image *i)
{
	return (struct names_owner){i->id.st_uid, i->id.st_dev};
}

/* What image_file_find() says of the code at `offset` in its file; at most CHAIN_MAX frames. */
static size_t find_code(const struct image *image, uint64_t offset, uint64_t *vaddr, struct image_frame *frames)
{
	size_t n = image_vaddr(image, offset, vaddr) && image->parsed.bytes ? image_file_find(&image->parsed.file, *vaddr, frames, CHAIN_MAX) : 0;

	return n < CHAIN_MAX ? n : CHAIN_MAX;
}

static uint32_t *cached_frame(struct profile *p, struct image *image, const struct image_frame *f)
{
	return cached(&image->frames, p, f->key, image_file_keys(&image->parsed.file));
}

/* Asks for the names that the code at `where` will have. */
static void want_code(struct symbolizer *s, struct profile *p, struct image *image, struct profile_location where)
{
	struct names_owner owner = owner_of(image);
	struct image_frame frames[CHAIN_MAX];
	uint64_t vaddr;
	size_t n = find_code(image, where.offset, &vaddr, frames);

	while (n--)
		if (!*cached_frame(p, image, &frames[n]))
			names_want(s->names, &owner, frames[n].name);
}

static uint32_t chain_frame(struct symbolizer *s, struct profile *p, struct image *image, const struct image_frame *f)
{
	struct names_owner owner = owner_of(image);
	uint32_t *id = cached_frame(p, image, f), frame;

	if (*id)
		return *id - 1;
	frame = symbol_frame(s, p, &owner, f->name, image->name, f->inlined ? FRAME_INLINE : FRAME_USER);
	*id = s->all_answered ? frame + 1 : 0;
	return frame;
}

/* The frames of the code at `where`, below `parent`. */
static uint32_t name_code(struct symbolizer *s, struct profile *p, uint32_t parent, struct image *image, struct profile_location where)
{
	struct image_frame frames[CHAIN_MAX];
	uint64_t vaddr = where.offset, begin;
	size_t n = find_code(image, where.offset, &vaddr, frames);

	if (!n || frames[n - 1].inlined) { /* the function itself is unknown */
		begin = vaddr;
		if (image_vaddr(image, where.offset, &vaddr) && image->parsed.bytes)
			image_file_function(&image->parsed.file, vaddr, &begin);
		parent = profile_node_at(p, parent, address_frame(s, p, image->name, begin), profile_location(p, where.image, where.offset));
	}
	while (n--) {
		uint32_t file = *frames[n].file ? strings_add(p->strings, frames[n].file) : 0;
		uint32_t location = profile_location_in(p, where.image, where.offset, file, frames[n].line);

		parent = profile_node_at(p, parent, chain_frame(s, p, image, &frames[n]), location);
	}
	return parent;
}

/* What a frame of the profile stands for until it is named. */
struct unnamed {
	struct image *image; /* code of it, or NULL */
	bool kernel;	     /* the function of the kernel whose mangled symbol it is called by */
};

struct unnamed_frames {
	struct unnamed *v; /* by frame */
	size_t n; /* later frames are names */
};

static struct unnamed_frames find_unnamed(const struct symbolizer *s, const struct profile *p)
{
	struct unnamed_frames u = {xcalloc(p->frames.n, sizeof(*u.v)), p->frames.n};

	for (size_t i = 0; i < s->met.n; i++)
		if (s->met.v[i].image->raw_serial == p->serial)
			u.v[s->met.v[i].image->raw_frame].image = s->met.v[i].image;
	for (size_t i = 0; s->kernel_mangled && i < u.n; i++)
		u.v[i].kernel = p->frames.v[i].kind == FRAME_KERNEL && demangle_is_mangled(strings_get(p->strings, p->frames.v[i].name));
	return u;
}

/* Asks for the names that a node will have; `asked`: locations for which that was done. */
static void want_node(struct symbolizer *s, struct profile *p, struct profile_node node, const struct unnamed_frames *u, bool *asked)
{
	if (node.frame >= u->n)
		return;
	if (u->v[node.frame].kernel)
		names_want(s->names, &kernel_owner, strings_get(p->strings, p->frames.v[node.frame].name));
	if (!u->v[node.frame].image || asked[node.location])
		return;
	asked[node.location] = true;
	want_code(s, p, u->v[node.frame].image, p->locations.v[node.location]);
}

/* The same of all nodes of samples that have not become anything yet. */
static void want_names(struct symbolizer *s, struct profile *p, const struct unnamed_frames *u)
{
	auto_free bool *asked = xcalloc(p->locations.n, sizeof(*asked)), *seen = xcalloc(p->nodes.n, sizeof(*seen));

	for (size_t i = 0; i < p->samples.n; i++)
		for (uint32_t n = p->samples.v[i].node; s->named.v[n] == UNRESOLVED && !seen[n]; n = p->nodes.v[n].parent) {
			seen[n] = true;
			want_node(s, p, p->nodes.v[n], u, asked);
		}
}

static uint32_t renamed_kernel_frame(struct symbolizer *s, struct profile *p, struct profile_frame f)
{
	return symbol_frame(s, p, &kernel_owner, strings_get(p->strings, f.name), strings_get(p->strings, f.binary), FRAME_KERNEL);
}

/* What node n becomes. */
static uint32_t name_node(struct symbolizer *s, struct profile *p, uint32_t n, const struct unnamed_frames *u)
{
	struct profile_node node = p->nodes.v[n];
	uint32_t parent = s->named.v[node.parent];

	if (node.frame < u->n && u->v[node.frame].image)
		return name_code(s, p, parent, u->v[node.frame].image, p->locations.v[node.location]);
	if (node.frame < u->n && u->v[node.frame].kernel)
		node.frame = renamed_kernel_frame(s, p, p->frames.v[node.frame]);
	else if (parent == node.parent)
		return n;
	return profile_node_at(p, parent, node.frame, node.location);
}

/* The same for n and all nodes below it that have not become anything yet. */
static void name_stack(struct symbolizer *s, struct profile *p, uint32_t n, const struct unnamed_frames *u)
{
	VEC(uint32_t) path = {0};

	for (; s->named.v[n] == UNRESOLVED; n = p->nodes.v[n].parent)
		*vec_push(&path) = n;
	while (path.n) {
		n = path.v[--path.n];
		s->named.v[n] = name_node(s, p, n, u);
	}
	vec_free(&path);
}

/* Symbols are read until `until`. */
static void name_samples(struct symbolizer *s, struct profile *p, uint64_t until)
{
	struct unnamed_frames u = find_unnamed(s, p);
	size_t nodes = p->nodes.n;

	if (s->named_serial != p->serial)
		s->named.n = 0;
	s->named_serial = p->serial;
	if (!s->named.n)
		*vec_push(&s->named) = 0; /* the empty stack */
	while (s->named.n < nodes)
		*vec_push(&s->named) = UNRESOLVED;
	want_names(s, p, &u);
	s->all_answered = names_answer(s->names, until);
	for (size_t i = 0; i < p->samples.n; i++)
		name_stack(s, p, p->samples.v[i].node, &u);
	profile_move_samples(p, s->named.v);
	if (!s->all_answered)
		s->named.n = 0;
	names_forget(s->names);
	free(u.v);
}

void symbolize_names(struct symbolizer *s, struct profile *p)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), patience = s->options.patience_ns, until = now + patience;

	if (!s->met.n && !s->kernel_mangled)
		return;
	if (!digest(s, now + patience - patience / NAMERS_SHARE, false))
		log_debug("some names are missing: their parsers were not waited for");
	if (s->options.fetch_patience_ns) {
		while (digests_fetch(s->digests, now + s->options.fetch_patience_ns))
			digest(s, clock_ns(CLOCK_MONOTONIC) + patience, false);
		until = clock_ns(CLOCK_MONOTONIC) + patience; /* names that came late are read as well */
	}
	name_samples(s, p, until);
	forget_met(s);
	s->turn++;
}

/* Naming a profile of another time */

/* As address_frame() makes them, and unopened_frame(). */
static bool is_nameless(const struct profile *p, const struct profile_node *n)
{
	const struct profile_frame *f = &p->frames.v[n->frame];
	const char *name = strings_get(p->strings, f->name), *binary = strings_get(p->strings, f->binary);
	size_t length = strlen(binary);

	return n->location && f->kind == FRAME_USER && name[0] == '[' && length && !strncmp(name + 1, binary, length) &&
	       !strncmp(name + 1 + length, "+0x", 3);
}

static struct file_id read_build_id(const char *hex)
{
	struct file_id id = {0};

	while (id.build_id_len < sizeof(id.build_id) && sscanf(hex + 2 * id.build_id_len, "%2hhx", &id.build_id[id.build_id_len]) == 1)
		id.build_id_len++;
	return id;
}

static void read_again(struct symbolizer *s, struct image *i)
{
	if (i && !i->awaits && i->level < IMAGE_DEBUG_INFO && digests_start(s->digests, i, IMAGE_DEBUG_INFO, NULL))
		digests_run(s->digests, UINT64_MAX);
}

/* The images of the profile in which something has no name, read in all; the others are NULL. */
static void find_again(struct symbolizer *s, const struct profile *p, struct image **images)
{
	uint64_t fetch_until = clock_ns(CLOCK_MONOTONIC) + s->options.fetch_patience_ns;
	auto_free bool *asked = xcalloc(p->images.n, sizeof(*asked));

	for (uint32_t n = 1; n < p->nodes.n; n++) {
		uint32_t i = p->locations.v[p->nodes.v[n].location].image;

		if (asked[i] || !is_nameless(p, &p->nodes.v[n]))
			continue;
		asked[i] = true;
		struct file_id id = read_build_id(strings_get(p->strings, p->images.v[i].build_id));
		images[i] = images_find(s->images, strings_get(p->strings, p->images.v[i].path), &id);
		read_again(s, images[i]);
	}
	while (digests_fetch(s->digests, fetch_until))
		for (size_t i = 0; i < p->images.n; i++)
			read_again(s, images[i]);
}

/* The frames that a nameless node has by now; 0: its function has none. */
static size_t find_nameless(const struct profile *p, const struct profile_node *n, const struct image *image, struct image_frame *frames)
{
	uint64_t vaddr;
	size_t found = image ? find_code(image, p->locations.v[n->location].offset, &vaddr, frames) : 0;

	return found && !frames[found - 1].inlined ? found : 0;
}

/* What a nameless node becomes below `parent`; without a name: itself. */
static uint32_t name_again(struct symbolizer *s, struct profile *p, uint32_t parent, uint32_t n, struct image *image, bool exact)
{
	struct profile_node node = p->nodes.v[n];
	struct profile_location where = p->locations.v[node.location];
	struct image_frame frames[CHAIN_MAX];
	size_t found = find_nameless(p, &node, image, frames);

	if (!found)
		return profile_node_at(p, parent, node.frame, node.location);
	if (exact)
		return name_code(s, p, parent, image, where);
	return profile_node_at(p, parent, chain_frame(s, p, image, &frames[found - 1]), node.location);
}

/* The images that nameless nodes are in, read in all, by image of the profile; and all their names are asked for. To be released. */
static struct image **find_all_again(struct symbolizer *s, struct profile *p)
{
	struct image **images = xcalloc(p->images.n, sizeof(*images));

	find_again(s, p, images);
	for (uint32_t n = 1; n < p->nodes.n; n++) {
		struct profile_location where = p->locations.v[p->nodes.v[n].location];

		if (is_nameless(p, &p->nodes.v[n]) && images[where.image])
			want_code(s, p, images[where.image], where);
	}
	return images;
}

size_t symbolize_again(struct symbolizer *s, struct profile *p, bool exact)
{
	size_t nodes = p->nodes.n, n_images = p->images.n, named = 0;
	auto_free struct image **images = find_all_again(s, p);
	auto_free uint32_t *to = xcalloc(nodes, sizeof(*to));

	s->all_answered = names_answer(s->names, UINT64_MAX);
	/* Parents come before their children. */
	for (uint32_t n = 1; n < nodes; n++) {
		struct profile_node node = p->nodes.v[n];

		if (is_nameless(p, &node))
			to[n] = name_again(s, p, to[node.parent], n, images[p->locations.v[node.location].image], exact);
		else
			to[n] = profile_node_at(p, to[node.parent], node.frame, node.location);
		named += p->nodes.v[to[n]].frame != node.frame;
	}
	profile_move_samples(p, to);
	names_forget(s->names);
	for (size_t i = 0; i < n_images; i++)
		if (images[i])
			images_release(s->images, images[i]);
	return named;
}

struct digest_counts symbolizer_counts(const struct symbolizer *s)
{
	return digests_counts(s->digests);
}

struct names_counts symbolizer_names(const struct symbolizer *s)
{
	return names_counts(s->names);
}
