// SPDX-License-Identifier: Apache-2.0
#include "app/collector.h"

#include "app/labeler.h"
#include "app/unwinder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernel/sideband.h"
#include "process/proc.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* How long tables are waited for: before sampling starts, and when something was told. Later ones are shown as they come. */
#define START_BUDGET_NS (150 * NS_PER_MS)
#define WATCH_BUDGET_NS (5 * NS_PER_MS)
#define EXEC_SETTLES_NS (20 * NS_PER_MS)

struct collector {
	struct sampler *sampler;
	struct sideband *sideband;
	struct symbolizer *symbolizer;
	struct process_table *processes;
	struct labeler *labeler;
	struct unwinder *unwinder; /* NULL when no user stacks are taken */
	struct profile *profile;
	VEC(int32_t) targets; /* empty: the whole system */
	bool whole_system; /* all processes are of interest: as targets, or as children that a target may yet have */
	uint64_t walked[SAMPLE_MAX_USER_FRAMES]; /* scratch: a stack that was walked late */
	uint64_t records_ns, sideband_ns; /* CPU time spent on records, and on following processes */
	uint64_t tables_ns; /* and by parsers on their unwind tables meanwhile */
	uint16_t boot; /* for the identities of processes */
	bool saving; /* see collector_save() */
	bool sideband_lost; /* some records never came: what we know of processes may be wrong */
};

struct collector *collector_new(const struct sampler_options *o, const struct symbolizer_options *names, struct error *err)
{
	struct collector *c = xcalloc(1, sizeof(*c));
	struct process_hooks hooks;

	c->whole_system = !o->only_targets || o->follow_children;
	c->profile = profile_new();
	c->symbolizer = symbolizer_new(names);
	hooks = symbolizer_hooks(c->symbolizer);
	c->processes = process_table_new(&hooks);
	c->labeler = labeler_new();
	c->boot = proc_boot();
	c->sampler = sampler_new(o, err);
	if (c->sampler)
		c->sideband = sideband_new(err);
	if (!c->sampler || !c->sideband) {
		collector_free(c);
		return NULL;
	}
	if (o->user)
		c->unwinder = unwinder_new(&(struct unwinder_input){
			.sampler = c->sampler,
			.images = symbolizer_images(c->symbolizer),
			.parsers = symbolizer_parsers(c->symbolizer),
			.cache = names->cache,
			.processes = c->processes,
		});
	return c;
}

void collector_free(struct collector *c)
{
	if (!c)
		return;
	sideband_free(c->sideband);
	process_table_free(c->processes);
	unwinder_free(c->unwinder);
	symbolizer_free(c->symbolizer);
	labeler_free(c->labeler);
	sampler_free(c->sampler);
	profile_free(c->profile);
	vec_free(&c->targets);
	free(c);
}

int collector_add_target(struct collector *c, int32_t pid, struct error *err)
{
	uint64_t start_tick;
	int ret = proc_start_tick(pid, &start_tick);

	if (ret == -ESRCH)
		return error_set(err, ret, "no process with PID %d", pid);
	if (ret)
		return error_set(err, ret, "cannot read /proc/%d/stat: %s", pid, strerror(-ret));
	*vec_push(&c->targets) = pid;
	return sampler_add_target(c->sampler, pid, start_tick, err);
}

/* Reads what /proc says of the targets. */
static void scan_targets(struct collector *c)
{
	for (size_t i = 0; i < c->targets.n; i++)
		process_table_scan(c->processes, c->targets.v[i]);
}

struct task_list {
	VEC(struct task_record) v;
};

static void keep_task(void *ctx, const struct task_record *r)
{
	struct task_list *list = ctx;

	*vec_push(&list->v) = *r;
}

/*
 * Reads /proc: of the targets, or of everything. Which program runs is asked before what it has mapped: when it becomes another one in
 * between, its mappings do not pass for those of the old one.
 */
static int scan(struct collector *c, bool all, struct error *err)
{
	struct task_list tasks = {0};
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int told = sampler_read_tasks(c->sampler, keep_task, &tasks), ret = 0;

	if (all)
		ret = process_table_scan_all(c->processes, now, err);
	else
		scan_targets(c);
	for (size_t i = 0; i < tasks.v.n; i++)
		process_table_set_exec_id(c->processes, tasks.v.v[i].tgid, tasks.v.v[i].start_time, tasks.v.v[i].exec_id, now);
	vec_free(&tasks.v);
	if (told && !ret)
		return error_set(err, told, "cannot ask the kernel which programs run: %s", strerror(-told));
	return ret;
}

