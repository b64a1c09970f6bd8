// SPDX-License-Identifier: Apache-2.0
#include "kernel/sampler.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernel/cpus.h"
#include "kernel/event_source.h"
#include "kernel/idle.h"
#include "kernel/mapped.h"
#include "kernel/perf.h"
#include "kernel/unwind_tables.h"
#include "sample.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_PID_INIT_INO 0xEFFFFFFC /* include/linux/proc_ns.h */
#define HALF_BYTES_MIN (128u * 1024)
#define HALF_BYTES_MAX (2u * 1024 * 1024)	/* kernels bound the size of one array value */
#define MAP_BYTES_DEFAULT (96ull << 20)
#define DRAIN_INTERVAL_MIN_NS (50 * NS_PER_MS)
#define DRAIN_INTERVAL_FIRST_NS (125 * NS_PER_MS)
#define DRAIN_INTERVAL_MAX_NS NS_PER_SEC
#define RECORD_BYTES_TYPICAL 1024u /* a sized-for stack: ~100 frames, nothing aggregated */

/* What an event says of its periods. The others are among the expected. */
enum period { EXPECTED, THROTTLED, MULTIPLEXED, UNNOTICED, PERIOD_N };

struct cpu_event {
	int fd; /* -1: offline */
	uint64_t looked;  /* CLOCK_MONOTONIC ns when that was last made sure of: until then the CPU is accounted for */
	uint64_t enabled; /* time for which the event had been enabled then */
	/* Periods, by enum period: of earlier events on this CPU; of all, at the last cut; told in windows before. */
	uint64_t closed[PERIOD_N], cut[PERIOD_N], told[PERIOD_N];
	struct sample_counters counted; /* drained in this window */
	uint64_t unreadable;		/* samples in this window's halves that were not */
};

struct sampler {
	struct sample_bpf *bpf;
	struct event_source source;
	VEC(struct cpu_event) events; /* by CPU id */
	struct mapped cpus, logs, indexes;
	struct unwind_tables *unwind; /* NULL: no user stacks are taken */
	size_t half_bytes, slots;
	struct idle_times idle_before, idle_after; /* at this window's start, and at the cut */
	uint64_t period; /* in the event's unit: cycles, or nanoseconds */
	unsigned hz;
	bool running;
	uint64_t ns; /* that sampler runs took */
	uint32_t fullest; /* words in the fullest half of the last drain */
	uint64_t interval; /* of drains, ns */
};

static struct cpu_state *cpu_state(const struct sampler *s, size_t cpu)
{
	return (struct cpu_state *)(s->cpus.bytes + cpu * s->cpus.stride);
}

static int libbpf_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[512];

	if (level <= LIBBPF_INFO) {
		vsnprintf(text, sizeof(text), fmt, ap);
		log_debug("%s", text);
	}
	return 0;
}

static size_t power_of_two(size_t n, size_t min, size_t max)
{
	size_t p = min;

	while (p < n && p < max)
		p *= 2;
	return p;
}

static void configure(struct sampler *s, const struct sampler_options *o, int cpus)
{
	struct sample_bpf *b = s->bpf;
	size_t bytes = o->max_map_bytes ? o->max_map_bytes : MAP_BYTES_DEFAULT;
	size_t unwind = unwind_tables_configure(&(struct unwind_maps){b->maps.processes, b->maps.mappings, b->maps.slabs},
						o->user ? bytes / 2 : UNWIND_TABLES_NONE, (uint32_t *)&b->rodata->process_mask);
	size_t share = (bytes > unwind ? bytes - unwind : 0) / cpus / 2 * 32 / 33 /* the indexes */, max = HALF_BYTES_MAX;

	while (max > share && max > HALF_BYTES_MIN)
		max /= 2;
	s->half_bytes = power_of_two((size_t)o->hz * RECORD_BYTES_TYPICAL * 4, HALF_BYTES_MIN, max);
	s->slots = power_of_two(s->half_bytes / 256, 256, 8192);
	b->rodata->log_limit_words = s->half_bytes / 8;
	b->rodata->index_mask = s->slots - 1;
	b->rodata->only_targets = o->only_targets;
	b->rodata->take_kernel = o->kernel;
	b->rodata->take_user = o->user;
	bpf_map__set_max_entries(b->maps.cpus, cpus);
	bpf_map__set_max_entries(b->maps.logs, cpus * 2);
	bpf_map__set_value_size(b->maps.logs, s->half_bytes + RECORD_MAX_WORDS * 8);
	bpf_map__set_max_entries(b->maps.indexes, cpus * 2);
	bpf_map__set_value_size(b->maps.indexes, s->slots * sizeof(struct sample_slot));
	bpf_map__set_max_entries(b->maps.targets, o->max_targets ? o->max_targets : 1);
	bpf_program__set_autoload(b->progs.follow_fork, o->follow_children);
	bpf_program__set_autoload(b->progs.follow_free, o->follow_children);
}

