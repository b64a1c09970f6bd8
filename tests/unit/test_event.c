// SPDX-License-Identifier: Apache-2.0
/* Side-band records are packed here field by field, from the layouts in perf_event_open(2), and decoded by the program. */
#include "base/buf.h"
#include "process/event.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TIME 0x0123456789abcdefull

static void put32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		buf_putc(b, (char)v);
}

static void put64(struct buf *b, uint64_t v)
{
	put32(b, (uint32_t)v);
	put32(b, (uint32_t)(v >> 32));
}

/* Header: u32 type, u16 misc, u16 size (set by finish). */
static void start(struct buf *b, uint32_t type, uint16_t misc)
{
	b->n = 0;
	put32(b, type);
	put32(b, misc);
}

/* sample_id { u32 pid, tid; u64 time; }, then the size. */
static void finish(struct buf *b)
{
	put32(b, 77);
	put32(b, 78);
	put64(b, TIME);
	b->v[6] = (char)b->n;
	b->v[7] = (char)(b->n >> 8);
}

/* A string padded with NUL bytes to a multiple of 8, as the kernel does. */
static void put_string(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
	while (b->n % 8)
		buf_putc(b, '\0');
}

/* From a buffer of exactly that size, so that ASan sees a byte read too much. */
static int decode(struct process_event *e, const struct buf *b, size_t n)
{
	char *exact = malloc(n ? n : 1);
	int ret;

	memcpy(exact, b->v, n);
	memset(e, 0x5a, sizeof(*e));
	ret = process_event_decode(e, exact, n);
	free(exact);
	return ret;
}

/* u32 pid, tid; u64 addr, len, pgoff; then u32 maj, min; u64 ino, generation; u32 prot, flags; char filename[] */
static void mmap2_by_inode(struct buf *b, uint32_t prot, const char *path)
{
	start(b, 10, 2);
	put32(b, 1000);
	put32(b, 1001);
	put64(b, 0x7f0000400000);
	put64(b, 0x21000);
	put64(b, 0x5000);
	put32(b, 254);
	put32(b, 0x12345);
	put64(b, 0x1122334455667788);
	put64(b, 99);
	put32(b, prot);
	put32(b, 0x2);
	put_string(b, path);
	finish(b);
}

static void test_mmap2_inode(void **state)
{
	struct process_event e;
	struct buf b = {0};

	mmap2_by_inode(&b, 5, "/usr/lib/libc.so.6");
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_MMAP);
	assert_int_equal(e.time, TIME);
	assert_int_equal(e.pid, 1000);
	assert_int_equal(e.tid, 1001);
	assert_int_equal(e.mmap.start, 0x7f0000400000);
	assert_int_equal(e.mmap.end, 0x7f0000421000);
	assert_int_equal(e.mmap.offset, 0x5000);
	assert_true(e.mmap.executable);
	assert_int_equal(e.mmap.id.build_id_len, 0);
	assert_int_equal(e.mmap.id.major, 254);
	assert_int_equal(e.mmap.id.minor, 0x12345);
	assert_int_equal(e.mmap.id.inode, 0x1122334455667788);
	assert_string_equal(e.mmap.path, "/usr/lib/libc.so.6");

	mmap2_by_inode(&b, 3, "//anon"); /* PROT_READ | PROT_WRITE */
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_false(e.mmap.executable);
	assert_string_equal(e.mmap.path, "//anon");
	buf_free(&b);
}

/* With misc bit 14: u8 build_id_size; u8 reserved; u16 reserved; u8 build_id[20] in place of the inode. */
static void mmap2_by_build_id(struct buf *b, uint8_t len)
{
	start(b, 10, 1 << 14);
	put32(b, 5);
	put32(b, 5);
	put64(b, 0x1000);
	put64(b, 0x1000);
	put64(b, 0);
	put32(b, 0xeeee0000u | len);
	for (int i = 0; i < 20; i++)
		buf_putc(b, (char)(0xa0 + i));
	put32(b, 4);
	put32(b, 0);
	put_string(b, "[vdso]");
	finish(b);
}

static void test_mmap2_build_id(void **state)
{
	struct process_event e;
	struct buf b = {0};

	mmap2_by_build_id(&b, 20);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_true(e.mmap.executable);
	assert_int_equal(e.mmap.id.build_id_len, 20);
	assert_int_equal(e.mmap.id.build_id[0], 0xa0);
	assert_int_equal(e.mmap.id.build_id[19], 0xa0 + 19);
	assert_int_equal(e.mmap.id.inode, 0);
	assert_string_equal(e.mmap.path, "[vdso]");
	mmap2_by_build_id(&b, 21);
	assert_int_equal(decode(&e, &b, b.n), -EBADMSG);
	buf_free(&b);
}

