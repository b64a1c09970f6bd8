// SPDX-License-Identifier: Apache-2.0
#include "elf/eh_frame.h"

#include "base/sort.h"

#include <errno.h>

enum { EH_FRAME, DEBUG_FRAME };

/* A section to walk through, and what the walk must know of it. */
struct walk {
	struct eh_frame *f;
	const struct cfi_pointers *section;
	struct reader r;
	bool is_debug;	       /* .debug_frame: other ids, and CIEs by offset from the section's start */
	const uint8_t *known;  /* a zero length ends the section only from here on */
	uint32_t first_cie, last_cie; /* of this section; last_cie: the one found last */
};

/* ---- Where the sections are ---- */

static bool segment_of_type(const struct elf *elf, uint32_t type, Elf64_Phdr *ret)
{
	for (uint32_t i = 0; elf_segment(elf, i, ret); i++)
		if (ret->p_type == type)
			return true;
	return false;
}

/* Is there a header for it, if only one without contents, as debug files have them? */
static bool has_section_header(const struct elf *elf, const char *name)
{
	Elf64_Shdr sh;

	return elf_section_header_by_name(elf, name, &sh);
}

struct hdr {
	uint64_t eh_frame; /* virtual address; 0 when there is none */
	uint64_t last;	   /* the highest address of an FDE in its table, or 0 */
};

/* .eh_frame_hdr (LSB 5.0 Core "Exception Frame Header"), through its segment. */
static struct hdr read_hdr(const struct elf *elf)
{
	struct cfi_pointers p = {.elf = elf};
	uint8_t version, pointer, count_encoding, entry;
	struct hdr hdr = {0};
	struct elf_bytes b;
	struct reader r;
	uint64_t count;
	Elf64_Phdr ph;

	if (!segment_of_type(elf, PT_GNU_EH_FRAME, &ph))
		return hdr;
	b = elf_at_vaddr(elf, ph.p_vaddr);
	if (b.n > ph.p_filesz)
		b.n = ph.p_filesz;
	if (!b.n)
		return hdr;
	p.bytes = b.v;
	p.address = p.data = ph.p_vaddr;
	r = reader_of(b.v, b.n);
	version = reader_u8(&r);
	pointer = reader_u8(&r);
	count_encoding = reader_u8(&r);
	entry = reader_u8(&r);
	if (version != 1)
		return hdr;
	hdr.eh_frame = cfi_read_pointer(&r, &p, pointer);
	if (r.failed)
		return (struct hdr){0};
	count = cfi_read_pointer(&r, &p, count_encoding);
	for (uint64_t i = 0; i < count && !r.failed; i++) {
		uint64_t fde;

		cfi_read_pointer(&r, &p, entry);
		fde = cfi_read_pointer(&r, &p, entry);
		if (!r.failed && fde > hdr.last)
			hdr.last = fde;
	}
	return hdr;
}

/* DT_PLTGOT, what DW_EH_PE_datarel counts from. */
static uint64_t data_base(const struct elf *elf)
{
	struct elf_bytes b;
	Elf64_Phdr ph;
	Elf64_Dyn d;

	if (!segment_of_type(elf, PT_DYNAMIC, &ph))
		return 0;
	b = elf_at_vaddr(elf, ph.p_vaddr);
	for (uint64_t at = 0; at + sizeof(d) <= b.n && at + sizeof(d) <= ph.p_filesz; at += sizeof(d)) {
		memcpy(&d, b.v + at, sizeof(d));
		if (d.d_tag == DT_PLTGOT)
			return d.d_un.d_ptr;
		if (d.d_tag == DT_NULL)
			break;
	}
	return 0;
}

static struct walk walk_section(struct eh_frame *f, int which, struct elf_bytes b, uint64_t address)
{
	struct cfi_pointers *s = &f->sections[which];

	if (b.n > EH_FRAME_BYTES_MAX) {
		b.n = EH_FRAME_BYTES_MAX;
		f->counts.cut++;
	}
	*s = (struct cfi_pointers){.bytes = b.v, .address = address, .data = data_base(f->elf)};
	if (f->elf->segments <= EH_FRAME_TEXTS_MAX) /* each look-up goes through all of them */
		s->elf = f->elf;
	return (struct walk){
		.f = f,
		.section = s,
		.r = reader_of(b.v, b.n),
		.is_debug = which == DEBUG_FRAME,
		.known = b.v + b.n,
		.first_cie = f->cies.n,
	};
}