/* BPF programs see the pids of the initial namespace; those of another one would select and name other processes. */
static bool in_initial_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino == PROC_PID_INIT_INO;
}

/* Room for so many CPUs by their ids, which may have gaps; or a negative errno. */
static int count_cpu_ids(void)
{
	struct cpu_set cpus = {0};
	int ret = cpu_set_read_possible(&cpus);

	ret = ret ? ret : (int)cpus.has.n;
	cpu_set_free(&cpus);
	return ret;
}

static int load(struct sampler *s, const struct sampler_options *o, struct error *err)
{
	int cpus = count_cpu_ids(), ret;

	if (!in_initial_pid_namespace())
		return error_set(err, -ENOTSUP,
				 "cannot profile from inside a PID namespace: run it on the host (in a container: with --pid=host)");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return error_set(err, -ENOTSUP,
				 "this kernel has no type information (/sys/kernel/btf/vmlinux): Linux 5.17 or newer with "
				 "CONFIG_DEBUG_INFO_BTF=y is needed");
	if (cpus < 0)
		return error_set(err, cpus, "cannot tell how many CPUs this machine may have: /sys/devices/system/cpu/possible: %s",
				 strerror(-cpus));
	s->bpf = sample_bpf__open();
	if (!s->bpf)
		return error_set(err, -errno, "cannot open the built-in BPF programs: %s", strerror(errno));
	configure(s, o, cpus);
	ret = sample_bpf__load(s->bpf);
	/* The verifier says EACCES too, of memory accesses it cannot follow. */
	if (ret == -EPERM || (ret == -EACCES && geteuid()))
		return error_set(err, ret, "the kernel refused the BPF programs: %s (root, or CAP_BPF and CAP_PERFMON, is needed)",
				 strerror(-ret));
	if (ret)
		return error_set(err, ret, "the kernel did not accept the BPF programs: %s (profile doctor says what is missing)",
				 strerror(-ret));
	if (o->follow_children && (ret = sample_bpf__attach(s->bpf)))
		return error_set(err, ret, "cannot follow child processes: %s", strerror(-ret));
	ret = mapped_open(&s->cpus, s->bpf->maps.cpus);
	ret = ret ? ret : mapped_open(&s->logs, s->bpf->maps.logs);
	ret = ret ? ret : mapped_open(&s->indexes, s->bpf->maps.indexes);
	if (ret)
		return error_set(err, ret, "cannot map the sample logs: %s", strerror(-ret));
	for (int i = 0; i < cpus; i++)
		*vec_push(&s->events) = (struct cpu_event){.fd = -1};
	if (!o->user)
		return 0;
	s->unwind = unwind_tables_new(&(struct unwind_maps){s->bpf->maps.processes, s->bpf->maps.mappings, s->bpf->maps.slabs}, err);
	return s->unwind ? 0 : err->code;
}

static int open_event(struct sampler *s, int cpu)
{
	struct perf_event_attr attr = {
		.type = s->source.type,
		.size = sizeof(attr),
		.config = s->source.config,
		.sample_period = s->period,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = 1,
	};
	int fd = perf_event_open(&attr, -1, cpu);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(s->bpf->progs.sample)) ||
	    (s->running && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	s->events.v[cpu].fd = fd;
	s->events.v[cpu].looked = clock_ns(CLOCK_MONOTONIC);
	return 0;
}

