/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Many small files in one directory: create, list, stat, read, remove. Each
 * stops when its time is over and says how far it came. What changes the disk
 * ends with sync(), timed apart, so that what one leaves does not burden the
 * next.
 */
#define _GNU_SOURCE 1
#include "diskbench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_ 65536

static char data[SIZE_MAX_];
static struct samples each;

static size_t size;		/* of a file, for create */
static int want_fsync;

static int create_one(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		return -1;
	if ((size && write(fd, data, size) != (ssize_t)size) || (want_fsync && fsync(fd) < 0)) {
		close(fd);
		return -1;
	}
	return close(fd);
}

static int stat_one(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int load_one(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, data, sizeof(data));
	close(fd);
	return got < 0 ? -1 : 0;
}

/* `one` for each of `count` names, in an order that is not theirs: a stride
 * that is prime to any count below it. "COUNT:N" takes the first N of that
 * order, which are those that a create of COUNT files made before its time
 * was over. */
static int each_file(int argc, char **argv, int (*one)(const char *path), int changes)
{
	const char *dir = argv[1];
	char *colon;
	unsigned long count = strtoul(argv[2], &colon, 10), i, at = 0;
	unsigned long n = *colon == ':' ? strtoul(colon + 1, NULL, 10) : count;
	uint64_t began, end, over, t;
	char path[256];

	(void)argc;
	memset(&each, 0, sizeof(each));
	began = t = now_ns();
	end = began + strtoull(argv[3], NULL, 10) * 1000000;
	for (i = 0; i < n && t < end; i++) {
		snprintf(path, sizeof(path), "%s/entry-%06lu", dir, at);
		if (one(path) < 0)
			return trouble(path);
		samples_add(&each, now_ns() - t);
		t = now_ns();
		at = (at + 1000003) % count;
	}
	over = now_ns();
	if (changes)
		sync();
	t = now_ns();
	work_done();
	put("ops", i);
	put("ns", over - began);
	put("sync_us", (t - over) / 1000);
	samples_print(&each, "");
	put_line_end();
	return 0;
}

int do_create(int argc, char **argv)
{
	if (argc < 5)
		return errno = EINVAL, trouble("create DIR COUNT SIZE MS [fsync]");
	size = strtoul(argv[3], NULL, 10);
	if (size > SIZE_MAX_)
		size = SIZE_MAX_;
	want_fsync = argc > 5;
	if (mkdir(argv[1], 0755) < 0 && errno != EEXIST)
		return trouble(argv[1]);
	argv[3] = argv[4];
	return each_file(argc, argv, create_one, 1);
}

int do_stat(int argc, char **argv)
{
	if (argc < 4)
		return errno = EINVAL, trouble("stat DIR COUNT MS");
	return each_file(argc, argv, stat_one, 0);
}

int do_load(int argc, char **argv)
{
	if (argc < 4)
		return errno = EINVAL, trouble("load DIR COUNT MS");
	return each_file(argc, argv, load_one, 0);
}

int do_remove(int argc, char **argv)
{
	if (argc < 4)
		return errno = EINVAL, trouble("remove DIR COUNT MS");
	return each_file(argc, argv, unlink, 1);
}

/* Whatever is in the directory, then the directory. Not measured. */
int do_tidy(int argc, char **argv)
{
	DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
	struct dirent *e;
	char path[1024];
	int failed = 0;

	if (!d)
		return trouble("tidy DIR");
	while (!failed && (e = readdir(d)) != NULL) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		failed = unlink(path);
	}
	closedir(d);
	if (failed || rmdir(argv[1]) < 0)
		return trouble(argv[1]);
	sync();
	work_done();
	put_line_end();
	return 0;
}

int do_list(int argc, char **argv)
{
	uint64_t began = now_ns(), n = 0, over;
	DIR *d = argc > 1 ? opendir(argv[1]) : NULL;

	if (!d)
		return trouble("list DIR");
	errno = 0;
	while (readdir(d))
		n++;
	if (errno) {
		trouble(argv[1]);
		closedir(d);
		return -1;
	}
	closedir(d);
	over = now_ns();
	work_done();
	put("ops", n - 2);
	put("ns", over - began);
	put_line_end();
	return 0;
}
