// SPDX-License-Identifier: Apache-2.0
#include "symbolize/parse.h"

#include "base/file.h"
#include "base/mem.h"
#include "elf/eh_frame.h"
#include "elf/pclntab.h"
#include "elf/reader.h"
#include "symbolize/elf_bytes.h"
#include "symbolize/foreign.h"
#include "symbolize/sandbox.h"
#include "unwind/table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

static const struct symbol_source *const sources[] = {&symtab_source, &debug_source,	&minidebug_source,
						       &go_source,     &dynsym_source, &plt_source};

#define INFLATED_BYTES_MAX (512ull << 20)
#define CRC_BYTES_MAX (512ull << 20) /* a quarter of a second */
#define LINKS_MAX 512

struct parse_file {
	enum parse_kind kind;
	uint64_t id;
	dev_t device;
	ino_t inode;
	int fd;
	uint64_t size;
	bool loaded;
	struct elf_copy copy;
};

struct parse {
	int fds[PARSE_FDS];
	struct parse_request request;
	struct parse_file own;
	VEC(struct parse_file) files; /* those of the request that exist */
	uint64_t bytes; /* of all of them */
	bool too_large; /* something was, and is left out */
	const struct elf *debug;
	struct symtab tables[ARRAY_SIZE(sources)];
	bool complete; /* one of them has all functions */
	struct eh_frame functions; /* otherwise: where they are */
	VEC(struct image_link_input) links;
};

/* Opening: the last thing that is done with rights. No file is looked into. */

static int open_file(struct parse_file *f, int path_fd)
{
	struct stat st;

	f->fd = foreign_open(path_fd);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &st))
		return -errno;
	f->size = st.st_size;
	return 0;
}

/* The target's root often is ours. */
static bool has_file(const struct parse *p, const struct parse_file *f)
{
	for (size_t i = 0; i < p->files.n; i++) {
		const struct parse_file *o = &p->files.v[i];

		if (o->device == f->device && o->inode == f->inode && o->kind == f->kind && o->id == f->id)
			return true;
	}
	return false;
}

static void open_path(struct parse *p, const struct parse_path *path, const char *text, const struct stat *own)
{
	struct stat st;
	auto_close int found = foreign_find_below(p->fds[PARSE_ROOT + path->root], text, false, &st);

	if (found < 0 || (st.st_dev == own->st_dev && st.st_ino == own->st_ino))
		return; /* none, or the image itself */
	struct parse_file f = {.kind = path->kind, .id = path->id, .device = st.st_dev, .inode = st.st_ino};
	if (has_file(p, &f) || open_file(&f, found))
		return;
	p->bytes += f.size;
	*vec_push(&p->files) = f;
}

static int open_files(struct parse *p, const struct buf *request)
{
	struct reader r = {(const uint8_t *)request->v, (const uint8_t *)request->v + request->n, false};
	struct stat own;
	int ret;

	memcpy(&p->request, reader_skip(&r, sizeof(p->request)), r.failed ? 0 : sizeof(p->request));
	if (r.failed || p->request.what > PARSE_DEBUG_INFO || p->request.build_id_len > sizeof(p->request.build_id) ||
	    p->request.paths > PARSE_PATHS_MAX)
		return -EINVAL;
	ret = open_file(&p->own, p->fds[PARSE_FILE]);
	if (ret || fstat(p->own.fd, &own))
		return ret ? ret : -errno;
	p->bytes = p->own.size;
	for (uint32_t i = 0; i < p->request.paths; i++) {
		struct parse_path path;
		const char *text;

		memcpy(&path, reader_skip(&r, sizeof(path)), r.failed ? 0 : sizeof(path));
		text = (const char *)reader_skip(&r, r.failed ? 0 : path.length);
		if (r.failed || !path.length || text[path.length - 1] || path.root >= PARSE_ROOTS)
			return -EINVAL;
		open_path(p, &path, text, &own);
	}
	return 0;
}

/* Parsing, in the sandbox. */

/* Does the whole file have this CRC? (zlib's crc32() is the polynomial of .gnu_debuglink.) */
static bool has_crc(const struct parse_file *f, uint32_t crc)
{
	unsigned char chunk[65536];
	uint64_t at = 0;
	uint32_t sum = 0;
	ssize_t n;

	while (at < f->size && f->size <= CRC_BYTES_MAX && (n = pread(f->fd, chunk, sizeof(chunk), at)) > 0) {
		sum = crc32(sum, chunk, n);
		at += n;
	}
	return at == f->size && sum == crc;
}

static bool load_file(struct parse *p, struct parse_file *f)
{
	static const enum elf_parts parts[] = {
		[PARSE_UNWIND] = ELF_UNWIND,
		[PARSE_NAMES] = ELF_SYMBOLS,
		[PARSE_DEBUG_INFO] = ELF_DEBUG_INFO,
	};

	if (!f->loaded)
		f->loaded = !elf_copy_load(&f->copy, f->fd, f->size, parts[p->request.what]);
	p->too_large |= f->copy.cut;
	return f->loaded;
}

