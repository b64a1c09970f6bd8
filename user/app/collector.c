// SPDX-License-Identifier: Apache-2.0
#include "app/collector.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernel/sideband.h"
#include "process/proc.h"

#include <errno.h>
#include <string.h>

struct collector {
	struct sampler *sampler;
	struct sideband *sideband;
	struct symbolizer *symbolizer;
	struct process_table *processes;
	struct profile *profile;
	VEC(int32_t) targets; /* empty: the whole system */
	bool whole_system; /* all processes are of interest: as targets, or as children that a target may yet have */
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
	c->sampler = sampler_new(o, err);
	if (c->sampler)
		c->sideband = sideband_new(err);
	if (!c->sampler || !c->sideband) {
		collector_free(c);
		return NULL;
	}
	return c;
}

void collector_free(struct collector *c)
{
	if (!c)
		return;
	sampler_free(c->sampler);
	sideband_free(c->sideband);
	process_table_free(c->processes);
	symbolizer_free(c->symbolizer);
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
	int ret = 0;

	/* The side-band is open already: what starts or maps while /proc is read is told twice, never missed. */
	scan_targets(c);
	if (!c->targets.n)
		ret = process_table_scan_all(c->processes, clock_ns(CLOCK_MONOTONIC), err);
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

	if (e->kind == EVENT_LOST)
		c->sideband_lost = true;
	else if (c->whole_system || is_target(c, e->pid))
		process_table_apply(c->processes, e);
}

void collector_watch(struct collector *c)
{
	sideband_read(c->sideband, apply_event, c);
	if (c->sideband_lost) {
		c->sideband_lost = false;
		if (c->whole_system)
			process_table_scan_all(c->processes, clock_ns(CLOCK_MONOTONIC), NULL);
		else
			scan_targets(c);
	}
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
		return "[unwind: no frame pointer]";
	case UNWIND_BAD_RETURN:
		return "[unwind: bad return address]";
	case UNWIND_COMPAT:
		return "[unwind: 32-bit code]";
	case UNWIND_WHOLE:
	case UNWIND_NO_USER_STACK:
		break;
	}
	return NULL;
}

/*
 * How many of a record's user frames to believe: a frame pointer that went astray shows as a return address outside every
 * executable mapping; that frame and all above it are not code.
 */
static uint32_t believable_frames(struct process *process, const struct sample_record *r, const uint64_t *frames)
{
	uint32_t mapped = 0;

	if (!process || !process->mappings.n)
		return r->user_frames; /* nothing is known of this process, so nothing is disproved */
	for (uint32_t i = 0; i < r->user_frames; i++, mapped++)
		if (i && !process_mapping(process, frames[i] - 1, r->time))
			break;
	return mapped;
}

static uint32_t resolve_user(struct collector *c, const struct sample_record *r, struct process *process)
{
	const uint64_t *frames = (const uint64_t *)r->frames + r->kernel_frames;
	uint32_t n = believable_frames(process, r, frames), node = 0;
	const char *note = cut_note(n < r->user_frames ? UNWIND_BAD_RETURN : r->end);

	if (note && r->user_frames)
		node = profile_node(c->profile, node, profile_frame(c->profile, note, "", FRAME_NOTE));
	while (n--)
		node = symbolize_user(c->symbolizer, c->profile, node, process, frames[n], r->time,
				      n > 0 || r->flags & RECORD_AT_SYSCALL);
	return node;
}

static void add_record(void *ctx, const struct sample_record *r)
{
	struct collector *c = ctx;
	struct process *process = process_table_find(c->processes, r->tgid, r->start_time, r->time);
	uint64_t identity = process ? process->serial : hash_mix(r->start_time, r->exec_id);
	char comm[SAMPLE_COMM_LEN + 1] = "";
	uint32_t node, thread;

	memcpy(comm, r->comm, SAMPLE_COMM_LEN);
	node = resolve_user(c, r, process);
	for (uint32_t n = r->kernel_frames; n--;)
		node = symbolize_kernel(c->symbolizer, c->profile, node, r->frames[n], n > 0);
	thread = profile_thread(c->profile,
				profile_process(c->profile, r->tgid, identity, process && process->comm[0] ? process->comm : comm),
				r->tid, comm);
	profile_add(c->profile, thread, node, r->count);
}

/* The logs are ours by a flip or cut; samples from before it are in them. */
static void take(struct collector *c, uint64_t before)
{
	collector_watch(c);
	sampler_drain(c->sampler, add_record, c);
	process_table_expire(c->processes, before);
	sideband_follow_hotplug(c->sideband, sampler_follow_hotplug(c->sampler));
}

void collector_turn(struct collector *c)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	sampler_flip(c->sampler);
	take(c, now);
	symbolize_ahead(c->symbolizer);
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
}

int collector_sideband_fd(const struct collector *c)
{
	return sideband_fd(c->sideband);
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

uint64_t collector_targets_lost(const struct collector *c)
{
	return sampler_targets_lost(c->sampler);
}
