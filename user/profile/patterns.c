// SPDX-License-Identifier: Apache-2.0
#include "profile/patterns.h"

#include "base/mem.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

struct pattern {
	regex_t regex;
	unsigned label; /* of a highlight: index into labels */
};

struct patterns {
	VEC(struct pattern) uses[PATTERN_N];
	VEC(char *) labels;
};

const char *pattern_use_name(enum pattern_use use)
{
	static const char *const names[] = {
#define X(id, name) name,
		PATTERN_USES(X)
#undef X
	};

	return names[use];
}

struct patterns *patterns_new(void)
{
	return xcalloc(1, sizeof(struct patterns));
}

void patterns_free(struct patterns *p)
{
	if (!p)
		return;
	for (int use = 0; use < PATTERN_N; use++) {
		for (size_t i = 0; i < p->uses[use].n; i++)
			regfree(&p->uses[use].v[i].regex);
		vec_free(&p->uses[use]);
	}
	for (size_t i = 0; i < p->labels.n; i++)
		free(p->labels.v[i]);
	vec_free(&p->labels);
	free(p);
}

static unsigned label_index(struct patterns *p, const char *label)
{
	for (size_t i = 0; i < p->labels.n; i++)
		if (!strcmp(p->labels.v[i], label))
			return i;
	*vec_push(&p->labels) = xstrdup(label);
	return p->labels.n - 1;
}

static int compile(regex_t *regex, enum pattern_use use, const char *text, struct error *err)
{
	char why[128];
	int code;

	if (!*text)
		return error_set(err, -EINVAL, "--%s wants a regular expression", pattern_use_name(use));
	code = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	if (!code)
		return 0;
	regerror(code, regex, why, sizeof(why));
	return error_set(err, -EINVAL, "--%s: '%s' is no regular expression: %s", pattern_use_name(use), text, why);
}

int patterns_add(struct patterns *p, enum pattern_use use, const char *text, struct error *err)
{
	/* A label has no '=' in it, a regular expression may. */
	const char *separator = use == PATTERN_HIGHLIGHT ? strrchr(text, '=') : NULL;
	auto_free char *expression = separator ? xstrndup(text, separator - text) : xstrdup(text);
	struct pattern pattern = {0};
	int ret;

	if (use == PATTERN_HIGHLIGHT && (!separator || !separator[1]))
		return error_set(err, -EINVAL, "--highlight wants REGEX=LABEL, not '%s'", text);
	if (separator && p->labels.n >= PATTERN_LABELS)
		return error_set(err, -EINVAL, "more than %d highlights", PATTERN_LABELS);
	ret = compile(&pattern.regex, use, expression, err);
	if (ret)
		return ret;
	if (separator)
		pattern.label = label_index(p, separator + 1);
	*vec_push(&p->uses[use]) = pattern;
	return 0;
}

bool patterns_have(const struct patterns *p, enum pattern_use use)
{
	return p && p->uses[use].n;
}

static const struct pattern *first_match(const struct patterns *p, enum pattern_use use, const char *name)
{
	for (size_t i = 0; p && i < p->uses[use].n; i++)
		if (!regexec(&p->uses[use].v[i].regex, name, 0, NULL, 0))
			return &p->uses[use].v[i];
	return NULL;
}

bool patterns_match(const struct patterns *p, enum pattern_use use, const char *name)
{
	return first_match(p, use, name);
}

unsigned patterns_highlight(const struct patterns *p, const char *name)
{
	const struct pattern *found = first_match(p, PATTERN_HIGHLIGHT, name);

	return found ? found->label + 1 : 0;
}

size_t patterns_labels(const struct patterns *p)
{
	return p ? p->labels.n : 0;
}

const char *patterns_label(const struct patterns *p, size_t index)
{
	return p->labels.v[index];
}