/* By build id if the image has one, else by CRC, which only a link tells. */
static bool belongs(const struct parse *p, const struct parse_file *f, uint32_t crc, bool linked)
{
	uint8_t id[20];
	size_t n = elf_build_id(&f->copy.elf, id);

	if (p->request.build_id_len)
		return n == p->request.build_id_len && !memcmp(id, p->request.build_id, n);
	return linked && has_crc(f, crc);
}

static void want(struct parse *p, enum image_link_kind kind, const char *directory, const char *name, uint64_t id)
{
	if (p->links.n < LINKS_MAX && strnlen(name, 4096) < 4096 && (!directory || strnlen(directory, 4096) < 4096))
		*vec_push(&p->links) = (struct image_link_input){kind, name, directory, id};
}

/* Who knows no more of a file than its build id can have it from a server. */
static void want_id(struct parse *p, enum parse_kind kind, const uint8_t *id, size_t n)
{
	struct buf hex = {0};

	for (size_t i = 0; i < n; i++)
		buf_printf(&hex, "%02x", id[i]);
	if (n)
		want(p, IMAGE_LINK_ID, NULL, hex.v, kind); /* the text is kept until the process ends */
}

static void find_debug_file(struct parse *p)
{
	uint32_t crc = 0;
	const char *link = elf_debuglink(&p->own.copy.elf, &crc);

	for (size_t i = 0; i < p->files.n && !p->debug; i++) {
		struct parse_file *f = &p->files.v[i];

		if (f->kind == PARSE_DEBUG && load_file(p, f) && belongs(p, f, crc, link))
			p->debug = &f->copy.elf;
	}
	if (!p->debug && link)
		want(p, IMAGE_LINK_DEBUG, NULL, link, 0);
}

/* The file that holds what `elf` shares with others, which must have the build id that the link tells; or NULL. */
static const struct elf *find_alt(struct parse *p, const struct elf *elf)
{
	uint8_t id[20];
	struct elf_bytes b;
	Elf64_Shdr sh;
	size_t name;

	if (!elf_section_by_name(elf, ".gnu_debugaltlink", &sh))
		return NULL;
	b = elf_contents(elf, &sh);
	name = b.v ? strnlen((const char *)b.v, b.n) + 1 : 0;
	if (name < 2 || name >= b.n)
		return NULL;
	for (size_t i = 0; i < p->files.n; i++) {
		struct parse_file *f = &p->files.v[i];

		if (f->kind == PARSE_ALT && load_file(p, f) && elf_build_id(&f->copy.elf, id) == b.n - name &&
		    !memcmp(id, b.v + name, b.n - name))
			return &f->copy.elf;
	}
	want(p, IMAGE_LINK_ALT, NULL, (const char *)b.v, 0);
	want_id(p, PARSE_ALT, b.v + name, b.n - name <= sizeof(id) ? b.n - name : 0);
	return NULL;
}

/* Which units a package has its index says. */
static bool find_package(void *ctx, size_t i, struct elf *ret)
{
	struct parse *p = ctx;

	for (size_t n = 0; n < p->files.n; n++) {
		struct parse_file *f = &p->files.v[n];

		if (f->kind == PARSE_PACKAGE && load_file(p, f) && !i--) {
			*ret = f->copy.elf;
			return true;
		}
	}
	return false;
}

/* A .dwo file says of itself which unit it belongs to; the DWARF reader compares. */
static bool find_split(void *ctx, const char *directory, const char *name, uint64_t id, struct elf *ret)
{
	struct parse *p = ctx;

	for (size_t i = 0; i < p->files.n; i++) {
		struct parse_file *f = &p->files.v[i];

		if (f->kind == PARSE_SPLIT && f->id == id && load_file(p, f)) {
			*ret = f->copy.elf;
			return true;
		}
	}
	want(p, IMAGE_LINK_SPLIT, directory, name, id);
	return false;
}

static size_t read_tables(struct parse *p)
{
	const struct symbol_source *answered[ARRAY_SIZE(sources)];
	struct parse_input in = {.file = &p->own.copy.elf, .debug = p->debug, .answered = answered};

	for (size_t s = 0; s < ARRAY_SIZE(sources); s++)
		if (sources[s]->load(&p->tables[in.n_answered], &in)) {
			answered[in.n_answered++] = sources[s];
			p->complete |= sources[s]->complete;
		}
	return in.n_answered;
}

