// SPDX-License-Identifier: Apache-2.0
#include "app/labeler.h"

#include "base/mem.h"
#include "process/cgroup.h"

struct labeler {
	struct cgroups *cgroups;
	uint64_t serial;    /* of the profile that `labelled` is about */
	VEC(uint64_t) labelled; /* by process id: the group + 1 that its labels are of; 0: none yet */
};

struct labeler *labeler_new(void)
{
	struct labeler *l = xcalloc(1, sizeof(*l));

	l->cgroups = cgroups_new();
	return l;
}

void labeler_free(struct labeler *l)
{
	if (!l)
		return;
	cgroups_free(l->cgroups);
	vec_free(&l->labelled);
	free(l);
}

void labeler_start(struct labeler *l)
{
	cgroups_scan(l->cgroups);
}

void labeler_apply(struct labeler *l, const struct process_event *e)
{
	if (e->kind == EVENT_CGROUP)
		cgroups_add(l->cgroups, e->cgroup.id, e->cgroup.path);
}

static void set_labels(struct profile *p, uint32_t id, const struct cgroup *g)
{
	const char *const texts[LABEL_N] = {
		[LABEL_CGROUP] = g->path,	     [LABEL_UNIT] = g->unit, [LABEL_CONTAINER] = g->container,
		[LABEL_CONTAINER_NAME] = g->container_name, [LABEL_POD] = g->pod,   [LABEL_NAMESPACE] = g->namespace,
	};

	for (int i = 0; i < LABEL_N; i++)
		if (texts[i])
			p->processes.v[id].labels[i] = strings_add(p->strings, texts[i]);
}

void labeler_label(struct labeler *l, struct profile *p, uint32_t id, const struct process *process, uint64_t cgroup_id)
{
	const struct cgroup *g;

	if (l->serial != p->serial)
		l->labelled.n = 0;
	l->serial = p->serial;
	while (l->labelled.n <= id)
		*vec_push(&l->labelled) = 0;
	if (l->labelled.v[id] == cgroup_id + 1)
		return;
	l->labelled.v[id] = cgroup_id + 1;
	if (process && process->exe)
		p->processes.v[id].labels[LABEL_EXE] = strings_add(p->strings, process->exe);
	g = cgroups_find(l->cgroups, cgroup_id, p->processes.v[id].pid);
	if (g)
		set_labels(p, id, g);
}