/* Says in the profile what is measured from now on. */
static void begin_window(struct collector *c)
{
	struct profile *p = c->profile;

	p->start_ns = clock_ns(CLOCK_REALTIME);
	p->period_ns = sampler_period_ns(c->sampler);
	if (!p->event)
		p->event = xstrdup(sampler_event_name(c->sampler));
}

int collector_start(struct collector *c, struct error *err)
{
	/* The side-band is open already: what starts or maps while /proc is read is told twice, never missed. */
	int ret;

	labeler_start(c->labeler);
	process_table_told(c->processes, clock_ns(CLOCK_MONOTONIC));
	ret = scan(c, !c->targets.n, err);
	if (!ret && c->unwinder)
		unwinder_publish(c->unwinder, START_BUDGET_NS);
	if (!ret)
		ret = sampler_start(c->sampler, err);
	begin_window(c);
	return ret;
}

static bool is_target(const struct collector *c, int32_t pid)
{
	for (size_t i = 0; i < c->targets.n; i++)
		if (c->targets.v[i] == pid)
			return true;
	return false;
}

static void apply_event(void *ctx, const struct process_event *e)
{
	struct collector *c = ctx;

	symbolizer_apply(c->symbolizer, e);
	if (e->kind == EVENT_LOST)
		c->sideband_lost = true;
	else if (c->whole_system || is_target(c, e->pid))
		process_table_apply(c->processes, e);
	labeler_apply(c->labeler, e);
}

/* CPU time of the parsers that have ended. */
static uint64_t parsers_ns(void)
{
	struct rusage u = {0};

	getrusage(RUSAGE_CHILDREN, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_SEC + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000ull;
}

bool collector_watch(struct collector *c)
{
	uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID), parsers_before = parsers_ns();
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool any = sideband_read(c->sideband, apply_event, c);

	/* Of what was lost nobody knows when it happened: after the last read that had all. */
	if (c->sideband_lost) {
		struct error err = {0};

		c->sideband_lost = false;
		if (scan(c, c->whole_system, &err))
			log_warn("some processes and mappings stay unknown: %s", err.text);
	}
	process_table_told(c->processes, now);
	if (c->unwinder)
		any |= unwinder_publish(c->unwinder, WATCH_BUDGET_NS);
	c->sideband_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	c->tables_ns += parsers_ns() - parsers_before;
	return any;
}

/* Why a stack ends where it does, as the frame shown at its root; NULL when it is whole. */
static const char *cut_note(enum unwind_end end)
{
	switch (end) {
	case UNWIND_TRUNCATED:
		return "[truncated]";
	case UNWIND_FAULT:
		return "[unwind: unreadable frame]";
	case UNWIND_BAD_FRAME:
		return "[unwind: bad frame]";
	case UNWIND_BAD_RETURN:
		return "[unwind: bad return address]";
	case UNWIND_COMPAT:
		return "[unwind: 32-bit code]";
	case UNWIND_NO_PROCESS:
		return "[unwind: process not known yet]";
	case UNWIND_NO_MAPPING:
		return "[unwind: no mapping]";
	case UNWIND_NO_RULE:
		return "[unwind: no rule]";
	case UNWIND_NO_FRAME_POINTER:
		return "[unwind: no frame pointer]";
	case UNWIND_NOT_LOADED:
		return "[unwind: rules not loaded]";
	case UNWIND_LOST_REGISTER:
		return "[unwind: lost register]";
	case UNWIND_BAD_RULE:
		return "[unwind: bad rule]";
	case UNWIND_EXEC:
		return "[unwind: stack replaced by exec]";
	case UNWIND_WHOLE:
	case UNWIND_NO_USER_STACK:
	case UNWIND_ENDS:
		break;
	}
	return NULL;
}

static struct mapping *mapping_of(struct process *process, uint64_t frame, uint64_t time)
{
	return process ? process_mapping(process, (frame & ~SAMPLE_FRAME_EXACT) - !(frame & SAMPLE_FRAME_EXACT), time) : NULL;
}