/* DWARF of the file itself, else of its debug file, else what Go programs have instead. */
static void read_debug_info(struct parse *p, struct debug_info *d)
{
	const struct elf *const places[] = {&p->own.copy.elf, p->debug};
	int ret = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places) && places[i] && ret; i++) {
		struct debug_input in = {
			.elf = places[i],
			.alt = find_alt(p, places[i]),
			.package = find_package,
			.split = find_split,
			.ctx = p,
			.inflated_max = INFLATED_BYTES_MAX,
		};

		ret = debug_info_build(d, &in);
		p->too_large |= ret == -EFBIG;
	}
	if (ret)
		pclntab_info(d, &p->own.copy.elf);
}

static int parse_names(struct parse *p, struct buf *out)
{
	struct debug_info debug = {0};
	struct image_file_input in = {.tables = p->tables};

	find_debug_file(p);
	in.n_tables = read_tables(p);
	if (!p->complete && !eh_frame_open(&p->functions, &p->own.copy.elf)) {
		in.functions = p->functions.functions.v;
		in.n_functions = p->functions.functions.n;
	}
	if (p->request.what == PARSE_DEBUG_INFO) {
		read_debug_info(p, &debug);
		in.debug = debug.strings ? &debug : NULL;
		if (!in.debug && !p->debug)
			want_id(p, PARSE_DEBUG, p->request.build_id, p->request.build_id_len);
	}
	in.links = p->links.v;
	in.n_links = p->links.n;
	return image_file_build(out, &in);
}

static int parse_unwind(struct parse *p, struct buf *out)
{
	struct unwind_table table = {0};
	int ret = unwind_table_build(&table, &p->own.copy.elf);

	if (ret == -ENOENT)
		ret = 0; /* an empty table: that there are no rules is worth to be known the next time */
	return ret ? ret : image_file_build(out, &(struct image_file_input){.unwind = &table});
}

/* The largest programs known need a twentieth of the time, and a third of the memory, for their rules. */
static int confine(const struct parse *p)
{
	bool unwind = p->request.what == PARSE_UNWIND;

	return sandbox_enter(&(struct sandbox_limits){
		.cpu_seconds = unwind ? PARSE_UNWIND_CPU_SECONDS : PARSE_CPU_SECONDS,
		.memory = unwind ? PARSE_UNWIND_MEMORY_BYTES : PARSE_MEMORY_BYTES,
		.copies = p->bytes,
		.result = PARSE_RESULT_BYTES,
	});
}

/* Memory is given back by its end. */
void parse_image(const int *fds)
{
	struct buf request = {0}, out = {0};
	struct parse p = {0};
	int ret;

	memcpy(p.fds, fds, sizeof(p.fds));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (file_read_fd(fds[PARSE_REQUEST], PARSE_REQUEST_BYTES_MAX, &request) || open_files(&p, &request) ||
	    confine(&p))
		_exit(PARSE_FAILED);
	ret = load_file(&p, &p.own) ? 0 : -ENOEXEC;
	if (!ret)
		ret = p.request.what == PARSE_UNWIND ? parse_unwind(&p, &out) : parse_names(&p, &out);
	if (ret)
		_exit(PARSE_NOTHING);
	_exit(file_write_fd(fds[PARSE_RESULT], out.v, out.n) ? PARSE_FAILED : p.too_large ? PARSE_TOO_LARGE : PARSE_DONE);
}

/* Forking. The server's only input comes from who started it. */

/* Waits for a request. False: there will be none any more. */
static bool receive(int fds[PARSE_FDS])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * PARSE_FDS)];
	} control;
	char byte;
	struct iovec text = {&byte, 1};
	struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *head;

	if (recvmsg(PARSE_SERVER_FD, &m, MSG_CMSG_CLOEXEC) <= 0)
		return false;
	head = CMSG_FIRSTHDR(&m);
	if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(int) * PARSE_FDS) || (m.msg_flags & MSG_CTRUNC))
		return false;
	memcpy(fds, CMSG_DATA(head), sizeof(int) * PARSE_FDS);
	return true;
}

/* When memory is short, a parser is to go and not who asked for it. */
static void go_first(void)
{
	auto_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		file_write_fd(fd, "1000", 4);
}

int parse_serve(void (*run)(const int *fds))
{
	int fds[PARSE_FDS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "profile-parser");
	go_first();
	while (receive(fds)) {
		int32_t pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);

		if (!pid) {
			close(PARSE_SERVER_FD); /* a parser that was taken over must not answer in the server's name */
			run(fds);
			_exit(PARSE_FAILED);
		}
		if (pid < 0)
			pid = -errno;
		for (int i = 0; i < PARSE_FDS; i++)
			close(fds[i]);
		if (send(PARSE_SERVER_FD, &pid, sizeof(pid), MSG_NOSIGNAL) != sizeof(pid))
			break;
	}
	return 0;
}

int parse_main(void)
{
	return parse_serve(parse_image);
}