static bool find_eh_frame(struct eh_frame *f, struct walk *ret)
{
	struct elf_bytes b;
	struct hdr hdr;
	Elf64_Shdr sh;

	if (has_section_header(f->elf, ".eh_frame")) {
		if (!elf_section_by_name(f->elf, ".eh_frame", &sh))
			return false;
		b = elf_contents(f->elf, &sh);
		if (b.n)
			*ret = walk_section(f, EH_FRAME, b, sh.sh_addr);
		return b.n;
	}
	hdr = read_hdr(f->elf);
	b = elf_at_vaddr(f->elf, hdr.eh_frame);
	if (!hdr.eh_frame || !b.n)
		return false;
	*ret = walk_section(f, EH_FRAME, b, hdr.eh_frame);
	/* Where the section ends is not known: at a zero length, but not before an entry that the table names. */
	ret->known = b.v;
	if (hdr.last >= hdr.eh_frame && hdr.last - hdr.eh_frame < reader_left(&ret->r))
		ret->known += hdr.last - hdr.eh_frame;
	return true;
}

static bool find_debug_frame(struct eh_frame *f, struct walk *ret)
{
	uint64_t budget = EH_FRAME_BYTES_MAX;
	int code = section_open(&f->debug_frame, f->elf, ".debug_frame", &budget);

	f->counts.cut += code && code != -ENOENT;
	if (f->debug_frame.bytes.n) /* not loaded: its address is 0 */
		*ret = walk_section(f, DEBUG_FRAME, f->debug_frame.bytes, 0);
	return f->debug_frame.bytes.n;
}

bool eh_frame_range(const struct elf *elf, unsigned i, uint64_t *offset, uint64_t *size)
{
	static const char *const sections[] = {NULL, ".eh_frame", ".debug_frame", ".zdebug_frame"};
	const char *section = i < ARRAY_SIZE(sections) ? sections[i] : NULL;
	Elf64_Phdr ph;
	Elf64_Shdr sh;

	*offset = *size = 0;
	if (i == 0) {
		if (elf_section_names(elf, &sh)) {
			*offset = sh.sh_offset;
			*size = sh.sh_size;
		}
	} else if (section) {
		if (elf_section_by_name(elf, section, &sh)) {
			*offset = sh.sh_offset;
			*size = sh.sh_size;
		}
	} else if (i == 4 || i == 5) {
		if (segment_of_type(elf, i == 4 ? PT_GNU_EH_FRAME : PT_DYNAMIC, &ph)) {
			*offset = ph.p_offset;
			*size = ph.p_filesz;
		}
	} else if (i == 6 && !has_section_header(elf, ".eh_frame")) {
		struct elf_bytes b = elf_at_vaddr(elf, read_hdr(elf).eh_frame);

		*offset = b.n ? b.v - elf->bytes : 0;
		*size = b.n < EH_FRAME_BYTES_MAX ? b.n : EH_FRAME_BYTES_MAX;
	}
	return i <= 6;
}

/* ---- Entries ---- */

struct entry {
	uint64_t offset; /* of the entry in its section */
	uint64_t cie;	 /* offset of the FDE's CIE */
	bool is_cie;
	struct reader r; /* what stands behind the id */
};

/* The next entry. Zero lengths are skipped unless the section can end there. */
static bool next_entry(struct walk *w, struct entry *e)
{
	const uint8_t *start, *id_at;
	uint64_t length = 0, id;
	unsigned width = 4;

	for (;;) {
		if (reader_left(&w->r) < 4)
			return false;
		start = w->r.at;
		length = reader_fixed(&w->r, 4);
		if (length)
			break;
		if (start >= w->known)
			return false;
	}
	if (length == UINT32_MAX) { /* the 64-bit format, whose ids have 8 bytes too, as binutils and elfutils read it */
		length = reader_fixed(&w->r, 8);
		width = 8;
	}
	if (w->r.failed || length > reader_left(&w->r)) {
		w->f->counts.cut++;
		return false;
	}
	e->r = reader_of(w->r.at, length);
	w->r.at += length;
	e->offset = start - w->section->bytes;
	id_at = e->r.at;
	id = reader_fixed(&e->r, width);
	if (w->is_debug) {
		e->is_cie = id == (width == 4 ? UINT32_MAX : UINT64_MAX);
		e->cie = id;
	} else {
		e->is_cie = !id;
		e->cie = (uint64_t)(id_at - w->section->bytes) - id;
	}
	return true;
}

static void read_cie(struct walk *w, const struct entry *e)
{
	struct cfi_cie *cie;

	if (e->r.failed || w->f->cies.n == EH_FRAME_CIES_MAX)
		return;
	cie = vec_push(&w->f->cies);
	*cie = (struct cfi_cie){.offset = e->offset, .pointers = w->section};
	cfi_read_cie(cie, e->r);
}

