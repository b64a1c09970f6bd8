// SPDX-License-Identifier: Apache-2.0
/* Sorting by a number: faster than qsort(), as it compares nothing. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

/*
 * Sorts `n` elements of `size` bytes, ascending by the uint64_t that each begins with; those with the same one keep their order. Takes as
 * much memory again while it does.
 */
void sort_by_number(void *v, size_t n, size_t size);

#endif