static int open_events(struct sampler *s, struct error *err)
{
	struct cpu_set cpus = {0};
	int ret = cpu_set_read(&cpus), opened = 0;

	for (size_t cpu = 0; !ret && cpu < s->events.n; cpu++) {
		if (!cpu_set_has(&cpus, cpu))
			continue;
		ret = open_event(s, cpu);
		if (ret == -ENODEV) /* went offline since the list was read */
			ret = 0;
		else
			opened++;
	}
	cpu_set_free(&cpus);
	if (ret == -EACCES || ret == -EPERM)
		return error_set(err, ret, "not allowed to sample the whole machine (perf_event_open: %s): root is needed, or CAP_PERFMON, "
				 "or CAP_SYS_ADMIN where kernel.perf_event_paranoid is above 2",
				 strerror(-ret));
	if (ret || !opened)
		return error_set(err, ret ? ret : -ENODEV, "cannot sample: perf_event_open: %s", strerror(ret ? -ret : ENODEV));
	return 0;
}

/* A half should never be more than half full when it is drained: stacks are as deep as they are, and raw ones are taken up to there only. */
static void adapt_interval(struct sampler *s)
{
	uint64_t limit = s->half_bytes / 8;

	if (s->fullest > limit / 3)
		s->interval /= 2;
	else if (s->fullest < limit / 8)
		s->interval += s->interval / 2;
	s->fullest = 0;
	if (s->interval < DRAIN_INTERVAL_MIN_NS)
		s->interval = DRAIN_INTERVAL_MIN_NS;
	if (s->interval > DRAIN_INTERVAL_MAX_NS)
		s->interval = DRAIN_INTERVAL_MAX_NS;
}

static void set_period(struct sampler *s, unsigned hz)
{
	s->hz = hz;
	s->period = s->source.per_second / hz;
	s->bpf->bss->period_ns = s->source.timer ? s->period : 0;
	s->interval = DRAIN_INTERVAL_FIRST_NS;
}

struct sampler *sampler_new(const struct sampler_options *o, struct error *err)
{
	struct sampler *s = xcalloc(1, sizeof(*s));

	libbpf_set_print(libbpf_quiet);
	s->source = event_source_choose();
	if (load(s, o, err)) {
		sampler_free(s);
		return NULL;
	}
	set_period(s, o->hz);
	if (open_events(s, err)) {
		sampler_free(s);
		return NULL;
	}
	return s;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->events.n; i++)
		cleanup_close(&s->events.v[i].fd);
	vec_free(&s->events);
	idle_times_free(&s->idle_before);
	idle_times_free(&s->idle_after);
	mapped_close(&s->cpus);
	mapped_close(&s->logs);
	mapped_close(&s->indexes);
	unwind_tables_free(s->unwind);
	sample_bpf__destroy(s->bpf);
	free(s);
}

int sampler_add_target(struct sampler *s, int32_t pid, uint64_t start_tick, struct error *err)
{
	uint32_t key = pid;

	if (bpf_map_update_elem(bpf_map__fd(s->bpf->maps.targets), &key, &start_tick, BPF_ANY))
		return error_set(err, -errno, "cannot select process %d: %s", pid, strerror(errno));
	return 0;
}

int sampler_start(struct sampler *s, struct error *err)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	s->running = true;
	idle_times_read(&s->idle_before);
	for (size_t i = 0; i < s->events.n; i++) {
		s->events.v[i].looked = now;
		if (s->events.v[i].fd >= 0 && ioctl(s->events.v[i].fd, PERF_EVENT_IOC_ENABLE, 0))
			return error_set(err, -errno, "cannot start sampling on CPU %zu: %s", i, strerror(errno));
	}
	return 0;
}

void sampler_stop(struct sampler *s)
{
	s->running = false;
	for (size_t i = 0; i < s->events.n; i++)
		if (s->events.v[i].fd >= 0)
			ioctl(s->events.v[i].fd, PERF_EVENT_IOC_DISABLE, 0);
}

/* Waits until no sampler run that began before is under way on the CPU. */
static void wait_for_run(const struct cpu_state *c)
{
	uint32_t seen;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	seen = __atomic_load_n(&c->sequence, __ATOMIC_ACQUIRE);
	while (seen & 1 && __atomic_load_n(&c->sequence, __ATOMIC_ACQUIRE) == seen)
		sched_yield(); /* at most one run, microseconds; it may be on this very CPU only while we are not */
}

