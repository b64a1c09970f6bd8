// SPDX-License-Identifier: Apache-2.0
/*
 * Memory: allocation that does not fail, cleanup attributes that show ownership where a local is declared, and VEC.
 *
 * The x* functions end the program with one sentence when memory is exhausted. They are for sizes we choose ourselves.
 * A size that a foreign file or process chooses is bounded by its reader first.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `auto_free char *p = ...;` frees p at the end of its scope; steal_ptr(p) hands it out instead. */
void cleanup_free(void *p);
void cleanup_close(int *fd); /* closes *fd unless it is negative */
#define auto_free __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))
#define steal_ptr(p)                                                                                                   \
	({                                                                                                             \
		__typeof__(p) stolen_ = (p);                                                                           \
		(p) = NULL;                                                                                            \
		stolen_;                                                                                               \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * A typed growable array: `VEC(struct x) xs = {0};`. Elements are xs.v[0 .. xs.n). Pointers into it are valid until the
 * next push. vec_push evaluates to a pointer to the new element, which is uninitialized.
 */
#define VEC(T)                                                                                                         \
	struct {                                                                                                       \
		T *v;                                                                                                  \
		size_t n, cap;                                                                                         \
	}
#define vec_push(vec) (vec_reserve((vec), 1), &(vec)->v[(vec)->n++])
#define vec_reserve(vec, more) ((vec)->v = vec_grow((vec)->v, &(vec)->cap, (vec)->n + (more), sizeof(*(vec)->v)))
#define vec_free(vec) (free((vec)->v), (vec)->v = NULL, (vec)->n = (vec)->cap = 0)
void *vec_grow(void *v, size_t *cap, size_t need, size_t size);

#endif
