/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Work that waits for the disk: appends, overwrites and replacements, each
 * followed by fsync, until the time is over.
 */
#define _GNU_SOURCE 1
#include "diskbench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_MAX 65536

static char block[BLOCK_MAX] __attribute__((aligned(4096)));
static struct samples all, syncs;

static void begin(void)
{
	memset(&all, 0, sizeof(all));
	memset(&syncs, 0, sizeof(syncs));
}

static void answer(uint64_t began)
{
	uint64_t ns = now_ns() - began;

	work_done();
	put("ops", all.n);
	put("ns", ns);
	samples_print(&all, "");
	samples_print(&syncs, "sync_");
	put_line_end();
	samples_dump(&all, "op");
}

/* One write and its fsync, both timed; -1 with errno set. */
static int write_sync(int fd, size_t size, off_t at)
{
	uint64_t t0 = now_ns(), t1, t2;
	ssize_t got = at < 0 ? write(fd, block, size) : pwrite(fd, block, size, at);

	if (got != (ssize_t)size) {
		if (got >= 0)
			errno = ENOSPC;
		return -1;
	}
	t1 = now_ns();
	if (fsync(fd) < 0)
		return -1;
	t2 = now_ns();
	samples_add(&all, t2 - t0);
	samples_add(&syncs, t2 - t1);
	return 0;
}

static size_t block_size(const char *word)
{
	unsigned long size = strtoul(word, NULL, 10);

	return size < 1 || size > BLOCK_MAX ? 4096 : size;
}

int do_append(int argc, char **argv)
{
	size_t size = block_size(argc > 2 ? argv[2] : "4096");
	uint64_t began, end;
	int fd, failed = 0;

	if (argc < 4)
		return errno = EINVAL, trouble("append FILE SIZE MS");
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0644);
	if (fd < 0 || fsync(fd) < 0)
		return trouble(argv[1]);
	begin();
	began = now_ns();
	end = began + strtoull(argv[3], NULL, 10) * 1000000;
	while (!failed && now_ns() < end)
		failed = write_sync(fd, size, -1);
	if (!failed)
		answer(began);
	else
		trouble("append");
	close(fd);
	return failed;
}

/* Xorshift: the same places on each platform. */
static uint32_t next_random(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

int do_overwrite(int argc, char **argv)
{
	size_t size = block_size(argc > 2 ? argv[2] : "4096");
	uint64_t began, end, places;
	int fd, failed = 0;

	if (argc < 5)
		return errno = EINVAL, trouble("overwrite FILE SIZE REGION_KIB MS [direct]");
	places = strtoull(argv[3], NULL, 10) * 1024 / size;
	fd = open(argv[1], O_RDWR | (argc > 5 ? platform_direct() : 0));
	if (fd < 0 || places == 0)
		return trouble(argv[1]);
	begin();
	began = now_ns();
	end = began + strtoull(argv[4], NULL, 10) * 1000000;
	while (!failed && now_ns() < end) {
		block[0]++;
		failed = write_sync(fd, size, (off_t)(next_random() % places * size));
	}
	if (!failed)
		answer(began);
	else
		trouble("overwrite");
	close(fd);
	return failed;
}

/* What a program does to a file that must be either old or new. */
static int replace_once(const char *fresh, const char *name)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return -1;
	if (write(fd, block, 1024) != 1024 || fsync(fd) < 0) {
		close(fd);
		return -1;
	}
	close(fd);
	return rename(fresh, name);
}

int do_replace(int argc, char **argv)
{
	char fresh[256], name[256];
	uint64_t began, end, t;
	int failed = 0;

	if (argc < 3)
		return errno = EINVAL, trouble("replace DIR MS");
	snprintf(fresh, sizeof(fresh), "%s/state.new", argv[1]);
	snprintf(name, sizeof(name), "%s/state", argv[1]);
	begin();
	began = now_ns();
	end = began + strtoull(argv[2], NULL, 10) * 1000000;
	while (!failed && (t = now_ns()) < end) {
		failed = replace_once(fresh, name);
		samples_add(&all, now_ns() - t);
	}
	if (!failed)
		answer(began);
	else
		trouble("replace");
	return failed;
}

int do_first(int argc, char **argv)
{
	uint64_t began = now_ns();
	int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;

	begin();
	if (fd < 0 || write_sync(fd, 4096, -1) < 0)
		return trouble("first");
	answer(began);
	close(fd);
	return 0;
}