/*
 * Makes the CPU's sampler write to the other half and waits until no run that saw the old value is under way; then the first
 * half is ours. The sampler reads `active` behind a full barrier and so do we.
 */
static void flip_cpu(struct cpu_state *c)
{
	__atomic_store_n(&c->active, c->active ^ 1, __ATOMIC_SEQ_CST);
	wait_for_run(c);
}

void sampler_settle(const struct sampler *s)
{
	for (size_t cpu = 0; cpu < s->events.n; cpu++)
		wait_for_run(cpu_state(s, cpu));
}

void sampler_flip(struct sampler *s)
{
	for (size_t cpu = 0; cpu < s->events.n; cpu++) {
		struct cpu_state *c = cpu_state(s, cpu);

		if (c->half[c->active & 1].counters.runs)
			flip_cpu(c);
	}
}

static void add_counters(struct sample_counters *sum, const struct sample_counters *c)
{
	sum->runs += c->runs;
	sum->idle += c->idle;
	sum->filtered += c->filtered;
	sum->recorded += c->recorded;
	sum->log_full += c->log_full;
	sum->late += c->late;
	sum->ns += c->ns;
}

static void drain_half(struct sampler *s, size_t cpu, uint32_t which, void (*fn)(void *, const struct sample_record *), void *ctx)
{
	struct sample_half *half = &cpu_state(s, cpu)->half[which];
	const uint64_t *log = (const uint64_t *)(s->logs.bytes + (cpu * 2 + which) * s->logs.stride);
	struct cpu_event *e = &s->events.v[cpu];
	uint64_t drained = 0;

	for (uint32_t word = 0; word < half->used_words;) {
		const struct sample_record *r = (const struct sample_record *)(log + word);
		uint32_t words = RECORD_HEAD_WORDS + r->kernel_frames + r->user_frames;

		if (r->kind != RECORD_STACK || r->words != words || words > half->used_words - word)
			break; /* shows as unreadable in the accounting */
		fn(ctx, r);
		drained += r->count;
		word += words;
	}
	if (half->records)
		memset(s->indexes.bytes + (cpu * 2 + which) * s->indexes.stride, 0, s->slots * sizeof(struct sample_slot));
	add_counters(&e->counted, &half->counters);
	if (half->used_words > s->fullest)
		s->fullest = half->used_words;
	s->ns += half->counters.ns;
	if (half->counters.recorded > drained)
		e->unreadable += half->counters.recorded - drained;
	*half = (struct sample_half){0};
}

void sampler_drain(struct sampler *s, void (*fn)(void *ctx, const struct sample_record *r), void *ctx)
{
	for (size_t cpu = 0; cpu < s->events.n; cpu++) {
		struct cpu_state *c = cpu_state(s, cpu);

		drain_half(s, cpu, (c->active & 1) ^ 1, fn, ctx);
	}
	adapt_interval(s);
}

uint64_t sampler_drain_interval_ns(const struct sampler *s)
{
	return s->interval;
}

struct event_reading {
	uint64_t periods[PERIOD_N];
	uint64_t enabled; /* ns */
};

/* What one event counted, and what the kernel kept from it. */
static struct event_reading read_event(const struct sampler *s, int fd)
{
	struct event_reading r = {0};
	struct {
		uint64_t count, enabled, running;
	} v;

	if (fd < 0 || read(fd, &v, sizeof(v)) != sizeof(v))
		return r;
	/* While the kernel throttles a timer event its clock stands still, but the time runs on. */
	if (s->source.timer && v.running > v.count)
		r.periods[THROTTLED] = (v.running - v.count) / s->period;
	/* A hardware counter may be lent to somebody else for a while. */
	if (!s->source.timer && v.enabled > v.running)
		r.periods[MULTIPLEXED] = (v.enabled - v.running) / (NS_PER_SEC / s->hz);
	r.periods[EXPECTED] = v.count / s->period + r.periods[THROTTLED] + r.periods[MULTIPLEXED];
	r.enabled = v.enabled;
	return r;
}