/* The CIE at that offset of the section, or NULL. They ascend as the file has them; neighbours mostly share one. */
static const struct cfi_cie *find_cie(struct walk *w, uint64_t offset)
{
	uint32_t low = w->first_cie, high = w->f->cies.n;

	if (w->last_cie < high && w->f->cies.v[w->last_cie].offset == offset && w->last_cie >= low)
		return &w->f->cies.v[w->last_cie];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (w->f->cies.v[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == w->f->cies.n || w->f->cies.v[low].offset != offset)
		return NULL;
	w->last_cie = low;
	return &w->f->cies.v[low];
}

/* The part of [start, start + size) in the executable segment where it starts; 0 when it starts in none. */
static uint64_t size_in_text(const struct eh_frame *f, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < f->texts; i++) {
		const struct eh_frame_text *t = &f->text[i];

		if (start >= t->start && start < t->end)
			return size < t->end - start ? size : t->end - start;
	}
	return 0;
}

static void read_fde(struct walk *w, struct entry *e)
{
	const struct cfi_cie *cie = find_cie(w, e->cie);
	struct eh_frame *f = w->f;
	uint64_t start, size, in_text;

	if (!cie || cie->bad || f->functions.n == EH_FRAME_FUNCTIONS_MAX) {
		f->counts.bad++;
		return;
	}
	start = cfi_read_pointer(&e->r, w->section, cie->encoding);
	size = cfi_read_pointer(&e->r, w->section, cie->encoding & 0x0f);
	if (cie->sized)
		reader_skip(&e->r, reader_uleb(&e->r));
	in_text = size_in_text(f, start, size);
	if (e->r.failed || in_text > UINT32_MAX)
		f->counts.bad++;
	else if (!size)
		f->counts.empty++;
	else if (!in_text || (w->is_debug && !start)) /* where nothing was linked, .debug_frame says 0 */
		f->counts.outside++;
	else
		*vec_push(&f->functions) = (struct eh_frame_function){
			.start = start,
			.size = in_text,
			.cie = cie - f->cies.v,
			.program = e->r.at - w->section->bytes,
			.program_size = reader_left(&e->r),
		};
}

/* In .eh_frame a CIE comes before its FDEs; in .debug_frame it may come behind them. */
static void read_section(struct walk w)
{
	struct walk before = w;
	struct entry e;

	while (w.is_debug && next_entry(&before, &e))
		if (e.is_cie)
			read_cie(&w, &e);
	while (next_entry(&w, &e)) {
		if (!e.is_cie)
			read_fde(&w, &e);
		else if (!w.is_debug)
			read_cie(&w, &e);
	}
}

/* ---- Order ---- */

/*
 * At each address the function that starts last: what glibc, libgcc and elfutils find in the sorted table of .eh_frame_hdr. They
 * find nothing behind the end of a function inside another, so neither goes on there.
 */
static void make_disjoint(struct eh_frame *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->functions.n; i++) {
		const struct eh_frame_function *next = &f->functions.v[i];
		struct eh_frame_function *last = n ? &f->functions.v[n - 1] : NULL;

		if (last && last->start == next->start) {
			f->counts.hidden++;
			continue;
		}
		if (last && next->start - last->start < last->size) {
			f->counts.clipped++;
			last->size = next->start - last->start;
		}
		f->functions.v[n++] = *next;
	}
	f->functions.n = n;
}

static int by_start(const void *a, const void *b)
{
	const struct eh_frame_text *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void find_text(struct eh_frame *f)
{
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(f->elf, i, &ph) && f->texts < EH_FRAME_TEXTS_MAX; i++) {
		struct eh_frame_text t = {.start = ph.p_vaddr};

		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X && !__builtin_add_overflow(ph.p_vaddr, ph.p_memsz, &t.end) &&
		    t.end > t.start)
			f->text[f->texts++] = t;
	}
	qsort(f->text, f->texts, sizeof(*f->text), by_start);
}

int eh_frame_open(struct eh_frame *f, const struct elf *elf)
{
	bool found = false;
	struct walk w;

	*f = (struct eh_frame){.elf = elf};
	find_text(f);
	if (!f->texts)
		return -ENOEXEC;
	if (find_eh_frame(f, &w)) {
		read_section(w);
		found = true;
	}
	if (find_debug_frame(f, &w)) {
		read_section(w);
		found = true;
	}
	if (!found)
		return -ENOENT;
	sort_by_number(f->functions.v, f->functions.n, sizeof(*f->functions.v)); /* most files are unsorted */
	make_disjoint(f);
	return 0;
}

void eh_frame_free(struct eh_frame *f)
{
	section_free(&f->debug_frame);
	vec_free(&f->cies);
	vec_free(&f->functions);
}

int eh_frame_rows(const struct eh_frame *f, const struct eh_frame_function *function, cfi_take_row *take, void *ctx)
{
	const struct cfi_cie *cie = &f->cies.v[function->cie];
	struct reader program = reader_of(cie->pointers->bytes + function->program, function->program_size);

	return cfi_run(cie, program, function->start, function->start + function->size, take, ctx);
}