static void test_comm(void **state)
{
	struct process_event e;
	struct buf b = {0};

	start(&b, 3, 1 << 13); /* PERF_RECORD_COMM, COMM_EXEC */
	put32(&b, 7);
	put32(&b, 7);
	put_string(&b, "a b)\xff");
	finish(&b);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_COMM);
	assert_true(e.comm.exec);
	assert_string_equal(e.comm.comm, "a b)\xff");

	start(&b, 3, 2);
	put32(&b, 7);
	put32(&b, 9);
	buf_add(&b, "0123456789abcdefghijklmn", 24); /* longer than a comm, and without its end */
	finish(&b);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_false(e.comm.exec);
	assert_int_equal(e.tid, 9);
	assert_string_equal(e.comm.comm, "0123456789abcde");
	buf_free(&b);
}

/* u32 pid, ppid, tid, ptid; u64 time */
static void task(struct buf *b, uint32_t type)
{
	start(b, type, 0);
	put32(b, 20);
	put32(b, 10);
	put32(b, 21);
	put32(b, 11);
	put64(b, 1);
	finish(b);
}

static void test_fork_exit(void **state)
{
	struct process_event e;
	struct buf b = {0};

	task(&b, 7);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_FORK);
	assert_int_equal(e.pid, 20);
	assert_int_equal(e.tid, 21);
	assert_int_equal(e.fork.parent_pid, 10);
	assert_int_equal(e.fork.parent_tid, 11);
	assert_int_equal(e.time, TIME);
	task(&b, 4);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_EXIT);
	assert_int_equal(e.pid, 20);
	assert_int_equal(e.tid, 21);
	buf_free(&b);
}

static void test_lost(void **state)
{
	struct process_event e;
	struct buf b = {0};

	start(&b, 2, 0); /* u64 id, lost */
	put64(&b, 3);
	put64(&b, 400);
	finish(&b);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_LOST);
	assert_int_equal(e.lost.count, 400);
	assert_int_equal(e.pid, 77);
	start(&b, 13, 0); /* LOST_SAMPLES: u64 lost */
	put64(&b, 6);
	finish(&b);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_LOST);
	assert_int_equal(e.lost.count, 6);
	buf_free(&b);
}

static void test_cgroup(void **state)
{
	struct process_event e;
	struct buf b = {0};

	start(&b, 19, 0); /* u64 id; char path[] */
	put64(&b, 0x1234567890);
	put_string(&b, "/system.slice/x.service");
	finish(&b);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_CGROUP);
	assert_int_equal(e.cgroup.id, 0x1234567890);
	assert_string_equal(e.cgroup.path, "/system.slice/x.service");
	buf_free(&b);
}

/* u64 addr; u32 len; u16 ksym_type, flags; char name[] */
static void ksymbol(struct buf *b, uint32_t len, uint32_t flags)
{
	start(b, 17, 0);
	put64(b, 0xffffffffc0001000);
	put32(b, len);
	put32(b, 1 | flags << 16); /* BPF */
	put_string(b, "bpf_prog_6deef7357e7b4530_sd_fw");
	finish(b);
}

static void test_ksymbol(void **state)
{
	struct process_event e;
	struct buf b = {0};

	ksymbol(&b, 0x44, 0);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.kind, EVENT_KSYMBOL);
	assert_int_equal(e.ksymbol.start, 0xffffffffc0001000);
	assert_int_equal(e.ksymbol.len, 0x44);
	assert_int_equal(e.ksymbol.type, 1);
	assert_false(e.ksymbol.unregister);
	assert_string_equal(e.ksymbol.name, "bpf_prog_6deef7357e7b4530_sd_fw");
	assert_int_equal(e.time, TIME);
	ksymbol(&b, 0x44, 1);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_true(e.ksymbol.unregister);
	ksymbol(&b, 0, 0);
	assert_int_equal(decode(&e, &b, b.n), -EBADMSG);
	buf_free(&b);
}