/* Closes a CPU's event and keeps what it counted. */
static void close_event(struct sampler *s, struct cpu_event *e)
{
	struct event_reading r = read_event(s, e->fd);

	for (int i = 0; i < PERIOD_N; i++)
		e->closed[i] += r.periods[i];
	cleanup_close(&e->fd);
	e->fd = -1;
	e->enabled = 0;
}

/*
 * A CPU came online, and it was not seen when: all the time since it was last accounted for counts as lost, of which a part may
 * be time for which it was still off. At most what is between two looks.
 */
static void charge_unnoticed(struct sampler *s, struct cpu_event *e, uint64_t now)
{
	uint64_t ns = now > e->looked ? now - e->looked : 0, periods = ns / sampler_period_ns(s);

	e->closed[UNNOTICED] += periods;
	e->closed[EXPECTED] += periods;
}

/* A CPU that went off and came back since we looked took the event with it: it is on no more, and stays so. */
static bool stands_still(struct sampler *s, struct cpu_event *e)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), enabled = read_event(s, e->fd).enabled, elapsed = now - e->looked;
	uint64_t on = enabled - e->enabled;

	if (!s->running)
		return false;
	e->enabled = enabled;
	/* The two clocks differ a little. */
	if (elapsed - elapsed / 100 > on + NS_PER_MS) {
		e->looked += on;
		return true;
	}
	e->looked = clock_ns(CLOCK_MONOTONIC);
	return false;
}

bool sampler_follow_hotplug(struct sampler *s)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct cpu_set cpus = {0};
	bool came = false;

	if (cpu_set_read(&cpus))
		return false;
	for (size_t cpu = 0; cpu < s->events.n; cpu++) {
		struct cpu_event *e = &s->events.v[cpu];
		bool online = cpu_set_has(&cpus, cpu);

		if (e->fd >= 0 && (!online || stands_still(s, e)))
			close_event(s, e);
		if (!online) {
			e->looked = now;
		} else if (e->fd < 0) {
			if (s->running)
				charge_unnoticed(s, e, now);
			came |= !open_event(s, cpu);
		}
	}
	cpu_set_free(&cpus);
	return came;
}

void sampler_cut(struct sampler *s)
{
	idle_times_read(&s->idle_after);
	for (size_t cpu = 0; cpu < s->events.n; cpu++) {
		struct cpu_event *e = &s->events.v[cpu];
		/* The count before the flip: a sampler run in between is one more than expected so far, which is no loss. */
		struct event_reading r = read_event(s, e->fd);

		for (int i = 0; i < PERIOD_N; i++)
			e->cut[i] = e->closed[i] + r.periods[i];
	}
	sampler_flip(s);
}

int sampler_set_frequency(struct sampler *s, unsigned hz, struct error *err)
{
	for (size_t cpu = 0; cpu < s->events.n; cpu++)
		if (s->events.v[cpu].fd >= 0)
			close_event(s, &s->events.v[cpu]);
	set_period(s, hz);
	return open_events(s, err);
}

/*
 * Of `missing` periods without a sampler run, how many fell into idle time: a parked virtual CPU has no timer interrupts. The
 * idle clock counts in ticks, so two more, one at either end, and the period under way are granted when they explain all that
 * is missing, and never to hide a part.
 */
static uint64_t idle_without_run(const struct sampler *s, size_t cpu, uint64_t idle_runs, uint64_t missing)
{
	uint64_t before = idle_ticks(&s->idle_before, cpu), after = idle_ticks(&s->idle_after, cpu);
	uint64_t ticks = after > before ? after - before : 0;
	uint64_t periods = ticks * IDLE_TICK_NS / s->period;

	if (!s->source.timer || !ticks || !before) /* a CPU that was not there at the start says nothing of its idle time */
		return 0;
	if ((ticks + 2) * IDLE_TICK_NS / s->period + 1 >= missing + idle_runs)
		return missing;
	return periods > idle_runs ? (periods - idle_runs < missing ? periods - idle_runs : missing) : 0;
}

/* Periods of this window. */
static uint64_t since_told(const struct cpu_event *e, enum period what)
{
	return e->cut[what] > e->told[what] ? e->cut[what] - e->told[what] : 0;
}

