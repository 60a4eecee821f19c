/* SPDX-License-Identifier: BSD-2-Clause
 *
 * malloc and its relatives over the kernel's heap. Out of memory is NULL and
 * ENOMEM, never a panic.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "kernel/heap.h"

static void *result(void *p)
{
	if (!p)
		errno = ENOMEM;
	return p;
}

void *malloc(size_t len)
{
	return result(heap_alloc(HEAP_APP, len));
}

void *calloc(size_t n, size_t len)
{
	size_t total;

	if (__builtin_mul_overflow(n, len, &total))
		return result(NULL);
	return result(heap_zalloc(HEAP_APP, total));
}

void *realloc(void *p, size_t len)
{
	return result(heap_realloc(HEAP_APP, p, len));
}

void *reallocarray(void *p, size_t n, size_t len)
{
	size_t total;

	if (__builtin_mul_overflow(n, len, &total))
		return result(NULL);
	return realloc(p, total);
}

void free(void *p)
{
	heap_free(HEAP_APP, p);
}

int posix_memalign(void **out, size_t align, size_t len)
{
	void *p;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	p = heap_alloc_aligned(HEAP_APP, align, len);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *aligned_alloc(size_t align, size_t len)
{
	if (align == 0 || (align & (align - 1))) {
		errno = EINVAL;
		return NULL;
	}
	return result(heap_alloc_aligned(HEAP_APP, align, len));
}

void *memalign(size_t align, size_t len)
{
	return aligned_alloc(align, len);
}

size_t malloc_usable_size(void *p)
{
	return p ? heap_usable_size(p) : 0;
}
