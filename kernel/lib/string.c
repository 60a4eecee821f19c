/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The str* functions of string.h, and the mem* ones that nobody is in a hurry
 * for. Byte loops: the kernel's strings are short. mem{cpy,move,set,cmp} are
 * in kernel/arch.
 */
#include "kernel/lib/string.h"

#include <stdint.h>

void *memchr(const void *s, int c, size_t len)
{
	const unsigned char *p = s;

	for (; len; p++, len--) {
		if (*p == (unsigned char)c)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t len)
{
	for (; len && *a && *a == *b; a++, b++)
		len--;
	return len ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (!*s)
			return NULL;
	}
	return (char *)(uintptr_t)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (; ; s++) {
		if (*s == (char)c)
			found = s;
		if (!*s)
			return (char *)(uintptr_t)found;
	}
}
