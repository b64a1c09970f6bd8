// SPDX-License-Identifier: Apache-2.0
#include "app/unwind_stats.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define LOGGED_IMAGES 12

const char *unwind_end_name(enum unwind_end end)
{
	static const char *const names[UNWIND_ENDS] = {
		[UNWIND_NO_USER_STACK] = "no user stack",
		[UNWIND_WHOLE] = "whole",
		[UNWIND_TRUNCATED] = "truncated",
		[UNWIND_FAULT] = "unreadable frame",
		[UNWIND_BAD_FRAME] = "bad frame",
		[UNWIND_BAD_RETURN] = "bad return address",
		[UNWIND_COMPAT] = "32-bit code",
		[UNWIND_NO_PROCESS] = "process not known yet",
		[UNWIND_NO_MAPPING] = "no mapping",
		[UNWIND_NO_RULE] = "no rule",
		[UNWIND_NO_FRAME_POINTER] = "no frame pointer",
		[UNWIND_NOT_LOADED] = "rules not loaded",
		[UNWIND_LOST_REGISTER] = "lost register",
		[UNWIND_BAD_RULE] = "bad rule",
		[UNWIND_EXEC] = "exec",
	};

	return end < UNWIND_ENDS ? names[end] : "?";
}

static struct unwind_image_stats *image_named(struct unwind_stats *s, const char *name)
{
	struct unwind_image_stats *i;

	for (size_t k = 0; k < s->images.n; k++)
		if (!strcmp(s->images.v[k].name, name))
			return &s->images.v[k];
	if (s->images.n >= UNWIND_STATS_IMAGES_MAX && strcmp(name, UNWIND_STATS_OTHERS))
		return image_named(s, UNWIND_STATS_OTHERS);
	i = vec_push(&s->images);
	*i = (struct unwind_image_stats){.name = xstrdup(name)};
	return i;
}

void unwind_stats_add(struct unwind_stats *s, const char *image, enum unwind_end end, uint64_t count)
{
	struct unwind_image_stats *i;

	s->ends[end] += count;
	if (end <= UNWIND_WHOLE)
		return;
	i = image_named(s, image);
	i->cut += count;
	i->ends[end] += count;
}

void unwind_stats_free(struct unwind_stats *s)
{
	for (size_t i = 0; i < s->images.n; i++)
		free(s->images.v[i].name);
	vec_free(&s->images);
}

static void log_ends(const char *whose, const uint64_t *ends)
{
	struct buf line = {0};

	for (int end = UNWIND_WHOLE; end < UNWIND_ENDS; end++)
		if (ends[end])
			buf_printf(&line, "%s %s=%" PRIu64, line.n ? "," : "", unwind_end_name(end), ends[end]);
	if (line.n)
		log_debug("unwind: %s:%s", whose, line.v);
	buf_free(&line);
}

static int by_cut(const void *a, const void *b)
{
	const struct unwind_image_stats *x = *(struct unwind_image_stats *const *)a, *y = *(struct unwind_image_stats *const *)b;

	return x->cut != y->cut ? (x->cut > y->cut ? -1 : 1) : strcmp(x->name, y->name);
}

void unwind_stats_log(const struct unwind_stats *s)
{
	const struct unwind_image_stats *sorted[UNWIND_STATS_IMAGES_MAX + 1];
	struct buf name = {0};

	log_ends("all stacks", s->ends);
	for (size_t i = 0; i < s->images.n; i++)
		sorted[i] = &s->images.v[i];
	if (s->images.n)
		qsort(sorted, s->images.n, sizeof(*sorted), by_cut);
	for (size_t i = 0; i < s->images.n && i < LOGGED_IMAGES; i++) {
		buf_truncate(&name, 0);
		text_escape(&name, sorted[i]->name, strlen(sorted[i]->name));
		log_ends(name.v, sorted[i]->ends);
	}
	buf_free(&name);
}
