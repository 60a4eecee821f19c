/* SPDX-License-Identifier: BSD-2-Clause */
/* diskbench as the init of a Linux guest: it mounts the disk itself, ext4 with its defaults. */
#define _GNU_SOURCE 1
#include "diskbench.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

void platform_init(void)
{
	struct termios t;

	if (tcgetattr(0, &t) == 0) {
		t.c_lflag &= ~(tcflag_t)ECHO;	/* answers only */
		tcsetattr(0, TCSANOW, &t);
	}
}

void platform_metrics(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kib;
	char line[128], name[64];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63[A-Za-z]: %lu kB", name, &kib) == 2)
			put(name, (uint64_t)kib * 1024);
	}
	if (f)
		fclose(f);
}

int platform_mount(const char *dev, const char *path)
{
	mkdir(path, 0755);
	return mount(dev, path, "ext4", 0, NULL);
}

int platform_reserve(int fd, uint64_t bytes)
{
	return fallocate(fd, 0, 0, (off_t)bytes);
}

int platform_direct(void)
{
	return O_DIRECT;
}