/* A record's user frames, and why there are no more. */
struct user_stack {
	const uint64_t *frames;
	uint32_t n;
	enum unwind_end end;
	bool in_jit; /* it ends in code that is in no file */
};

/* Tells the unwinder which images were met, and where the stack ended. */
static void note_user(struct collector *c, const struct sample_record *r, struct process *process, struct user_stack *s)
{
	struct mapping *m = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		m = mapping_of(process, s->frames[i], r->time);
		unwinder_sampled(c->unwinder, m);
		/* The walk knew of another mapping here, or of none, or of one that we do not: what it found from here on is not to be believed. */
		if (!(r->flags & RECORD_RAW) && r->end != UNWIND_COMPAT &&
		    (m ? !m->shown || m->shown > r->time : process && i + 1 < s->n)) {
			s->n = i + 1;
			s->end = UNWIND_NO_MAPPING;
		}
	}
	s->in_jit = m && !m->image && m->path[0] != '[';
	if (s->n)
		unwinder_ended(c->unwinder, m, s->end, r->count);
	/* The last address led nowhere. It may be in what was mapped a moment ago; else it is no code. */
	if (s->end == UNWIND_NO_MAPPING && s->n > 1 && process && !m)
		s->n--;
}

static uint32_t resolve_user(struct collector *c, const struct sample_record *r, struct process *process)
{
	struct user_stack s = {(const uint64_t *)r->frames + r->kernel_frames, r->user_frames, r->end, false};
	const char *note;
	uint32_t node = 0;

	if (r->flags & RECORD_RAW) {
		s.frames = c->walked;
		s.n = unwinder_walk(c->unwinder, process, r, c->walked, &s.end);
	}
	note_user(c, r, process, &s);
	note = s.end == UNWIND_NO_FRAME_POINTER && s.in_jit ? "[unwind: JIT code without frame pointers]" : cut_note(s.end);
	if (note && s.n)
		node = profile_node(c->profile, node, profile_frame(c->profile, note, "", FRAME_NOTE));
	while (s.n--)
		node = symbolize_user(c->symbolizer, c->profile, node, process, s.frames[s.n] & ~SAMPLE_FRAME_EXACT, r->time,
				      !(s.frames[s.n] & SAMPLE_FRAME_EXACT));
	return node;
}

/*
 * The sampler knows which program a task runs. When that is not what was told, it is the truth; but while an exec is under way, its
 * samples are still counted to the program before.
 */
static void learn_exec_id(struct collector *c, struct process *p, const struct sample_record *r)
{
	if (!c->unwinder || !p || p->exec_id == r->exec_id || p->died != UINT64_MAX || r->time < p->born + EXEC_SETTLES_NS)
		return;
	p->exec_id = r->exec_id;
	unwinder_changed(c->unwinder, p->pid);
}

/* Found once for each incarnation. In its first moments the sampler may still count its samples to the program before. */
static uint64_t identity_of(struct collector *c, struct process *p, const struct sample_record *r)
{
	const struct process *before;
	uint64_t exec_id = r->exec_id;

	if (!p)
		return process_identity(c->boot, r->start_time, exec_id);
	if (p->identity)
		return p->identity;
	if (p->exec_id && r->time < p->born + EXEC_SETTLES_NS)
		exec_id = p->exec_id;
	p->identity = process_identity(c->boot, r->start_time, exec_id);
	before = process_table_before(c->processes, p);
	if (before && before->identity == p->identity)
		p->identity = process_identity(c->boot, r->start_time, exec_id + 1);
	return p->identity;
}

static void add_record(void *ctx, const struct sample_record *r)
{
	struct collector *c = ctx;
	struct process *process = process_table_find(c->processes, r->tgid, r->start_time, r->time);
	uint64_t identity = identity_of(c, process, r);
	char comm[SAMPLE_COMM_LEN + 1] = "";
	uint32_t node, id;

	memcpy(comm, r->comm, SAMPLE_COMM_LEN);
	learn_exec_id(c, process, r);
	node = resolve_user(c, r, process);
	for (uint32_t n = r->kernel_frames; n--;)
		node = symbolize_kernel(c->symbolizer, c->profile, node, r->frames[n], r->time, n > 0);
	id = profile_process(c->profile, r->tgid, identity, process && process->comm[0] ? process->comm : comm);
	labeler_label(c->labeler, c->profile, id, process, r->cgroup_id);
	profile_add(c->profile, profile_thread(c->profile, id, r->tid, comm), node, r->count);
}

