/* SPDX-License-Identifier: BSD-2-Clause */
/* diskbench as the one program of a Glint guest: volumes are mounted before it starts. */
#include "diskbench.h"

#include <errno.h>
#include <glint.h>
#include <stdio.h>
#include <string.h>

void platform_init(void)
{
}

/* name{label="value"} becomes name.value: no blanks, no equals signs. */
static void emit(void *arg, const char *name, const char *label, uint64_t value)
{
	const char *quote = strchr(label, '"');
	char full[96];

	(void)arg;
	if (quote)
		snprintf(full, sizeof(full), "%s.%.*s", name, (int)strcspn(quote + 1, "\""), quote + 1);
	else
		snprintf(full, sizeof(full), "%s", name);
	put(full, value);
}

void platform_metrics(void)
{
	glint_metrics(emit, NULL);
}

int platform_mount(const char *dev, const char *path)
{
	(void)dev;
	(void)path;
	errno = ENOSYS;
	return -1;
}

int platform_reserve(int fd, uint64_t bytes)
{
	(void)fd;
	(void)bytes;
	errno = ENOSYS;
	return -1;
}

/* /dev/vol has no cache to bypass. */
int platform_direct(void)
{
	return 0;
}
