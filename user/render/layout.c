// SPDX-License-Identifier: Apache-2.0
#include "render/layout.h"

static void add_box(struct layout *l, uint32_t node, uint32_t row, uint64_t start, uint64_t total)
{
	*vec_push(&l->boxes) = (struct layout_box){node, row, start, total};
	if (row >= l->rows)
		l->rows = row + 1;
}

/* One box for folded neighbours [start, start + total), when it can be seen. */
static void end_run(struct layout *l, uint32_t row, uint64_t start, uint64_t *total)
{
	if (*total && *total >= l->min_total)
		add_box(l, LAYOUT_FOLDED, row, start, *total);
	*total = 0;
}

/* The boxes above one box: its wide callees, and runs of narrow ones between them. */
static void add_callees(struct layout *l, const struct tree *t, struct layout_box box)
{
	uint64_t start = box.start, run = 0;

	for (uint32_t id = t->nodes.v[box.node].first_child; id; id = t->nodes.v[id].next_sibling) {
		uint64_t total = t->nodes.v[id].total;

		if (total < l->min_total) {
			l->folded += total;
			run += total;
		} else {
			end_run(l, box.row + 1, start - run, &run);
			add_box(l, id, box.row + 1, start, total);
		}
		start += total;
	}
	end_run(l, box.row + 1, start - run, &run);
}

/* Breadth first: the boxes made so far are the queue. Stops early above max_boxes beside one a row. */
static bool fill(struct layout *l, const struct tree *t, size_t max_boxes)
{
	size_t framed = 0;

	l->boxes.n = 0;
	l->rows = 0;
	l->folded = l->folded_frames = 0;
	add_box(l, 0, 0, 0, t->nodes.v[0].total);
	for (size_t i = 0; i < l->boxes.n && l->boxes.n <= max_boxes + l->rows; i++) {
		if (l->boxes.v[i].node == LAYOUT_FOLDED)
			continue;
		framed += i > 0;
		add_callees(l, t, l->boxes.v[i]);
	}
	for (size_t i = 0; i < t->nodes.n; i++)
		l->folded_frames += i && t->nodes.v[i].total; /* a baseline's others have no width anyway */
	l->folded_frames -= framed;
	return l->boxes.n <= max_boxes + l->rows;
}

void layout_make(struct layout *l, const struct tree *t, uint64_t min_total, size_t max_boxes)
{
	*l = (struct layout){.min_total = min_total ? min_total : 1};
	while (!fill(l, t, max_boxes) && l->min_total <= t->nodes.v[0].total)
		l->min_total *= 2;
}

void layout_free(struct layout *l)
{
	vec_free(&l->boxes);
}