/* Where others listen too, the kernel leaves room for their sample_ids behind ours, and whatever was there before in it. */
static void test_ksymbol_of_several(void **state)
{
	struct process_event e;
	struct buf b = {0};
	uint16_t size;

	ksymbol(&b, 0x44, 1);
	for (int i = 0; i < 2; i++) {
		put64(&b, 0xdead);
		put64(&b, 0xbeef);
	}
	size = b.n;
	memcpy(b.v + 6, &size, sizeof(size));
	assert_int_equal(process_event_time(b.v, b.n), TIME);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_string_equal(e.ksymbol.name, "bpf_prog_6deef7357e7b4530_sd_fw");
	assert_int_equal(e.time, TIME);
	/* A name that does not end leaves no room for it. */
	memset(b.v + 24, 'x', b.n - 24);
	assert_int_equal(process_event_time(b.v, b.n), 0);
	assert_int_equal(decode(&e, &b, b.n), -EBADMSG);
	buf_free(&b);
}

static void test_other(void **state)
{
	struct process_event e;
	struct buf b = {0};

	start(&b, 9, 0); /* PERF_RECORD_SAMPLE */
	put64(&b, 0);
	finish(&b);
	assert_int_equal(decode(&e, &b, b.n), 0);
	buf_free(&b);
}

/* Bytes behind the record are not its own. */
static void test_trailing_bytes(void **state)
{
	struct process_event e;
	struct buf b = {0};

	task(&b, 7);
	buf_add(&b, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(e.time, TIME);
	buf_free(&b);
}

static void test_ranges(void **state)
{
	struct process_event e;
	struct buf b = {0};

	mmap2_by_inode(&b, 5, "/x");
	memset(b.v + 24, 0xff, 8); /* len: the end wraps */
	assert_int_equal(decode(&e, &b, b.n), -EBADMSG);
	memset(b.v + 24, 0, 8); /* empty */
	assert_int_equal(decode(&e, &b, b.n), -EBADMSG);
	buf_free(&b);
}

static void test_long_path(void **state)
{
	struct process_event e;
	struct buf b = {0};
	char path[6001];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	mmap2_by_inode(&b, 5, path);
	assert_int_equal(decode(&e, &b, b.n), 1);
	assert_int_equal(strlen(e.mmap.path), sizeof(e.mmap.path) - 1);
	buf_free(&b);
}

/* A buffer that ends early is refused at every length; so is a record that says itself to be shorter than its fields. */
static void test_truncated(void **state)
{
	struct process_event e;
	struct buf b = {0};
	size_t fixed[] = {8 + 64 + 16, 8 + 8 + 16, 8 + 24 + 16};

	for (int type = 0; type < 3; type++) {
		size_t n;

		if (type == 0) {
			mmap2_by_inode(&b, 5, "/usr/bin/x");
		} else if (type == 1) {
			start(&b, 3, 0);
			put32(&b, 1);
			put32(&b, 1);
			put_string(&b, "comm");
			finish(&b);
		} else {
			task(&b, 4);
		}
		n = b.n;
		for (size_t i = 0; i < n; i++)
			assert_int_equal(decode(&e, &b, i), -EBADMSG);
		for (size_t i = 0; i < n; i++) {
			b.v[6] = (char)i;
			assert_int_equal(decode(&e, &b, n), i < fixed[type] ? -EBADMSG : 1);
			assert_true(i < fixed[type] || type != 0 || strlen(e.mmap.path) <= n - fixed[0]);
		}
	}
	buf_free(&b);
}

static void test_random(void **state)
{
	static const uint8_t types[] = {2, 3, 4, 7, 10, 13, 19};
	struct process_event e;
	uint64_t x = 88172645463325252ull;
	struct buf b = {0};
	int events = 0;

	for (int round = 0; round < 20000; round++) {
		size_t n = round % 160;

		b.n = 0;
		for (size_t i = 0; i < n; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			buf_putc(&b, (char)x);
		}
		if (n >= 8) {
			uint32_t type = types[round % sizeof(types)];

			memcpy(b.v, &type, 4);
			b.v[6] = (char)n;
			b.v[7] = 0;
		} else {
			buf_putc(&b, 0);
		}
		if (decode(&e, &b, n) != 1)
			continue;
		events++;
		if (e.kind == EVENT_MMAP) {
			assert_true(e.mmap.start < e.mmap.end);
			assert_true(e.mmap.id.build_id_len <= sizeof(e.mmap.id.build_id));
			assert_non_null(memchr(e.mmap.path, 0, sizeof(e.mmap.path)));
		}
		if (e.kind == EVENT_COMM)
			assert_non_null(memchr(e.comm.comm, 0, sizeof(e.comm.comm)));
	}
	assert_true(events > 1000);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mmap2_inode),
		cmocka_unit_test(test_mmap2_build_id),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_fork_exit),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_ksymbol), cmocka_unit_test(test_ksymbol_of_several),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_trailing_bytes),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