/* The logs are ours by a flip or cut; samples from before it are in them. */
static void take(struct collector *c, uint64_t before)
{
	uint64_t cpu;

	collector_watch(c);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	sampler_drain(c->sampler, add_record, c);
	c->records_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	process_table_expire(c->processes, before);
	if (c->unwinder) {
		unwinder_publish(c->unwinder, WATCH_BUDGET_NS);
		unwinder_turn(c->unwinder);
	}
	sideband_follow_hotplug(c->sideband, sampler_follow_hotplug(c->sampler));
}

void collector_turn(struct collector *c)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	sampler_flip(c->sampler);
	take(c, now);
	if (!c->saving)
		symbolize_ahead(c->symbolizer);
}

void collector_save(struct collector *c, bool saving)
{
	c->saving = saving;
}

void collector_cut(struct collector *c)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	sampler_cut(c->sampler);
	c->profile->end_ns = clock_ns(CLOCK_REALTIME);
	take(c, now);
	symbolize_names(c->symbolizer, c->profile);
	sampler_accounting(c->sampler, &c->profile->accounting);
}

void collector_next_window(struct collector *c, bool new_profile)
{
	struct profile *old = c->profile;

	if (new_profile) {
		c->profile = profile_new();
		profile_free(old);
	} else {
		profile_clear(old);
	}
	begin_window(c);
}

int collector_restart(struct collector *c, unsigned hz, struct error *err)
{
	int ret = sampler_set_frequency(c->sampler, hz, err);

	ret = ret ? ret : sampler_start(c->sampler, err);
	if (!ret)
		begin_window(c);
	return ret;
}

void collector_stop(struct collector *c)
{
	sampler_stop(c->sampler);
	collector_cut(c);
	if (c->unwinder)
		unwinder_log(c->unwinder);
}

void collector_limit_symbols(struct collector *c, uint64_t bytes)
{
	symbolizer_limit(c->symbolizer, bytes);
}

void collector_trim(struct collector *c, unsigned windows)
{
	symbolizer_trim(c->symbolizer, windows);
}

int collector_sideband_fd(const struct collector *c)
{
	return sideband_fd(c->sideband);
}

int collector_tables_fd(const struct collector *c)
{
	return c->unwinder ? unwinder_fd(c->unwinder) : -1;
}

uint64_t collector_interval_ns(const struct collector *c)
{
	return sampler_drain_interval_ns(c->sampler);
}

struct profile *collector_profile(struct collector *c)
{
	return c->profile;
}

struct process *collector_process(struct collector *c, int32_t pid)
{
	return process_table_find(c->processes, pid, 0, clock_ns(CLOCK_MONOTONIC));
}

struct digest_counts collector_parsers(const struct collector *c)
{
	return symbolizer_counts(c->symbolizer);
}

struct names_counts collector_names(const struct collector *c)
{
	return symbolizer_names(c->symbolizer);
}

uint64_t collector_targets_lost(const struct collector *c)
{
	return sampler_targets_lost(c->sampler);
}

void collector_jit_counts(const struct collector *c, struct jit_counts *ret)
{
	symbolizer_jit_counts(c->symbolizer, ret);
}

const struct unwind_stats *collector_unwind_stats(const struct collector *c)
{
	return c->unwinder ? unwinder_stats(c->unwinder) : NULL;
}

void collector_unwind_usage(const struct collector *c, struct unwinder_usage *ret)
{
	*ret = (struct unwinder_usage){0};
	if (c->unwinder)
		unwinder_usage(c->unwinder, ret);
}

struct collector_usage collector_usage(const struct collector *c)
{
	return (struct collector_usage){
		.sampler_ns = sampler_cpu_ns(c->sampler),
		.records_ns = c->records_ns,
		.sideband_ns = c->sideband_ns,
		.tables_ns = c->tables_ns,
		.map_bytes = sampler_map_bytes(c->sampler),
		.processes = process_table_count(c->processes),
	};
}