/* expected = idle + filtered + recorded + lost, for one CPU and the window that ends with the last cut. */
static void account_cpu(struct sampler *s, size_t cpu, struct accounting *a)
{
	struct cpu_event *e = &s->events.v[cpu];
	const struct sample_counters *c = &e->counted;
	uint64_t expected = since_told(e, EXPECTED), throttled = since_told(e, THROTTLED), multiplexed = since_told(e, MULTIPLEXED);
	uint64_t unnoticed = since_told(e, UNNOTICED), explained = c->runs + throttled + multiplexed + unnoticed, missing, parked;

	/* A run at the very edge of a period is one the count has not reached yet: the next window expects it no more. */
	if (expected < explained)
		expected = explained;
	/* And the other way round: the run that belongs to the last period may be under way. */
	else if (s->running && expected > explained)
		expected--;
	missing = expected - explained;
	parked = idle_without_run(s, cpu, c->idle, missing);
	missing -= parked;
	a->expected = expected;
	a->idle = c->idle + parked;
	a->filtered = c->filtered;
	a->recorded = c->recorded - e->unreadable;
	a->lost[LOST_LOG_FULL] = c->log_full;
	a->lost[LOST_UNREADABLE] = e->unreadable;
	a->lost[LOST_THROTTLED] = throttled;
	a->lost[LOST_MULTIPLEXED] = multiplexed;
	a->lost[LOST_HOTPLUG] = unnoticed;
	a->lost[LOST_MISSED] = c->late < missing ? c->late : missing;
	a->lost[LOST_SKIPPED] = missing - a->lost[LOST_MISSED];
	e->told[EXPECTED] += expected;
	e->told[THROTTLED] += throttled;
	e->told[MULTIPLEXED] += multiplexed;
	e->told[UNNOTICED] += unnoticed;
	e->counted = (struct sample_counters){0};
	e->unreadable = 0;
}

static void log_cpu(size_t cpu, const struct accounting *a)
{
	struct buf line = {0};

	if (a->expected) {
		accounting_print(&line, a);
		log_debug("CPU %zu: %s", cpu, line.v);
	}
	buf_free(&line);
}

void sampler_accounting(struct sampler *s, struct accounting *ret)
{
	struct idle_times swap = s->idle_before;

	*ret = (struct accounting){0};
	for (size_t cpu = 0; cpu < s->events.n; cpu++) {
		struct accounting a = {0};

		account_cpu(s, cpu, &a);
		log_cpu(cpu, &a);
		accounting_add(ret, &a);
	}
	s->idle_before = s->idle_after;
	s->idle_after = swap;
}

uint64_t sampler_period_ns(const struct sampler *s)
{
	return s->source.timer ? s->period : NS_PER_SEC / s->hz;
}

const char *sampler_event_name(const struct sampler *s)
{
	return s->source.name;
}

uint64_t sampler_targets_lost(const struct sampler *s)
{
	return s->bpf->bss->targets_lost;
}

uint64_t sampler_cpu_ns(const struct sampler *s)
{
	return s->ns;
}

size_t sampler_map_bytes(const struct sampler *s)
{
	return s->cpus.size + s->logs.size + s->indexes.size + (s->unwind ? unwind_tables_bytes(s->unwind) : 0);
}

unsigned sampler_verified_instructions(const struct sampler *s)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	/* A field since Linux 5.16. */
	return bpf_obj_get_info_by_fd(bpf_program__fd(s->bpf->progs.sample), &info, &size) ? 0 : info.verified_insns;
}

struct unwind_tables *sampler_unwind_tables(struct sampler *s)
{
	return s->unwind;
}

int sampler_read_tasks(struct sampler *s, void (*fn)(void *ctx, const struct task_record *t), void *ctx)
{
	struct bpf_link *link = bpf_program__attach_iter(s->bpf->progs.list_processes, NULL);
	struct task_record records[128];
	auto_close int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	ssize_t n = fd;
	int ret;

	while (fd >= 0 && (n = read(fd, records, sizeof(records))) > 0)
		for (size_t i = 0; i < n / sizeof(*records); i++)
			fn(ctx, &records[i]);
	ret = n < 0 ? -errno : 0;
	bpf_link__destroy(link);
	return ret;
}
